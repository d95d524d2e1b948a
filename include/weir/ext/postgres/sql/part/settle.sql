-- SPDX-License-Identifier: MIT
--
-- Ends an entry; answers [0], or [1] for a key that is gone.
--
--@ enum settle_verb answered released refunded refund_stamp lower abandoned: What became of an entry; `refund_stamp` takes back units that have none.

-- Ends a stamped entry in a block; returns whether there was one.
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

-- p_how: a settle_verb. refund_stamp takes back p_cost units stamped p_entry. lower lowers the entry
-- to p_cost units. abandoned lets the entry expire at most p_cost nanoseconds after its end. p_ago:
-- how long ago this happened, if it was sent late. p_ended: stamped entries that have ended too.
CREATE OR REPLACE FUNCTION @S.settle(p_id bigint, p_now bigint, p_ago bigint, p_entry bigint, p_how bigint, p_cost bigint,
  p_kept bigint, p_longest bigint, p_ended bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  h @S.state; t bigint; p bigint; b_no bigint; units bigint; stamp bigint; v_ids bigint[]; v_facts bigint[];
  p_host bytea; p_role bytea; e bigint; expires bigint;
BEGIN
--@ include part/begin.sql
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
    IF p IS NULL OR p_how = settle_verb.lower OR (p_how = settle_verb.answered AND h.facts[3 * p - 2] < 0) THEN
      UPDATE @S.state s SET ids = h.ids, facts = h.facts, blocked = h.blocked WHERE s.id = p_id;
    END IF;
  END IF;
  IF p_how = settle_verb.refund_stamp THEN
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
  IF p_how = settle_verb.abandoned AND units < 0 THEN p_how := settle_verb.released; END IF;
  IF p_how = settle_verb.answered AND units < 0 OR p_how = settle_verb.lower AND abs(units) <= p_cost THEN RETURN ARRAY[0]; END IF;
  stamp := CASE WHEN p_how >= settle_verb.refunded AND units < 0 THEN v_facts[3 * p] ELSE greatest(h.newest, t - p_ago) END;
  IF p_how = settle_verb.answered THEN
    v_facts[3 * p - 2] := -units;
    v_facts[3 * p] := stamp;
  ELSIF p_how = settle_verb.lower THEN
    -- Below, the other units are given back as in the refund of an entry of their own.
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
    IF p_how NOT IN (settle_verb.answered, settle_verb.lower) THEN h.blocked := h.blocked - 1; END IF;
    v_ids := h.ids;
    v_facts := h.facts;
  END IF;
  IF p_how = settle_verb.abandoned THEN
    expires := least(expires, stamp + p_cost);
    UPDATE @S.state s SET ids = v_ids, facts = v_facts, blocked = h.blocked,
        abandoned = s.abandoned || ARRAY[expires, units], first_expiry = least(s.first_expiry, expires)
      WHERE s.id = p_id;
    RETURN ARRAY[0];
  END IF;
  IF units > 0 AND p_how < settle_verb.refunded THEN
    UPDATE @S.state s SET open = s.open - units, newest = stamp,
        recent = s.recent || array_fill(stamp, ARRAY[units::int]), ids = v_ids, facts = v_facts,
        blocked = h.blocked WHERE s.id = p_id;
    IF cardinality(h.recent) + units >= 64 THEN PERFORM @S.spill(p_id, t, p_kept, p_longest); END IF;
  ELSE
    UPDATE @S.state s SET open = s.open - greatest(units, 0), ids = v_ids, facts = v_facts,
        blocked = h.blocked WHERE s.id = p_id;
    IF units < 0 AND p_how >= settle_verb.refunded THEN PERFORM @S.remove(p_id, stamp, -units, t, p_kept, p_longest); END IF;
  END IF;
  RETURN ARRAY[0];
END $$;
