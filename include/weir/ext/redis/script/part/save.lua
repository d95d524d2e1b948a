-- SPDX-License-Identifier: MIT
--
-- Writes the head, with a time to live until `needed` at least, and with `credit` for `plan`.

local extend = needed > lives
if extend then lives = needed + spare end
local ms = 3600000
if (extend or fresh) and not fixed then ms = math.ceil((lives - began) / 1000) + 1 end
local length = 125 + 8 * r + 32 * entered
local limit = length + 17 * credit
if credit == 0 then plan, limit = '\0\0\0\0\0\0\0\0', 0 end
seq = version - length
local first, middle, rest = put('<I4ddB', limit, seq, newest, r), '', ''
if other then
  rest = put('<dI4I4dI4I4ddI4I4dI4dd', soonest, open, entered, born, factor, deep, gate, dropped, n, p1 % 4294967296, b1,
    p2 % 4294967296, b2, life)
elseif busier then
  middle, rest = put('<dI4I4', soonest, open, entered), sub(h, 58, 125)
else
  rest = sub(h, 42, 125)
end
local whole = mark .. put('<d', lives) .. plan .. first .. middle .. rest .. recent .. last_stamp .. entries
if extend then call('SET', key, whole, 'PX', ms + 1) else call('SET', key, whole, 'KEEPTTL') end
if (extend or fresh) and n > 0 then call('PEXPIRE', KEYS[2], ms) end
