-- SPDX-License-Identifier: MIT
--
-- `place` becomes the offset of the entry that a settlement names, if it exists.

local id, place = sub(notes, i, i + 7)
if sub(entries, 1, 8) == id then
  place = 1
else
  local x = string.find(entries, id, 1, true)
  while x do
    if x % 32 == 1 then place = x break end
    x = string.find(entries, id, x + 1, true)
  end
end
