-- SPDX-License-Identifier: MIT
--
-- What brought it to version 2, as programs of that version did it. It never changes.

ALTER TABLE "first".state ADD COLUMN tuner bigint[] NOT NULL DEFAULT '{}';
ALTER TABLE "first".state ADD COLUMN credit_from bigint NOT NULL DEFAULT 4611686018427387903;

CREATE FUNCTION "first".learn(p_id bigint, p_host bytea, p_role bytea, p_factor bigint, p_seen bigint[],
  p_next_factor bigint, p_next bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE h "first".state; t bigint; p_now bigint := (-4611686018427387904); p_kept bigint; p_longest bigint;
BEGIN

  LOOP
    IF p_id = 0 THEN p_id := "first".find(p_host, p_role); END IF;
    SELECT * INTO h FROM "first".state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      CONTINUE;
    END IF;
    t := coalesce(p_now, (date_part('epoch', clock_timestamp()) * 1e6)::bigint * 1000 + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + 1000000000 < h.newest THEN
        PERFORM "first".step(p_id, (date_part('epoch', clock_timestamp()) * 1e6)::bigint * 1000);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM "first".expire(p_id, t, p_kept, p_longest);
  END LOOP;

  t := greatest((date_part('epoch', clock_timestamp()) * 1e6)::bigint * 1000 + h.skew, h.newest);
  IF h.factor <> p_factor OR h.tuner <> p_seen THEN RETURN ARRAY[0, p_id, 0, t, h.factor] || h.tuner; END IF;
  IF h.factor <> p_next_factor OR h.tuner <> p_next THEN
    UPDATE "first".state s SET factor = p_next_factor, tuner = p_next, keep = p_next[4] WHERE s.id = p_id;
  END IF;
  RETURN ARRAY[0, p_id, 1, t, p_next_factor];
END $$;

CREATE OR REPLACE FUNCTION "first".tune(p_id bigint, p_host bytea, p_role bytea, p_factor bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE h "first".state; t bigint; p_now bigint := (-4611686018427387904); p_kept bigint; p_longest bigint;
BEGIN

  LOOP
    IF p_id = 0 THEN p_id := "first".find(p_host, p_role); END IF;
    SELECT * INTO h FROM "first".state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      CONTINUE;
    END IF;
    t := coalesce(p_now, (date_part('epoch', clock_timestamp()) * 1e6)::bigint * 1000 + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + 1000000000 < h.newest THEN
        PERFORM "first".step(p_id, (date_part('epoch', clock_timestamp()) * 1e6)::bigint * 1000);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM "first".expire(p_id, t, p_kept, p_longest);
  END LOOP;

  UPDATE "first".state s SET factor = p_factor, keep = greatest(s.tuner[4],
    CASE p_factor WHEN 1000000 THEN (-4611686018427387904) ELSE (date_part('epoch', clock_timestamp()) * 1e6)::bigint * 1000 + h.skew + 691200000000000 END) WHERE s.id = p_id;
  RETURN ARRAY[0, p_id];
END $$;

CREATE OR REPLACE FUNCTION "first".erase(p_id bigint, p_host bytea, p_role bytea) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE h "first".state; t bigint; p_now bigint := (-4611686018427387904); p_kept bigint; p_longest bigint;
BEGIN

  LOOP
    IF p_id = 0 THEN p_id := "first".find(p_host, p_role); END IF;
    SELECT * INTO h FROM "first".state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      CONTINUE;
    END IF;
    t := coalesce(p_now, (date_part('epoch', clock_timestamp()) * 1e6)::bigint * 1000 + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + 1000000000 < h.newest THEN
        PERFORM "first".step(p_id, (date_part('epoch', clock_timestamp()) * 1e6)::bigint * 1000);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM "first".expire(p_id, t, p_kept, p_longest);
  END LOOP;

  DELETE FROM "first".log l WHERE l.key = p_id;
  UPDATE "first".state s SET newest = (-4611686018427387904), gate = (-4611686018427387904), factor = 1000000, credit = 0, spilled = 0, span = 0,
    dropped = (-4611686018427387904), keep = (-4611686018427387904), recent = '{}', tuner = '{}' WHERE s.id = p_id;
  RETURN ARRAY[0, p_id];
END $$;

UPDATE "first".meta SET version = 2;

CREATE OR REPLACE FUNCTION "first".admit(p_id bigint, p_host bytea, p_role bytea, p_now bigint, p_plan bigint, p_cost bigint,
  p_mode bigint, p_entry bigint, p_ttl bigint, p_rules bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  t bigint; seen xid; newest bigint; gate bigint; factor bigint; open bigint; first_expiry bigint; skew bigint;
  spilled bigint; span bigint; dropped bigint; blocked bigint; recent bigint[]; ids bigint[]; n bigint; total bigint;
  k bigint; c bigint; period bigint; at bigint; chunk bigint[]; best bigint; why bigint; win bigint; left_over bigint;
  pass boolean := p_mode >= 4;
BEGIN
  p_mode := p_mode % 4;
  LOOP
    IF p_id = 0 THEN p_id := "first".find(p_host, p_role); END IF;
    SELECT s.xmin, s.newest, s.gate, s.factor, s.open, s.first_expiry, s.skew, s.spilled, s.span, s.dropped, s.blocked,
        s.recent, s.ids
      INTO seen, newest, gate, factor, open, first_expiry, skew, spilled, span, dropped, blocked, recent, ids
      FROM "first".state s WHERE s.id = p_id;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      CONTINUE;
    END IF;
    t := coalesce(p_now, (date_part('epoch', clock_timestamp()) * 1e6)::bigint * 1000 + skew);
    IF t < newest THEN
      IF p_now IS NULL AND t + 1000000000 < newest THEN
        PERFORM "first".step(p_id, (date_part('epoch', clock_timestamp()) * 1e6)::bigint * 1000);
        CONTINUE;
      END IF;
      t := newest;
    END IF;
    IF first_expiry <= t THEN
      PERFORM "first".expire(p_id, t, p_rules[2], p_rules[3]);
      CONTINUE;
    END IF;
    best := t;
    why := 0;
    win := 0;
    left_over := 32;
    n := cardinality(recent);
    IF p_cost > 0 THEN
      total := spilled * 32 + n;
      FOR i IN 0 .. cardinality(p_rules) / 2 - 2 LOOP
        k := p_rules[4 + 2 * i] - p_cost;
        IF k < 0 THEN
          best := 4611686018427387903;
          why := 5;
          win := i;
          EXIT;
        END IF;
        k := k - open;
        period := p_rules[5 + 2 * i];
        IF k < 0 THEN
          at := t;
          c := 0;
        ELSIF k < n THEN
          at := recent[n - k];
          c := width_bucket(t - period, recent) - (n - k);
        ELSIF k >= total THEN
          at := (-4611686018427387904);
          c := k - total;
        ELSE
          k := k - n;
          SELECT l.stamps INTO chunk FROM "first".log l WHERE l.key = p_id AND l.pos = (spilled - 1 - k / 32) % span
            AND l.no = spilled - 1 - k / 32;
          IF FOUND THEN
            at := chunk[32 - k % 32];
            c := width_bucket(t - period, chunk) - (32 - k % 32);
          ELSE
            -- All that was dropped is as old as that or older, down to the oldest row that is kept.
            at := dropped;
            c := CASE WHEN at + period <= t THEN greatest(k - span * 32, 0) ELSE 0 END;
          END IF;
        END IF;
        IF c < left_over THEN left_over := c; END IF;
        IF at + period > best THEN
          best := at + period;
          why := 1;
          win := i;
        END IF;
      END LOOP;
      IF p_rules[1] > 0 THEN
        c := p_rules[1] - cardinality(ids) - blocked;
        IF why = 0 AND c <= 0 THEN why := 3; END IF;
        left_over := least(left_over, c - 1);
      END IF;
    END IF;
    IF gate > best THEN
      best := gate;
      why := 2;
      win := 0;
    END IF;
    IF why <> 0 AND NOT pass THEN RETURN ARRAY[0, p_id, t, factor, best, why, win, gate]; END IF;
    EXIT WHEN p_mode = 3;
    -- A key with a time of its own has no cheap way: that one reads the plain clock.
    IF skew <> 0 OR why <> 0 THEN left_over := 0; END IF;
    -- Whoever was faster made this decision stale; having waited for them we hold the row, and the next one stands.
    IF p_mode = 0 THEN
      UPDATE "first".state s SET newest = t, recent = s.recent || array_fill(t, ARRAY[p_cost::int]), plan = p_plan,
          credit = left_over, credit_from = t, longest = greatest(s.longest, p_rules[3])
        WHERE s.id = p_id AND s.xmin = seen;
    ELSIF p_mode = 2 THEN
      UPDATE "first".state s SET open = s.open + p_cost, ids = s.ids || ARRAY[p_entry],
          facts = s.facts || ARRAY[p_cost, t + p_ttl, 0], first_expiry = least(s.first_expiry, t + p_ttl),
          plan = p_plan, credit = left_over, credit_from = t, longest = greatest(s.longest, p_rules[3])
        WHERE s.id = p_id AND s.xmin = seen;
    ELSE
      UPDATE "first".state s SET newest = t, recent = s.recent || array_fill(t, ARRAY[p_cost::int]),
          ids = s.ids || ARRAY[p_entry], facts = s.facts || ARRAY[-p_cost, t + p_ttl, t], first_expiry = least(s.first_expiry, t + p_ttl),
          plan = p_plan, credit = left_over, credit_from = t, longest = greatest(s.longest, p_rules[3])
        WHERE s.id = p_id AND s.xmin = seen;
    END IF;
    EXIT WHEN FOUND;
  END LOOP;
  IF p_mode < 2 AND n + p_cost >= 64 THEN PERFORM "first".spill(p_id, t, p_rules[2], p_rules[3]); END IF;
  IF p_mode IN (1, 2) AND cardinality(ids) >= 31 THEN PERFORM "first".stow(p_id); END IF;
  IF why <> 0 THEN RETURN ARRAY[0, p_id, t, factor, best, why, win, gate, 1]; END IF;
  RETURN ARRAY[0, p_id, t, factor];
END $$;

-- Most decisions end here. Each condition, and the stamp, is seen on the newest version of the row.
CREATE OR REPLACE FUNCTION "first".stamp(p_id bigint, p_host bytea, p_role bytea, p_now bigint, p_plan bigint, p_rules bigint[])
RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE t bigint := coalesce(p_now, (date_part('epoch', clock_timestamp()) * 1e6)::bigint * 1000); f bigint;
BEGIN
  UPDATE "first".state s SET newest = greatest(s.newest, t), recent = s.recent || ARRAY[greatest(s.newest, t)],
      credit = s.credit - 1
    WHERE s.id = p_id AND s.plan = p_plan AND s.credit > 0 AND s.credit_from <= greatest(s.newest, t) AND s.gate <= t AND s.newest - 1000000000 <= t
      AND s.first_expiry > greatest(s.newest, t)
    RETURNING s.newest, s.factor INTO t, f;
  IF f > 0 THEN RETURN ARRAY[t, f]; END IF;
  RETURN "first".admit(p_id, p_host, p_role, p_now, p_plan, 1, 0, 0, 0, p_rules);
END $$;

CREATE OR REPLACE FUNCTION "first".open(p_id bigint, p_host bytea, p_role bytea, p_now bigint, p_plan bigint, p_cost bigint,
  p_entry bigint, p_ttl bigint, p_rules bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE t bigint := coalesce(p_now, (date_part('epoch', clock_timestamp()) * 1e6)::bigint * 1000); f bigint;
BEGIN
  UPDATE "first".state s SET open = s.open + p_cost, credit = s.credit - p_cost, ids = s.ids || ARRAY[p_entry],
      facts = s.facts || ARRAY[p_cost, greatest(s.newest, t) + p_ttl, 0],
      first_expiry = least(s.first_expiry, greatest(s.newest, t) + p_ttl)
    WHERE s.id = p_id AND s.plan = p_plan AND s.credit >= p_cost AND s.credit_from <= greatest(s.newest, t) AND s.gate <= t AND s.newest - 1000000000 <= t
      AND s.first_expiry > greatest(s.newest, t)
    RETURNING greatest(s.newest, t), s.factor INTO t, f;
  IF f > 0 THEN RETURN ARRAY[t, f]; END IF;
  RETURN "first".admit(p_id, p_host, p_role, p_now, p_plan, p_cost, 2, p_entry, p_ttl, p_rules);
END $$;
