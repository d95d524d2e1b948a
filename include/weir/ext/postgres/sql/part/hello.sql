-- SPDX-License-Identifier: MIT
--
-- The greeting of a connection: [version, epoch, ns since history was lost or -1, unlogged,
-- read-only].
--
-- The row in `alive` does not survive a crash, because its table is unlogged. A promoted standby
-- starts a new timeline. So a server that may have lost history reports it to every process, also to
-- new ones.

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
