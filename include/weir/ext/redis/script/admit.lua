-- SPDX-License-Identifier: MIT
--
-- Decides, and records what is admitted.
--
-- ARGV[1]: what (`admit_mode`; plus `forced`: admit whatever stands in the way), cost, time, an
-- entry's time to live, ceiling, longest period, stamps to keep, the `lives` that the caller knows;
-- then eight bytes that name all this but the times (the plan); then limit and period of every window; then
-- the entry's id if there is one. With `swift`, ARGV[2] ends with the note of this admission if it opens
-- an entry, and then an admission by credit returns the head's version, or the time and the version.
-- Otherwise, if it admits, it returns time, version, `lives`, the credit; then `born` and the factor if the caller
-- does not know `lives`; then cause, window, time and gate if something stood in the way. If not,
-- it returns cause, window, time, gate, the server's time and the factor. The cause is a
-- `weir::cause`.

--@ include part/names.lua
local what, cost, t = get('<ddd', a)
if what >= admit_mode.swift then
  --@ include part/swift.lua
end
local ttl, most, longest, keep, known, at
what, cost, t, ttl, most, longest, keep, known, at = get('<dddddddd', a)
what, at = what % admit_mode.swift, at + 8
local force = what >= admit_mode.forced
if force then what = what - admit_mode.forced end
--@ include part/clock.lua
--@ include part/head.lua
if keep > deep then deep, other = keep, true end
--@ include part/settled.lua
-- How much credit to look for: twice what there was before, so that few looks are in vain.
local why, window, free, ample = obstacle.none, 0, t, 2 * had + 4
if ample > 48 then ample = 48 end
if cost > 0 then
  local index, ends, looks = 0, #a - (what == admit_mode.count and 0 or 8), 0
  while at < ends do
    local limit, period
    limit, period, at = get('<dd', a, at)
    -- A cost above the limit is admitted when the window is empty.
    local room = limit - cost
    if room < 0 then room = 0 end
    room = room - open
    if ample > room then ample = room > 0 and room or 0 end
    if room < 0 then
      if t + period > free then why, window, free = obstacle.window, index, t + period end
    elseif newest + period > t then
      -- If a unit nearer to the front is old enough, there is credit, and the decision needs no other look.
      local blocker
      if ample > room / 2 then ample = math.floor(room / 2) end
      while true do
        local back = room - ample
        --@ include part/blocker.lua
        blocker = blocker + period
        if ample == 0 or blocker <= t then break end
        ample = ample > 8 and math.floor(ample / 2) or 0
      end
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
  local needed, spare = newest + longest, (longest + ttl) / 8 + 1000000
  if admits then
    version = version + 17
    if why == obstacle.none and most == 0 then credit, plan = ample, sub(a, 65, 72) end
    if life ~= ttl then life, other = ttl, true end
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
    local reply = put('<dddB', t, version, lives, credit)
    if lives ~= known then reply = reply .. put('<dd', born, factor) end
    if why ~= obstacle.none then reply = reply .. put('<dddd', why, window, free, gate) end
    return reply
  end
end
return put('<dddddd', why, window, free, gate, t, factor)
