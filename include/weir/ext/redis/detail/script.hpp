// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

// The store's steps, as Lua. Each runs whole or not at all, on one key's two Redis keys:
//
//   KEYS[1]  a string, the head: its fields (`fields` below); the newest stamps, at most 25, oldest first; the chunks
//            that were looked at last, each behind its number; the entries: id, when it expires, its units, its stamp
//            (NaN while it is open), 8 bytes each; the settlements since then, 17 bytes: id, time, how (0 answered,
//            1 released, 2 refunded); or stamp, units, 3: units counted from their admission are refunded
//   KEYS[2]  a list of chunks, newest first: 16 stamps each, oldest first. Where no window is deep there is none.
//   ARGV[1]  the arguments; ARGV[2] the entry's id
//
// What this is shaped by, as measured: a call into Redis takes about 1 us, and Redis's Lua takes 1.3 ns a byte to make
// a string. So a decision makes three calls, TIME, GET and SET, on a head of a few hundred bytes; every 16th stamp
// moves a chunk, and every 16th look behind the newest stamps fetches one. A settlement is no script at all: APPEND
// puts a note at the end of the head, which the next step on the key carries out first, as of the time in it. A key's
// time to live is set with something to spare, and renewed once that is spent. The price: a head grows by 32 bytes an
// open entry.
//
// Times are doubles in whole units, exact to 2^53: microseconds of the server's clock, or what the store was told to
// take for its time. NaN as the time means: the server's. The pieces below are pasted into the scripts; a Lua function
// would cost an allocation a call.

namespace weir::redis::detail {

enum class script : std::size_t { admit, keep };
inline constexpr std::size_t script_count = 2;

/// Bytes of a head's fields; an admission returns them, and four doubles more if something stood in its way.
inline constexpr std::size_t head_bytes = 86;
inline constexpr std::size_t passed_bytes = head_bytes + 4 * 8;
inline constexpr std::size_t denied_bytes = 6 * 8;

namespace lua {

inline constexpr std::string_view names = R"lua(
local call, get, put, sub, huge = redis.call, struct.unpack, struct.pack, string.sub, 1 / 0
local key, list, a = KEYS[1], KEYS[2], ARGV[1]
local fresh, dirty, last_stamp = false, false, ''
)lua";

/// `t` becomes the time.
inline constexpr std::string_view clock = R"lua(
local fixed = t == t
if not fixed then
  local now = call('TIME')
  t = now[1] * 1000000 + now[2]
end
)lua";

/// Takes the head apart. `dropped` is the newest stamp that was let go, `deep` how many are kept, `lives` until when
/// the keys live at least, `born` when the head was made, `seq` how often it admitted; `n` chunks are in the list, `q`
/// is the number of the next one; `r` stamps are in `recent`, `c` chunks in `cache`; the settlements begin at `from`. A
/// list without a head was left by an eviction: what it lacks is unknown, so it counts for nothing.
inline constexpr std::string_view head = R"lua(
local h = call('GET', key)
local was, newest, gate, soonest, dropped, lives, born, factor, open, inflight, deep, seq, n, q, r, c
local recent, cache, entries, from, size = '', '', '', 1, 0
if h and #h > 85 then
  was, newest, gate, soonest, dropped, lives, born, factor, open, inflight, deep, seq, n, q, r, c, from =
    get('<dddddddI4I4I4I4I4I4I4BB', h)
  size = #h
  local x = from + 8 * r
  if r > 0 then recent = sub(h, from, x - 1) end
  from = x + 136 * c
  if c > 0 then cache = sub(h, x, from - 1) end
  if inflight > 0 then
    x, from = from, from + 32 * inflight
    entries = sub(h, x, from - 1)
  end
else
  call('DEL', list)
  h = nil
  newest, gate, soonest, dropped, lives, born = -huge, -huge, huge, -huge, -huge, t
  factor, open, inflight, deep, seq, n, q, r, c = 1000000, 0, 0, 0, 0, 0, 0, 0, 0
end
local began = t
)lua";

