-- SPDX-License-Identifier: MIT
--
-- Replaces the tuner's record, if it is what the caller saw last.
--
-- ARGV[1]: time, the factor and the number of bytes that the caller saw last, the new factor, until
-- when the bytes matter; the bytes that were seen, the new ones. Returns whether they were still the
-- same, the time and the factor; if not, then the present bytes. The bytes exist for a day longer than
-- the head. The head's time to live grows with admissions, which do not read the bytes, and a factor
-- without its record would not recover by itself.

--@ include part/names.lua
local t, seen, new, needed, length = get('<ddddd', a)
--@ include part/clock.lua
--@ include part/head.lua
--@ include part/settled.lua
local spare = 1000000
if fixed then began = 0 end
local mark_of_record = 'wt\1\n'
local kept = try('GET', KEYS[3]) or ''
if kept.err and not string.find(kept.err, 'WRONGTYPE', 1, true) then return kept end
if kept.err or sub(kept, 1, 4) ~= mark_of_record then kept = '' else kept = sub(kept, 5) end
if #kept ~= 80 and (#kept < 112 or (#kept - 112) % 56 ~= 0 or #kept > 336) then kept = '' end
local next = sub(a, 41 + length)
local swaps = factor == seen and kept == sub(a, 41, 40 + length)
local writes = swaps and (factor ~= new or kept ~= next)
if not writes then
  needed = -huge
else
  if needed < began then needed = began end
  if lives > needed then needed = lives end
  -- A caller that recognises the head by `lives` must get the new factor.
  if factor ~= new then factor, other, lives = new, true, -huge end
  dirty = true
end
if dirty then
  --@ include part/save.lua
end
if writes then
  local ms = 3600000
  if not fixed then ms = math.ceil((lives - began) / 1000) + 86400000 end
  call('SET', KEYS[3], mark_of_record .. next, 'PX', ms)
end
if swaps then return put('<ddd', 1, began, factor) end
return put('<ddd', 0, began, factor) .. kept
