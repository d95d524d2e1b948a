-- SPDX-License-Identifier: MIT
--
-- Unpacks the head. `lives` is the time until which the keys exist at least; it changes with the
-- factor and with `born`, the time when the head was made. `seq` and the value's length together are
-- its `version`, which each admission raises. `life` is how long an entry of the plan with credit exists. `dropped` is
-- the newest dropped stamp, `deep` the number of kept stamps. The list has `n` chunks. No stamp at
-- place `p1` of the list or behind it is newer than `b1`, and none at `p2` or behind it is newer than
-- `b2`. `recent` and `last_stamp` (the newest stamp, or empty) have `r` stamps. `entries` has
-- `entered` entries. The notes begin at `from`. The last decision left a credit of `had`. `busier` and `other` say which fields have
-- changed.
--
-- A value is a head if it begins with `mark`, which contains the format and its version, and if its
-- length is the one that its fields give. It begins so: mark, `lives`, the plan that has credit, the length up to
-- which it has credit, `seq`. part/swift.lua reads these 32 bytes alone. If `behind` is not 0, that many bytes at the end
-- were added by this call beyond the credit, and are taken off again. Every other value is deleted: settlements without a head,
-- another program's value, a part of a value. A list without a head remains after an eviction: what
-- it lacks is unknown, so it is ignored.

local h = try('GET', key)
if h and h.err then
  if not string.find(h.err, 'WRONGTYPE', 1, true) then return h end
  h = false
end
local lives, was, had, seq, newest, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, life, from
local recent, entries, size, busier, other = '', '', 0, false, false
if h and behind > 0 then h, dirty = sub(h, 1, -1 - behind), true end
if h and #h > 124 and sub(h, 1, 4) == mark then
  size = #h
  lives, was, had, seq, newest, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, life, from =
    get('<ddI4ddBdI4I4dI4I4ddI4I4dI4dd', h, 5)
elseif h and #h > 108 and sub(h, 1, 4) == 'wr\1\n' then
  -- The version before: it has no credit, and its first time is not used.
  size, other, life, seq, had = #h, true, 0, 0, 0
  was, newest, lives, was, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, from =
    get('<dddI4BdI4I4dI4I4ddI4I4dI4d', h, 5)
elseif h and #h > 108 and sub(h, 1, 2) == 'wr' and sub(h, 4, 4) == '\n' and string.byte(h, 3) > 2 then
  -- A newer program's head counts requests that this one cannot read.
  return redis.error_reply('WEIRFORMAT a key has a format of version ' .. string.byte(h, 3))
else
  h = nil
end
if h then
  local left = size + 1 - from - 8 * r - 32 * entered
  had = had > size - left and math.floor((had - size + left) / 17) or 0
  if left < 0 or left % 17 ~= 0 then h = nil end
end
if h then
  if r > 0 then
    local x = from
    from = from + 8 * r
    recent = sub(h, x, from - 1)
  end
  if entered > 0 then
    local x = from
    from = from + 32 * entered
    entries = sub(h, x, from - 1)
  end
  --@ include part/step.lua
else
  call('DEL', key, KEYS[2])
  size, from, other, had = 0, 1, true, 0
  newest, lives, seq, r, soonest, open, entered = -huge, -huge, 0, 0, huge, 0, 0
  born, factor, deep, gate, dropped, n, p1, b1, p2, b2, life = t, 1000000, 0, -huge, -huge, 0, 0, huge, 0, huge, 0
end
local began, version = t, seq + size
