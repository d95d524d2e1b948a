-- SPDX-License-Identifier: MIT
--
-- The windows of a key's last plan, for operators: the ceiling, then limit and period of every window.
-- They are in the row of its names, which no decision writes, so that the hot row stays small.
--
-- Since this version the third number in `facts` of an open entry is the time of its admission.

ALTER TABLE @S.key ADD COLUMN rules bigint[] NOT NULL DEFAULT '{}';

-- The processes that use the schema, one row each. The highest 36 of the 63 bits of an entry's id are the id of its
-- holder. `pid` and `start` name a process among those of one `machine`. Times are nanoseconds since 1970. The table is
-- unlogged in any case: its rows are written every few seconds and are made again.

CREATE UNLOGGED TABLE @S.holder (
  id bigint PRIMARY KEY, machine bigint NOT NULL, pid bigint NOT NULL, start bigint NOT NULL, host text NOT NULL,
  made bigint NOT NULL, renewed bigint NOT NULL, ttl bigint NOT NULL, keep bigint NOT NULL)
  WITH (fillfactor = 50);
