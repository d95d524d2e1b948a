-- SPDX-License-Identifier: MIT
--
-- What an operator asks: how full is each window, what is open, and what stands in the way. One row
-- for each window of a key's last plan; one row without a window for a key that has none. It changes
-- nothing and locks nothing.
--
-- Times in the tables are nanoseconds since 1970 of the server's clock plus the key's `skew`. An entry
-- whose time is over counts as stamped with its expiry, as the next verb will record it. Host and role
-- are bytes; those that are no printable ASCII are shown as `\nnn`.

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
