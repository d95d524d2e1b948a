-- SPDX-License-Identifier: MIT
--
-- `recent` becomes all newest stamps, including `last_stamp`.

if last_stamp ~= '' then recent, last_stamp = recent .. last_stamp, '' end
