// SPDX-License-Identifier: MIT
//
// Written by .ci/lint/scripts --fix from include/weir/ext/redis/script: change the files there.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::redis::detail {

// clang-format off

/// What became of an entry, as a note says it, or how it was made.
enum class note_kind : std::uint8_t { answered = 0, released = 1, refunded = 2, refund_stamp = 3, lower = 4, abandoned = 5, opened = 6, counted = 7 };

/// How units are entered: without an entry, open, or stamped; `forced` and `swift` are added.
enum class admit_mode : std::uint8_t { count = 0, open = 1, stamped = 2, forced = 4, swift = 8 };

/// What stands in the way, as `weir::cause` has it.
enum class obstacle : std::uint8_t { none = 0, window = 1, gate = 2, concurrency = 3 };

/// What the script `keep` does.
enum class key_verb : std::uint8_t { hold = 0, tune = 1, erase = 2, read = 3, tidy = 4, open = 5 };

namespace lua {

inline constexpr std::string_view admit = R"lua(local call, try, get, put, sub, huge = redis.call, redis.pcall, struct.unpack, struct.pack, string.sub, 1 / 0
local key, a = KEYS[1], ARGV[1]
local fresh, dirty, last_stamp = false, false, ''
local carried, behind, credit, plan = ARGV[2], 0, 0, ''
local mark = 'wr\2\n'
local what, cost, t = get('<ddd', a)
if what >= 8 then
local p = try('GETRANGE', key, '0', '31')
local is_open = what % 4 == 1
if #p == 32 and sub(p, 5, 20) == sub(a, 57, 72) then
local limit, seq = get('<I4d', p, 21)
if t == t then
local h = call('GET', key)
local newest, r = get('<dB', h, 33)
local entries = 126 + 8 * r
local notes, life = entries + 32 * get('<I4', h, 54), get('<d', h, 118)
for i = entries, notes - 32, 32 do
local at = get('<d', h, i + 8) - life
if at > newest then newest = at end
end
for i = notes, #h, 17 do
local at = get('<d', h, i + 8)
if at > newest then newest = at end
end
if t < newest then limit = 0 end
end
local added = carried
if not is_open then
if t ~= t then
local now = call('TIME')
t = now[1] * 1000000 + now[2]
end
added = put('<ddB', 0, t, 7)
if carried then added = carried .. added end
end
local length = call('APPEND', key, added)
if length <= limit then
if is_open then return seq + length end
return put('<dd', t, seq + length)
end
behind = #added
end
if is_open then carried = #carried > 17 and sub(carried, 1, -18) or nil end
end
local ttl, most, longest, keep, known, at
what, cost, t, ttl, most, longest, keep, known, at = get('<dddddddd', a)
what, at = what % 8, at + 8
local force = what >= 4
if force then what = what - 4 end
local fixed = t == t
if not fixed then
local now = call('TIME')
t = now[1] * 1000000 + now[2]
end
local h = try('GET', key)
if h and h.err then
if not string.find(h.err, 'WRONGTYPE', 1, true) then return h end
h = false
end
local lives, was, had, seq, newest, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, life, from
local recent, entries, size, busier, other = '', '', 0, false, false
if h and behind > 0 then h, dirty = sub(h, 1, -1 - behind), true end
if h and #h > 124 and sub(h, 1, 4) == mark then
size = #h
lives, was, had, seq, newest, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, life, from =
get('<ddI4ddBdI4I4dI4I4ddI4I4dI4dd', h, 5)
elseif h and #h > 108 and sub(h, 1, 4) == 'wr\1\n' then
size, other, life, seq, had = #h, true, 0, 0, 0
was, newest, lives, was, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, from =
get('<dddI4BdI4I4dI4I4ddI4I4dI4d', h, 5)
elseif h and #h > 108 and sub(h, 1, 2) == 'wr' and sub(h, 4, 4) == '\n' and string.byte(h, 3) > 2 then
return redis.error_reply('WEIRFORMAT a key has a format of version ' .. string.byte(h, 3))
else
h = nil
end
if h then
local left = size + 1 - from - 8 * r - 32 * entered
had = had > size - left and math.floor((had - size + left) / 17) or 0
if left < 0 or left % 17 ~= 0 then h = nil end
end
if h then
if r > 0 then
local x = from
from = from + 8 * r
recent = sub(h, x, from - 1)
end
if entered > 0 then
local x = from
from = from + 32 * entered
entries = sub(h, x, from - 1)
end
if not fixed and newest > t + 1000000 then
local back = newest - t
newest, lives, soonest, gate, dropped, b1, b2 = t, lives - back, soonest - back, gate - back, dropped - back, b1 - back, b2 - back
local function moved(stamps)
local out = {}
for i = 1, #stamps, 8 do out[#out + 1] = put('<d', get('<d', stamps, i) - back) end
return table.concat(out)
end
recent = moved(recent)
local all = {}
for i = 1, #entries, 32 do
local expires, units, stamp = get('<ddd', entries, i + 8)
all[#all + 1] = sub(entries, i, i + 7) .. put('<ddd', expires - back, units, stamp - back)
end
entries = table.concat(all)
if n > 0 then
local chunks = try('RPOP', KEYS[2], n)
if chunks and chunks.err and not string.find(chunks.err, 'WRONGTYPE', 1, true) then return chunks end
call('DEL', KEYS[2])
local length = 0
if chunks and not chunks.err then
for i = 1, #chunks do
if #chunks[i] == 128 then length = call('LPUSH', KEYS[2], moved(chunks[i])) end
end
end
if length < n then dropped = newest end
n, fresh = length, true
end
dirty, other = true, true
end
else
call('DEL', key, KEYS[2])
size, from, other, had = 0, 1, true, 0
newest, lives, seq, r, soonest, open, entered = -huge, -huge, 0, 0, huge, 0, 0
born, factor, deep, gate, dropped, n, p1, b1, p2, b2, life = t, 1000000, 0, -huge, -huge, 0, 0, huge, 0, huge, 0
end
local began, version = t, seq + size
if keep > deep then deep, other = keep, true end
local notes = carried
if from <= size then notes = notes and sub(h, from) .. notes or sub(h, from) end
if notes then
dirty, busier = true, true
local run, count = {}, 0
local i, last = 1, #notes
repeat
local how
t, how = get('<dB', notes, i + 8)
if how == 6 then
if not fixed and not (t <= began) then t = began end
if not (t >= newest) then t = newest end
local id, ends, answer, is_ended = sub(notes, i, i + 7), t + life
if sub(notes, i + 17, i + 24) == id then
local next
answer, next = get('<dB', notes, i + 25)
is_ended = next == 1 and answer < ends
end
if is_ended then
t, i, how = answer, i + 17, 7
else
entries = entries .. id .. put('<ddd', ends, 1, 0 / 0)
open, entered = open + 1, entered + 1
if ends < soonest then soonest = ends end
end
end
if how == 7 then
if not fixed and not (t <= began) then t = began end
if not (t >= newest) then t = newest end
if soonest <= t then
if count > 0 then
recent, r = recent .. last_stamp .. table.concat(run, '', 1, count), r + count
last_stamp, count = '', 0
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
if soonest <= t then
local due, left = {}, {}
soonest = huge
for i = 1, #entries, 32 do
local expires, units, stamp = get('<ddd', entries, i + 8)
if expires <= t then
due[#due + 1] = {expires, units, stamp}
else
left[#left + 1] = sub(entries, i, i + 31)
if expires < soonest then soonest = expires end
end
end
entries, entered, dirty, busier = table.concat(left), #left, true, true
table.sort(due, function(x, y) return x[1] < y[1] end)
for i = 1, #due do
local expires, units, stamp = due[i][1], due[i][2], due[i][3]
if stamp ~= stamp then
open = open - units
if expires > newest then newest = expires end
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
end
end
end
newest, count = t, count + 1
run[count] = put('<d', t)
elseif how ~= 6 then
if count > 0 then
recent, r = recent .. last_stamp .. table.concat(run, '', 1, count), r + count
last_stamp, count = '', 0
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
if how == 3 then
local units, stamp = t, get('<d', notes, i)
if last_stamp ~= '' then recent, last_stamp = recent .. last_stamp, '' end
while n > 0 and (r == 0 or get('<d', recent) >= stamp) do
local chunk = try('LPOP', KEYS[2])
if chunk and #chunk ~= 128 then
if chunk.err and not string.find(chunk.err, 'WRONGTYPE', 1, true) then return chunk end
chunk = false
end
if chunk then
recent, r, n = chunk .. recent, r + 16, n - 1
else
dropped, n = newest, 0
end
b1, b2, other = huge, huge, true
end
local last = r
while last > 0 and get('<d', recent, 8 * last - 7) > stamp do last = last - 1 end
local first = last
while first > 0 and last - first < units and get('<d', recent, 8 * first - 7) == stamp do
first = first - 1
end
recent, r = sub(recent, 1, 8 * first) .. sub(recent, 8 * last + 1), r - (last - first)
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
elseif how == 4 then
local id, place = sub(notes, i, i + 7)
if sub(entries, 1, 8) == id then
place = 1
else
local x = string.find(entries, id, 1, true)
while x do
if x % 32 == 1 then place = x break end
x = string.find(entries, id, x + 1, true)
end
end
if place then
local _, units, stamp = get('<ddd', entries, place + 8)
units = units - t
if units > 0 then
entries = sub(entries, 1, place + 15) .. put('<d', t) .. sub(entries, place + 24)
if stamp ~= stamp then
open = open - units
else
if last_stamp ~= '' then recent, last_stamp = recent .. last_stamp, '' end
while n > 0 and (r == 0 or get('<d', recent) >= stamp) do
local chunk = try('LPOP', KEYS[2])
if chunk and #chunk ~= 128 then
if chunk.err and not string.find(chunk.err, 'WRONGTYPE', 1, true) then return chunk end
chunk = false
end
if chunk then
recent, r, n = chunk .. recent, r + 16, n - 1
else
dropped, n = newest, 0
end
b1, b2, other = huge, huge, true
end
local last = r
while last > 0 and get('<d', recent, 8 * last - 7) > stamp do last = last - 1 end
local first = last
while first > 0 and last - first < units and get('<d', recent, 8 * first - 7) == stamp do
first = first - 1
end
recent, r = sub(recent, 1, 8 * first) .. sub(recent, 8 * last + 1), r - (last - first)
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
end
elseif how == 5 then
local id, place = sub(notes, i, i + 7)
if sub(entries, 1, 8) == id then
place = 1
else
local x = string.find(entries, id, 1, true)
while x do
if x % 32 == 1 then place = x break end
x = string.find(entries, id, x + 1, true)
end
end
if place then
local expires, _, stamp = get('<ddd', entries, place + 8)
if stamp ~= stamp then
if t < expires then expires = t end
if expires < soonest then soonest = expires end
entries = sub(entries, 1, place - 1) .. put('<dd', 0, expires) .. sub(entries, place + 16)
end
end
else
if not fixed and not (t <= began) then t = began end
if not (t >= newest) then t = newest end
if soonest <= t then
local due, left = {}, {}
soonest = huge
for i = 1, #entries, 32 do
local expires, units, stamp = get('<ddd', entries, i + 8)
if expires <= t then
due[#due + 1] = {expires, units, stamp}
else
left[#left + 1] = sub(entries, i, i + 31)
if expires < soonest then soonest = expires end
end
end
entries, entered, dirty, busier = table.concat(left), #left, true, true
table.sort(due, function(x, y) return x[1] < y[1] end)
for i = 1, #due do
local expires, units, stamp = due[i][1], due[i][2], due[i][3]
if stamp ~= stamp then
open = open - units
if expires > newest then newest = expires end
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
end
end
local id, place = sub(notes, i, i + 7)
if sub(entries, 1, 8) == id then
place = 1
else
local x = string.find(entries, id, 1, true)
while x do
if x % 32 == 1 then place = x break end
x = string.find(entries, id, x + 1, true)
end
end
if how == 0 and sub(notes, i + 17, i + 24) == id then
local _, next = get('<dB', notes, i + 25)
if next == 1 then how, i = next, i + 17 end
end
if place then
local expires, units, stamp = get('<ddd', entries, place + 8)
local is_open = stamp ~= stamp
if how == 2 then
if is_open then
open = open - units
else
if last_stamp ~= '' then recent, last_stamp = recent .. last_stamp, '' end
while n > 0 and (r == 0 or get('<d', recent) >= stamp) do
local chunk = try('LPOP', KEYS[2])
if chunk and #chunk ~= 128 then
if chunk.err and not string.find(chunk.err, 'WRONGTYPE', 1, true) then return chunk end
chunk = false
end
if chunk then
recent, r, n = chunk .. recent, r + 16, n - 1
else
dropped, n = newest, 0
end
b1, b2, other = huge, huge, true
end
local last = r
while last > 0 and get('<d', recent, 8 * last - 7) > stamp do last = last - 1 end
local first = last
while first > 0 and last - first < units and get('<d', recent, 8 * first - 7) == stamp do
first = first - 1
end
recent, r = sub(recent, 1, 8 * first) .. sub(recent, 8 * last + 1), r - (last - first)
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
elseif is_open then
open, newest = open - units, t
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
if how ~= 0 then
entered = entered - 1
if entered > 0 then
entries = sub(entries, 1, place - 1) .. sub(entries, place + 32)
else
entries, soonest = '', huge
end
elseif is_open then
entries = sub(entries, 1, place + 23) .. put('<d', t) .. sub(entries, place + 32)
end
end
end
end
i = i + 17
until i > last
if count > 0 then
recent, r = recent .. last_stamp .. table.concat(run, '', 1, count), r + count
last_stamp, count = '', 0
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
t = began
end
if newest > t then t = newest end
if soonest <= t then
local due, left = {}, {}
soonest = huge
for i = 1, #entries, 32 do
local expires, units, stamp = get('<ddd', entries, i + 8)
if expires <= t then
due[#due + 1] = {expires, units, stamp}
else
left[#left + 1] = sub(entries, i, i + 31)
if expires < soonest then soonest = expires end
end
end
entries, entered, dirty, busier = table.concat(left), #left, true, true
table.sort(due, function(x, y) return x[1] < y[1] end)
for i = 1, #due do
local expires, units, stamp = due[i][1], due[i][2], due[i][3]
if stamp ~= stamp then
open = open - units
if expires > newest then newest = expires end
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
end
end
local why, window, free, ample = 0, 0, t, 2 * had + 4
if ample > 48 then ample = 48 end
if cost > 0 then
local index, ends, looks = 0, #a - (what == 0 and 0 or 8), 0
while at < ends do
local limit, period
limit, period, at = get('<dd', a, at)
local room = limit - cost
if room < 0 then room = 0 end
room = room - open
if ample > room then ample = room > 0 and room or 0 end
if room < 0 then
if t + period > free then why, window, free = 1, index, t + period end
elseif newest + period > t then
local blocker
if ample > room / 2 then ample = math.floor(room / 2) end
while true do
local back = room - ample
blocker = dropped
if back < r then
if back > 0 or last_stamp == '' then blocker = get('<d', recent, 8 * (r - back) - 7) else blocker = newest end
else
back = back - r
if back >= p1 and b1 + period <= t or back >= p2 and b2 + period <= t then
blocker = -huge
else
local last = back % 16
local place = (back - last) / 16
if place < n then
local chunk = try('LINDEX', KEYS[2], place)
if chunk and #chunk ~= 128 then
if chunk.err and not string.find(chunk.err, 'WRONGTYPE', 1, true) then return chunk end
chunk = false
end
if chunk then
blocker = get('<d', chunk, 121 - 8 * last)
local bound = get('<d', chunk, 121)
if bound + period <= t then
local near = math.floor(place / 2)
chunk = near < place and try('LINDEX', KEYS[2], near)
if chunk and #chunk ~= 128 then
if chunk.err and not string.find(chunk.err, 'WRONGTYPE', 1, true) then return chunk end
chunk = false
end
local nearer = chunk and get('<d', chunk, 121)
if chunk and nearer + period <= t then place, bound = near, nearer end
if looks % 2 == 0 then p1, b1 = 16 * place, bound else p2, b2 = 16 * place, bound end
other = true
end
else
blocker, dropped, n, other = newest, newest, 0, true
end
looks = looks + 1
end
end
end
blocker = blocker + period
if ample == 0 or blocker <= t then break end
ample = ample > 8 and math.floor(ample / 2) or 0
end
if blocker > free then why, window, free = 1, index, blocker end
end
index = index + 1
end
if why == 0 and most > 0 and entered >= most then
local in_flight = entered
for i = 1, #entries, 32 do
if get('<d', entries, i) == 0 then in_flight = in_flight - 1 end
end
if in_flight >= most then why = 3 end
end
end
if gate > free then why, window, free = 2, 0, gate end
local admits = (why == 0 or force) and cost > 0
if admits or dirty then
local needed, spare = newest + longest, (longest + ttl) / 8 + 1000000
if admits then
version = version + 17
if why == 0 and most == 0 then credit, plan = ample, sub(a, 65, 72) end
if life ~= ttl then life, other = ttl, true end
if what == 1 then
open, needed = open + cost, t + ttl + longest
else
newest, needed = t, t + longest
local units = cost
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
if what ~= 0 then
local ends = t + ttl
entries = entries .. sub(a, -8) .. put('<ddd', ends, cost, what == 1 and 0 / 0 or t)
entered, busier = entered + 1, true
if ends < soonest then soonest = ends end
if ends > needed then needed = ends end
end
end
local extend = needed > lives
if extend then lives = needed + spare end
local ms = 3600000
if (extend or fresh) and not fixed then ms = math.ceil((lives - began) / 1000) + 1 end
local length = 125 + 8 * r + 32 * entered
local limit = length + 17 * credit
if credit == 0 then plan, limit = '\0\0\0\0\0\0\0\0', 0 end
seq = version - length
local first, middle, rest = put('<I4ddB', limit, seq, newest, r), '', ''
if other then
rest = put('<dI4I4dI4I4ddI4I4dI4dd', soonest, open, entered, born, factor, deep, gate, dropped, n, p1 % 4294967296, b1,
p2 % 4294967296, b2, life)
elseif busier then
middle, rest = put('<dI4I4', soonest, open, entered), sub(h, 58, 125)
else
rest = sub(h, 42, 125)
end
local whole = mark .. put('<d', lives) .. plan .. first .. middle .. rest .. recent .. last_stamp .. entries
if extend then call('SET', key, whole, 'PX', ms + 1) else call('SET', key, whole, 'KEEPTTL') end
if (extend or fresh) and n > 0 then call('PEXPIRE', KEYS[2], ms) end
if admits then
local reply = put('<dddB', t, version, lives, credit)
if lives ~= known then reply = reply .. put('<dd', born, factor) end
if why ~= 0 then reply = reply .. put('<dddd', why, window, free, gate) end
return reply
end
end
return put('<dddddd', why, window, free, gate, t, factor)
)lua";

inline constexpr std::string_view keep = R"lua(local call, try, get, put, sub, huge = redis.call, redis.pcall, struct.unpack, struct.pack, string.sub, 1 / 0
local key, a = KEYS[1], ARGV[1]
local fresh, dirty, last_stamp = false, false, ''
local carried, behind, credit, plan = ARGV[2], 0, 0, ''
local mark = 'wr\2\n'
local what, t, value, at = get('<ddd', a)
local fixed = t == t
if not fixed then
local now = call('TIME')
t = now[1] * 1000000 + now[2]
end
local h = try('GET', key)
if h and h.err then
if not string.find(h.err, 'WRONGTYPE', 1, true) then return h end
h = false
end
local lives, was, had, seq, newest, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, life, from
local recent, entries, size, busier, other = '', '', 0, false, false
if h and behind > 0 then h, dirty = sub(h, 1, -1 - behind), true end
if h and #h > 124 and sub(h, 1, 4) == mark then
size = #h
lives, was, had, seq, newest, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, life, from =
get('<ddI4ddBdI4I4dI4I4ddI4I4dI4dd', h, 5)
elseif h and #h > 108 and sub(h, 1, 4) == 'wr\1\n' then
size, other, life, seq, had = #h, true, 0, 0, 0
was, newest, lives, was, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, from =
get('<dddI4BdI4I4dI4I4ddI4I4dI4d', h, 5)
elseif h and #h > 108 and sub(h, 1, 2) == 'wr' and sub(h, 4, 4) == '\n' and string.byte(h, 3) > 2 then
return redis.error_reply('WEIRFORMAT a key has a format of version ' .. string.byte(h, 3))
else
h = nil
end
if h then
local left = size + 1 - from - 8 * r - 32 * entered
had = had > size - left and math.floor((had - size + left) / 17) or 0
if left < 0 or left % 17 ~= 0 then h = nil end
end
if h then
if r > 0 then
local x = from
from = from + 8 * r
recent = sub(h, x, from - 1)
end
if entered > 0 then
local x = from
from = from + 32 * entered
entries = sub(h, x, from - 1)
end
if not fixed and newest > t + 1000000 then
local back = newest - t
newest, lives, soonest, gate, dropped, b1, b2 = t, lives - back, soonest - back, gate - back, dropped - back, b1 - back, b2 - back
local function moved(stamps)
local out = {}
for i = 1, #stamps, 8 do out[#out + 1] = put('<d', get('<d', stamps, i) - back) end
return table.concat(out)
end
recent = moved(recent)
local all = {}
for i = 1, #entries, 32 do
local expires, units, stamp = get('<ddd', entries, i + 8)
all[#all + 1] = sub(entries, i, i + 7) .. put('<ddd', expires - back, units, stamp - back)
end
entries = table.concat(all)
if n > 0 then
local chunks = try('RPOP', KEYS[2], n)
if chunks and chunks.err and not string.find(chunks.err, 'WRONGTYPE', 1, true) then return chunks end
call('DEL', KEYS[2])
local length = 0
if chunks and not chunks.err then
for i = 1, #chunks do
if #chunks[i] == 128 then length = call('LPUSH', KEYS[2], moved(chunks[i])) end
end
end
if length < n then dropped = newest end
n, fresh = length, true
end
dirty, other = true, true
end
else
call('DEL', key, KEYS[2])
size, from, other, had = 0, 1, true, 0
newest, lives, seq, r, soonest, open, entered = -huge, -huge, 0, 0, huge, 0, 0
born, factor, deep, gate, dropped, n, p1, b1, p2, b2, life = t, 1000000, 0, -huge, -huge, 0, 0, huge, 0, huge, 0
end
local began, version = t, seq + size
local notes = carried
if from <= size then notes = notes and sub(h, from) .. notes or sub(h, from) end
if notes then
dirty, busier = true, true
local run, count = {}, 0
local i, last = 1, #notes
repeat
local how
t, how = get('<dB', notes, i + 8)
if how == 6 then
if not fixed and not (t <= began) then t = began end
if not (t >= newest) then t = newest end
local id, ends, answer, is_ended = sub(notes, i, i + 7), t + life
if sub(notes, i + 17, i + 24) == id then
local next
answer, next = get('<dB', notes, i + 25)
is_ended = next == 1 and answer < ends
end
if is_ended then
t, i, how = answer, i + 17, 7
else
entries = entries .. id .. put('<ddd', ends, 1, 0 / 0)
open, entered = open + 1, entered + 1
if ends < soonest then soonest = ends end
end
end
if how == 7 then
if not fixed and not (t <= began) then t = began end
if not (t >= newest) then t = newest end
if soonest <= t then
if count > 0 then
recent, r = recent .. last_stamp .. table.concat(run, '', 1, count), r + count
last_stamp, count = '', 0
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
if soonest <= t then
local due, left = {}, {}
soonest = huge
for i = 1, #entries, 32 do
local expires, units, stamp = get('<ddd', entries, i + 8)
if expires <= t then
due[#due + 1] = {expires, units, stamp}
else
left[#left + 1] = sub(entries, i, i + 31)
if expires < soonest then soonest = expires end
end
end
entries, entered, dirty, busier = table.concat(left), #left, true, true
table.sort(due, function(x, y) return x[1] < y[1] end)
for i = 1, #due do
local expires, units, stamp = due[i][1], due[i][2], due[i][3]
if stamp ~= stamp then
open = open - units
if expires > newest then newest = expires end
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
end
end
end
newest, count = t, count + 1
run[count] = put('<d', t)
elseif how ~= 6 then
if count > 0 then
recent, r = recent .. last_stamp .. table.concat(run, '', 1, count), r + count
last_stamp, count = '', 0
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
if how == 3 then
local units, stamp = t, get('<d', notes, i)
if last_stamp ~= '' then recent, last_stamp = recent .. last_stamp, '' end
while n > 0 and (r == 0 or get('<d', recent) >= stamp) do
local chunk = try('LPOP', KEYS[2])
if chunk and #chunk ~= 128 then
if chunk.err and not string.find(chunk.err, 'WRONGTYPE', 1, true) then return chunk end
chunk = false
end
if chunk then
recent, r, n = chunk .. recent, r + 16, n - 1
else
dropped, n = newest, 0
end
b1, b2, other = huge, huge, true
end
local last = r
while last > 0 and get('<d', recent, 8 * last - 7) > stamp do last = last - 1 end
local first = last
while first > 0 and last - first < units and get('<d', recent, 8 * first - 7) == stamp do
first = first - 1
end
recent, r = sub(recent, 1, 8 * first) .. sub(recent, 8 * last + 1), r - (last - first)
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
elseif how == 4 then
local id, place = sub(notes, i, i + 7)
if sub(entries, 1, 8) == id then
place = 1
else
local x = string.find(entries, id, 1, true)
while x do
if x % 32 == 1 then place = x break end
x = string.find(entries, id, x + 1, true)
end
end
if place then
local _, units, stamp = get('<ddd', entries, place + 8)
units = units - t
if units > 0 then
entries = sub(entries, 1, place + 15) .. put('<d', t) .. sub(entries, place + 24)
if stamp ~= stamp then
open = open - units
else
if last_stamp ~= '' then recent, last_stamp = recent .. last_stamp, '' end
while n > 0 and (r == 0 or get('<d', recent) >= stamp) do
local chunk = try('LPOP', KEYS[2])
if chunk and #chunk ~= 128 then
if chunk.err and not string.find(chunk.err, 'WRONGTYPE', 1, true) then return chunk end
chunk = false
end
if chunk then
recent, r, n = chunk .. recent, r + 16, n - 1
else
dropped, n = newest, 0
end
b1, b2, other = huge, huge, true
end
local last = r
while last > 0 and get('<d', recent, 8 * last - 7) > stamp do last = last - 1 end
local first = last
while first > 0 and last - first < units and get('<d', recent, 8 * first - 7) == stamp do
first = first - 1
end
recent, r = sub(recent, 1, 8 * first) .. sub(recent, 8 * last + 1), r - (last - first)
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
end
elseif how == 5 then
local id, place = sub(notes, i, i + 7)
if sub(entries, 1, 8) == id then
place = 1
else
local x = string.find(entries, id, 1, true)
while x do
if x % 32 == 1 then place = x break end
x = string.find(entries, id, x + 1, true)
end
end
if place then
local expires, _, stamp = get('<ddd', entries, place + 8)
if stamp ~= stamp then
if t < expires then expires = t end
if expires < soonest then soonest = expires end
entries = sub(entries, 1, place - 1) .. put('<dd', 0, expires) .. sub(entries, place + 16)
end
end
else
if not fixed and not (t <= began) then t = began end
if not (t >= newest) then t = newest end
if soonest <= t then
local due, left = {}, {}
soonest = huge
for i = 1, #entries, 32 do
local expires, units, stamp = get('<ddd', entries, i + 8)
if expires <= t then
due[#due + 1] = {expires, units, stamp}
else
left[#left + 1] = sub(entries, i, i + 31)
if expires < soonest then soonest = expires end
end
end
entries, entered, dirty, busier = table.concat(left), #left, true, true
table.sort(due, function(x, y) return x[1] < y[1] end)
for i = 1, #due do
local expires, units, stamp = due[i][1], due[i][2], due[i][3]
if stamp ~= stamp then
open = open - units
if expires > newest then newest = expires end
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
end
end
local id, place = sub(notes, i, i + 7)
if sub(entries, 1, 8) == id then
place = 1
else
local x = string.find(entries, id, 1, true)
while x do
if x % 32 == 1 then place = x break end
x = string.find(entries, id, x + 1, true)
end
end
if how == 0 and sub(notes, i + 17, i + 24) == id then
local _, next = get('<dB', notes, i + 25)
if next == 1 then how, i = next, i + 17 end
end
if place then
local expires, units, stamp = get('<ddd', entries, place + 8)
local is_open = stamp ~= stamp
if how == 2 then
if is_open then
open = open - units
else
if last_stamp ~= '' then recent, last_stamp = recent .. last_stamp, '' end
while n > 0 and (r == 0 or get('<d', recent) >= stamp) do
local chunk = try('LPOP', KEYS[2])
if chunk and #chunk ~= 128 then
if chunk.err and not string.find(chunk.err, 'WRONGTYPE', 1, true) then return chunk end
chunk = false
end
if chunk then
recent, r, n = chunk .. recent, r + 16, n - 1
else
dropped, n = newest, 0
end
b1, b2, other = huge, huge, true
end
local last = r
while last > 0 and get('<d', recent, 8 * last - 7) > stamp do last = last - 1 end
local first = last
while first > 0 and last - first < units and get('<d', recent, 8 * first - 7) == stamp do
first = first - 1
end
recent, r = sub(recent, 1, 8 * first) .. sub(recent, 8 * last + 1), r - (last - first)
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
elseif is_open then
open, newest = open - units, t
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
if how ~= 0 then
entered = entered - 1
if entered > 0 then
entries = sub(entries, 1, place - 1) .. sub(entries, place + 32)
else
entries, soonest = '', huge
end
elseif is_open then
entries = sub(entries, 1, place + 23) .. put('<d', t) .. sub(entries, place + 32)
end
end
end
end
i = i + 17
until i > last
if count > 0 then
recent, r = recent .. last_stamp .. table.concat(run, '', 1, count), r + count
last_stamp, count = '', 0
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
t = began
end
if newest > t then t = newest end
if soonest <= t then
local due, left = {}, {}
soonest = huge
for i = 1, #entries, 32 do
local expires, units, stamp = get('<ddd', entries, i + 8)
if expires <= t then
due[#due + 1] = {expires, units, stamp}
else
left[#left + 1] = sub(entries, i, i + 31)
if expires < soonest then soonest = expires end
end
end
entries, entered, dirty, busier = table.concat(left), #left, true, true
table.sort(due, function(x, y) return x[1] < y[1] end)
for i = 1, #due do
local expires, units, stamp = due[i][1], due[i][2], due[i][3]
if stamp ~= stamp then
open = open - units
if expires > newest then newest = expires end
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
end
end
local needed, spare, moved = -huge, 1000000, 0
if fixed then began = 0 end
if what == 0 then
if not fixed then value = began + value end
if value > gate then gate, moved, dirty, other = value, 1, true, true end
needed = gate > began and gate or began
elseif what == 5 then
if gate > -huge then gate, moved, dirty, other = -huge, 1, true, true end
elseif what == 1 then
factor, dirty, needed = value, true, began + 3600000000
elseif what == 2 then
call('DEL', KEYS[2], KEYS[3])
newest, gate, factor, dropped, dirty, needed = -huge, -huge, 1000000, -huge, h, began
recent, last_stamp, r, n, b1, b2 = '', '', 0, 0, huge, huge
if value > 0 then entries, entered, open, soonest = '', 0, 0, huge end
end
if what == 1 or what == 2 then
other = true
if lives > needed then needed = lives end
lives = -huge
end
if dirty then
local extend = needed > lives
if extend then lives = needed + spare end
local ms = 3600000
if (extend or fresh) and not fixed then ms = math.ceil((lives - began) / 1000) + 1 end
local length = 125 + 8 * r + 32 * entered
local limit = length + 17 * credit
if credit == 0 then plan, limit = '\0\0\0\0\0\0\0\0', 0 end
seq = version - length
local first, middle, rest = put('<I4ddB', limit, seq, newest, r), '', ''
if other then
rest = put('<dI4I4dI4I4ddI4I4dI4dd', soonest, open, entered, born, factor, deep, gate, dropped, n, p1 % 4294967296, b1,
p2 % 4294967296, b2, life)
elseif busier then
middle, rest = put('<dI4I4', soonest, open, entered), sub(h, 58, 125)
else
rest = sub(h, 42, 125)
end
local whole = mark .. put('<d', lives) .. plan .. first .. middle .. rest .. recent .. last_stamp .. entries
if extend then call('SET', key, whole, 'PX', ms + 1) else call('SET', key, whole, 'KEEPTTL') end
if (extend or fresh) and n > 0 then call('PEXPIRE', KEYS[2], ms) end
end
if what == 4 and not h then call('DEL', key) end
if what ~= 3 then return put('<d', moved) end
if last_stamp ~= '' then recent, last_stamp = recent .. last_stamp, '' end
local in_flight = entered
for i = 1, #entries, 32 do
if get('<d', entries, i) == 0 then in_flight = in_flight - 1 end
end
local out = {put('<ddddddd', t, open, in_flight, gate, factor, newest, dropped)}
while at < #a do
local period
period, at = get('<d', a, at)
local after, used = t - period, 0
while used < r and get('<d', recent, 8 * (r - used) - 7) > after do used = used + 1 end
if used == r and n > 0 then
local low, high, oldest = 0, n, ''
while low < high do
local middle = math.floor((low + high) / 2)
local chunk = try('LINDEX', KEYS[2], middle)
if chunk and #chunk ~= 128 then
if chunk.err and not string.find(chunk.err, 'WRONGTYPE', 1, true) then return chunk end
chunk = false
end
if chunk and get('<d', chunk, 121) > after then low, oldest = middle + 1, chunk else high = middle end
end
if low > 0 then
local there = 0
while there < 16 and get('<d', oldest, 121 - 8 * there) > after do there = there + 1 end
used = r + 16 * (low - 1) + there
end
end
out[#out + 1] = put('<d', used + open)
end
return table.concat(out)
)lua";

inline constexpr std::string_view learn = R"lua(local call, try, get, put, sub, huge = redis.call, redis.pcall, struct.unpack, struct.pack, string.sub, 1 / 0
local key, a = KEYS[1], ARGV[1]
local fresh, dirty, last_stamp = false, false, ''
local carried, behind, credit, plan = ARGV[2], 0, 0, ''
local mark = 'wr\2\n'
local t, seen, new, needed, length = get('<ddddd', a)
local fixed = t == t
if not fixed then
local now = call('TIME')
t = now[1] * 1000000 + now[2]
end
local h = try('GET', key)
if h and h.err then
if not string.find(h.err, 'WRONGTYPE', 1, true) then return h end
h = false
end
local lives, was, had, seq, newest, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, life, from
local recent, entries, size, busier, other = '', '', 0, false, false
if h and behind > 0 then h, dirty = sub(h, 1, -1 - behind), true end
if h and #h > 124 and sub(h, 1, 4) == mark then
size = #h
lives, was, had, seq, newest, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, life, from =
get('<ddI4ddBdI4I4dI4I4ddI4I4dI4dd', h, 5)
elseif h and #h > 108 and sub(h, 1, 4) == 'wr\1\n' then
size, other, life, seq, had = #h, true, 0, 0, 0
was, newest, lives, was, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, from =
get('<dddI4BdI4I4dI4I4ddI4I4dI4d', h, 5)
elseif h and #h > 108 and sub(h, 1, 2) == 'wr' and sub(h, 4, 4) == '\n' and string.byte(h, 3) > 2 then
return redis.error_reply('WEIRFORMAT a key has a format of version ' .. string.byte(h, 3))
else
h = nil
end
if h then
local left = size + 1 - from - 8 * r - 32 * entered
had = had > size - left and math.floor((had - size + left) / 17) or 0
if left < 0 or left % 17 ~= 0 then h = nil end
end
if h then
if r > 0 then
local x = from
from = from + 8 * r
recent = sub(h, x, from - 1)
end
if entered > 0 then
local x = from
from = from + 32 * entered
entries = sub(h, x, from - 1)
end
if not fixed and newest > t + 1000000 then
local back = newest - t
newest, lives, soonest, gate, dropped, b1, b2 = t, lives - back, soonest - back, gate - back, dropped - back, b1 - back, b2 - back
local function moved(stamps)
local out = {}
for i = 1, #stamps, 8 do out[#out + 1] = put('<d', get('<d', stamps, i) - back) end
return table.concat(out)
end
recent = moved(recent)
local all = {}
for i = 1, #entries, 32 do
local expires, units, stamp = get('<ddd', entries, i + 8)
all[#all + 1] = sub(entries, i, i + 7) .. put('<ddd', expires - back, units, stamp - back)
end
entries = table.concat(all)
if n > 0 then
local chunks = try('RPOP', KEYS[2], n)
if chunks and chunks.err and not string.find(chunks.err, 'WRONGTYPE', 1, true) then return chunks end
call('DEL', KEYS[2])
local length = 0
if chunks and not chunks.err then
for i = 1, #chunks do
if #chunks[i] == 128 then length = call('LPUSH', KEYS[2], moved(chunks[i])) end
end
end
if length < n then dropped = newest end
n, fresh = length, true
end
dirty, other = true, true
end
else
call('DEL', key, KEYS[2])
size, from, other, had = 0, 1, true, 0
newest, lives, seq, r, soonest, open, entered = -huge, -huge, 0, 0, huge, 0, 0
born, factor, deep, gate, dropped, n, p1, b1, p2, b2, life = t, 1000000, 0, -huge, -huge, 0, 0, huge, 0, huge, 0
end
local began, version = t, seq + size
local notes = carried
if from <= size then notes = notes and sub(h, from) .. notes or sub(h, from) end
if notes then
dirty, busier = true, true
local run, count = {}, 0
local i, last = 1, #notes
repeat
local how
t, how = get('<dB', notes, i + 8)
if how == 6 then
if not fixed and not (t <= began) then t = began end
if not (t >= newest) then t = newest end
local id, ends, answer, is_ended = sub(notes, i, i + 7), t + life
if sub(notes, i + 17, i + 24) == id then
local next
answer, next = get('<dB', notes, i + 25)
is_ended = next == 1 and answer < ends
end
if is_ended then
t, i, how = answer, i + 17, 7
else
entries = entries .. id .. put('<ddd', ends, 1, 0 / 0)
open, entered = open + 1, entered + 1
if ends < soonest then soonest = ends end
end
end
if how == 7 then
if not fixed and not (t <= began) then t = began end
if not (t >= newest) then t = newest end
if soonest <= t then
if count > 0 then
recent, r = recent .. last_stamp .. table.concat(run, '', 1, count), r + count
last_stamp, count = '', 0
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
if soonest <= t then
local due, left = {}, {}
soonest = huge
for i = 1, #entries, 32 do
local expires, units, stamp = get('<ddd', entries, i + 8)
if expires <= t then
due[#due + 1] = {expires, units, stamp}
else
left[#left + 1] = sub(entries, i, i + 31)
if expires < soonest then soonest = expires end
end
end
entries, entered, dirty, busier = table.concat(left), #left, true, true
table.sort(due, function(x, y) return x[1] < y[1] end)
for i = 1, #due do
local expires, units, stamp = due[i][1], due[i][2], due[i][3]
if stamp ~= stamp then
open = open - units
if expires > newest then newest = expires end
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
end
end
end
newest, count = t, count + 1
run[count] = put('<d', t)
elseif how ~= 6 then
if count > 0 then
recent, r = recent .. last_stamp .. table.concat(run, '', 1, count), r + count
last_stamp, count = '', 0
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
if how == 3 then
local units, stamp = t, get('<d', notes, i)
if last_stamp ~= '' then recent, last_stamp = recent .. last_stamp, '' end
while n > 0 and (r == 0 or get('<d', recent) >= stamp) do
local chunk = try('LPOP', KEYS[2])
if chunk and #chunk ~= 128 then
if chunk.err and not string.find(chunk.err, 'WRONGTYPE', 1, true) then return chunk end
chunk = false
end
if chunk then
recent, r, n = chunk .. recent, r + 16, n - 1
else
dropped, n = newest, 0
end
b1, b2, other = huge, huge, true
end
local last = r
while last > 0 and get('<d', recent, 8 * last - 7) > stamp do last = last - 1 end
local first = last
while first > 0 and last - first < units and get('<d', recent, 8 * first - 7) == stamp do
first = first - 1
end
recent, r = sub(recent, 1, 8 * first) .. sub(recent, 8 * last + 1), r - (last - first)
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
elseif how == 4 then
local id, place = sub(notes, i, i + 7)
if sub(entries, 1, 8) == id then
place = 1
else
local x = string.find(entries, id, 1, true)
while x do
if x % 32 == 1 then place = x break end
x = string.find(entries, id, x + 1, true)
end
end
if place then
local _, units, stamp = get('<ddd', entries, place + 8)
units = units - t
if units > 0 then
entries = sub(entries, 1, place + 15) .. put('<d', t) .. sub(entries, place + 24)
if stamp ~= stamp then
open = open - units
else
if last_stamp ~= '' then recent, last_stamp = recent .. last_stamp, '' end
while n > 0 and (r == 0 or get('<d', recent) >= stamp) do
local chunk = try('LPOP', KEYS[2])
if chunk and #chunk ~= 128 then
if chunk.err and not string.find(chunk.err, 'WRONGTYPE', 1, true) then return chunk end
chunk = false
end
if chunk then
recent, r, n = chunk .. recent, r + 16, n - 1
else
dropped, n = newest, 0
end
b1, b2, other = huge, huge, true
end
local last = r
while last > 0 and get('<d', recent, 8 * last - 7) > stamp do last = last - 1 end
local first = last
while first > 0 and last - first < units and get('<d', recent, 8 * first - 7) == stamp do
first = first - 1
end
recent, r = sub(recent, 1, 8 * first) .. sub(recent, 8 * last + 1), r - (last - first)
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
end
elseif how == 5 then
local id, place = sub(notes, i, i + 7)
if sub(entries, 1, 8) == id then
place = 1
else
local x = string.find(entries, id, 1, true)
while x do
if x % 32 == 1 then place = x break end
x = string.find(entries, id, x + 1, true)
end
end
if place then
local expires, _, stamp = get('<ddd', entries, place + 8)
if stamp ~= stamp then
if t < expires then expires = t end
if expires < soonest then soonest = expires end
entries = sub(entries, 1, place - 1) .. put('<dd', 0, expires) .. sub(entries, place + 16)
end
end
else
if not fixed and not (t <= began) then t = began end
if not (t >= newest) then t = newest end
if soonest <= t then
local due, left = {}, {}
soonest = huge
for i = 1, #entries, 32 do
local expires, units, stamp = get('<ddd', entries, i + 8)
if expires <= t then
due[#due + 1] = {expires, units, stamp}
else
left[#left + 1] = sub(entries, i, i + 31)
if expires < soonest then soonest = expires end
end
end
entries, entered, dirty, busier = table.concat(left), #left, true, true
table.sort(due, function(x, y) return x[1] < y[1] end)
for i = 1, #due do
local expires, units, stamp = due[i][1], due[i][2], due[i][3]
if stamp ~= stamp then
open = open - units
if expires > newest then newest = expires end
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
end
end
local id, place = sub(notes, i, i + 7)
if sub(entries, 1, 8) == id then
place = 1
else
local x = string.find(entries, id, 1, true)
while x do
if x % 32 == 1 then place = x break end
x = string.find(entries, id, x + 1, true)
end
end
if how == 0 and sub(notes, i + 17, i + 24) == id then
local _, next = get('<dB', notes, i + 25)
if next == 1 then how, i = next, i + 17 end
end
if place then
local expires, units, stamp = get('<ddd', entries, place + 8)
local is_open = stamp ~= stamp
if how == 2 then
if is_open then
open = open - units
else
if last_stamp ~= '' then recent, last_stamp = recent .. last_stamp, '' end
while n > 0 and (r == 0 or get('<d', recent) >= stamp) do
local chunk = try('LPOP', KEYS[2])
if chunk and #chunk ~= 128 then
if chunk.err and not string.find(chunk.err, 'WRONGTYPE', 1, true) then return chunk end
chunk = false
end
if chunk then
recent, r, n = chunk .. recent, r + 16, n - 1
else
dropped, n = newest, 0
end
b1, b2, other = huge, huge, true
end
local last = r
while last > 0 and get('<d', recent, 8 * last - 7) > stamp do last = last - 1 end
local first = last
while first > 0 and last - first < units and get('<d', recent, 8 * first - 7) == stamp do
first = first - 1
end
recent, r = sub(recent, 1, 8 * first) .. sub(recent, 8 * last + 1), r - (last - first)
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
elseif is_open then
open, newest = open - units, t
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
if how ~= 0 then
entered = entered - 1
if entered > 0 then
entries = sub(entries, 1, place - 1) .. sub(entries, place + 32)
else
entries, soonest = '', huge
end
elseif is_open then
entries = sub(entries, 1, place + 23) .. put('<d', t) .. sub(entries, place + 32)
end
end
end
end
i = i + 17
until i > last
if count > 0 then
recent, r = recent .. last_stamp .. table.concat(run, '', 1, count), r + count
last_stamp, count = '', 0
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
t = began
end
if newest > t then t = newest end
if soonest <= t then
local due, left = {}, {}
soonest = huge
for i = 1, #entries, 32 do
local expires, units, stamp = get('<ddd', entries, i + 8)
if expires <= t then
due[#due + 1] = {expires, units, stamp}
else
left[#left + 1] = sub(entries, i, i + 31)
if expires < soonest then soonest = expires end
end
end
entries, entered, dirty, busier = table.concat(left), #left, true, true
table.sort(due, function(x, y) return x[1] < y[1] end)
for i = 1, #due do
local expires, units, stamp = due[i][1], due[i][2], due[i][3]
if stamp ~= stamp then
open = open - units
if expires > newest then newest = expires end
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
end
end
local spare = 1000000
if fixed then began = 0 end
local mark_of_record = 'wt\1\n'
local kept = try('GET', KEYS[3]) or ''
if kept.err and not string.find(kept.err, 'WRONGTYPE', 1, true) then return kept end
if kept.err or sub(kept, 1, 4) ~= mark_of_record then kept = '' else kept = sub(kept, 5) end
if #kept ~= 80 and (#kept < 112 or (#kept - 112) % 56 ~= 0 or #kept > 336) then kept = '' end
local next = sub(a, 41 + length)
local swaps = factor == seen and kept == sub(a, 41, 40 + length)
local writes = swaps and (factor ~= new or kept ~= next)
if not writes then
needed = -huge
else
if needed < began then needed = began end
if lives > needed then needed = lives end
if factor ~= new then factor, other, lives = new, true, -huge end
dirty = true
end
if dirty then
local extend = needed > lives
if extend then lives = needed + spare end
local ms = 3600000
if (extend or fresh) and not fixed then ms = math.ceil((lives - began) / 1000) + 1 end
local length = 125 + 8 * r + 32 * entered
local limit = length + 17 * credit
if credit == 0 then plan, limit = '\0\0\0\0\0\0\0\0', 0 end
seq = version - length
local first, middle, rest = put('<I4ddB', limit, seq, newest, r), '', ''
if other then
rest = put('<dI4I4dI4I4ddI4I4dI4dd', soonest, open, entered, born, factor, deep, gate, dropped, n, p1 % 4294967296, b1,
p2 % 4294967296, b2, life)
elseif busier then
middle, rest = put('<dI4I4', soonest, open, entered), sub(h, 58, 125)
else
rest = sub(h, 42, 125)
end
local whole = mark .. put('<d', lives) .. plan .. first .. middle .. rest .. recent .. last_stamp .. entries
if extend then call('SET', key, whole, 'PX', ms + 1) else call('SET', key, whole, 'KEEPTTL') end
if (extend or fresh) and n > 0 then call('PEXPIRE', KEYS[2], ms) end
end
if writes then
local ms = 3600000
if not fixed then ms = math.ceil((lives - began) / 1000) + 86400000 end
call('SET', KEYS[3], mark_of_record .. next, 'PX', ms)
end
if swaps then return put('<ddd', 1, began, factor) end
return put('<ddd', 0, began, factor) .. kept
)lua";

inline constexpr std::string_view presence = R"lua(local call, try, get, put, sub = redis.call, redis.pcall, struct.unpack, struct.pack, string.sub
local a, now, mark = ARGV[1], call('TIME'), 'wh\1\n'
local t = now[1] * 1000000 + now[2]
local v = try('GET', KEYS[1])
if v and v.err then
if not string.find(v.err, 'WRONGTYPE', 1, true) then return v end
call('DEL', KEYS[1])
v = false
end
local mine, made, alive, most, all = sub(a, 1, 8), t, 0, 0, {}
if v and sub(v, 1, 4) == mark then
local at = 5
while at + 41 <= #v do
local size = get('<I2', v, at)
if size < 42 or at + size - 1 > #v then break end
local renewed, first, ttl, keep = get('<dddd', v, at + 10)
if sub(v, at + 2, at + 9) == mine then
made = first
elseif renewed + keep > t then
local head = sub(v, at, at + 9)
if renewed > t + 1000000 then renewed = t end
all[#all + 1] = head .. put('<d', renewed) .. sub(v, at + 18, at + size - 1)
if renewed + ttl > t then alive = alive + 1 end
if keep > most then most = keep end
end
at = at + size
end
end
if a == '' then return put('<dd', t, alive) .. table.concat(all) end
if made > t then made = t end
local _, keep = get('<dd', a, 9)
if keep > most then most = keep end
all[#all + 1] = put('<I2', 18 + #a) .. mine .. put('<dd', t, made) .. sub(a, 9)
call('SET', KEYS[1], mark .. table.concat(all), 'PX', math.ceil(most / 1000) + 1)
return put('<dd', t, alive + 1)
)lua";

inline constexpr std::string_view reap = R"lua(local call, try, get, put, sub, huge = redis.call, redis.pcall, struct.unpack, struct.pack, string.sub, 1 / 0
local key, a = KEYS[1], ARGV[1]
local fresh, dirty, last_stamp = false, false, ''
local carried, behind, credit, plan = ARGV[2], 0, 0, ''
local mark = 'wr\2\n'
local t, at = get('<d', a)
local dead = {}
while at < #a do
local holder, lived
holder, lived, at = get('<dd', a, at)
dead[holder] = lived
end
local fixed = t == t
if not fixed then
local now = call('TIME')
t = now[1] * 1000000 + now[2]
end
local h = try('GET', key)
if h and h.err then
if not string.find(h.err, 'WRONGTYPE', 1, true) then return h end
h = false
end
local lives, was, had, seq, newest, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, life, from
local recent, entries, size, busier, other = '', '', 0, false, false
if h and behind > 0 then h, dirty = sub(h, 1, -1 - behind), true end
if h and #h > 124 and sub(h, 1, 4) == mark then
size = #h
lives, was, had, seq, newest, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, life, from =
get('<ddI4ddBdI4I4dI4I4ddI4I4dI4dd', h, 5)
elseif h and #h > 108 and sub(h, 1, 4) == 'wr\1\n' then
size, other, life, seq, had = #h, true, 0, 0, 0
was, newest, lives, was, r, soonest, open, entered, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, from =
get('<dddI4BdI4I4dI4I4ddI4I4dI4d', h, 5)
elseif h and #h > 108 and sub(h, 1, 2) == 'wr' and sub(h, 4, 4) == '\n' and string.byte(h, 3) > 2 then
return redis.error_reply('WEIRFORMAT a key has a format of version ' .. string.byte(h, 3))
else
h = nil
end
if h then
local left = size + 1 - from - 8 * r - 32 * entered
had = had > size - left and math.floor((had - size + left) / 17) or 0
if left < 0 or left % 17 ~= 0 then h = nil end
end
if h then
if r > 0 then
local x = from
from = from + 8 * r
recent = sub(h, x, from - 1)
end
if entered > 0 then
local x = from
from = from + 32 * entered
entries = sub(h, x, from - 1)
end
if not fixed and newest > t + 1000000 then
local back = newest - t
newest, lives, soonest, gate, dropped, b1, b2 = t, lives - back, soonest - back, gate - back, dropped - back, b1 - back, b2 - back
local function moved(stamps)
local out = {}
for i = 1, #stamps, 8 do out[#out + 1] = put('<d', get('<d', stamps, i) - back) end
return table.concat(out)
end
recent = moved(recent)
local all = {}
for i = 1, #entries, 32 do
local expires, units, stamp = get('<ddd', entries, i + 8)
all[#all + 1] = sub(entries, i, i + 7) .. put('<ddd', expires - back, units, stamp - back)
end
entries = table.concat(all)
if n > 0 then
local chunks = try('RPOP', KEYS[2], n)
if chunks and chunks.err and not string.find(chunks.err, 'WRONGTYPE', 1, true) then return chunks end
call('DEL', KEYS[2])
local length = 0
if chunks and not chunks.err then
for i = 1, #chunks do
if #chunks[i] == 128 then length = call('LPUSH', KEYS[2], moved(chunks[i])) end
end
end
if length < n then dropped = newest end
n, fresh = length, true
end
dirty, other = true, true
end
else
call('DEL', key, KEYS[2])
size, from, other, had = 0, 1, true, 0
newest, lives, seq, r, soonest, open, entered = -huge, -huge, 0, 0, huge, 0, 0
born, factor, deep, gate, dropped, n, p1, b1, p2, b2, life = t, 1000000, 0, -huge, -huge, 0, 0, huge, 0, huge, 0
end
local began, version = t, seq + size
local notes = carried
if from <= size then notes = notes and sub(h, from) .. notes or sub(h, from) end
if notes then
dirty, busier = true, true
local run, count = {}, 0
local i, last = 1, #notes
repeat
local how
t, how = get('<dB', notes, i + 8)
if how == 6 then
if not fixed and not (t <= began) then t = began end
if not (t >= newest) then t = newest end
local id, ends, answer, is_ended = sub(notes, i, i + 7), t + life
if sub(notes, i + 17, i + 24) == id then
local next
answer, next = get('<dB', notes, i + 25)
is_ended = next == 1 and answer < ends
end
if is_ended then
t, i, how = answer, i + 17, 7
else
entries = entries .. id .. put('<ddd', ends, 1, 0 / 0)
open, entered = open + 1, entered + 1
if ends < soonest then soonest = ends end
end
end
if how == 7 then
if not fixed and not (t <= began) then t = began end
if not (t >= newest) then t = newest end
if soonest <= t then
if count > 0 then
recent, r = recent .. last_stamp .. table.concat(run, '', 1, count), r + count
last_stamp, count = '', 0
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
if soonest <= t then
local due, left = {}, {}
soonest = huge
for i = 1, #entries, 32 do
local expires, units, stamp = get('<ddd', entries, i + 8)
if expires <= t then
due[#due + 1] = {expires, units, stamp}
else
left[#left + 1] = sub(entries, i, i + 31)
if expires < soonest then soonest = expires end
end
end
entries, entered, dirty, busier = table.concat(left), #left, true, true
table.sort(due, function(x, y) return x[1] < y[1] end)
for i = 1, #due do
local expires, units, stamp = due[i][1], due[i][2], due[i][3]
if stamp ~= stamp then
open = open - units
if expires > newest then newest = expires end
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
end
end
end
newest, count = t, count + 1
run[count] = put('<d', t)
elseif how ~= 6 then
if count > 0 then
recent, r = recent .. last_stamp .. table.concat(run, '', 1, count), r + count
last_stamp, count = '', 0
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
if how == 3 then
local units, stamp = t, get('<d', notes, i)
if last_stamp ~= '' then recent, last_stamp = recent .. last_stamp, '' end
while n > 0 and (r == 0 or get('<d', recent) >= stamp) do
local chunk = try('LPOP', KEYS[2])
if chunk and #chunk ~= 128 then
if chunk.err and not string.find(chunk.err, 'WRONGTYPE', 1, true) then return chunk end
chunk = false
end
if chunk then
recent, r, n = chunk .. recent, r + 16, n - 1
else
dropped, n = newest, 0
end
b1, b2, other = huge, huge, true
end
local last = r
while last > 0 and get('<d', recent, 8 * last - 7) > stamp do last = last - 1 end
local first = last
while first > 0 and last - first < units and get('<d', recent, 8 * first - 7) == stamp do
first = first - 1
end
recent, r = sub(recent, 1, 8 * first) .. sub(recent, 8 * last + 1), r - (last - first)
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
elseif how == 4 then
local id, place = sub(notes, i, i + 7)
if sub(entries, 1, 8) == id then
place = 1
else
local x = string.find(entries, id, 1, true)
while x do
if x % 32 == 1 then place = x break end
x = string.find(entries, id, x + 1, true)
end
end
if place then
local _, units, stamp = get('<ddd', entries, place + 8)
units = units - t
if units > 0 then
entries = sub(entries, 1, place + 15) .. put('<d', t) .. sub(entries, place + 24)
if stamp ~= stamp then
open = open - units
else
if last_stamp ~= '' then recent, last_stamp = recent .. last_stamp, '' end
while n > 0 and (r == 0 or get('<d', recent) >= stamp) do
local chunk = try('LPOP', KEYS[2])
if chunk and #chunk ~= 128 then
if chunk.err and not string.find(chunk.err, 'WRONGTYPE', 1, true) then return chunk end
chunk = false
end
if chunk then
recent, r, n = chunk .. recent, r + 16, n - 1
else
dropped, n = newest, 0
end
b1, b2, other = huge, huge, true
end
local last = r
while last > 0 and get('<d', recent, 8 * last - 7) > stamp do last = last - 1 end
local first = last
while first > 0 and last - first < units and get('<d', recent, 8 * first - 7) == stamp do
first = first - 1
end
recent, r = sub(recent, 1, 8 * first) .. sub(recent, 8 * last + 1), r - (last - first)
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
end
elseif how == 5 then
local id, place = sub(notes, i, i + 7)
if sub(entries, 1, 8) == id then
place = 1
else
local x = string.find(entries, id, 1, true)
while x do
if x % 32 == 1 then place = x break end
x = string.find(entries, id, x + 1, true)
end
end
if place then
local expires, _, stamp = get('<ddd', entries, place + 8)
if stamp ~= stamp then
if t < expires then expires = t end
if expires < soonest then soonest = expires end
entries = sub(entries, 1, place - 1) .. put('<dd', 0, expires) .. sub(entries, place + 16)
end
end
else
if not fixed and not (t <= began) then t = began end
if not (t >= newest) then t = newest end
if soonest <= t then
local due, left = {}, {}
soonest = huge
for i = 1, #entries, 32 do
local expires, units, stamp = get('<ddd', entries, i + 8)
if expires <= t then
due[#due + 1] = {expires, units, stamp}
else
left[#left + 1] = sub(entries, i, i + 31)
if expires < soonest then soonest = expires end
end
end
entries, entered, dirty, busier = table.concat(left), #left, true, true
table.sort(due, function(x, y) return x[1] < y[1] end)
for i = 1, #due do
local expires, units, stamp = due[i][1], due[i][2], due[i][3]
if stamp ~= stamp then
open = open - units
if expires > newest then newest = expires end
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
end
end
local id, place = sub(notes, i, i + 7)
if sub(entries, 1, 8) == id then
place = 1
else
local x = string.find(entries, id, 1, true)
while x do
if x % 32 == 1 then place = x break end
x = string.find(entries, id, x + 1, true)
end
end
if how == 0 and sub(notes, i + 17, i + 24) == id then
local _, next = get('<dB', notes, i + 25)
if next == 1 then how, i = next, i + 17 end
end
if place then
local expires, units, stamp = get('<ddd', entries, place + 8)
local is_open = stamp ~= stamp
if how == 2 then
if is_open then
open = open - units
else
if last_stamp ~= '' then recent, last_stamp = recent .. last_stamp, '' end
while n > 0 and (r == 0 or get('<d', recent) >= stamp) do
local chunk = try('LPOP', KEYS[2])
if chunk and #chunk ~= 128 then
if chunk.err and not string.find(chunk.err, 'WRONGTYPE', 1, true) then return chunk end
chunk = false
end
if chunk then
recent, r, n = chunk .. recent, r + 16, n - 1
else
dropped, n = newest, 0
end
b1, b2, other = huge, huge, true
end
local last = r
while last > 0 and get('<d', recent, 8 * last - 7) > stamp do last = last - 1 end
local first = last
while first > 0 and last - first < units and get('<d', recent, 8 * first - 7) == stamp do
first = first - 1
end
recent, r = sub(recent, 1, 8 * first) .. sub(recent, 8 * last + 1), r - (last - first)
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
elseif is_open then
open, newest = open - units, t
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
if how ~= 0 then
entered = entered - 1
if entered > 0 then
entries = sub(entries, 1, place - 1) .. sub(entries, place + 32)
else
entries, soonest = '', huge
end
elseif is_open then
entries = sub(entries, 1, place + 23) .. put('<d', t) .. sub(entries, place + 32)
end
end
end
end
i = i + 17
until i > last
if count > 0 then
recent, r = recent .. last_stamp .. table.concat(run, '', 1, count), r + count
last_stamp, count = '', 0
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
t = began
end
if newest > t then t = newest end
if soonest <= t then
local due, left = {}, {}
soonest = huge
for i = 1, #entries, 32 do
local expires, units, stamp = get('<ddd', entries, i + 8)
if expires <= t then
due[#due + 1] = {expires, units, stamp}
else
left[#left + 1] = sub(entries, i, i + 31)
if expires < soonest then soonest = expires end
end
end
entries, entered, dirty, busier = table.concat(left), #left, true, true
table.sort(due, function(x, y) return x[1] < y[1] end)
for i = 1, #due do
local expires, units, stamp = due[i][1], due[i][2], due[i][3]
if stamp ~= stamp then
open = open - units
if expires > newest then newest = expires end
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
end
end
local needed, spare = -huge, 1000000
local counts, kept, freed = {}, {}, 0
for i = 1, #entries, 32 do
local low, high = get('<I4I4', entries, i)
local holder = high * 32 + math.floor(low / 134217728)
local expires, units, stamp = get('<ddd', entries, i + 8)
if holder > 0 then
local c = counts[holder]
if not c then
c = {0, 0}
counts[holder] = c
if dead[holder] then freed = freed + 1 end
end
c[1] = c[1] + 1
if stamp ~= stamp then c[2] = c[2] + units end
local lived = dead[holder]
if lived then
if lived > t then lived = t end
if lived < expires then expires = lived end
if expires < soonest then soonest = expires end
end
end
kept[#kept + 1] = sub(entries, i, i + 7) .. put('<ddd', expires, units, stamp)
end
if freed > 0 then
entries = table.concat(kept)
if soonest <= t then
local due, left = {}, {}
soonest = huge
for i = 1, #entries, 32 do
local expires, units, stamp = get('<ddd', entries, i + 8)
if expires <= t then
due[#due + 1] = {expires, units, stamp}
else
left[#left + 1] = sub(entries, i, i + 31)
if expires < soonest then soonest = expires end
end
end
entries, entered, dirty, busier = table.concat(left), #left, true, true
table.sort(due, function(x, y) return x[1] < y[1] end)
for i = 1, #due do
local expires, units, stamp = due[i][1], due[i][2], due[i][3]
if stamp ~= stamp then
open = open - units
if expires > newest then newest = expires end
if units == 1 and r < 25 and last_stamp == '' then
last_stamp, r = put('<d', newest), r + 1
else
recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
last_stamp = ''
if r > 25 then
local first, list = 1, KEYS[2]
repeat
if n == 0 and r - 16 >= deep then
dropped = get('<d', recent, first + 120)
else
local length = try('LPUSH', list, sub(recent, first, first + 127))
if type(length) == 'table' then
if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
call('DEL', list)
length = call('LPUSH', list, sub(recent, first, first + 127))
end
if length <= n then dropped = newest end
if length > n + 1 then
call('RPOP', list, length - n - 1)
length = n + 1
end
if length == 1 then fresh = true end
n = length
end
first, r, p1, p2 = first + 128, r - 16, p1 + 16, p2 + 16
until r < 26
recent, other = sub(recent, first), true
if p1 > deep then b1 = huge end
if p2 > deep then b2 = huge end
local over = math.floor((r + 16 * n - deep) / 16)
if over > n then over = n end
if over >= 4 or over > 0 and over == n then
local chunks = call('RPOP', list, over)
dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
end
end
end
end
end
end
end
if fixed then began = 0 end
if dirty then
local extend = needed > lives
if extend then lives = needed + spare end
local ms = 3600000
if (extend or fresh) and not fixed then ms = math.ceil((lives - began) / 1000) + 1 end
local length = 125 + 8 * r + 32 * entered
local limit = length + 17 * credit
if credit == 0 then plan, limit = '\0\0\0\0\0\0\0\0', 0 end
seq = version - length
local first, middle, rest = put('<I4ddB', limit, seq, newest, r), '', ''
if other then
rest = put('<dI4I4dI4I4ddI4I4dI4dd', soonest, open, entered, born, factor, deep, gate, dropped, n, p1 % 4294967296, b1,
p2 % 4294967296, b2, life)
elseif busier then
middle, rest = put('<dI4I4', soonest, open, entered), sub(h, 58, 125)
else
rest = sub(h, 42, 125)
end
local whole = mark .. put('<d', lives) .. plan .. first .. middle .. rest .. recent .. last_stamp .. entries
if extend then call('SET', key, whole, 'PX', ms + 1) else call('SET', key, whole, 'KEEPTTL') end
if (extend or fresh) and n > 0 then call('PEXPIRE', KEYS[2], ms) end
end
local out = {put('<d', freed)}
for holder, c in pairs(counts) do
if dead[holder] then out[#out + 1] = put('<ddd', holder, c[1], c[2]) end
end
for holder, c in pairs(counts) do
if not dead[holder] then out[#out + 1] = put('<ddd', holder, c[1], c[2]) end
end
return table.concat(out)
)lua";

}  // namespace lua
// clang-format on

}  // namespace weir::redis::detail
