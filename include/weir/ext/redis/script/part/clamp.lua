-- SPDX-License-Identifier: MIT
--
-- Keeps the time of a note between the newest stamp and the present. It may be no number.

if not fixed and not (t <= began) then t = began end
if not (t >= newest) then t = newest end
