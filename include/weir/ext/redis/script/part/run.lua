-- SPDX-License-Identifier: MIT
--
-- Joins the stamps of `run` to the newest ones.

if count > 0 then
  recent, r = recent .. last_stamp .. table.concat(run, '', 1, count), r + count
  last_stamp, count = '', 0
  --@ include part/spill.lua
end
