-- SPDX-License-Identifier: MIT
--
-- Deciding. Answers [t, factor] or [0, id, t, factor] for granted, [0, id, t, factor, retry_at, cause,
-- window, gate] for denied, the same with a 1 at the end for a request that is admitted all the same,
-- and [1] if the id belongs to a key that is gone and no names were given. p_rules: ceiling, stamps to
-- keep, longest period, then limit and period of every window.
--
--@ enum obstacle none window gate concurrency: What stands in the way, as `weir::cause` has it.
--@ enum admit_mode stamped stamped_entry open uncounted forced=4: Stamped at once, the same with an entry, an open entry, or not counted; `forced` is added.

-- Another session locked the row, and the last stamp or entry has the time before the wait. This
-- session has the row now, so the stamp gets the present time. An UPDATE computes its values before it
-- waits for the row; only the values in RETURNING are computed after the wait.
CREATE OR REPLACE FUNCTION @S.restamp(p_id bigint, p_units bigint, p_mode bigint, p_ttl bigint, p_skew bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE t bigint;
BEGIN
  SELECT greatest(s.newest, @CLOCK + p_skew) INTO t FROM @S.state s WHERE s.id = p_id;
  IF p_mode < admit_mode.open THEN
    UPDATE @S.state s SET newest = t,
        recent = s.recent[: cardinality(s.recent) - p_units] || array_fill(t, ARRAY[p_units::int]),
        facts = CASE p_mode WHEN admit_mode.stamped THEN s.facts
          ELSE s.facts[: cardinality(s.facts) - 2] || ARRAY[t + p_ttl, t] END
      WHERE s.id = p_id;
  ELSE
    UPDATE @S.state s SET facts = s.facts[: cardinality(s.facts) - 2] || ARRAY[t + p_ttl, t] WHERE s.id = p_id;
  END IF;
  RETURN t;
END $$;

CREATE OR REPLACE FUNCTION @S.admit(p_id bigint, p_host bytea, p_role bytea, p_now bigint, p_plan bigint, p_cost bigint,
  p_mode bigint, p_entry bigint, p_ttl bigint, p_rules bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  t bigint; seen xid; newest bigint; gate bigint; factor bigint; open bigint; first_expiry bigint; skew bigint;
  spilled bigint; span bigint; dropped bigint; blocked bigint; recent bigint[]; ids bigint[]; n bigint; total bigint;
  k bigint; c bigint; period bigint; at bigint; chunk bigint[]; best bigint; why bigint; win bigint; left_over bigint;
  late bigint; last_plan bigint; tries bigint := 0;
  pass boolean := p_mode >= admit_mode.forced;
BEGIN
  p_mode := p_mode % admit_mode.forced;
  LOOP
    IF p_id = 0 THEN p_id := @S.find(p_host, p_role); END IF;
    SELECT s.xmin, s.newest, s.gate, s.factor, s.open, s.first_expiry, s.skew, s.spilled, s.span, s.dropped, s.blocked,
        s.recent, s.ids, s.plan
      INTO seen, newest, gate, factor, open, first_expiry, skew, spilled, span, dropped, blocked, recent, ids, last_plan
      FROM @S.state s WHERE s.id = p_id;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      tries := tries + 1;
      IF tries > 20 THEN PERFORM @S.no_row(); END IF;
      CONTINUE;
    END IF;
    t := coalesce(p_now, @CLOCK + skew);
    IF t < newest THEN
      IF p_now IS NULL AND t + @STEP < newest THEN
        PERFORM @S.step(p_id, @CLOCK);
        CONTINUE;
      END IF;
      t := newest;
    END IF;
    IF first_expiry <= t THEN
      PERFORM @S.expire(p_id, t, p_rules[2], p_rules[3]);
      CONTINUE;
    END IF;
    best := t;
    why := obstacle.none;
    win := 0;
    left_over := 32;
    n := cardinality(recent);
    IF p_cost > 0 THEN
      total := spilled * 32 + n;
      FOR i IN 0 .. cardinality(p_rules) / 2 - 2 LOOP
        -- A cost above the limit is admitted when the window is empty.
        k := greatest(p_rules[4 + 2 * i] - p_cost, 0) - open;
        period := p_rules[5 + 2 * i];
        IF k < 0 THEN
          at := t;
          c := 0;
        ELSIF k < n THEN
          at := recent[n - k];
          c := width_bucket(t - period, recent) - (n - k);
        ELSIF k >= total THEN
          at := @NEVER;
          c := k - total;
        ELSE
          k := k - n;
          SELECT l.stamps INTO chunk FROM @S.log l WHERE l.key = p_id AND l.pos = (spilled - 1 - k / 32) % span
            AND l.no = spilled - 1 - k / 32;
          IF FOUND THEN
            at := chunk[32 - k % 32];
            c := width_bucket(t - period, chunk) - (32 - k % 32);
          ELSE
            -- All dropped stamps are this old or older, down to the oldest row that is kept.
            at := dropped;
            c := CASE WHEN at + period <= t THEN greatest(k - span * 32, 0) ELSE 0 END;
          END IF;
        END IF;
        IF c < left_over THEN left_over := c; END IF;
        IF at + period > best THEN
          best := at + period;
          why := obstacle.window;
          win := i;
        END IF;
      END LOOP;
      IF p_rules[1] > 0 THEN
        c := p_rules[1] - cardinality(ids) - blocked;
        IF why = obstacle.none AND c <= 0 THEN why := obstacle.concurrency; END IF;
        left_over := least(left_over, c - 1);
      END IF;
    END IF;
    IF gate > best THEN
      best := gate;
      why := obstacle.gate;
      win := 0;
    END IF;
    IF why <> obstacle.none AND NOT pass THEN RETURN ARRAY[0, p_id, t, factor, best, why, win, gate]; END IF;
    EXIT WHEN p_mode = admit_mode.uncounted;
    -- A key with a time of its own must not use the credit, because that reads the plain clock.
    IF skew <> 0 OR why <> obstacle.none THEN left_over := 0; END IF;
    -- A faster transaction has made this decision out of date. After waiting for it we hold the row, so
    -- the next decision is valid.
    IF p_mode = admit_mode.stamped THEN
      UPDATE @S.state s SET newest = t, recent = s.recent || array_fill(t, ARRAY[p_cost::int]), plan = p_plan,
          credit = left_over, credit_from = t, longest = greatest(s.longest, p_rules[3])
        WHERE s.id = p_id AND s.xmin = seen RETURNING @CLOCK + skew INTO late;
    ELSIF p_mode = admit_mode.open THEN
      UPDATE @S.state s SET open = s.open + p_cost, ids = s.ids || ARRAY[p_entry],
          facts = s.facts || ARRAY[p_cost, t + p_ttl, t], first_expiry = least(s.first_expiry, t + p_ttl),
          plan = p_plan, credit = left_over, credit_from = t, longest = greatest(s.longest, p_rules[3])
        WHERE s.id = p_id AND s.xmin = seen RETURNING @CLOCK + skew INTO late;
    ELSE
      UPDATE @S.state s SET newest = t, recent = s.recent || array_fill(t, ARRAY[p_cost::int]),
          ids = s.ids || ARRAY[p_entry], facts = s.facts || ARRAY[-p_cost, t + p_ttl, t], first_expiry = least(s.first_expiry, t + p_ttl),
          plan = p_plan, credit = left_over, credit_from = t, longest = greatest(s.longest, p_rules[3])
        WHERE s.id = p_id AND s.xmin = seen RETURNING @CLOCK + skew INTO late;
    END IF;
    EXIT WHEN FOUND;
  END LOOP;
  IF p_mode <> admit_mode.uncounted AND p_now IS NULL AND late > t + @WAITED THEN
    t := @S.restamp(p_id, p_cost, p_mode, p_ttl, skew);
  END IF;
  IF p_mode <> admit_mode.uncounted AND last_plan <> p_plan THEN
    UPDATE @S.key k SET rules = p_rules[1:1] || p_rules[4:] WHERE k.id = p_id AND k.rules <> p_rules[1:1] || p_rules[4:];
  END IF;
  IF p_mode < admit_mode.open AND n + p_cost >= 64 THEN PERFORM @S.spill(p_id, t, p_rules[2], p_rules[3]); END IF;
  IF p_mode IN (admit_mode.stamped_entry, admit_mode.open) AND cardinality(ids) >= 31 THEN PERFORM @S.stow(p_id); END IF;
  IF why <> obstacle.none THEN RETURN ARRAY[0, p_id, t, factor, best, why, win, gate, 1]; END IF;
  RETURN ARRAY[0, p_id, t, factor];
END $$;

-- Most decisions end here. Each condition, and the stamp, is read from the newest version of the row.
CREATE OR REPLACE FUNCTION @S.stamp(p_id bigint, p_host bytea, p_role bytea, p_now bigint, p_plan bigint, p_rules bigint[])
RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE t bigint := coalesce(p_now, @CLOCK); f bigint; late bigint;
BEGIN
  UPDATE @S.state s SET newest = greatest(s.newest, t), recent = s.recent || ARRAY[greatest(s.newest, t)],
      credit = s.credit - 1
    WHERE s.id = p_id AND s.plan = p_plan AND s.credit > 0 AND s.credit_from <= greatest(s.newest, t) AND s.gate <= t AND s.newest - @STEP <= t
      AND s.first_expiry > greatest(s.newest, t)
    RETURNING s.newest, s.factor, @CLOCK INTO t, f, late;
  IF f > 0 THEN
    IF p_now IS NULL AND late > t + @WAITED THEN t := @S.restamp(p_id, 1, admit_mode.stamped, 0, 0); END IF;
    RETURN ARRAY[t, f];
  END IF;
  RETURN @S.admit(p_id, p_host, p_role, p_now, p_plan, 1, admit_mode.stamped, 0, 0, p_rules);
END $$;

CREATE OR REPLACE FUNCTION @S.open(p_id bigint, p_host bytea, p_role bytea, p_now bigint, p_plan bigint, p_cost bigint,
  p_entry bigint, p_ttl bigint, p_rules bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE t bigint := coalesce(p_now, @CLOCK); f bigint; late bigint;
BEGIN
  UPDATE @S.state s SET open = s.open + p_cost, credit = s.credit - p_cost, ids = s.ids || ARRAY[p_entry],
      facts = s.facts || ARRAY[p_cost, greatest(s.newest, t) + p_ttl, greatest(s.newest, t)],
      first_expiry = least(s.first_expiry, greatest(s.newest, t) + p_ttl)
    WHERE s.id = p_id AND s.plan = p_plan AND s.credit >= p_cost AND s.credit_from <= greatest(s.newest, t) AND s.gate <= t AND s.newest - @STEP <= t
      AND s.first_expiry > greatest(s.newest, t)
    RETURNING greatest(s.newest, t), s.factor, @CLOCK INTO t, f, late;
  IF f > 0 THEN
    IF p_now IS NULL AND late > t + @WAITED THEN t := @S.restamp(p_id, p_cost, admit_mode.open, p_ttl, 0); END IF;
    RETURN ARRAY[t, f];
  END IF;
  RETURN @S.admit(p_id, p_host, p_role, p_now, p_plan, p_cost, admit_mode.open, p_entry, p_ttl, p_rules);
END $$;
