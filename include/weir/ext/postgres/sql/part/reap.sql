-- SPDX-License-Identifier: MIT
--
-- Ends the entries of dead holders on a key: p_lived says until when each of them may have lived, and
-- its open units are stamped with that time. The answer is [0, id, how many holders had entries that
-- were ended], and of each of them [number, entries, open units]; then the same of the holders whose
-- entries are left.

CREATE OR REPLACE FUNCTION @S.reap(p_id bigint, p_host bytea, p_role bytea, p_dead bigint[], p_lived bigint[], p_kept bigint,
  p_longest bigint) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE h @S.state; t bigint; p_now bigint; freed bigint[]; remaining bigint[]; first bigint;
BEGIN
--@ include part/begin.sql
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
