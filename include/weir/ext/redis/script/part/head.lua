-- SPDX-License-Identifier: MIT
--
-- Unpacks the head. `lives` is the time until which the keys exist at least; it changes with the
-- factor and with `born`, the time when the head was made. `seq` counts its admissions. `dropped` is
-- the newest dropped stamp, `deep` the number of kept stamps. The list has `n` chunks. No stamp at
-- place `p1` of the list or behind it is newer than `b1`, and none at `p2` or behind it is newer than
-- `b2`. `recent` and `last_stamp` (the newest stamp, or empty) have `r` stamps. `entries` has
-- `entered` entries. The settlements begin at `from`. `busier` and `other` say which fields have
-- changed.
--
-- A value is a head if it begins with `mark`, which contains the format and its version, and if its
-- length is the one that its fields give. Every other value is deleted: settlements without a head,
-- another program's value, a part of a value. A list without a head remains after an eviction: what
-- it lacks is unknown, so it is ignored.

local mark = 'wr\1\n'
local h = try('GET', key)
if h and h.err then
  if not string.find(h.err, 'WRONGTYPE', 1, true) then return h end
  h = false
end
local was, newest, lives, seq, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, from
local recent, entries, size, busier, other = '', '', 0, false, false
if h and #h > 108 and sub(h, 1, 4) == mark then
  was, newest, lives, seq, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, from =
    get('<dddI4BdI4I4dI4I4ddI4I4dI4d', h, 5)
  size = #h
  local left = size - 109 - 8 * r - 32 * entered
  if left < 0 or left % 17 ~= 0 then h = nil end
else
  h = nil
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
  size, from, other = 0, 1, true
  newest, lives, seq, r, soonest, open, entered = -huge, -huge, 0, 0, huge, 0, 0
  born, factor, deep, gate, dropped, n, p1, b1, p2, b2 = t, 1000000, 0, -huge, -huge, 0, 0, huge, 0, huge
end
local began = t
