-- SPDX-License-Identifier: MIT
--
-- Moves stamps from `recent` to the list while there are more than 25.

if r > 25 then
  local first, list = 1, KEYS[2]
  repeat
    if n == 0 and r - 16 >= deep then
      dropped = get('<d', recent, first + 120)
    else
      local length = try('LPUSH', list, sub(recent, first, first + 127))
      if type(length) == 'table' then
        if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
        call('DEL', list)
        length = call('LPUSH', list, sub(recent, first, first + 127))
      end
      if length <= n then dropped = newest end
      if length > n + 1 then
        -- The elements behind the chunks are another program's.
        call('RPOP', list, length - n - 1)
        length = n + 1
      end
      if length == 1 then fresh = true end
      n = length
    end
    first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
  until r < 26
  recent, other = sub(recent, first), true
  if p1 > deep then b1 = huge end
  if p2 > deep then b2 = huge end
  local over = math.floor((r + 16 * n - deep) / 16)
  if over > n then over = n end
  if over >= 4 or over > 0 and over == n then
    local chunks = call('RPOP', list, over)
    dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
  end
end
