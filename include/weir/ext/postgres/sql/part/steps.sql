-- SPDX-License-Identifier: MIT
--
-- The steps that the verbs consist of.

-- The row was made and is not visible: a policy of row security or a trigger hides it.
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
      -- Only the state was deleted, by hand: no verb does that. The key is made again with another
      -- id, so that no process uses the rest of the old one.
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

-- The clock has stepped back: the key's time continues from its newest stamp.
CREATE OR REPLACE FUNCTION @S.step(p_id bigint, p_clock bigint) RETURNS void LANGUAGE sql AS $$
  UPDATE @S.state s SET skew = s.newest - p_clock, credit = 0 WHERE s.id = p_id AND p_clock + s.skew < s.newest;
$$;

-- Moves all but the newest 32 or more stamps from the row to the log. The ring of log rows doubles
-- while the rows that it would overwrite may still decide something.
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

-- Takes back up to p_units units stamped exactly p_stamp.
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

-- Ends the entries whose time is over. If such an entry is still open, its holder died or abandoned
-- it; it is stamped with its expiry.
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

-- Moves the oldest entries out of the row, so that it stays small with many open entries.
CREATE OR REPLACE FUNCTION @S.stow(p_id bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO @S.block (key, no, ids, facts)
    SELECT s.id, 1 + coalesce((SELECT max(b.no) FROM @S.block b WHERE b.key = p_id), 0), s.ids[: 16], s.facts[: 48]
      FROM @S.state s WHERE s.id = p_id;
  UPDATE @S.state s SET ids = s.ids[17 :], facts = s.facts[49 :], blocked = s.blocked + 16 WHERE s.id = p_id;
$$;

-- A key's entries, and what is left of abandoned requests: units (negative once they are stamped),
-- expiry, the time of the admission while they are open (0 if it is not known), and whether a permit
-- exists.
CREATE OR REPLACE FUNCTION @S.entries(p_id bigint)
RETURNS TABLE (units bigint, expires bigint, since bigint, has_permit boolean) LANGUAGE sql STABLE AS $$
  SELECT x.facts[3 * i - 2], x.facts[3 * i - 1], x.facts[3 * i], true
    FROM (SELECT s.ids, s.facts FROM @S.state s WHERE s.id = p_id
          UNION ALL SELECT b.ids, b.facts FROM @S.block b WHERE b.key = p_id) x, generate_subscripts(x.ids, 1) i
  UNION ALL
  SELECT s.abandoned[2 * i], s.abandoned[2 * i - 1], 0, false
    FROM @S.state s, generate_series(1, cardinality(s.abandoned) / 2) i WHERE s.id = p_id;
$$;

-- How many units of a key are stamped after p_after. Behind the newest dropped stamp it is only known
-- that there were more, so all kept ones count.
CREATE OR REPLACE FUNCTION @S.stamps_after(p_id bigint, p_after bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN s.dropped > p_after THEN s.spilled * 32 + cardinality(s.recent)
    ELSE cardinality(s.recent) - width_bucket(p_after, s.recent) + coalesce((
      SELECT sum(32 - width_bucket(p_after, l.stamps)) FROM @S.log l
        WHERE l.key = p_id AND l.no < s.spilled AND l.stamps[32] > p_after), 0)::bigint END
    FROM @S.state s WHERE s.id = p_id;
$$;
