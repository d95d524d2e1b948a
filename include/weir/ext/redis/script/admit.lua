-- SPDX-License-Identifier: MIT
--
-- Decides, and records what is admitted.
--
-- ARGV[1]: what (`admit_mode`; plus `forced`: admit whatever stands in the way), cost, time, an
-- entry's time to live, ceiling, longest period, stamps to keep, the `lives` that the caller knows;
-- then limit and period of every window; then the entry's id if there is one. If it admits, it returns
-- the head's first fields, then cause, window, time and gate if something stood in the way. Otherwise
-- it returns cause, window, time, gate, the server's time and the factor. The cause is a
-- `weir::cause`.

--@ include part/names.lua
local what, cost, t, ttl, most, longest, keep, known, at = get('<dddddddd', a)
local force = what >= admit_mode.forced
if force then what = what - admit_mode.forced end
--@ include part/clock.lua
--@ include part/head.lua
if keep > deep then deep, other = keep, true end
--@ include part/settled.lua
local why, window, free = obstacle.none, 0, t
if cost > 0 then
  local index, ends, looks = 0, #a - (what == admit_mode.count and 0 or 8), 0
  while at < ends do
    local limit, period
    limit, period, at = get('<dd', a, at)
    -- A cost above the limit is admitted when the window is empty.
    local back = limit - cost
    if back < 0 then back = 0 end
    if back < open then
      if t + period > free then why, window, free = obstacle.window, index, t + period end
    elseif newest + period > free then
      back = back - open
      local blocker = dropped
      if back < r then
        if back > 0 or last_stamp == '' then blocker = get('<d', recent, 8 * (r - back) - 7) else blocker = newest end
      else
        back = back - r
        if back >= p1 and b1 + period <= free or back >= p2 and b2 + period <= free then
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
              if bound + period <= free then
                -- If the window is less than half full, remember the fact for a place nearer to the front, so that it
                -- stays useful for longer.
                local near = math.floor(place / 2)
                chunk = near < place and try('LINDEX', KEYS[2], near)
                --@ include part/chunk.lua
                local nearer = chunk and get('<d', chunk, 121)
                if chunk and nearer + period <= free then place, bound = near, nearer end
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
      blocker = blocker + period
      if blocker > free then why, window, free = obstacle.window, index, blocker end
    end
    index = index + 1
  end
  if why == obstacle.none and most > 0 and entered >= most then
    --@ include part/in_flight.lua
    if in_flight >= most then why = obstacle.concurrency end
  end
end
if gate > free then why, window, free = obstacle.gate, 0, gate end
local admits = (why == obstacle.none or force) and cost > 0
if admits or dirty then
  local reply
  local needed, spare = newest + longest, (longest + ttl) / 8 + 1000000
  if admits then
    seq = seq + 1
    if what == admit_mode.open then
      open, needed = open + cost, t + ttl + longest
    else
      newest, needed = t, t + longest
      local units = cost
      --@ include part/push.lua
    end
    if what ~= admit_mode.count then
      local ends = t + ttl
      entries = entries .. sub(a, -8) .. put('<ddd', ends, cost, what == admit_mode.open and 0 / 0 or t)
      entered, busier = entered + 1, true
      if ends < soonest then soonest = ends end
      if ends > needed then needed = ends end
    end
  end
  --@ include part/save.lua
  if admits then
    if why ~= obstacle.none then reply = reply .. put('<dddd', why, window, free, gate) end
    return reply
  end
end
return put('<dddddd', why, window, free, gate, t, factor)
