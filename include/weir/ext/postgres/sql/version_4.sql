-- SPDX-License-Identifier: MIT
--
-- A key that is deleted takes its state with it, so that no two processes decide by different rows.

DELETE FROM @S.state s WHERE NOT EXISTS (SELECT FROM @S.key k WHERE k.id = s.id);
ALTER TABLE @S.state ADD CONSTRAINT state_of_key FOREIGN KEY (id) REFERENCES @S.key (id) ON DELETE CASCADE;
