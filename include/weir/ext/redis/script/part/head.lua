-- SPDX-License-Identifier: MIT
--
-- Takes the head apart. `lives` is until when the keys live at least, and changes with `born`, when the head was made, and
-- the factor; `seq` is how often it admitted, `dropped` the newest stamp that was let go, `deep` how many are kept; `n`
-- chunks are in the list; no stamp there at place `p1` or behind is younger than `b1`, none at `p2` or behind than `b2`;
-- `r` stamps are in `recent` and `last_stamp`, which is the newest or nothing; `entered` entries are in `entries`; the
-- settlements begin at `from`. `busier` and `other` say which fields are not what they were. A list without a head was
-- left by an eviction: what it lacks is unknown, so it counts for nothing.

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
