-- SPDX-License-Identifier: MIT
--
-- The tables as version 1 made them. The present schema also has the columns of version_2.sql and
-- version_3.sql.
--
-- A key is one hot row in `state`: its 32 to 95 newest stamps in `recent`, its newest entries in `ids`
-- and `facts` (three numbers each: units, negative once they are stamped; expiry; stamp). Older stamps
-- are in `log`, 32 to a row, in a ring that grows on use. Older entries are in `block`. No index
-- covers a column that changes. So every update can stay on its page (HOT), and the pages clean
-- themselves.
--
-- `credit` makes a decision cheap: this number of units fits under `plan` at any time from
-- `credit_from` on, because stamps only get older. `admit` computes it, and every admission takes from
-- it. Only an admission can make it too high. So `stamp` and `open` are one update each, whose
-- condition is checked on the newest version of the row, however many callers wait for it.
--
-- Only the row's lock orders the holders of a key. Log and blocks change only together with the row.
-- So a reader of all three that finds the row unchanged afterwards has seen one state.
--
-- @S is the schema, @K the first part of its advisory locks, @UNLOGGED and @IS_UNLOGGED say how the
-- tables are made, @VERSION is the version that the program uses; @CLOCK, @STEP, @NEVER and @FAR are
-- the clock and constants, in nanoseconds.

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
-- No number is used twice, even by a schema that is made again.
SELECT setval('@S.key_id', 1 + (random() * 4611686018427387903)::bigint);
INSERT INTO @S.alive DEFAULT VALUES;
INSERT INTO @S.meta (version, epoch, unlogged, timeline) VALUES
  (1, (random() * 4611686018427387903)::bigint, @IS_UNLOGGED, left(pg_walfile_name(pg_current_wal_lsn()), 8));
