// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace weir::postgres::detail {

/// From version 1 to 2: what the tuner keeps of a key beside the factor, as ten numbers or none
/// (`weir::remote::tuner_record`), of which the fourth says until when they matter. A column, for those who were
/// granted the tables need nothing more then. `learn` answers [0, id, 1, t, factor], or where the key does not have
/// what the caller saw last, [0, id, 0, t, factor, numbers...].
///
/// And the moment from which on `credit` holds: a clock that steps back makes stamps count again that had aged out.
inline constexpr std::string_view sql_tuner = R"(
ALTER TABLE @S.state ADD COLUMN tuner bigint[] NOT NULL DEFAULT '{}';
ALTER TABLE @S.state ADD COLUMN credit_from bigint NOT NULL DEFAULT @FAR;

CREATE FUNCTION @S.learn(p_id bigint, p_host bytea, p_role bytea, p_factor bigint, p_seen bigint[],
  p_next_factor bigint, p_next bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
@OPEN
  t := greatest(@CLOCK + h.skew, h.newest);
  IF h.factor <> p_factor OR h.tuner <> p_seen THEN RETURN ARRAY[0, p_id, 0, t, h.factor] || h.tuner; END IF;
  IF h.factor <> p_next_factor OR h.tuner <> p_next THEN
    UPDATE @S.state s SET factor = p_next_factor, tuner = p_next, keep = p_next[4] WHERE s.id = p_id;
  END IF;
  RETURN ARRAY[0, p_id, 1, t, p_next_factor];
END $$;

CREATE OR REPLACE FUNCTION @S.tune(p_id bigint, p_host bytea, p_role bytea, p_factor bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
@OPEN
  UPDATE @S.state s SET factor = p_factor, keep = greatest(s.tuner[4],
    CASE p_factor WHEN 1000000 THEN @NEVER ELSE @CLOCK + h.skew + 691200000000000 END) WHERE s.id = p_id;
  RETURN ARRAY[0, p_id];
END $$;

CREATE OR REPLACE FUNCTION @S.erase(p_id bigint, p_host bytea, p_role bytea) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
@OPEN
  DELETE FROM @S.log l WHERE l.key = p_id;
  UPDATE @S.state s SET newest = @NEVER, gate = @NEVER, factor = 1000000, credit = 0, spilled = 0, span = 0,
    dropped = @NEVER, keep = @NEVER, recent = '{}', tuner = '{}' WHERE s.id = p_id;
  RETURN ARRAY[0, p_id];
END $$;

UPDATE @S.meta SET version = 2;
)";

}  // namespace weir::postgres::detail
