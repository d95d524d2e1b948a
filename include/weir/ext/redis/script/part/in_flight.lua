-- SPDX-License-Identifier: MIT
--
-- `in_flight` becomes the number of entries whose requests have not ended.

local in_flight = entered
for i = 1, #entries, 32 do
  if get('<d', entries, i) == 0 then in_flight = in_flight - 1 end
end
