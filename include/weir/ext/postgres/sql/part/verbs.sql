-- SPDX-License-Identifier: MIT
--
-- The other verbs. `hold` answers [0, id, moved]; `learn` [0, id, 1, t, factor], or [0, id, 0, t,
-- factor, numbers...] if the key does not have what the caller saw last; `read` [0, id, t, factor,
-- open, in flight, gate, newest, used...]; `sweep` [where to continue, keys forgotten].

CREATE OR REPLACE FUNCTION @S.hold(p_id bigint, p_host bytea, p_role bytea, p_until bigint, p_ahead bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
--@ include part/begin.sql
  t := coalesce(p_until, least(greatest(@CLOCK + h.skew, h.newest) + p_ahead, @FAR));
  IF t <= h.gate THEN RETURN ARRAY[0, p_id, 0]; END IF;
  UPDATE @S.state s SET gate = t WHERE s.id = p_id;
  RETURN ARRAY[0, p_id, 1];
END $$;

CREATE OR REPLACE FUNCTION @S.open_gate(p_id bigint, p_host bytea, p_role bytea) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
--@ include part/begin.sql
  IF h.gate > @NEVER THEN UPDATE @S.state s SET gate = @NEVER WHERE s.id = p_id; END IF;
  RETURN ARRAY[0, p_id];
END $$;

CREATE OR REPLACE FUNCTION @S.tune(p_id bigint, p_host bytea, p_role bytea, p_factor bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
--@ include part/begin.sql
  UPDATE @S.state s SET factor = p_factor, keep = greatest(s.tuner[4],
    CASE p_factor WHEN 1000000 THEN @NEVER ELSE @CLOCK + h.skew + 691200000000000 END) WHERE s.id = p_id;
  RETURN ARRAY[0, p_id];
END $$;

CREATE OR REPLACE FUNCTION @S.learn(p_id bigint, p_host bytea, p_role bytea, p_factor bigint, p_seen bigint[],
  p_next_factor bigint, p_next bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
--@ include part/begin.sql
  t := greatest(@CLOCK + h.skew, h.newest);
  IF h.factor <> p_factor OR h.tuner <> p_seen THEN RETURN ARRAY[0, p_id, 0, t, h.factor] || h.tuner; END IF;
  IF h.factor <> p_next_factor OR h.tuner <> p_next THEN
    UPDATE @S.state s SET factor = p_next_factor, tuner = p_next, keep = p_next[4] WHERE s.id = p_id;
  END IF;
  RETURN ARRAY[0, p_id, 1, t, p_next_factor];
END $$;

-- p_open > 0: the entries too. Settlements of theirs that come later find none.
CREATE OR REPLACE FUNCTION @S.erase(p_id bigint, p_host bytea, p_role bytea, p_open bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
--@ include part/begin.sql
  DELETE FROM @S.log l WHERE l.key = p_id;
  UPDATE @S.state s SET newest = @NEVER, gate = @NEVER, factor = 1000000, credit = 0, spilled = 0, span = 0,
    dropped = @NEVER, keep = @NEVER, recent = '{}', tuner = '{}' WHERE s.id = p_id;
  IF p_open > 0 THEN
    DELETE FROM @S.block b WHERE b.key = p_id;
    UPDATE @S.state s SET open = 0, ids = '{}', facts = '{}', abandoned = '{}', blocked = 0, first_expiry = @FAR
      WHERE s.id = p_id;
  END IF;
  RETURN ARRAY[0, p_id];
END $$;

-- Programs that began with the version before use this one until they end.
CREATE OR REPLACE FUNCTION @S.erase(p_id bigint, p_host bytea, p_role bytea) RETURNS bigint[] LANGUAGE sql AS $$
  SELECT @S.erase(p_id, p_host, p_role, 0);
$$;

CREATE OR REPLACE FUNCTION @S.read(p_id bigint, p_host bytea, p_role bytea, p_now bigint, p_periods bigint[], p_kept bigint,
  p_longest bigint) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; used bigint[] := '{}';
BEGIN
--@ include part/begin.sql
  FOR i IN 1 .. cardinality(p_periods) LOOP
    used := used || h.open + @S.stamps_after(p_id, t - p_periods[i]);
  END LOOP;
  RETURN ARRAY[0, p_id, t, h.factor, h.open, cardinality(h.ids) + h.blocked, h.gate, h.newest] || used;
END $$;

-- Forgets idle keys among the next p_limit keys after p_after.
CREATE OR REPLACE FUNCTION @S.sweep(p_after bigint, p_limit bigint) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint := @CLOCK; gone bigint := 0; seen bigint := 0; last bigint := 0;
BEGIN
  FOR h IN SELECT * FROM @S.state s WHERE s.id > p_after ORDER BY s.id LIMIT p_limit LOOP
    seen := seen + 1;
    last := h.id;
    CONTINUE WHEN greatest(h.newest + h.longest, h.gate, h.keep) > t + h.skew;
    CONTINUE WHEN cardinality(h.ids) + cardinality(h.abandoned) + h.blocked > 0 AND h.first_expiry > t + h.skew;
    SELECT * INTO h FROM @S.state s WHERE s.id = last FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND OR greatest(h.newest + h.longest, h.gate, h.keep) > t + h.skew;
    IF cardinality(h.ids) + cardinality(h.abandoned) + h.blocked > 0 THEN
      IF h.first_expiry <= t + h.skew THEN PERFORM @S.expire(last, t + h.skew, 64, h.longest); END IF;
      CONTINUE;
    END IF;
    DELETE FROM @S.log l WHERE l.key = last;
    DELETE FROM @S.state s WHERE s.id = last;
    DELETE FROM @S.key k WHERE k.id = last;
    gone := gone + 1;
  END LOOP;
  RETURN ARRAY[CASE WHEN seen < p_limit THEN 0 ELSE last END, gone];
END $$;
