-- SPDX-License-Identifier: MIT
--
-- `recent` becomes all of them.

if last_stamp ~= '' then recent, last_stamp = recent .. last_stamp, '' end
