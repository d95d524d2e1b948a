-- SPDX-License-Identifier: MIT
--
-- The tables, as version 1 made them; a schema of today has what version_2.sql, ... add.
--
-- A key is one hot row in `state`: its 32 to 95 newest stamps in `recent`, its newest entries in `ids` and `facts` (three
-- numbers each: units, negative once they are stamped; expiry; stamp). Older stamps lie in `log`, 32 to a row and in a
-- ring that grows on use; older entries in `block`. No index covers a column that changes, so every update can stay on its
-- page (HOT) and the pages clean themselves.
--
-- `credit` is what makes a decision cheap: so many more units fit under `plan` at any time from `credit_from` on, because
-- stamps only age. `admit` counts it; every admission takes from it; nothing but an admission can make it too high. So
-- `stamp` and `open` are one update each, whose condition is checked on the newest version of the row however many wait
-- for it.
--
-- The row's own lock is all that orders the holders of a key. Log and blocks change only together with the row, so a
-- reader of all three that then finds the row as it was has seen one state.
--
-- @S is the schema, @K the first part of its advisory locks, @UNLOGGED and @IS_UNLOGGED as the tables are made, @VERSION
-- the version that the program uses; @CLOCK, @STEP, @NEVER and @FAR are the clock and constants, in nanoseconds.

CREATE SEQUENCE @S.key_id;
CREATE TABLE @S.meta (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  version bigint NOT NULL, epoch bigint NOT NULL, unlogged boolean NOT NULL,
  relaxed boolean NOT NULL DEFAULT false, timeline text NOT NULL, lost_at timestamptz);
CREATE UNLOGGED TABLE @S.alive (one boolean PRIMARY KEY DEFAULT true CHECK (one));
CREATE @UNLOGGED TABLE @S.key (
  id bigint PRIMARY KEY, digest bytea NOT NULL UNIQUE, host bytea NOT NULL, role bytea NOT NULL);
CREATE @UNLOGGED TABLE @S.state (
  id bigint PRIMARY KEY,
  newest bigint NOT NULL DEFAULT @NEVER, gate bigint NOT NULL DEFAULT @NEVER, factor bigint NOT NULL DEFAULT 1000000,
  open bigint NOT NULL DEFAULT 0, first_expiry bigint NOT NULL DEFAULT @FAR,
  plan bigint NOT NULL DEFAULT 0, credit bigint NOT NULL DEFAULT 0, skew bigint NOT NULL DEFAULT 0,
  spilled bigint NOT NULL DEFAULT 0, span bigint NOT NULL DEFAULT 0, dropped bigint NOT NULL DEFAULT @NEVER,
  blocked bigint NOT NULL DEFAULT 0, longest bigint NOT NULL DEFAULT 0, keep bigint NOT NULL DEFAULT @NEVER,
  recent bigint[] NOT NULL DEFAULT '{}', ids bigint[] NOT NULL DEFAULT '{}', facts bigint[] NOT NULL DEFAULT '{}')
  WITH (fillfactor = 50);
CREATE @UNLOGGED TABLE @S.log (
  key bigint NOT NULL, pos bigint NOT NULL, no bigint NOT NULL, stamps bigint[] NOT NULL, PRIMARY KEY (key, pos))
  WITH (fillfactor = 70);
CREATE @UNLOGGED TABLE @S.block (
  key bigint NOT NULL, no bigint NOT NULL, ids bigint[] NOT NULL, facts bigint[] NOT NULL, PRIMARY KEY (key, no))
  WITH (fillfactor = 50);
-- No number is given twice, also not by a schema that is made anew.
SELECT setval('@S.key_id', 1 + (random() * 4611686018427387903)::bigint);
INSERT INTO @S.alive DEFAULT VALUES;
INSERT INTO @S.meta (version, epoch, unlogged, timeline) VALUES
  (1, (random() * 4611686018427387903)::bigint, @IS_UNLOGGED, left(pg_walfile_name(pg_current_wal_lsn()), 8));
