-- SPDX-License-Identifier: MIT
--
-- What all scripts begin with. Each runs whole or not at all, on one key's Redis keys, of which a decision needs two:
--
--   KEYS[1]  a string, the head: its mark and its fields (head.lua); the newest stamps, at most 25, oldest first; the entries: id, when
--            it expires, its units, its stamp (NaN while it is open), 8 bytes each; the settlements since then, 17 bytes:
--            id, time, `note_kind`; of `refund_stamp` a stamp and units counted from their admission; of `lower` an id
--            and the units that are left; of `abandoned` an id and when the entry expires now
--   KEYS[2]  a list of chunks, newest first: 16 stamps each, oldest first. Where no window is deep there is none.
--   KEYS[3]  a string: what the tuner keeps besides the factor, as this store's users write it; only learn.lua reads it
--   ARGV[1]  the arguments, with the entry's id behind them; ARGV[2] settlements that come with the call
--
-- What this is shaped by, as measured: a call into Redis takes about 1 us, and Redis's Lua takes 1.3 ns a byte to make
-- a string, 25 ns to take a field out of one and 60 ns to put it in. So a decision makes three calls, TIME, GET and SET,
-- on a head of some 200 bytes, of which it takes over what it does not change. Every 16th stamp moves a chunk to the
-- list. What a look at the list found out is kept as two facts, a place and a stamp that all behind the place are not
-- younger than, which answers most looks until the place has moved on. A settlement is no script at all: APPEND puts a
-- note at the end of the head, which the next step on the key carries out first, as of the time in it. A key's time to
-- live is set with something to spare, and renewed once that is spent. The price: a head grows by 32 bytes an open entry.
--
-- An entry without an id, of eight zero bytes, is of a request that is over and may still arrive: it stays open until it
-- expires, and is not in flight.
--
-- Times are doubles in whole units, exact to 2^53: microseconds of the server's clock, or what the store is given
-- for its time. The parts are pasted into the scripts, and share their locals: a Lua function would cost an allocation a
-- call.
--
--@ enum note_kind answered released refunded refund_stamp lower abandoned: What became of an entry, as a note says it.
--@ enum admit_mode count open stamped forced=4: How units are entered: without an entry, open, or stamped; `forced` is added.
--@ enum obstacle none window gate concurrency: What stands in the way, as `weir::cause` has it.
--@ enum key_verb hold tune erase read tidy: What the script `keep` does.

local call, try, get, put, sub, huge = redis.call, redis.pcall, struct.unpack, struct.pack, string.sub, 1 / 0
local key, a = KEYS[1], ARGV[1]
local fresh, dirty, last_stamp = false, false, ''
