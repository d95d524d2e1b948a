-- SPDX-License-Identifier: MIT
--
-- Writes the head, with a time to live until `needed` at least. `reply` becomes what an admission
-- returns.

local extend = needed > lives
if extend then lives = needed + spare end
local ms = 3600000
if (extend or fresh) and not fixed then ms = math.ceil((lives - began) / 1000) + 1 end
local rest = ''
if other then
  reply = put('<dddI4BdI4I4dI4I4ddI4I4dI4d', t, newest, lives, seq % 4294967296, r, soonest, open, entered,
    born, factor, deep, gate, dropped, n, p1 % 4294967296, b1, p2 % 4294967296, b2)
elseif busier then
  reply, rest = put('<dddI4BdI4I4', t, newest, lives, seq % 4294967296, r, soonest, open, entered), sub(h, 50, 109)
else
  reply, rest = put('<dddI4B', t, newest, lives, seq % 4294967296, r), sub(h, 34, 109)
end
local whole = mark .. reply .. rest .. recent .. last_stamp .. entries
if extend then call('SET', key, whole, 'PX', ms + 1) else call('SET', key, whole, 'KEEPTTL') end
if (extend or fresh) and n > 0 then call('PEXPIRE', KEYS[2], ms) end
if lives ~= known then reply = sub(whole, 5, 109) end