/// Moves stamps from `recent` to the list while there are more than 25.
inline constexpr std::string_view spill = R"lua(
  if r > 25 then
    local first = 1
    repeat
      if n == 0 and r - 16 >= deep then
        dropped = get('<d', recent, first + 120)
      else
        local length = call('LPUSH', list, sub(recent, first, first + 127))
        if length <= n then dropped = newest end
        if length == 1 then fresh = true end
        n, q = length, q + 1
      end
      first, r = first + 128, r - 16
    until r < 26
    recent = sub(recent, first)
    local over = math.floor((r + 16 * n - deep) / 16)
    if over > n then over = n end
    if over >= 4 or over > 0 and over == n then
      local chunks = call('RPOP', list, over)
      dropped, n = chunks and get('<d', chunks[#chunks], 121) or newest, n - over
    end
  end
)lua";

/// Stamps `units` units with `newest`.
inline const std::string push = std::string{R"lua(
  recent, r = recent .. (units == 1 and put('<d', newest) or string.rep(put('<d', newest), units)), r + units
)lua"} + std::string{spill};

/// Entries whose time is over: their holder died. Those still open are stamped with the end of their time.
inline const std::string expire = std::string{R"lua(
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
  entries, inflight, dirty = table.concat(left), #left, true
  table.sort(due, function(x, y) return x[1] < y[1] end)
  for i = 1, #due do
    local expires, units, stamp = due[i][1], due[i][2], due[i][3]
    if stamp ~= stamp then
      open = open - units
      if expires > newest then newest = expires end
)lua"} + push + R"lua(
    end
  end
end
)lua";

/// Takes out `units` units stamped `stamp`, as far as they are there.
inline const std::string take = std::string{R"lua(
    while n > 0 and (r == 0 or get('<d', recent) >= stamp) do
      local chunk = call('LPOP', list)
      if chunk then
        recent, r, n, q, cache, c = chunk .. recent, r + 16, n - 1, q - 1, '', 0
      else
        dropped, n = newest, 0
      end
    end
    local last = r
    while last > 0 and get('<d', recent, 8 * last - 7) > stamp do last = last - 1 end
    local first = last
    while first > 0 and last - first < units and get('<d', recent, 8 * first - 7) == stamp do
      first = first - 1
    end
    recent, r = sub(recent, 1, 8 * first) .. sub(recent, 8 * last + 1), r - (last - first)
)lua"} + std::string{spill};

/// Carries out the settlements noted since the head was written, each as of its time, then lets entries expire.
inline const std::string settled = std::string{R"lua(
if from <= size then
  dirty = true
  repeat
    local how, place
    t, how = get('<dB', h, from + 8)
    if how == 3 then
      local units, stamp = t, get('<d', h, from)
)lua"} + take + R"lua(
    else
      if t > began and not fixed then t = began end
      if t < newest then t = newest end
)lua" + expire + R"lua(
      local id = sub(h, from, from + 7)
      local x = string.find(entries, id, 1, true)
      while x do
        if x % 32 == 1 then place = x break end
        x = string.find(entries, id, x + 1, true)
      end
      if place then
        local expires, units, stamp = get('<ddd', entries, place + 8)
        local is_open = stamp ~= stamp
        if how == 2 then
          if is_open then
            open = open - units
          else
)lua" + take + R"lua(
          end
        elseif is_open then
          open, newest = open - units, t
)lua" + push + R"lua(
        end
        if how > 0 then
          inflight = inflight - 1
          if inflight > 0 then
            entries = sub(entries, 1, place - 1) .. sub(entries, place + 32)
          else
            entries, soonest = '', huge
          end
        elseif is_open then
          entries = sub(entries, 1, place + 23) .. put('<d', t) .. sub(entries, place + 32)
        end
      end
    end
    from = from + 17
  until from > size
  t = began
end
if newest > t then t = newest end
)lua" + expire;

/// Writes the head, with a time to live that reaches `needed` at least.
inline constexpr std::string_view save = R"lua(
  local extend = needed > lives
  if extend then lives = needed + spare end
  local ms = 3600000
  if (extend or fresh) and not fixed then ms = math.ceil((lives - began) / 1000) + 1 end
  h = put('<dddddddI4I4I4I4I4I4I4BB', t, newest, gate, soonest, dropped, lives, born, factor, open, inflight, deep,
    seq % 4294967296, n, q % 4294967296, r, c)
  local whole = h .. recent .. last_stamp .. cache .. entries
  if extend then call('SET', key, whole, 'PX', ms + 1) else call('SET', key, whole, 'KEEPTTL') end
  if (extend or fresh) and n > 0 then call('PEXPIRE', list, ms) end
)lua";

/// ARGV[1]: what (0 count, 1 from the response, 2 from the admission; 4 more: enter whatever stands in the way), cost,
/// time, an entry's time to live, ceiling, longest period, stamps to keep; then limit and period of every window.
/// Returns the head's fields where it admits, then why, window, when and the gate if something stood in the way; else
/// why, window, when, the gate, the time, the factor.
inline const std::string admit = std::string{names} + R"lua(
local what, cost, t, ttl, most, longest, keep, at = get('<ddddddd', a)
local force = what > 3
if force then what = what - 4 end
)lua" + std::string{clock} + std::string{head} +
                                 R"lua(
