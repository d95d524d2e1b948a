-- SPDX-License-Identifier: MIT
--
-- All the verbs of this version, run after the tables of every version.
--
-- @S is the schema, @K the first part of its advisory locks, @UNLOGGED and @IS_UNLOGGED say how the
-- tables are made, @VERSION is the version that the program uses; @CLOCK, @STEP, @WAITED, @NEVER and
-- @FAR are the clock and constants, in nanoseconds.

--@ include part/hello.sql
--@ include part/steps.sql
--@ include part/admit.sql
--@ include part/settle.sql
--@ include part/verbs.sql
--@ include part/presence.sql
--@ include part/reap.sql
--@ include part/fill.sql
UPDATE @S.meta SET version = @VERSION;
