-- SPDX-License-Identifier: MIT
--
-- Admits one unit without a decision, if the head has credit for this caller's plan. Credit is a number
-- of units that fit at any later time, because stamps only get older; an open entry counts in any case.
-- part/save.lua writes it as a length: while the value is not longer, each note behind the head may be
-- an admission. So neither windows nor stamps are read, and the head is not written: the note says it
-- all, and the next decision carries it out. No other format has `lives` and the plan where this one has them. A gate, another plan or factor, a head that was made anew
-- and a time to live that must grow give a head without credit, or one with other first bytes.
--
-- The server adds the notes before it knows the length, which saves one call. If there was no credit,
-- `behind` is what the decision takes off again.

local p = try('GETRANGE', key, '0', '31')
local is_open = what % admit_mode.forced == admit_mode.open
if #p == 32 and sub(p, 5, 20) == sub(a, 57, 72) then
  local limit, seq = get('<I4d', p, 21)
  if t == t then
    -- Injected time may go back. Then the decision has to say by how much.
    local h = call('GET', key)
    local newest, r = get('<dB', h, 33)
    local entries = 126 + 8 * r
    local notes, life = entries + 32 * get('<I4', h, 54), get('<d', h, 118)
    for i = entries, notes - 32, 32 do
      -- The decision that gave the credit may have made the entry.
      local at = get('<d', h, i + 8) - life
      if at > newest then newest = at end
    end
    for i = notes, #h, 17 do
      local at = get('<d', h, i + 8)
      if at > newest then newest = at end
    end
    if t < newest then limit = 0 end
  end
  local added = carried
  if not is_open then
    if t ~= t then
      local now = call('TIME')
      t = now[1] * 1000000 + now[2]
    end
    added = put('<ddB', 0, t, note_kind.counted)
    if carried then added = carried .. added end
  end
  local length = call('APPEND', key, added)
  if length <= limit then
    if is_open then return seq + length end
    return put('<dd', t, seq + length)
  end
  behind = #added
end
if is_open then carried = #carried > 17 and sub(carried, 1, -18) or nil end
