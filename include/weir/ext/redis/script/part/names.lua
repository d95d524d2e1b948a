-- SPDX-License-Identifier: MIT
--
-- The beginning of all scripts. A script runs completely or not at all, on one key's Redis keys. A
-- decision needs two of them:
--
--   KEYS[1]  a string, the head: its mark and its fields (head.lua); the newest stamps, at most 25, oldest first; the
--            entries: id, when it expires, its units, its stamp (NaN while it is open), 8 bytes each; the settlements
--            and admissions since then, 17 bytes:
--            id, time, `note_kind`; of `refund_stamp` a stamp and units counted from their admission; of `lower` an id
--            and the units that are left; of `abandoned` an id and when the entry expires now; of `opened` an admission
--            of one unit that is open; of `counted` one that counts from its admission
--   KEYS[2]  a list of chunks, newest first: 16 stamps each, oldest first. Where no window is deep there is none.
--   KEYS[3]  a string: a mark, then what the tuner keeps besides the factor, as this store's users write it; only
--            learn.lua reads it
--   ARGV[1]  the arguments, with the entry's id behind them; ARGV[2] notes that come with the call
--
-- The design follows measured costs. A call into Redis takes about 1 us. Redis's Lua takes 1.3 ns a
-- byte to make a string, 25 ns to read a field of one and 60 ns to write one. So a decision makes
-- three calls, TIME, GET and SET, on a head of about 200 bytes, and copies the parts of it that do not
-- change. And most admissions are no decision: part/swift.lua adds a note to a head that has credit. Every
-- 16th stamp moves a chunk to the list. The result of a look into the list is kept as
-- two facts. Each is a place and a stamp: no stamp behind the place is newer than that stamp. These
-- facts answer most looks until the place has moved on. A settlement is not a script: APPEND adds a
-- note to the end of the head. The next step on the key carries it out first, at the time in the note.
-- A key's time to live is set longer than needed, and set again once the rest is used up. The cost: a
-- head grows by 32 bytes for each open entry.
--
-- An entry whose id is eight zero bytes belongs to an abandoned request: it stays open until it
-- expires, and is not in flight.
--
-- Times are doubles in whole units, exact to 2^53: microseconds of the server's clock, or the unit of
-- an injected time. The parts are inserted into the scripts and share their locals, because a Lua
-- function would cost an allocation for each call.
--
--@ enum note_kind answered released refunded refund_stamp lower abandoned opened counted: What became of an entry, as a note says it, or how it was made.
--@ enum admit_mode count open stamped forced=4 swift=8: How units are entered: without an entry, open, or stamped; `forced` and `swift` are added.
--@ enum obstacle none window gate concurrency: What stands in the way, as `weir::cause` has it.
--@ enum key_verb hold tune erase read tidy open: What the script `keep` does.

local call, try, get, put, sub, huge = redis.call, redis.pcall, struct.unpack, struct.pack, string.sub, 1 / 0
local key, a = KEYS[1], ARGV[1]
local fresh, dirty, last_stamp = false, false, ''
local carried, behind, credit, plan = ARGV[2], 0, 0, ''
local mark = 'wr\2\n'
