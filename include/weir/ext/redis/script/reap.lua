-- SPDX-License-Identifier: MIT
--
-- Ends the entries of dead holders. The highest 36 of the 63 bits of an entry's id are its holder.
--
-- ARGV[1]: time, then of each dead holder its number and until when it may have lived. Its open units
-- are stamped with that time. Returns how many holders had entries that were ended; of each of them its
-- number, entries and open units; then the same of the holders whose entries are left.

--@ include part/names.lua
local t, at = get('<d', a)
local dead = {}
while at < #a do
  local holder, lived
  holder, lived, at = get('<dd', a, at)
  dead[holder] = lived
end
--@ include part/clock.lua
--@ include part/head.lua
--@ include part/settled.lua
local needed, spare = -huge, 1000000
local counts, kept, freed = {}, {}, 0
for i = 1, #entries, 32 do
  local low, high = get('<I4I4', entries, i)
  local holder = high * 32 + math.floor(low / 134217728)
  local expires, units, stamp = get('<ddd', entries, i + 8)
  if holder > 0 then
    local c = counts[holder]
    if not c then
      c = {0, 0}
      counts[holder] = c
      if dead[holder] then freed = freed + 1 end
    end
    c[1] = c[1] + 1
    if stamp ~= stamp then c[2] = c[2] + units end
    local lived = dead[holder]
    if lived then
      if lived > t then lived = t end
      if lived < expires then expires = lived end
      if expires < soonest then soonest = expires end
    end
  end
  kept[#kept + 1] = sub(entries, i, i + 7) .. put('<ddd', expires, units, stamp)
end
if freed > 0 then
  entries = table.concat(kept)
  --@ include part/expire.lua
end
if fixed then began = 0 end
if dirty then
  --@ include part/save.lua
end
local out = {put('<d', freed)}
for holder, c in pairs(counts) do
  if dead[holder] then out[#out + 1] = put('<ddd', holder, c[1], c[2]) end
end
for holder, c in pairs(counts) do
  if not dead[holder] then out[#out + 1] = put('<ddd', holder, c[1], c[2]) end
end
return table.concat(out)
