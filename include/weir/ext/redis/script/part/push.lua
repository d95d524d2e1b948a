-- SPDX-License-Identifier: MIT
--
-- Stamps `units` units with `newest`.

if units == 1 and r < 25 and last_stamp == '' then
  last_stamp, r = put('<d', newest), r + 1
else
  recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
  last_stamp = ''
  --@ include part/spill.lua
end
