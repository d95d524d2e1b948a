-- SPDX-License-Identifier: MIT
--
-- Keeps `chunk`, an element of the list, if it has the length of 16 stamps. Another program's list has
-- no chunks.

if chunk and #chunk ~= 128 then
  if chunk.err and not string.find(chunk.err, 'WRONGTYPE', 1, true) then return chunk end
  chunk = false
end
