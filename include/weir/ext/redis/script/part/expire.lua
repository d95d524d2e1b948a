-- SPDX-License-Identifier: MIT
--
-- Entries whose time is over: their holder died, or gave them up. Those still open are stamped with the end of their time.

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
