-- SPDX-License-Identifier: MIT
--
-- Entries of abandoned requests: two numbers each, expiry and units. They are open, and not in flight.
--
-- And the deletion of a key also deletes its state. Otherwise two processes could decide by different
-- rows.

ALTER TABLE @S.state ADD COLUMN abandoned bigint[] NOT NULL DEFAULT '{}';
DELETE FROM @S.state s WHERE NOT EXISTS (SELECT FROM @S.key k WHERE k.id = s.id);
ALTER TABLE @S.state ADD CONSTRAINT state_of_key FOREIGN KEY (id) REFERENCES @S.key (id) ON DELETE CASCADE;
