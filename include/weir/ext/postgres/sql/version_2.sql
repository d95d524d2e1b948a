-- SPDX-License-Identifier: MIT
--
-- The tuner's state of a key without the factor, as ten numbers or none
-- (`weir::remote::tuner_record`). The fourth says until when they matter. It is a column, so that
-- users with rights on the tables need no new rights.
--
-- And the time from which `credit` is valid: if a clock steps back, stamps count again that were
-- already too old.

ALTER TABLE @S.state ADD COLUMN tuner bigint[] NOT NULL DEFAULT '{}';
ALTER TABLE @S.state ADD COLUMN credit_from bigint NOT NULL DEFAULT @FAR;
