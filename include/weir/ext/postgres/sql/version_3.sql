-- SPDX-License-Identifier: MIT
--
-- Entries of abandoned requests: two numbers each, expiry and units. They are open, and not in flight.

ALTER TABLE @S.state ADD COLUMN abandoned bigint[] NOT NULL DEFAULT '{}';
