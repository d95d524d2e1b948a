-- SPDX-License-Identifier: MIT
--
-- `in_flight` becomes how many entries are of requests that are not over.

local in_flight = entered
for i = 1, #entries, 32 do
  if get('<d', entries, i) == 0 then in_flight = in_flight - 1 end
end
