-- SPDX-License-Identifier: MIT
--
-- Ends entries whose time is over. If such an entry is still open, its holder died or abandoned it; it
-- is stamped with the end of its time.

if soonest <= t then
  local due, left = {}, {}
  soonest = huge
  for i = 1, #entries, 32 do
    local expires, units, stamp = get('<ddd', entries, i + 8)
    if expires <= t then
      due[#due + 1] = {expires, units, stamp}
    else
      left[#left + 1] = sub(entries, i, i + 31)
      if expires < soonest then soonest = expires end
    end
  end
  entries, entered, dirty, busier = table.concat(left), #left, true, true
  table.sort(due, function(x, y) return x[1] < y[1] end)
  for i = 1, #due do
    local expires, units, stamp = due[i][1], due[i][2], due[i][3]
    if stamp ~= stamp then
      open = open - units
      if expires > newest then newest = expires end
      --@ include part/push.lua
    end
  end
end
