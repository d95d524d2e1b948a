-- SPDX-License-Identifier: MIT
--
-- Carries out one note of the entry or the stamp that it names.

if how == note_kind.refund_stamp then
  local units, stamp = t, get('<d', notes, i)
  --@ include part/take.lua
elseif how == note_kind.lower then
  --@ include part/find.lua
  if place then
    local _, units, stamp = get('<ddd', entries, place + 8)
    units = units - t
    if units > 0 then
      entries = sub(entries, 1, place + 15) .. put('<d', t) .. sub(entries, place + 24)
      if stamp ~= stamp then
        open = open - units
      else
        --@ include part/take.lua
      end
    end
  end
elseif how == note_kind.abandoned then
  --@ include part/find.lua
  if place then
    local expires, _, stamp = get('<ddd', entries, place + 8)
    if stamp ~= stamp then
      if t < expires then expires = t end
      if expires < soonest then soonest = expires end
      entries = sub(entries, 1, place - 1) .. put('<dd', 0, expires) .. sub(entries, place + 16)
    end
  end
else
  --@ include part/clamp.lua
  --@ include part/expire.lua
  --@ include part/find.lua
  if how == note_kind.answered and sub(notes, i + 17, i + 24) == id then
    -- Answered, and in most cases ended since then: both are one step.
    local _, next = get('<dB', notes, i + 25)
    if next == note_kind.released then how, i = next, i + 17 end
  end
  if place then
    local expires, units, stamp = get('<ddd', entries, place + 8)
    local is_open = stamp ~= stamp
    if how == note_kind.refunded then
      if is_open then
        open = open - units
      else
        --@ include part/take.lua
      end
    elseif is_open then
      open, newest = open - units, t
      --@ include part/push.lua
    end
    if how ~= note_kind.answered then
      entered = entered - 1
      if entered > 0 then
        entries = sub(entries, 1, place - 1) .. sub(entries, place + 32)
      else
        entries, soonest = '', huge
      end
    elseif is_open then
      entries = sub(entries, 1, place + 23) .. put('<d', t) .. sub(entries, place + 32)
    end
  end
end
