-- SPDX-License-Identifier: MIT
--
-- What the tuner keeps of a key beside the factor, as ten numbers or none (`weir::remote::tuner_record`), of which the
-- fourth says until when they matter. A column, for users who were granted the tables need nothing more then.
--
-- And the moment from which on `credit` holds: a clock that steps back makes stamps count again that had aged out.

ALTER TABLE @S.state ADD COLUMN tuner bigint[] NOT NULL DEFAULT '{}';
ALTER TABLE @S.state ADD COLUMN credit_from bigint NOT NULL DEFAULT @FAR;
