-- SPDX-License-Identifier: MIT
--
-- Takes the head apart. `lives` is until when the keys live at least, and changes with `born`, when the head was made, and
-- the factor; `seq` is how often it admitted, `dropped` the newest stamp that was let go, `deep` how many are kept; `n`
-- chunks are in the list; no stamp there at place `p1` or behind is younger than `b1`, none at `p2` or behind than `b2`;
-- `r` stamps are in `recent` and `last_stamp`, which is the newest or nothing; `entered` entries are in `entries`; the
-- settlements begin at `from`. `busier` and `other` say which fields are not what they were.
--
-- A value is a head if it begins with `mark`, which names the format and its version, and is as long as its fields say.
-- Anything else is deleted: settlements that were noted where the head is gone, another program's value, half a value. A
-- list without a head was left by an eviction: what it lacks is unknown, so it counts for nothing.

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
