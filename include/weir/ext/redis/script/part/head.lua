-- SPDX-License-Identifier: MIT
--
-- Unpacks the head. `lives` is the time until which the keys exist at least; it changes with the
-- factor and with `born`, the time when the head was made. `seq` counts its admissions. `dropped` is
-- the newest dropped stamp, `deep` the number of kept stamps. The list has `n` chunks. No stamp at
-- place `p1` of the list or behind it is newer than `b1`, and none at `p2` or behind it is newer than
-- `b2`. `recent` and `last_stamp` (the newest stamp, or empty) have `r` stamps. `entries` has
-- `entered` entries. The settlements begin at `from`. `busier` and `other` say which fields have
-- changed. A list without a head remains after an eviction: what it lacks is unknown, so it is
-- ignored.

local h = call('GET', key)
local was, newest, lives, seq, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, from
local recent, entries, size, busier, other = '', '', 0, false, false
if h and #h > 104 then
  was, newest, lives, seq, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, from =
    get('<dddI4BdI4I4dI4I4ddI4I4dI4d', h)
  size = #h
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
else
  call('DEL', KEYS[2])
  h, from, other = nil, 1, true
  newest, lives, seq, r, soonest, open, entered = -huge, -huge, 0, 0, huge, 0, 0
  born, factor, deep, gate, dropped, n, p1, b1, p2, b2 = t, 1000000, 0, -huge, -huge, 0, 0, huge, 0, huge
end
local began = t
