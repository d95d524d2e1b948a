-- SPDX-License-Identifier: MIT
--
-- `blocker` becomes the newest stamp that has `back` newer ones, or an older time if it is out of the window in any
-- case.

blocker = dropped
if back < r then
  if back > 0 or last_stamp == '' then blocker = get('<d', recent, 8 * (r - back) - 7) else blocker = newest end
else
  back = back - r
  if back >= p1 and b1 + period <= t or back >= p2 and b2 + period <= t then
    blocker = -huge
  else
    local last = back % 16
    local place = (back - last) / 16
    if place < n then
      local chunk = try('LINDEX', KEYS[2], place)
      --@ include part/chunk.lua
      if chunk then
        blocker = get('<d', chunk, 121 - 8 * last)
        local bound = get('<d', chunk, 121)
        if bound + period <= t then
          -- If the window is less than half full, remember the fact for a place nearer to the front, so that it
          -- stays useful for longer.
          local near = math.floor(place / 2)
          chunk = near < place and try('LINDEX', KEYS[2], near)
          --@ include part/chunk.lua
          local nearer = chunk and get('<d', chunk, 121)
          if chunk and nearer + period <= t then place, bound = near, nearer end
          if looks % 2 == 0 then p1, b1 = 16 * place, bound else p2, b2 = 16 * place, bound end
          other = true
        end
      else
        blocker, dropped, n, other = newest, newest, 0, true
      end
      looks = looks + 1
    end
  end
end
