-- SPDX-License-Identifier: MIT
--
-- Replaces what the tuner keeps, if it is what the caller saw last.
--
-- ARGV[1]: time, the factor and the bytes that the caller saw last, the new factor, until when they matter, how many
-- bytes; the bytes that were seen, the new ones. Returns whether they were still the same, the time and the factor; then,
-- if not, the bytes that are there. The bytes outlive the head by a day, for a head's time grows with admissions, which do
-- not look at them, and a factor whose history is gone would not recover by itself.

--@ include part/names.lua
local t, seen, new, needed, length = get('<ddddd', a)
--@ include part/clock.lua
--@ include part/head.lua
--@ include part/settled.lua
local spare, known, reply = 1000000
if fixed then began = 0 end
local kept = try('GET', KEYS[3]) or ''
if kept.err and not string.find(kept.err, 'WRONGTYPE', 1, true) then return kept end
if #kept ~= 80 then kept = '' end
local next = sub(a, 41 + length)
local swaps = factor == seen and kept == sub(a, 41, 40 + length)
local writes = swaps and (factor ~= new or kept ~= next)
if not writes then
  needed = -huge
else
  if needed < began then needed = began end
  if lives > needed then needed = lives end
  -- A caller that knows the factor by `lives` must be sent the new one.
  if factor ~= new then factor, other, lives = new, true, -huge end
  dirty = true
end
if dirty then
  --@ include part/save.lua
end
if writes then
  local ms = 3600000
  if not fixed then ms = math.ceil((lives - began) / 1000) + 86400000 end
  call('SET', KEYS[3], next, 'PX', ms)
end
if swaps then return put('<ddd', 1, began, factor) end
return put('<ddd', 0, began, factor) .. kept