if keep > deep then deep = keep end
)lua" + settled + R"lua(
local why, window, free = 0, 0, t
if cost > 0 then
  local index, ends, looks = 0, #a, 0
  while at < ends do
    local limit, period
    limit, period, at = get('<dd', a, at)
    local back = limit - cost
    if back < open then
      if back < 0 then
        why, window, free = 5, index, huge
        break
      end
      if t + period > free then why, window, free = 1, index, t + period end
    elseif newest + period > free then
      back = back - open
      local blocker = dropped
      if back < r then
        blocker = get('<d', recent, 8 * (r - back) - 7)
      else
        back = back - r
        local last = back % 16
        local place = (back - last) / 16
        if place < n then
          last = 8 * (16 - last) + 1
          local number = (q - 1 - place) % 4294967296
          if c > 0 and get('<d', cache) == number then
            blocker = get('<d', cache, last)
          elseif c > 1 and get('<d', cache, 137) == number then
            blocker = get('<d', cache, last + 136)
          else
            local chunk = call('LINDEX', list, place)
            if chunk then
              chunk = put('<d', number) .. chunk
              blocker = get('<d', chunk, last)
              if looks % 2 == 0 then cache = chunk .. sub(cache, 137)
              else cache = sub(cache, 1, 136) .. chunk end
              c = #cache / 136
            else
              blocker, dropped, n = newest, newest, 0
            end
          end
          looks = looks + 1
        end
      end
      blocker = blocker + period
      if blocker > free then why, window, free = 1, index, blocker end
    end
    index = index + 1
  end
  if why == 0 and most > 0 and inflight >= most then why = 3 end
end
if gate > free then why, window, free = 2, 0, gate end
local admits = (why == 0 or force) and cost > 0
if admits or dirty then
  local needed, spare = newest + longest, (longest + ttl) / 8 + 1000000
  if admits then
    seq = seq + 1
    if what == 1 then
      open, needed = open + cost, t + ttl + longest
    else
      newest, needed = t, t + longest
      if cost == 1 and r < 25 then
        last_stamp, r = put('<d', t), r + 1
      else
        local units = cost
)lua" + push + R"lua(
      end
    end
    if what > 0 then
      local ends = t + ttl
      entries = entries .. ARGV[2] .. put('<ddd', ends, cost, what == 1 and 0 / 0 or t)
      inflight = inflight + 1
      if ends < soonest then soonest = ends end
      if ends > needed then needed = ends end
    end
  end
)lua" + std::string{save} + R"lua(
  if admits then
    if why > 0 then h = h .. put('<dddd', why, window, free, gate) end
    return h
  end
end
return put('<dddddd', why, window, free, gate, t, factor)
)lua";

/// ARGV[1]: what (0 hold, 1 tune, 2 erase, 3 read, 4 tidy), time, value (an absolute gate or a span from now; the
/// factor); to read, then the periods of the windows. To tidy is to delete notes that have no head.
inline const std::string keep = std::string{names} + R"lua(
local what, t, value, at = get('<ddd', a)
)lua" + std::string{clock} + R"lua(
)lua" + std::string{head} + settled +
                                R"lua(
local needed, spare, moved = -huge, 1000000, 0
if fixed then began = 0 end
if what == 0 then
  if not fixed then value = began + value end
  if value > gate then gate, moved, dirty = value, 1, true end
  needed = gate > began and gate or began
elseif what == 1 then
  factor, dirty, needed = value, true, began + 3600000000
elseif what == 2 then
  if n > 0 then call('DEL', list) end
  newest, gate, factor, dropped, dirty, needed = -huge, -huge, 1000000, -huge, h, began
  recent, r, n, cache, c = '', 0, 0, '', 0
end
if dirty then
)lua" + std::string{save} + R"lua(
end
if what == 4 and not h then call('DEL', key) end
if what ~= 3 then return put('<d', moved) end
local out = {put('<ddddddd', t, open, inflight, gate, factor, newest, dropped)}
while at < #a do
  local period
  period, at = get('<d', a, at)
  local after, used = t - period, 0
  while used < r and get('<d', recent, 8 * (r - used) - 7) > after do used = used + 1 end
  if used == r and n > 0 then
    local low, high, oldest = 0, n, ''
    while low < high do
      local middle = math.floor((low + high) / 2)
      local chunk = call('LINDEX', list, middle)
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

}  // namespace lua

/// The scripts' texts, by `script`.
[[nodiscard]] inline const std::array<std::string_view, script_count>& script_texts() noexcept {
    static const std::array<std::string_view, script_count> all{lua::admit, lua::keep};
    return all;
}

}  // namespace weir::redis::detail
