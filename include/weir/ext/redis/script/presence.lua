-- SPDX-License-Identifier: MIT
--
-- Gives a sign of life of a holder, and lists the holders.
--
-- KEYS[1]: a string: its mark, and a record for each holder: its length (2 bytes), the holder's number
-- (8), its last and its first sign of life, how long after that it counts as alive, how long the record
-- is kept (8 each, doubles), and what the script does not read (see presence.hpp).
-- ARGV[1]: number, time to live, time to keep and the rest of the caller's record, or empty for the
-- list. Returns the time and how many holders live, and for the list the records behind it.

local call, try, get, put, sub = redis.call, redis.pcall, struct.unpack, struct.pack, string.sub
local a, now, mark = ARGV[1], call('TIME'), 'wh\1\n'
local t = now[1] * 1000000 + now[2]
local v = try('GET', KEYS[1])
if v and v.err then
  if not string.find(v.err, 'WRONGTYPE', 1, true) then return v end
  call('DEL', KEYS[1])
  v = false
end
local mine, made, alive, most, all = sub(a, 1, 8), t, 0, 0, {}
if v and sub(v, 1, 4) == mark then
  local at = 5
  while at + 41 <= #v do
    local size = get('<I2', v, at)
    if size < 42 or at + size - 1 > #v then break end
    local renewed, first, ttl, keep = get('<dddd', v, at + 10)
    if sub(v, at + 2, at + 9) == mine then
      made = first
    elseif renewed + keep > t then
      -- After a step back of the clock, a time in the future would last too long.
      local head = sub(v, at, at + 9)
      if renewed > t + 1000000 then renewed = t end
      all[#all + 1] = head .. put('<d', renewed) .. sub(v, at + 18, at + size - 1)
      if renewed + ttl > t then alive = alive + 1 end
      if keep > most then most = keep end
    end
    at = at + size
  end
end
if a == '' then return put('<dd', t, alive) .. table.concat(all) end
if made > t then made = t end
local _, keep = get('<dd', a, 9)
if keep > most then most = keep end
all[#all + 1] = put('<I2', 18 + #a) .. mine .. put('<dd', t, made) .. sub(a, 9)
call('SET', KEYS[1], mark .. table.concat(all), 'PX', math.ceil(most / 1000) + 1)
return put('<dd', t, alive + 1)
