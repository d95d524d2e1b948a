-- SPDX-License-Identifier: MIT
--
-- The beginning of a verb that writes. It locks the key's row, reads it into `h` and its time into
-- `t`, and stamps everything that has expired by then.
--
-- If a wall clock steps back by more than a second, the key's time continues from the newest stamp.
-- From then on the key's own time is ahead by `skew`.

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
