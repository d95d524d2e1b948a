-- SPDX-License-Identifier: MIT
--
-- How a verb that writes begins: the key's row, locked, in `h` and its time in `t`, with all that has expired by then
-- stamped.
--
-- A wall clock that stepped back by more than a second goes on from the newest stamp: the key's own time then runs ahead
-- by `skew` for good.

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
