-- SPDX-License-Identifier: MIT
--
-- If the server's clock has stepped back by more than a second, all times of the key move back too.
-- Otherwise the key would wait until the clock reaches its newest stamp again. `born` does not change,
-- because it identifies the head.

if not fixed and newest > t + 1000000 then
  local back = newest - t
  newest, lives, soonest, gate, dropped, b1, b2 = t, lives - back, soonest - back, gate - back, dropped - back, b1 - back, b2 - back
  local function moved(stamps)
    local out = {}
    for i = 1, #stamps, 8 do out[#out + 1] = put('<d', get('<d', stamps, i) - back) end
    return table.concat(out)
  end
  recent = moved(recent)
  local all = {}
  for i = 1, #entries, 32 do
    local expires, units, stamp = get('<ddd', entries, i + 8)
    all[#all + 1] = sub(entries, i, i + 7) .. put('<ddd', expires - back, units, stamp - back)
  end
  entries = table.concat(all)
  if n > 0 then
    local chunks = try('RPOP', KEYS[2], n)
    if chunks and chunks.err and not string.find(chunks.err, 'WRONGTYPE', 1, true) then return chunks end
    call('DEL', KEYS[2])
    local length = 0
    if chunks and not chunks.err then
      for i = 1, #chunks do
        if #chunks[i] == 128 then length = call('LPUSH', KEYS[2], moved(chunks[i])) end
      end
    end
    if length < n then dropped = newest end
    n, fresh = length, true
  end
  dirty, other = true, true
end
