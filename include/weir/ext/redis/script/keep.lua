-- SPDX-License-Identifier: MIT
--
-- The verbs that decide nothing.
--
-- ARGV[1]: what (`key_verb`), time, value (for hold: an absolute gate or a span from now; for tune:
-- the factor); for read, then the periods of the windows. `tidy` deletes notes that have no head.

--@ include part/names.lua
local what, t, value, at = get('<ddd', a)
--@ include part/clock.lua
--@ include part/head.lua
--@ include part/settled.lua
local needed, spare, moved = -huge, 1000000, 0
if fixed then began = 0 end
if what == key_verb.hold then
  if not fixed then value = began + value end
  if value > gate then gate, moved, dirty, other = value, 1, true, true end
  needed = gate > began and gate or began
elseif what == key_verb.open then
  if gate > -huge then gate, moved, dirty, other = -huge, 1, true, true end
elseif what == key_verb.tune then
  factor, dirty, needed = value, true, began + 3600000000
elseif what == key_verb.erase then
  call('DEL', KEYS[2], KEYS[3])
  newest, gate, factor, dropped, dirty, needed = -huge, -huge, 1000000, -huge, h, began
  recent, last_stamp, r, n, b1, b2 = '', '', 0, 0, huge, huge
  -- A value above 0: the entries too. Settlements of theirs that come later find none.
  if value > 0 then entries, entered, open, soonest = '', 0, 0, huge end
end
if what == key_verb.tune or what == key_verb.erase then
  -- A caller that recognises the head by `lives` must get the new factor.
  other = true
  if lives > needed then needed = lives end
  lives = -huge
end
if dirty then
  --@ include part/save.lua
end
if what == key_verb.tidy and not h then call('DEL', key) end
if what ~= key_verb.read then return put('<d', moved) end
--@ include part/join.lua
--@ include part/in_flight.lua
local out = {put('<ddddddd', t, open, in_flight, gate, factor, newest, dropped)}
while at < #a do
  local period
  period, at = get('<d', a, at)
  local after, used = t - period, 0
  while used < r and get('<d', recent, 8 * (r - used) - 7) > after do used = used + 1 end
  if used == r and n > 0 then
    local low, high, oldest = 0, n, ''
    while low < high do
      local middle = math.floor((low + high) / 2)
      local chunk = try('LINDEX', KEYS[2], middle)
      --@ include part/chunk.lua
      if chunk and get('<d', chunk, 121) > after then low, oldest = middle + 1, chunk else high = middle end
    end
    if low > 0 then
      local there = 0
      while there < 16 and get('<d', oldest, 121 - 8 * there) > after do there = there + 1 end
      used = r + 16 * (low - 1) + there
    end
  end
  out[#out + 1] = put('<d', used + open)
end
return table.concat(out)
