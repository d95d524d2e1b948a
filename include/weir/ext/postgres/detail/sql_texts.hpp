// SPDX-License-Identifier: MIT
//
// Written by .ci/lint/scripts --fix from include/weir/ext/postgres/sql: change the files there.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::postgres::detail {

// clang-format off

/// What stands in the way, as `weir::cause` has it.
enum class obstacle : std::uint8_t { none = 0, window = 1, gate = 2, concurrency = 3 };

/// Stamped at once, the same with an entry, an open entry, or not counted; `forced` is added.
enum class admit_mode : std::uint8_t { stamped = 0, stamped_entry = 1, open = 2, uncounted = 3, forced = 4 };

/// What became of an entry; `refund_stamp` takes back units that have none.
enum class settle_verb : std::uint8_t { answered = 0, released = 1, refunded = 2, refund_stamp = 3, lower = 4, abandoned = 5 };

namespace sql {

inline constexpr std::string_view tables = R"sql(CREATE SEQUENCE @S.key_id;
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
SELECT setval('@S.key_id', 1 + (random() * 4611686018427387903)::bigint);
INSERT INTO @S.alive DEFAULT VALUES;
INSERT INTO @S.meta (version, epoch, unlogged, timeline) VALUES
  (1, (random() * 4611686018427387903)::bigint, @IS_UNLOGGED, left(pg_walfile_name(pg_current_wal_lsn()), 8));
)sql";

inline constexpr std::string_view version_2 = R"sql(ALTER TABLE @S.state ADD COLUMN tuner bigint[] NOT NULL DEFAULT '{}';
ALTER TABLE @S.state ADD COLUMN credit_from bigint NOT NULL DEFAULT @FAR;
)sql";

inline constexpr std::string_view version_3 = R"sql(ALTER TABLE @S.state ADD COLUMN abandoned bigint[] NOT NULL DEFAULT '{}';
DELETE FROM @S.state s WHERE NOT EXISTS (SELECT FROM @S.key k WHERE k.id = s.id);
ALTER TABLE @S.state ADD CONSTRAINT state_of_key FOREIGN KEY (id) REFERENCES @S.key (id) ON DELETE CASCADE;
)sql";

inline constexpr std::string_view version_4 = R"sql(ALTER TABLE @S.key ADD COLUMN rules bigint[] NOT NULL DEFAULT '{}';
CREATE UNLOGGED TABLE @S.holder (
  id bigint PRIMARY KEY, machine bigint NOT NULL, pid bigint NOT NULL, start bigint NOT NULL, host text NOT NULL,
  made bigint NOT NULL, renewed bigint NOT NULL, ttl bigint NOT NULL, keep bigint NOT NULL)
  WITH (fillfactor = 50);
)sql";

inline constexpr std::string_view functions = R"sql(CREATE OR REPLACE FUNCTION @S.hello(p_relaxed bigint) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE m @S.meta; here text;
BEGIN
  SELECT * INTO m FROM @S.meta;
  IF pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean THEN
    RETURN ARRAY[m.version, m.epoch, -1, m.unlogged::int, 1];
  END IF;
  here := left(pg_walfile_name(pg_current_wal_lsn()), 8);
  IF NOT EXISTS (SELECT FROM @S.alive) OR m.timeline <> here OR (p_relaxed <> 0 AND NOT m.relaxed) THEN
    PERFORM set_config('synchronous_commit', 'on', true);
    PERFORM pg_advisory_xact_lock(@K, -1);
    SELECT * INTO m FROM @S.meta;
    IF m.timeline <> here OR (NOT EXISTS (SELECT FROM @S.alive) AND (m.unlogged OR m.relaxed)) THEN
      m.lost_at := clock_timestamp();
    END IF;
    INSERT INTO @S.alive DEFAULT VALUES ON CONFLICT DO NOTHING;
    UPDATE @S.meta SET lost_at = m.lost_at, timeline = here, relaxed = m.relaxed OR p_relaxed <> 0;
  END IF;
  RETURN ARRAY[m.version, m.epoch,
    CASE WHEN m.lost_at IS NULL THEN -1
      ELSE (greatest(date_part('epoch', clock_timestamp() - m.lost_at), 0) * 1e9)::bigint END, m.unlogged::int, 0];
END $$;
CREATE OR REPLACE FUNCTION @S.no_row() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the row of a key is gone as soon as it is made' USING ERRCODE = 'P0002';
END $$;
CREATE OR REPLACE FUNCTION @S.find(p_host bytea, p_role bytea) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE d bytea := sha256(int4send(length(p_host)) || p_host || p_role); v bigint; has_state boolean;
BEGIN
  FOR i IN 1 .. 20 LOOP
    SELECT k.id, EXISTS (SELECT FROM @S.state s WHERE s.id = k.id) INTO v, has_state FROM @S.key k WHERE k.digest = d;
    IF FOUND AND has_state THEN RETURN v; END IF;
    IF FOUND THEN
      DELETE FROM @S.log l WHERE l.key = v;
      DELETE FROM @S.block b WHERE b.key = v;
      DELETE FROM @S.key k WHERE k.id = v AND NOT EXISTS (SELECT FROM @S.state s WHERE s.id = v);
    END IF;
    v := nextval('@S.key_id');
    INSERT INTO @S.key VALUES (v, d, p_host, p_role) ON CONFLICT DO NOTHING;
    IF FOUND THEN
      INSERT INTO @S.state (id) VALUES (v);
      RETURN v;
    END IF;
  END LOOP;
  PERFORM @S.no_row();
END $$;
CREATE OR REPLACE FUNCTION @S.step(p_id bigint, p_clock bigint) RETURNS void LANGUAGE sql AS $$
  UPDATE @S.state s SET skew = s.newest - p_clock, credit = 0 WHERE s.id = p_id AND p_clock + s.skew < s.newest;
