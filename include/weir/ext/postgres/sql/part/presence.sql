-- SPDX-License-Identifier: MIT
--
-- Signs of life. `renew` gives one for a holder, forgets the holders that ended long ago, and answers [time, how many
-- live]. `holders` answers [time], and for each holder [id, machine, pid, start, made, renewed, ttl, length of host,
-- bytes of host...].

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
