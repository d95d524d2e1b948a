-- SPDX-License-Identifier: MIT
--
-- The windows of a key's last plan, for operators: the ceiling, then limit and period of every window.
-- They are in the row of its names, which no decision writes, so that the hot row stays small.
--
-- Since this version the third number in `facts` of an open entry is the time of its admission.

ALTER TABLE @S.key ADD COLUMN rules bigint[] NOT NULL DEFAULT '{}';
