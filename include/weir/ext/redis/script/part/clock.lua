-- SPDX-License-Identifier: MIT
--
-- `t` becomes the time: NaN means the server's. `fixed` says that it was an argument.

local fixed = t == t
if not fixed then
  local now = call('TIME')
  t = now[1] * 1000000 + now[2]
end