$$;
CREATE OR REPLACE FUNCTION @S.spill(p_id bigint, p_t bigint, p_kept bigint, p_longest bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE h @S.state; o bigint := 0; last bigint;
BEGIN
  SELECT * INTO h FROM @S.state s WHERE s.id = p_id;
  WHILE cardinality(h.recent) - o >= 64 LOOP
    IF h.span = 0 THEN
      h.span := 1;
    ELSIF h.spilled >= h.span THEN
      SELECT l.stamps[32] INTO last FROM @S.log l WHERE l.key = p_id AND l.pos = h.spilled % h.span
        AND l.no < h.spilled;
      IF FOUND AND last > p_t - p_longest AND h.span * 32 < p_kept THEN
        h.span := h.span * 2;
        UPDATE @S.log l SET pos = l.no % h.span WHERE l.key = p_id AND l.no % h.span <> l.pos;
      ELSIF FOUND THEN
        h.dropped := greatest(h.dropped, last);
      END IF;
    END IF;
    INSERT INTO @S.log AS l (key, pos, no, stamps)
      VALUES (p_id, h.spilled % h.span, h.spilled, h.recent[o + 1 : o + 32])
      ON CONFLICT (key, pos) DO UPDATE SET no = excluded.no, stamps = excluded.stamps;
    h.spilled := h.spilled + 1;
    o := o + 32;
  END LOOP;
  UPDATE @S.state s SET recent = h.recent[o + 1 :], spilled = h.spilled, span = h.span, dropped = h.dropped
    WHERE s.id = p_id;
END $$;
CREATE OR REPLACE FUNCTION @S.remove(p_id bigint, p_stamp bigint, p_units bigint, p_t bigint, p_kept bigint, p_longest bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE h @S.state; v bigint[]; p bigint; n bigint := 0;
BEGIN
  SELECT * INTO h FROM @S.state s WHERE s.id = p_id;
  WHILE h.spilled > 0 AND coalesce(h.recent[1], p_stamp) >= p_stamp LOOP
    SELECT l.stamps INTO v FROM @S.log l
      WHERE l.key = p_id AND l.pos = (h.spilled - 1) % h.span AND l.no = h.spilled - 1;
    EXIT WHEN NOT FOUND;
    h.recent := v || h.recent;
    h.spilled := h.spilled - 1;
  END LOOP;
  p := array_position(h.recent, p_stamp);
  IF p IS NULL THEN RETURN; END IF;
  WHILE n < p_units AND h.recent[p + n] = p_stamp LOOP n := n + 1; END LOOP;
  UPDATE @S.state s SET recent = h.recent[: p - 1] || h.recent[p + n :], spilled = h.spilled WHERE s.id = p_id;
  PERFORM @S.spill(p_id, p_t, p_kept, p_longest);
END $$;
CREATE OR REPLACE FUNCTION @S.expire(p_id bigint, p_t bigint, p_kept bigint, p_longest bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE h @S.state; e record;
BEGIN
  SELECT * INTO h FROM @S.state s WHERE s.id = p_id FOR UPDATE;
  FOR e IN
    SELECT x.facts[3 * i - 2] AS units, x.facts[3 * i - 1] AS expires
      FROM (SELECT h.ids, h.facts UNION ALL SELECT b.ids, b.facts FROM @S.block b WHERE b.key = p_id) x,
           generate_subscripts(x.ids, 1) i
      WHERE x.facts[3 * i - 1] <= p_t
    UNION ALL
    SELECT h.abandoned[2 * i], h.abandoned[2 * i - 1] FROM generate_series(1, cardinality(h.abandoned) / 2) i
      WHERE h.abandoned[2 * i - 1] <= p_t
    ORDER BY 2
  LOOP
    IF e.units > 0 THEN
      h.newest := greatest(h.newest, e.expires);
      h.recent := h.recent || array_fill(h.newest, ARRAY[e.units::int]);
      h.open := h.open - e.units;
    END IF;
  END LOOP;
  UPDATE @S.block b SET
      ids = ARRAY(SELECT b.ids[i] FROM generate_subscripts(b.ids, 1) i WHERE b.facts[3 * i - 1] > p_t ORDER BY i),
      facts = ARRAY(SELECT b.facts[j] FROM generate_subscripts(b.facts, 1) j
                    WHERE b.facts[(j + 2) / 3 * 3 - 1] > p_t ORDER BY j)
    WHERE b.key = p_id;
  DELETE FROM @S.block b WHERE b.key = p_id AND cardinality(b.ids) = 0;
  SELECT ARRAY(SELECT h.ids[i] FROM generate_subscripts(h.ids, 1) i WHERE h.facts[3 * i - 1] > p_t ORDER BY i),
         ARRAY(SELECT h.facts[j] FROM generate_subscripts(h.facts, 1) j
               WHERE h.facts[(j + 2) / 3 * 3 - 1] > p_t ORDER BY j),
         ARRAY(SELECT h.abandoned[j] FROM generate_subscripts(h.abandoned, 1) j
               WHERE h.abandoned[(j + 1) / 2 * 2 - 1] > p_t ORDER BY j)
    INTO h.ids, h.facts, h.abandoned;
  SELECT coalesce(min(x.facts[3 * i - 1]), @FAR) INTO h.first_expiry
    FROM (SELECT h.ids, h.facts UNION ALL SELECT b.ids, b.facts FROM @S.block b WHERE b.key = p_id) x,
         generate_subscripts(x.ids, 1) i;
  SELECT least(h.first_expiry, min(h.abandoned[2 * i - 1])) INTO h.first_expiry
    FROM generate_series(1, cardinality(h.abandoned) / 2) i;
  SELECT coalesce(sum(cardinality(b.ids)), 0) INTO h.blocked FROM @S.block b WHERE b.key = p_id;
  UPDATE @S.state s SET newest = h.newest, recent = h.recent, open = h.open, ids = h.ids, facts = h.facts,
      abandoned = h.abandoned, first_expiry = h.first_expiry, blocked = h.blocked WHERE s.id = p_id;
  IF cardinality(h.recent) >= 64 THEN PERFORM @S.spill(p_id, p_t, p_kept, p_longest); END IF;
END $$;
CREATE OR REPLACE FUNCTION @S.stow(p_id bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO @S.block (key, no, ids, facts)
    SELECT s.id, 1 + coalesce((SELECT max(b.no) FROM @S.block b WHERE b.key = p_id), 0), s.ids[: 16], s.facts[: 48]
      FROM @S.state s WHERE s.id = p_id;
  UPDATE @S.state s SET ids = s.ids[17 :], facts = s.facts[49 :], blocked = s.blocked + 16 WHERE s.id = p_id;
$$;
CREATE OR REPLACE FUNCTION @S.entries(p_id bigint)
RETURNS TABLE (units bigint, expires bigint, since bigint, has_permit boolean) LANGUAGE sql STABLE AS $$
  SELECT x.facts[3 * i - 2], x.facts[3 * i - 1], x.facts[3 * i], true
    FROM (SELECT s.ids, s.facts FROM @S.state s WHERE s.id = p_id
          UNION ALL SELECT b.ids, b.facts FROM @S.block b WHERE b.key = p_id) x, generate_subscripts(x.ids, 1) i
  UNION ALL
  SELECT s.abandoned[2 * i], s.abandoned[2 * i - 1], 0, false
    FROM @S.state s, generate_series(1, cardinality(s.abandoned) / 2) i WHERE s.id = p_id;
$$;
CREATE OR REPLACE FUNCTION @S.stamps_after(p_id bigint, p_after bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN s.dropped > p_after THEN s.spilled * 32 + cardinality(s.recent)
    ELSE cardinality(s.recent) - width_bucket(p_after, s.recent) + coalesce((
      SELECT sum(32 - width_bucket(p_after, l.stamps)) FROM @S.log l
        WHERE l.key = p_id AND l.no < s.spilled AND l.stamps[32] > p_after), 0)::bigint END
    FROM @S.state s WHERE s.id = p_id;
$$;
CREATE OR REPLACE FUNCTION @S.restamp(p_id bigint, p_units bigint, p_mode bigint, p_ttl bigint, p_skew bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE t bigint;
BEGIN
  SELECT greatest(s.newest, @CLOCK + p_skew) INTO t FROM @S.state s WHERE s.id = p_id;
  IF p_mode < 2 THEN
    UPDATE @S.state s SET newest = t,
        recent = s.recent[: cardinality(s.recent) - p_units] || array_fill(t, ARRAY[p_units::int]),
        facts = CASE p_mode WHEN 0 THEN s.facts
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
  pass boolean := p_mode >= 4;
BEGIN
  p_mode := p_mode % 4;
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
    why := 0;
    win := 0;
    left_over := 32;
    n := cardinality(recent);
    IF p_cost > 0 THEN
      total := spilled * 32 + n;
      FOR i IN 0 .. cardinality(p_rules) / 2 - 2 LOOP
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
    IF skew <> 0 OR why <> 0 THEN left_over := 0; END IF;
    IF p_mode = 0 THEN
      UPDATE @S.state s SET newest = t, recent = s.recent || array_fill(t, ARRAY[p_cost::int]), plan = p_plan,
          credit = left_over, credit_from = t, longest = greatest(s.longest, p_rules[3])
        WHERE s.id = p_id AND s.xmin = seen RETURNING @CLOCK + skew INTO late;
    ELSIF p_mode = 2 THEN
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
  IF p_mode <> 3 AND p_now IS NULL AND late > t + @WAITED THEN
    t := @S.restamp(p_id, p_cost, p_mode, p_ttl, skew);
  END IF;
  IF p_mode <> 3 AND last_plan <> p_plan THEN
    UPDATE @S.key k SET rules = p_rules[1:1] || p_rules[4:] WHERE k.id = p_id AND k.rules <> p_rules[1:1] || p_rules[4:];
  END IF;
  IF p_mode < 2 AND n + p_cost >= 64 THEN PERFORM @S.spill(p_id, t, p_rules[2], p_rules[3]); END IF;
  IF p_mode IN (1, 2) AND cardinality(ids) >= 31 THEN PERFORM @S.stow(p_id); END IF;
  IF why <> 0 THEN RETURN ARRAY[0, p_id, t, factor, best, why, win, gate, 1]; END IF;
  RETURN ARRAY[0, p_id, t, factor];
END $$;
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
    IF p_now IS NULL AND late > t + @WAITED THEN t := @S.restamp(p_id, 1, 0, 0, 0); END IF;
    RETURN ARRAY[t, f];
  END IF;
  RETURN @S.admit(p_id, p_host, p_role, p_now, p_plan, 1, 0, 0, 0, p_rules);
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
    IF p_now IS NULL AND late > t + @WAITED THEN t := @S.restamp(p_id, p_cost, 2, p_ttl, 0); END IF;
    RETURN ARRAY[t, f];
  END IF;
  RETURN @S.admit(p_id, p_host, p_role, p_now, p_plan, p_cost, 2, p_entry, p_ttl, p_rules);
END $$;
CREATE OR REPLACE FUNCTION @S.unblock(p_id bigint, p_entry bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE b @S.block; p bigint;
BEGIN
  SELECT * INTO b FROM @S.block x WHERE x.key = p_id AND p_entry = ANY (x.ids);
  p := array_position(b.ids, p_entry);
  IF p IS NULL OR b.facts[3 * p - 2] > 0 THEN RETURN false; END IF;
  IF cardinality(b.ids) = 1 THEN
    DELETE FROM @S.block x WHERE x.key = p_id AND x.no = b.no;
  ELSE
    UPDATE @S.block x SET ids = b.ids[: p - 1] || b.ids[p + 1 :], facts = b.facts[: 3 * p - 3] || b.facts[3 * p + 1 :]
      WHERE x.key = p_id AND x.no = b.no;
  END IF;
  RETURN true;
END $$;
CREATE OR REPLACE FUNCTION @S.settle(p_id bigint, p_now bigint, p_ago bigint, p_entry bigint, p_how bigint, p_cost bigint,
  p_kept bigint, p_longest bigint, p_ended bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  h @S.state; t bigint; p bigint; b_no bigint; units bigint; stamp bigint; v_ids bigint[]; v_facts bigint[];
  p_host bytea; p_role bytea; e bigint; expires bigint;
BEGIN
  DECLARE tries bigint := 0; BEGIN
  LOOP
    IF p_id = 0 THEN p_id := @S.find(p_host, p_role); END IF;
    SELECT * INTO h FROM @S.state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      tries := tries + 1;
      IF tries > 20 THEN PERFORM @S.no_row(); END IF;
      CONTINUE;
    END IF;
    t := coalesce(p_now, @CLOCK + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + @STEP < h.newest THEN
        PERFORM @S.step(p_id, @CLOCK);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM @S.expire(p_id, t, p_kept, p_longest);
  END LOOP;
  END;
  IF cardinality(p_ended) > 0 THEN
    FOREACH e IN ARRAY p_ended LOOP
      p := array_position(h.ids, e);
      IF h.facts[3 * p - 2] < 0 THEN
        h.ids := h.ids[: p - 1] || h.ids[p + 1 :];
        h.facts := h.facts[: 3 * p - 3] || h.facts[3 * p + 1 :];
      ELSIF p IS NULL AND h.blocked > 0 AND @S.unblock(p_id, e) THEN
        h.blocked := h.blocked - 1;
      END IF;
    END LOOP;
    p := array_position(h.ids, p_entry);
    IF p IS NULL OR p_how = 4 OR (p_how = 0 AND h.facts[3 * p - 2] < 0) THEN
      UPDATE @S.state s SET ids = h.ids, facts = h.facts, blocked = h.blocked WHERE s.id = p_id;
    END IF;
  END IF;
  IF p_how = 3 THEN
    PERFORM @S.remove(p_id, p_entry, p_cost, t, p_kept, p_longest);
    RETURN ARRAY[0];
  END IF;
  v_ids := h.ids;
  v_facts := h.facts;
  p := array_position(v_ids, p_entry);
  IF p IS NULL THEN
    IF h.blocked = 0 THEN RETURN ARRAY[0]; END IF;
    SELECT b.no, b.ids, b.facts INTO b_no, v_ids, v_facts FROM @S.block b WHERE b.key = p_id AND p_entry = ANY (b.ids);
    IF NOT FOUND THEN RETURN ARRAY[0]; END IF;
    p := array_position(v_ids, p_entry);
  END IF;
  units := v_facts[3 * p - 2];
  expires := v_facts[3 * p - 1];
  IF p_how = 5 AND units < 0 THEN p_how := 1; END IF;
  IF p_how = 0 AND units < 0 OR p_how = 4 AND abs(units) <= p_cost THEN RETURN ARRAY[0]; END IF;
  stamp := CASE WHEN p_how >= 2 AND units < 0 THEN v_facts[3 * p] ELSE greatest(h.newest, t - p_ago) END;
  IF p_how = 0 THEN
    v_facts[3 * p - 2] := -units;
    v_facts[3 * p] := stamp;
  ELSIF p_how = 4 THEN
    v_facts[3 * p - 2] := sign(units) * p_cost;
    units := units - sign(units) * p_cost;
  ELSE
    v_ids := v_ids[: p - 1] || v_ids[p + 1 :];
    v_facts := v_facts[: 3 * p - 3] || v_facts[3 * p + 1 :];
  END IF;
  IF b_no IS NOT NULL THEN
    IF cardinality(v_ids) = 0 THEN
      DELETE FROM @S.block b WHERE b.key = p_id AND b.no = b_no;
    ELSE
      UPDATE @S.block b SET ids = v_ids, facts = v_facts WHERE b.key = p_id AND b.no = b_no;
    END IF;
    IF p_how NOT IN (0, 4) THEN h.blocked := h.blocked - 1; END IF;
    v_ids := h.ids;
    v_facts := h.facts;
  END IF;
  IF p_how = 5 THEN
    expires := least(expires, stamp + p_cost);
    UPDATE @S.state s SET ids = v_ids, facts = v_facts, blocked = h.blocked,
        abandoned = s.abandoned || ARRAY[expires, units], first_expiry = least(s.first_expiry, expires)
      WHERE s.id = p_id;
    RETURN ARRAY[0];
  END IF;
  IF units > 0 AND p_how < 2 THEN
    UPDATE @S.state s SET open = s.open - units, newest = stamp,
        recent = s.recent || array_fill(stamp, ARRAY[units::int]), ids = v_ids, facts = v_facts,
        blocked = h.blocked WHERE s.id = p_id;
    IF cardinality(h.recent) + units >= 64 THEN PERFORM @S.spill(p_id, t, p_kept, p_longest); END IF;
  ELSE
    UPDATE @S.state s SET open = s.open - greatest(units, 0), ids = v_ids, facts = v_facts,
        blocked = h.blocked WHERE s.id = p_id;
    IF units < 0 AND p_how >= 2 THEN PERFORM @S.remove(p_id, stamp, -units, t, p_kept, p_longest); END IF;
  END IF;
  RETURN ARRAY[0];
END $$;
CREATE OR REPLACE FUNCTION @S.hold(p_id bigint, p_host bytea, p_role bytea, p_until bigint, p_ahead bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
  DECLARE tries bigint := 0; BEGIN
  LOOP
    IF p_id = 0 THEN p_id := @S.find(p_host, p_role); END IF;
    SELECT * INTO h FROM @S.state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      tries := tries + 1;
      IF tries > 20 THEN PERFORM @S.no_row(); END IF;
      CONTINUE;
    END IF;
    t := coalesce(p_now, @CLOCK + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + @STEP < h.newest THEN
        PERFORM @S.step(p_id, @CLOCK);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM @S.expire(p_id, t, p_kept, p_longest);
  END LOOP;
  END;
  t := coalesce(p_until, least(greatest(@CLOCK + h.skew, h.newest) + p_ahead, @FAR));
  IF t <= h.gate THEN RETURN ARRAY[0, p_id, 0]; END IF;
  UPDATE @S.state s SET gate = t WHERE s.id = p_id;
  RETURN ARRAY[0, p_id, 1];
END $$;
CREATE OR REPLACE FUNCTION @S.open_gate(p_id bigint, p_host bytea, p_role bytea) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
  DECLARE tries bigint := 0; BEGIN
  LOOP
    IF p_id = 0 THEN p_id := @S.find(p_host, p_role); END IF;
    SELECT * INTO h FROM @S.state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      tries := tries + 1;
      IF tries > 20 THEN PERFORM @S.no_row(); END IF;
      CONTINUE;
    END IF;
    t := coalesce(p_now, @CLOCK + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + @STEP < h.newest THEN
        PERFORM @S.step(p_id, @CLOCK);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM @S.expire(p_id, t, p_kept, p_longest);
  END LOOP;
  END;
  IF h.gate > @NEVER THEN UPDATE @S.state s SET gate = @NEVER WHERE s.id = p_id; END IF;
  RETURN ARRAY[0, p_id];
END $$;
CREATE OR REPLACE FUNCTION @S.tune(p_id bigint, p_host bytea, p_role bytea, p_factor bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
  DECLARE tries bigint := 0; BEGIN
  LOOP
    IF p_id = 0 THEN p_id := @S.find(p_host, p_role); END IF;
    SELECT * INTO h FROM @S.state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      tries := tries + 1;
      IF tries > 20 THEN PERFORM @S.no_row(); END IF;
      CONTINUE;
    END IF;
    t := coalesce(p_now, @CLOCK + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + @STEP < h.newest THEN
        PERFORM @S.step(p_id, @CLOCK);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM @S.expire(p_id, t, p_kept, p_longest);
  END LOOP;
  END;
  UPDATE @S.state s SET factor = p_factor, keep = greatest(s.tuner[4],
    CASE p_factor WHEN 1000000 THEN @NEVER ELSE @CLOCK + h.skew + 691200000000000 END) WHERE s.id = p_id;
  RETURN ARRAY[0, p_id];
END $$;
CREATE OR REPLACE FUNCTION @S.learn(p_id bigint, p_host bytea, p_role bytea, p_factor bigint, p_seen bigint[],
  p_next_factor bigint, p_next bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
  DECLARE tries bigint := 0; BEGIN
  LOOP
    IF p_id = 0 THEN p_id := @S.find(p_host, p_role); END IF;
    SELECT * INTO h FROM @S.state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      tries := tries + 1;
      IF tries > 20 THEN PERFORM @S.no_row(); END IF;
      CONTINUE;
    END IF;
    t := coalesce(p_now, @CLOCK + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + @STEP < h.newest THEN
        PERFORM @S.step(p_id, @CLOCK);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM @S.expire(p_id, t, p_kept, p_longest);
  END LOOP;
  END;
  t := greatest(@CLOCK + h.skew, h.newest);
  IF h.factor <> p_factor OR h.tuner <> p_seen THEN RETURN ARRAY[0, p_id, 0, t, h.factor] || h.tuner; END IF;
  IF h.factor <> p_next_factor OR h.tuner <> p_next THEN
    UPDATE @S.state s SET factor = p_next_factor, tuner = p_next, keep = p_next[4] WHERE s.id = p_id;
  END IF;
  RETURN ARRAY[0, p_id, 1, t, p_next_factor];
END $$;
CREATE OR REPLACE FUNCTION @S.erase(p_id bigint, p_host bytea, p_role bytea, p_open bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
  DECLARE tries bigint := 0; BEGIN
  LOOP
    IF p_id = 0 THEN p_id := @S.find(p_host, p_role); END IF;
    SELECT * INTO h FROM @S.state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      tries := tries + 1;
      IF tries > 20 THEN PERFORM @S.no_row(); END IF;
      CONTINUE;
    END IF;
    t := coalesce(p_now, @CLOCK + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + @STEP < h.newest THEN
        PERFORM @S.step(p_id, @CLOCK);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM @S.expire(p_id, t, p_kept, p_longest);
  END LOOP;
  END;
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
CREATE OR REPLACE FUNCTION @S.erase(p_id bigint, p_host bytea, p_role bytea) RETURNS bigint[] LANGUAGE sql AS $$
  SELECT @S.erase(p_id, p_host, p_role, 0);
$$;
CREATE OR REPLACE FUNCTION @S.read(p_id bigint, p_host bytea, p_role bytea, p_now bigint, p_periods bigint[], p_kept bigint,
  p_longest bigint) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; used bigint[] := '{}';
BEGIN
  DECLARE tries bigint := 0; BEGIN
  LOOP
    IF p_id = 0 THEN p_id := @S.find(p_host, p_role); END IF;
    SELECT * INTO h FROM @S.state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      tries := tries + 1;
      IF tries > 20 THEN PERFORM @S.no_row(); END IF;
      CONTINUE;
    END IF;
    t := coalesce(p_now, @CLOCK + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + @STEP < h.newest THEN
        PERFORM @S.step(p_id, @CLOCK);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM @S.expire(p_id, t, p_kept, p_longest);
  END LOOP;
  END;
  FOR i IN 1 .. cardinality(p_periods) LOOP
    used := used || h.open + @S.stamps_after(p_id, t - p_periods[i]);
  END LOOP;
  RETURN ARRAY[0, p_id, t, h.factor, h.open, cardinality(h.ids) + h.blocked, h.gate, h.newest] || used;
END $$;
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
CREATE OR REPLACE FUNCTION @S.renew(p_id bigint, p_machine bigint, p_pid bigint, p_start bigint, p_ttl bigint, p_keep bigint,
  p_host bytea) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE t bigint := @CLOCK; alive bigint;
BEGIN
  INSERT INTO @S.holder AS h VALUES (p_id, p_machine, p_pid, p_start, convert_from(p_host, 'UTF8'), t, t, p_ttl, p_keep)
    ON CONFLICT (id) DO UPDATE SET renewed = t, made = least(h.made, t);
  DELETE FROM @S.holder h WHERE h.id IN
    (SELECT x.id FROM @S.holder x WHERE x.renewed + x.keep < t ORDER BY x.id LIMIT 16 FOR UPDATE SKIP LOCKED);
  SELECT count(*) INTO alive FROM @S.holder h WHERE h.renewed + h.ttl > t;
  RETURN ARRAY[t, alive];
END $$;
CREATE OR REPLACE FUNCTION @S.holders() RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE h @S.holder; name bytea; all_of bigint[] := ARRAY[@CLOCK];
BEGIN
  FOR h IN SELECT * FROM @S.holder x ORDER BY x.renewed DESC LIMIT 10000 LOOP
    name := convert_to(h.host, 'UTF8');
    all_of := all_of || ARRAY[h.id, h.machine, h.pid, h.start, h.made, h.renewed, h.ttl, length(name)]
      || ARRAY(SELECT get_byte(name, i)::bigint FROM generate_series(0, length(name) - 1) i ORDER BY i);
  END LOOP;
  RETURN all_of;
END $$;
CREATE OR REPLACE FUNCTION @S.reap(p_id bigint, p_host bytea, p_role bytea, p_dead bigint[], p_lived bigint[], p_kept bigint,
  p_longest bigint) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint; freed bigint[]; remaining bigint[]; first bigint;
BEGIN
  DECLARE tries bigint := 0; BEGIN
  LOOP
    IF p_id = 0 THEN p_id := @S.find(p_host, p_role); END IF;
    SELECT * INTO h FROM @S.state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      tries := tries + 1;
      IF tries > 20 THEN PERFORM @S.no_row(); END IF;
      CONTINUE;
    END IF;
    t := coalesce(p_now, @CLOCK + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + @STEP < h.newest THEN
        PERFORM @S.step(p_id, @CLOCK);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM @S.expire(p_id, t, p_kept, p_longest);
  END LOOP;
  END;
  SELECT array_agg(y.n ORDER BY y.holder, y.k) FILTER (WHERE y.is_dead),
      array_agg(y.n ORDER BY y.holder, y.k) FILTER (WHERE NOT y.is_dead), min(y.lived)
    INTO freed, remaining, first
    FROM (SELECT z.holder, z.is_dead, z.lived, u.n, u.k FROM (
        SELECT x.ids[i] >> 27 AS holder, x.ids[i] >> 27 = ANY (p_dead) AS is_dead, count(*) AS entries,
            sum(greatest(x.facts[3 * i - 2], 0))::bigint AS open,
            min(p_lived[array_position(p_dead, x.ids[i] >> 27)]) AS lived
          FROM (SELECT h.ids, h.facts UNION ALL SELECT b.ids, b.facts FROM @S.block b WHERE b.key = p_id) x,
               generate_subscripts(x.ids, 1) i
          GROUP BY 1, 2) z,
      LATERAL (VALUES (z.holder, 1), (z.entries, 2), (z.open, 3)) u (n, k)) y;
  IF freed IS NOT NULL THEN
    UPDATE @S.block b SET facts = ARRAY(
        SELECT CASE WHEN j % 3 = 2 THEN
            least(b.facts[j],
              CASE WHEN b.ids[(j + 1) / 3] >> 27 = ANY (p_dead)
                THEN least(t, p_lived[array_position(p_dead, b.ids[(j + 1) / 3] >> 27)] + h.skew) END)
            ELSE b.facts[j] END
          FROM generate_subscripts(b.facts, 1) j ORDER BY j)
      WHERE b.key = p_id AND EXISTS (SELECT FROM unnest(b.ids) x WHERE x >> 27 = ANY (p_dead));
    UPDATE @S.state s SET first_expiry = least(s.first_expiry, t, first + h.skew), credit = 0, facts = ARRAY(
        SELECT CASE WHEN j % 3 = 2 THEN
            least(s.facts[j],
              CASE WHEN s.ids[(j + 1) / 3] >> 27 = ANY (p_dead)
                THEN least(t, p_lived[array_position(p_dead, s.ids[(j + 1) / 3] >> 27)] + h.skew) END)
            ELSE s.facts[j] END
          FROM generate_subscripts(s.facts, 1) j ORDER BY j)
      WHERE s.id = p_id;
    PERFORM @S.expire(p_id, t, p_kept, p_longest);
  END IF;
  RETURN ARRAY[0, p_id, coalesce(cardinality(freed), 0) / 3] || coalesce(freed, '{}') || coalesce(remaining, '{}');
END $$;
DROP VIEW IF EXISTS @S.fill;
CREATE VIEW @S.fill AS
SELECT encode(k.host, 'escape') AS host, encode(k.role, 'escape') AS role,
  w.units AS "limit", w.period / 1e9 * interval '1 second' AS period,
  (s.open - e.expired + w.stamps + e.late[w.no])::bigint AS used,
  round((s.open - e.expired + w.stamps + e.late[w.no]) * 100.0 / w.units, 1) AS percent,
  (s.open - e.expired)::bigint AS open, e.in_flight, nullif(k.rules[1], 0) AS max_concurrent,
  s.factor / 1e6 AS factor,
  CASE WHEN s.gate > n.t THEN (s.gate - n.t) / 1e9 * interval '1 second' END AS gate_for,
  e.oldest / 1e9 * interval '1 second' AS oldest_open, k.id AS key
FROM @S.key k
JOIN @S.state s ON s.id = k.id
CROSS JOIN LATERAL (SELECT greatest(@CLOCK + s.skew, s.newest) AS t) n
CROSS JOIN LATERAL (
  SELECT coalesce(sum(x.units) FILTER (WHERE x.units > 0 AND x.expires <= n.t), 0) AS expired,
    count(*) FILTER (WHERE x.has_permit AND x.expires > n.t) AS in_flight,
    max(n.t - x.since) FILTER (WHERE x.units > 0 AND x.expires > n.t AND x.since > 0) AS oldest,
    ARRAY(SELECT coalesce(sum(y.units), 0) FROM generate_series(1, (cardinality(k.rules) - 1) / 2) i
      LEFT JOIN LATERAL (SELECT * FROM @S.entries(s.id) z
        WHERE z.units > 0 AND z.expires <= n.t AND z.expires > n.t - k.rules[2 * i + 1]) y ON true
      GROUP BY i ORDER BY i) AS late
  FROM @S.entries(s.id) x) e
LEFT JOIN LATERAL (
  SELECT i AS no, k.rules[2 * i] AS units, k.rules[2 * i + 1] AS period,
    @S.stamps_after(s.id, n.t - k.rules[2 * i + 1]) AS stamps
  FROM generate_series(1, (cardinality(k.rules) - 1) / 2) i) w ON true;
UPDATE @S.meta SET version = @VERSION;
)sql";

inline constexpr std::string_view back_to_3 = R"sql(DROP VIEW @S.fill;
DROP FUNCTION @S.renew(bigint, bigint, bigint, bigint, bigint, bigint, bytea);
DROP FUNCTION @S.holders();
DROP FUNCTION @S.erase(bigint, bytea, bytea, bigint);
DROP FUNCTION @S.reap(bigint, bytea, bytea, bigint[], bigint[], bigint, bigint);
DROP TABLE @S.holder;
DROP FUNCTION @S.entries(bigint);
DROP FUNCTION @S.stamps_after(bigint, bigint);
CREATE OR REPLACE FUNCTION @S.hello(p_relaxed bigint) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE m @S.meta; here text;
BEGIN
  SELECT * INTO m FROM @S.meta;
  IF pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean THEN
    RETURN ARRAY[m.version, m.epoch, -1, m.unlogged::int, 1];
  END IF;
  here := left(pg_walfile_name(pg_current_wal_lsn()), 8);
  IF NOT EXISTS (SELECT FROM @S.alive) OR m.timeline <> here OR (p_relaxed <> 0 AND NOT m.relaxed) THEN
    PERFORM set_config('synchronous_commit', 'on', true);
    PERFORM pg_advisory_xact_lock(@K, -1);
    SELECT * INTO m FROM @S.meta;
    IF m.timeline <> here OR (NOT EXISTS (SELECT FROM @S.alive) AND (m.unlogged OR m.relaxed)) THEN
      m.lost_at := clock_timestamp();
    END IF;
    INSERT INTO @S.alive DEFAULT VALUES ON CONFLICT DO NOTHING;
    UPDATE @S.meta SET lost_at = m.lost_at, timeline = here, relaxed = m.relaxed OR p_relaxed <> 0;
  END IF;
  RETURN ARRAY[m.version, m.epoch,
    CASE WHEN m.lost_at IS NULL THEN -1
      ELSE (greatest(date_part('epoch', clock_timestamp() - m.lost_at), 0) * 1e9)::bigint END, m.unlogged::int, 0];
END $$;
CREATE OR REPLACE FUNCTION @S.no_row() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the row of a key is gone as soon as it is made' USING ERRCODE = 'P0002';
END $$;
CREATE OR REPLACE FUNCTION @S.find(p_host bytea, p_role bytea) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE d bytea := sha256(int4send(length(p_host)) || p_host || p_role); v bigint; has_state boolean;
BEGIN
  FOR i IN 1 .. 20 LOOP
    SELECT k.id, EXISTS (SELECT FROM @S.state s WHERE s.id = k.id) INTO v, has_state FROM @S.key k WHERE k.digest = d;
    IF FOUND AND has_state THEN RETURN v; END IF;
    IF FOUND THEN
      DELETE FROM @S.log l WHERE l.key = v;
      DELETE FROM @S.block b WHERE b.key = v;
      DELETE FROM @S.key k WHERE k.id = v AND NOT EXISTS (SELECT FROM @S.state s WHERE s.id = v);
    END IF;
    v := nextval('@S.key_id');
    INSERT INTO @S.key VALUES (v, d, p_host, p_role) ON CONFLICT DO NOTHING;
    IF FOUND THEN
      INSERT INTO @S.state (id) VALUES (v);
      RETURN v;
    END IF;
  END LOOP;
  PERFORM @S.no_row();
END $$;
CREATE OR REPLACE FUNCTION @S.step(p_id bigint, p_clock bigint) RETURNS void LANGUAGE sql AS $$
  UPDATE @S.state s SET skew = s.newest - p_clock, credit = 0 WHERE s.id = p_id AND p_clock + s.skew < s.newest;
$$;
CREATE OR REPLACE FUNCTION @S.spill(p_id bigint, p_t bigint, p_kept bigint, p_longest bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE h @S.state; o bigint := 0; last bigint;
BEGIN
  SELECT * INTO h FROM @S.state s WHERE s.id = p_id;
  WHILE cardinality(h.recent) - o >= 64 LOOP
    IF h.span = 0 THEN
      h.span := 1;
    ELSIF h.spilled >= h.span THEN
      SELECT l.stamps[32] INTO last FROM @S.log l WHERE l.key = p_id AND l.pos = h.spilled % h.span
        AND l.no < h.spilled;
      IF FOUND AND last > p_t - p_longest AND h.span * 32 < p_kept THEN
        h.span := h.span * 2;
        UPDATE @S.log l SET pos = l.no % h.span WHERE l.key = p_id AND l.no % h.span <> l.pos;
      ELSIF FOUND THEN
        h.dropped := greatest(h.dropped, last);
      END IF;
    END IF;
    INSERT INTO @S.log AS l (key, pos, no, stamps)
      VALUES (p_id, h.spilled % h.span, h.spilled, h.recent[o + 1 : o + 32])
      ON CONFLICT (key, pos) DO UPDATE SET no = excluded.no, stamps = excluded.stamps;
    h.spilled := h.spilled + 1;
    o := o + 32;
  END LOOP;
  UPDATE @S.state s SET recent = h.recent[o + 1 :], spilled = h.spilled, span = h.span, dropped = h.dropped
    WHERE s.id = p_id;
END $$;
CREATE OR REPLACE FUNCTION @S.remove(p_id bigint, p_stamp bigint, p_units bigint, p_t bigint, p_kept bigint, p_longest bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE h @S.state; v bigint[]; p bigint; n bigint := 0;
BEGIN
  SELECT * INTO h FROM @S.state s WHERE s.id = p_id;
  WHILE h.spilled > 0 AND coalesce(h.recent[1], p_stamp) >= p_stamp LOOP
    SELECT l.stamps INTO v FROM @S.log l
      WHERE l.key = p_id AND l.pos = (h.spilled - 1) % h.span AND l.no = h.spilled - 1;
    EXIT WHEN NOT FOUND;
    h.recent := v || h.recent;
    h.spilled := h.spilled - 1;
  END LOOP;
  p := array_position(h.recent, p_stamp);
  IF p IS NULL THEN RETURN; END IF;
  WHILE n < p_units AND h.recent[p + n] = p_stamp LOOP n := n + 1; END LOOP;
  UPDATE @S.state s SET recent = h.recent[: p - 1] || h.recent[p + n :], spilled = h.spilled WHERE s.id = p_id;
  PERFORM @S.spill(p_id, p_t, p_kept, p_longest);
END $$;
CREATE OR REPLACE FUNCTION @S.expire(p_id bigint, p_t bigint, p_kept bigint, p_longest bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE h @S.state; e record;
BEGIN
  SELECT * INTO h FROM @S.state s WHERE s.id = p_id FOR UPDATE;
  FOR e IN
    SELECT x.facts[3 * i - 2] AS units, x.facts[3 * i - 1] AS expires
      FROM (SELECT h.ids, h.facts UNION ALL SELECT b.ids, b.facts FROM @S.block b WHERE b.key = p_id) x,
           generate_subscripts(x.ids, 1) i
      WHERE x.facts[3 * i - 1] <= p_t
    UNION ALL
    SELECT h.abandoned[2 * i], h.abandoned[2 * i - 1] FROM generate_series(1, cardinality(h.abandoned) / 2) i
      WHERE h.abandoned[2 * i - 1] <= p_t
    ORDER BY 2
  LOOP
    IF e.units > 0 THEN
      h.newest := greatest(h.newest, e.expires);
      h.recent := h.recent || array_fill(h.newest, ARRAY[e.units::int]);
      h.open := h.open - e.units;
    END IF;
  END LOOP;
  UPDATE @S.block b SET
      ids = ARRAY(SELECT b.ids[i] FROM generate_subscripts(b.ids, 1) i WHERE b.facts[3 * i - 1] > p_t ORDER BY i),
      facts = ARRAY(SELECT b.facts[j] FROM generate_subscripts(b.facts, 1) j
                    WHERE b.facts[(j + 2) / 3 * 3 - 1] > p_t ORDER BY j)
    WHERE b.key = p_id;
  DELETE FROM @S.block b WHERE b.key = p_id AND cardinality(b.ids) = 0;
  SELECT ARRAY(SELECT h.ids[i] FROM generate_subscripts(h.ids, 1) i WHERE h.facts[3 * i - 1] > p_t ORDER BY i),
         ARRAY(SELECT h.facts[j] FROM generate_subscripts(h.facts, 1) j
               WHERE h.facts[(j + 2) / 3 * 3 - 1] > p_t ORDER BY j),
         ARRAY(SELECT h.abandoned[j] FROM generate_subscripts(h.abandoned, 1) j
               WHERE h.abandoned[(j + 1) / 2 * 2 - 1] > p_t ORDER BY j)
    INTO h.ids, h.facts, h.abandoned;
  SELECT coalesce(min(x.facts[3 * i - 1]), @FAR) INTO h.first_expiry
    FROM (SELECT h.ids, h.facts UNION ALL SELECT b.ids, b.facts FROM @S.block b WHERE b.key = p_id) x,
         generate_subscripts(x.ids, 1) i;
  SELECT least(h.first_expiry, min(h.abandoned[2 * i - 1])) INTO h.first_expiry
    FROM generate_series(1, cardinality(h.abandoned) / 2) i;
  SELECT coalesce(sum(cardinality(b.ids)), 0) INTO h.blocked FROM @S.block b WHERE b.key = p_id;
  UPDATE @S.state s SET newest = h.newest, recent = h.recent, open = h.open, ids = h.ids, facts = h.facts,
      abandoned = h.abandoned, first_expiry = h.first_expiry, blocked = h.blocked WHERE s.id = p_id;
  IF cardinality(h.recent) >= 64 THEN PERFORM @S.spill(p_id, p_t, p_kept, p_longest); END IF;
END $$;
CREATE OR REPLACE FUNCTION @S.stow(p_id bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO @S.block (key, no, ids, facts)
    SELECT s.id, 1 + coalesce((SELECT max(b.no) FROM @S.block b WHERE b.key = p_id), 0), s.ids[: 16], s.facts[: 48]
      FROM @S.state s WHERE s.id = p_id;
  UPDATE @S.state s SET ids = s.ids[17 :], facts = s.facts[49 :], blocked = s.blocked + 16 WHERE s.id = p_id;
$$;
CREATE OR REPLACE FUNCTION @S.restamp(p_id bigint, p_units bigint, p_mode bigint, p_ttl bigint, p_skew bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE t bigint;
BEGIN
  SELECT greatest(s.newest, @CLOCK + p_skew) INTO t FROM @S.state s WHERE s.id = p_id;
  IF p_mode < 2 THEN
    UPDATE @S.state s SET newest = t,
        recent = s.recent[: cardinality(s.recent) - p_units] || array_fill(t, ARRAY[p_units::int]),
        facts = CASE p_mode WHEN 0 THEN s.facts
          ELSE s.facts[: cardinality(s.facts) - 2] || ARRAY[t + p_ttl, t] END
      WHERE s.id = p_id;
  ELSE
    UPDATE @S.state s SET facts = s.facts[: cardinality(s.facts) - 2] || ARRAY[t + p_ttl, 0] WHERE s.id = p_id;
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
  late bigint; tries bigint := 0;
  pass boolean := p_mode >= 4;
BEGIN
  p_mode := p_mode % 4;
  LOOP
    IF p_id = 0 THEN p_id := @S.find(p_host, p_role); END IF;
    SELECT s.xmin, s.newest, s.gate, s.factor, s.open, s.first_expiry, s.skew, s.spilled, s.span, s.dropped, s.blocked,
        s.recent, s.ids
      INTO seen, newest, gate, factor, open, first_expiry, skew, spilled, span, dropped, blocked, recent, ids
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
    why := 0;
    win := 0;
    left_over := 32;
    n := cardinality(recent);
    IF p_cost > 0 THEN
      total := spilled * 32 + n;
      FOR i IN 0 .. cardinality(p_rules) / 2 - 2 LOOP
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
    IF skew <> 0 OR why <> 0 THEN left_over := 0; END IF;
    IF p_mode = 0 THEN
      UPDATE @S.state s SET newest = t, recent = s.recent || array_fill(t, ARRAY[p_cost::int]), plan = p_plan,
          credit = left_over, credit_from = t, longest = greatest(s.longest, p_rules[3])
        WHERE s.id = p_id AND s.xmin = seen RETURNING @CLOCK + skew INTO late;
    ELSIF p_mode = 2 THEN
      UPDATE @S.state s SET open = s.open + p_cost, ids = s.ids || ARRAY[p_entry],
          facts = s.facts || ARRAY[p_cost, t + p_ttl, 0], first_expiry = least(s.first_expiry, t + p_ttl),
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
  IF p_mode <> 3 AND p_now IS NULL AND late > t + @WAITED THEN
    t := @S.restamp(p_id, p_cost, p_mode, p_ttl, skew);
  END IF;
  IF p_mode < 2 AND n + p_cost >= 64 THEN PERFORM @S.spill(p_id, t, p_rules[2], p_rules[3]); END IF;
  IF p_mode IN (1, 2) AND cardinality(ids) >= 31 THEN PERFORM @S.stow(p_id); END IF;
  IF why <> 0 THEN RETURN ARRAY[0, p_id, t, factor, best, why, win, gate, 1]; END IF;
  RETURN ARRAY[0, p_id, t, factor];
END $$;
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
    IF p_now IS NULL AND late > t + @WAITED THEN t := @S.restamp(p_id, 1, 0, 0, 0); END IF;
    RETURN ARRAY[t, f];
  END IF;
  RETURN @S.admit(p_id, p_host, p_role, p_now, p_plan, 1, 0, 0, 0, p_rules);
END $$;
CREATE OR REPLACE FUNCTION @S.open(p_id bigint, p_host bytea, p_role bytea, p_now bigint, p_plan bigint, p_cost bigint,
  p_entry bigint, p_ttl bigint, p_rules bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE t bigint := coalesce(p_now, @CLOCK); f bigint; late bigint;
BEGIN
  UPDATE @S.state s SET open = s.open + p_cost, credit = s.credit - p_cost, ids = s.ids || ARRAY[p_entry],
      facts = s.facts || ARRAY[p_cost, greatest(s.newest, t) + p_ttl, 0],
      first_expiry = least(s.first_expiry, greatest(s.newest, t) + p_ttl)
    WHERE s.id = p_id AND s.plan = p_plan AND s.credit >= p_cost AND s.credit_from <= greatest(s.newest, t) AND s.gate <= t AND s.newest - @STEP <= t
      AND s.first_expiry > greatest(s.newest, t)
    RETURNING greatest(s.newest, t), s.factor, @CLOCK INTO t, f, late;
  IF f > 0 THEN
    IF p_now IS NULL AND late > t + @WAITED THEN t := @S.restamp(p_id, p_cost, 2, p_ttl, 0); END IF;
    RETURN ARRAY[t, f];
  END IF;
  RETURN @S.admit(p_id, p_host, p_role, p_now, p_plan, p_cost, 2, p_entry, p_ttl, p_rules);
END $$;
CREATE OR REPLACE FUNCTION @S.unblock(p_id bigint, p_entry bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE b @S.block; p bigint;
BEGIN
  SELECT * INTO b FROM @S.block x WHERE x.key = p_id AND p_entry = ANY (x.ids);
  p := array_position(b.ids, p_entry);
  IF p IS NULL OR b.facts[3 * p - 2] > 0 THEN RETURN false; END IF;
  IF cardinality(b.ids) = 1 THEN
    DELETE FROM @S.block x WHERE x.key = p_id AND x.no = b.no;
  ELSE
    UPDATE @S.block x SET ids = b.ids[: p - 1] || b.ids[p + 1 :], facts = b.facts[: 3 * p - 3] || b.facts[3 * p + 1 :]
      WHERE x.key = p_id AND x.no = b.no;
  END IF;
  RETURN true;
END $$;
CREATE OR REPLACE FUNCTION @S.settle(p_id bigint, p_now bigint, p_ago bigint, p_entry bigint, p_how bigint, p_cost bigint,
  p_kept bigint, p_longest bigint, p_ended bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  h @S.state; t bigint; p bigint; b_no bigint; units bigint; stamp bigint; v_ids bigint[]; v_facts bigint[];
  p_host bytea; p_role bytea; e bigint; expires bigint;
BEGIN
  DECLARE tries bigint := 0; BEGIN
  LOOP
    IF p_id = 0 THEN p_id := @S.find(p_host, p_role); END IF;
    SELECT * INTO h FROM @S.state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      tries := tries + 1;
      IF tries > 20 THEN PERFORM @S.no_row(); END IF;
      CONTINUE;
    END IF;
    t := coalesce(p_now, @CLOCK + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + @STEP < h.newest THEN
        PERFORM @S.step(p_id, @CLOCK);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM @S.expire(p_id, t, p_kept, p_longest);
  END LOOP;
  END;
  IF cardinality(p_ended) > 0 THEN
    FOREACH e IN ARRAY p_ended LOOP
      p := array_position(h.ids, e);
      IF h.facts[3 * p - 2] < 0 THEN
        h.ids := h.ids[: p - 1] || h.ids[p + 1 :];
        h.facts := h.facts[: 3 * p - 3] || h.facts[3 * p + 1 :];
      ELSIF p IS NULL AND h.blocked > 0 AND @S.unblock(p_id, e) THEN
        h.blocked := h.blocked - 1;
      END IF;
    END LOOP;
    p := array_position(h.ids, p_entry);
    IF p IS NULL OR p_how = 4 OR (p_how = 0 AND h.facts[3 * p - 2] < 0) THEN
      UPDATE @S.state s SET ids = h.ids, facts = h.facts, blocked = h.blocked WHERE s.id = p_id;
    END IF;
  END IF;
  IF p_how = 3 THEN
    PERFORM @S.remove(p_id, p_entry, p_cost, t, p_kept, p_longest);
    RETURN ARRAY[0];
  END IF;
  v_ids := h.ids;
  v_facts := h.facts;
  p := array_position(v_ids, p_entry);
  IF p IS NULL THEN
    IF h.blocked = 0 THEN RETURN ARRAY[0]; END IF;
    SELECT b.no, b.ids, b.facts INTO b_no, v_ids, v_facts FROM @S.block b WHERE b.key = p_id AND p_entry = ANY (b.ids);
    IF NOT FOUND THEN RETURN ARRAY[0]; END IF;
    p := array_position(v_ids, p_entry);
  END IF;
  units := v_facts[3 * p - 2];
  expires := v_facts[3 * p - 1];
  IF p_how = 5 AND units < 0 THEN p_how := 1; END IF;
  IF p_how = 0 AND units < 0 OR p_how = 4 AND abs(units) <= p_cost THEN RETURN ARRAY[0]; END IF;
  stamp := CASE WHEN p_how >= 2 AND units < 0 THEN v_facts[3 * p] ELSE greatest(h.newest, t - p_ago) END;
  IF p_how = 0 THEN
    v_facts[3 * p - 2] := -units;
    v_facts[3 * p] := stamp;
  ELSIF p_how = 4 THEN
    v_facts[3 * p - 2] := sign(units) * p_cost;
    units := units - sign(units) * p_cost;
  ELSE
    v_ids := v_ids[: p - 1] || v_ids[p + 1 :];
    v_facts := v_facts[: 3 * p - 3] || v_facts[3 * p + 1 :];
  END IF;
  IF b_no IS NOT NULL THEN
    IF cardinality(v_ids) = 0 THEN
      DELETE FROM @S.block b WHERE b.key = p_id AND b.no = b_no;
    ELSE
      UPDATE @S.block b SET ids = v_ids, facts = v_facts WHERE b.key = p_id AND b.no = b_no;
    END IF;
    IF p_how NOT IN (0, 4) THEN h.blocked := h.blocked - 1; END IF;
    v_ids := h.ids;
    v_facts := h.facts;
  END IF;
  IF p_how = 5 THEN
    expires := least(expires, stamp + p_cost);
    UPDATE @S.state s SET ids = v_ids, facts = v_facts, blocked = h.blocked,
        abandoned = s.abandoned || ARRAY[expires, units], first_expiry = least(s.first_expiry, expires)
      WHERE s.id = p_id;
    RETURN ARRAY[0];
  END IF;
  IF units > 0 AND p_how < 2 THEN
    UPDATE @S.state s SET open = s.open - units, newest = stamp,
        recent = s.recent || array_fill(stamp, ARRAY[units::int]), ids = v_ids, facts = v_facts,
        blocked = h.blocked WHERE s.id = p_id;
    IF cardinality(h.recent) + units >= 64 THEN PERFORM @S.spill(p_id, t, p_kept, p_longest); END IF;
  ELSE
    UPDATE @S.state s SET open = s.open - greatest(units, 0), ids = v_ids, facts = v_facts,
        blocked = h.blocked WHERE s.id = p_id;
    IF units < 0 AND p_how >= 2 THEN PERFORM @S.remove(p_id, stamp, -units, t, p_kept, p_longest); END IF;
  END IF;
  RETURN ARRAY[0];
END $$;
CREATE OR REPLACE FUNCTION @S.hold(p_id bigint, p_host bytea, p_role bytea, p_until bigint, p_ahead bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
  DECLARE tries bigint := 0; BEGIN
  LOOP
    IF p_id = 0 THEN p_id := @S.find(p_host, p_role); END IF;
    SELECT * INTO h FROM @S.state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      tries := tries + 1;
      IF tries > 20 THEN PERFORM @S.no_row(); END IF;
      CONTINUE;
    END IF;
    t := coalesce(p_now, @CLOCK + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + @STEP < h.newest THEN
        PERFORM @S.step(p_id, @CLOCK);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM @S.expire(p_id, t, p_kept, p_longest);
  END LOOP;
  END;
  t := coalesce(p_until, least(greatest(@CLOCK + h.skew, h.newest) + p_ahead, @FAR));
  IF t <= h.gate THEN RETURN ARRAY[0, p_id, 0]; END IF;
  UPDATE @S.state s SET gate = t WHERE s.id = p_id;
  RETURN ARRAY[0, p_id, 1];
END $$;
CREATE OR REPLACE FUNCTION @S.open_gate(p_id bigint, p_host bytea, p_role bytea) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
  DECLARE tries bigint := 0; BEGIN
  LOOP
    IF p_id = 0 THEN p_id := @S.find(p_host, p_role); END IF;
    SELECT * INTO h FROM @S.state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      tries := tries + 1;
      IF tries > 20 THEN PERFORM @S.no_row(); END IF;
      CONTINUE;
    END IF;
    t := coalesce(p_now, @CLOCK + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + @STEP < h.newest THEN
        PERFORM @S.step(p_id, @CLOCK);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM @S.expire(p_id, t, p_kept, p_longest);
  END LOOP;
  END;
  IF h.gate > @NEVER THEN UPDATE @S.state s SET gate = @NEVER WHERE s.id = p_id; END IF;
  RETURN ARRAY[0, p_id];
END $$;
CREATE OR REPLACE FUNCTION @S.tune(p_id bigint, p_host bytea, p_role bytea, p_factor bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
  DECLARE tries bigint := 0; BEGIN
  LOOP
    IF p_id = 0 THEN p_id := @S.find(p_host, p_role); END IF;
    SELECT * INTO h FROM @S.state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      tries := tries + 1;
      IF tries > 20 THEN PERFORM @S.no_row(); END IF;
      CONTINUE;
    END IF;
    t := coalesce(p_now, @CLOCK + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + @STEP < h.newest THEN
        PERFORM @S.step(p_id, @CLOCK);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM @S.expire(p_id, t, p_kept, p_longest);
  END LOOP;
  END;
  UPDATE @S.state s SET factor = p_factor, keep = greatest(s.tuner[4],
    CASE p_factor WHEN 1000000 THEN @NEVER ELSE @CLOCK + h.skew + 691200000000000 END) WHERE s.id = p_id;
  RETURN ARRAY[0, p_id];
END $$;
CREATE OR REPLACE FUNCTION @S.learn(p_id bigint, p_host bytea, p_role bytea, p_factor bigint, p_seen bigint[],
  p_next_factor bigint, p_next bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
  DECLARE tries bigint := 0; BEGIN
  LOOP
    IF p_id = 0 THEN p_id := @S.find(p_host, p_role); END IF;
    SELECT * INTO h FROM @S.state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      tries := tries + 1;
      IF tries > 20 THEN PERFORM @S.no_row(); END IF;
      CONTINUE;
    END IF;
    t := coalesce(p_now, @CLOCK + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + @STEP < h.newest THEN
        PERFORM @S.step(p_id, @CLOCK);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM @S.expire(p_id, t, p_kept, p_longest);
  END LOOP;
  END;
  t := greatest(@CLOCK + h.skew, h.newest);
  IF h.factor <> p_factor OR h.tuner <> p_seen THEN RETURN ARRAY[0, p_id, 0, t, h.factor] || h.tuner; END IF;
  IF h.factor <> p_next_factor OR h.tuner <> p_next THEN
    UPDATE @S.state s SET factor = p_next_factor, tuner = p_next, keep = p_next[4] WHERE s.id = p_id;
  END IF;
  RETURN ARRAY[0, p_id, 1, t, p_next_factor];
END $$;
CREATE OR REPLACE FUNCTION @S.erase(p_id bigint, p_host bytea, p_role bytea) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint := @NEVER; p_kept bigint; p_longest bigint;
BEGIN
  DECLARE tries bigint := 0; BEGIN
  LOOP
    IF p_id = 0 THEN p_id := @S.find(p_host, p_role); END IF;
    SELECT * INTO h FROM @S.state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      tries := tries + 1;
      IF tries > 20 THEN PERFORM @S.no_row(); END IF;
      CONTINUE;
    END IF;
    t := coalesce(p_now, @CLOCK + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + @STEP < h.newest THEN
        PERFORM @S.step(p_id, @CLOCK);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM @S.expire(p_id, t, p_kept, p_longest);
  END LOOP;
  END;
  DELETE FROM @S.log l WHERE l.key = p_id;
  UPDATE @S.state s SET newest = @NEVER, gate = @NEVER, factor = 1000000, credit = 0, spilled = 0, span = 0,
    dropped = @NEVER, keep = @NEVER, recent = '{}', tuner = '{}' WHERE s.id = p_id;
  RETURN ARRAY[0, p_id];
END $$;
CREATE OR REPLACE FUNCTION @S.read(p_id bigint, p_host bytea, p_role bytea, p_now bigint, p_periods bigint[], p_kept bigint,
  p_longest bigint) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; used bigint[] := '{}'; n bigint; after bigint;
BEGIN
  DECLARE tries bigint := 0; BEGIN
  LOOP
    IF p_id = 0 THEN p_id := @S.find(p_host, p_role); END IF;
    SELECT * INTO h FROM @S.state s WHERE s.id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      IF p_host IS NULL THEN RETURN ARRAY[1]; END IF;
      p_id := 0;
      tries := tries + 1;
      IF tries > 20 THEN PERFORM @S.no_row(); END IF;
      CONTINUE;
    END IF;
    t := coalesce(p_now, @CLOCK + h.skew);
    IF t < h.newest THEN
      IF p_now IS NULL AND t + @STEP < h.newest THEN
        PERFORM @S.step(p_id, @CLOCK);
        CONTINUE;
      END IF;
      t := h.newest;
    END IF;
    EXIT WHEN h.first_expiry > t;
    PERFORM @S.expire(p_id, t, p_kept, p_longest);
  END LOOP;
  END;
  FOR i IN 1 .. cardinality(p_periods) LOOP
    after := t - p_periods[i];
    IF h.dropped > after THEN
      n := h.spilled * 32 + cardinality(h.recent);
    ELSE
      n := cardinality(h.recent) - width_bucket(after, h.recent);
      SELECT n + coalesce(sum(32 - width_bucket(after, l.stamps)), 0) INTO n FROM @S.log l
        WHERE l.key = p_id AND l.no < h.spilled AND l.stamps[32] > after;
    END IF;
    used := used || h.open + n;
  END LOOP;
  RETURN ARRAY[0, p_id, t, h.factor, h.open, cardinality(h.ids) + h.blocked, h.gate, h.newest] || used;
END $$;
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
ALTER TABLE @S.key DROP COLUMN rules;
UPDATE @S.meta SET version = 3;
)sql";

}  // namespace sql
// clang-format on

}  // namespace weir::postgres::detail
