-- SPDX-License-Identifier: MIT
--
-- Removes up to `units` units stamped `stamp`.

--@ include part/join.lua
while n > 0 and (r == 0 or get('<d', recent) >= stamp) do
  local chunk = try('LPOP', KEYS[2])
  --@ include part/chunk.lua
  if chunk then
    recent, r, n = chunk .. recent, r + 16, n - 1
  else
    dropped, n = newest, 0
  end
  b1, b2, other = huge, huge, true
end
local last = r
while last > 0 and get('<d', recent, 8 * last - 7) > stamp do last = last - 1 end
local first = last
while first > 0 and last - first < units and get('<d', recent, 8 * first - 7) == stamp do
  first = first - 1
end
recent, r = sub(recent, 1, 8 * first) .. sub(recent, 8 * last + 1), r - (last - first)
--@ include part/spill.lua
