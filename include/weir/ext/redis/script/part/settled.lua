-- SPDX-License-Identifier: MIT
--
-- Carries out the notes since the head was written, each at its own time. Then
-- expires entries.

local notes = carried
if from <= size then notes = notes and sub(h, from) .. notes or sub(h, from) end
if notes then
  dirty, busier = true, true
  -- Stamps of admissions that needed no decision: they are joined once, before any other step.
  local run, count = {}, 0
  local i, last = 1, #notes
  repeat
    local how
    t, how = get('<dB', notes, i + 8)
    if how == note_kind.opened then
      --@ include part/clamp.lua
      local id, ends, answer, is_ended = sub(notes, i, i + 7), t + life
      if sub(notes, i + 17, i + 24) == id then
        local next
        answer, next = get('<dB', notes, i + 25)
        is_ended = next == note_kind.released and answer < ends
      end
      if is_ended then
        -- Its answer is the next note, so it was an entry only between two decisions.
        t, i, how = answer, i + 17, note_kind.counted
      else
        entries = entries .. id .. put('<ddd', ends, 1, 0 / 0)
        open, entered = open + 1, entered + 1
        if ends < soonest then soonest = ends end
      end
    end
    if how == note_kind.counted then
      --@ include part/clamp.lua
      if soonest <= t then
        --@ include part/run.lua
        --@ include part/expire.lua
      end
      newest, count = t, count + 1
      run[count] = put('<d', t)
    elseif how ~= note_kind.opened then
      --@ include part/run.lua
      --@ include part/note.lua
    end
    i = i + 17
  until i > last
  --@ include part/run.lua
  t = began
end
if newest > t then t = newest end
--@ include part/expire.lua
