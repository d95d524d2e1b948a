// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

// The store's steps, as Lua. Each runs whole or not at all, on one key's two Redis keys:
//
//   KEYS[1]  a hash: field `h` is the head, twelve doubles; every other field is an entry, its name the id's 8 bytes and
//            its value three doubles: when it expires, its units, its stamp (NaN while it is open)
//   KEYS[2]  a list: the newest stamps, newest first
//   ARGV[1]  the arguments, doubles; ARGV[2] the entry's id
//
// A call into Redis costs about as much as all the Lua around it, so there are as few as possible: the head is packed
// in one field, a look is skipped where the newest stamp is old enough already, a key's time to live is set with
// something to spare and renewed only once that is spent, the list is trimmed 64 stamps at a time.
//
// Times are doubles in whole units, exact to 2^53: microseconds of the server's clock, or what the store was told to
// take for its time. NaN as the time means: the server's. The pieces below are pasted into the scripts; a Lua function
// would cost an allocation a call.

namespace weir::redis::detail {

enum class script : std::size_t { admit, settle, keep };
inline constexpr std::size_t script_count = 3;

namespace lua {

inline constexpr std::string_view names = R"lua(
local call, get, put, huge = redis.call, struct.unpack, struct.pack, math.huge
local key, list, a = KEYS[1], KEYS[2], ARGV[1]
local fresh, dirty = false, false
)lua";

/// `t` becomes the time; `began` keeps what the clock said.
inline constexpr std::string_view clock = R"lua(
local fixed = t == t
if not fixed then
  local now = call('TIME')
  t = now[1] * 1000000 + now[2]
end
)lua";

/// Reads the head from `h`. A head that is gone while its list is there is made again from the list.
inline constexpr std::string_view head = R"lua(
local newest, gate, factor, open, inflight, soonest, len, dropped, deep, lives, born, seq
if h then
  newest, gate, factor, open, inflight, soonest, len, dropped, deep, lives, born, seq = get('<dddddddddddd', h)
else
  newest, gate, factor, open, inflight, soonest = -huge, -huge, 1000000, 0, 0, huge
  len, dropped, deep, lives, born, seq = call('LLEN', list), -huge, 0, -huge, t, 0
  if len > 0 then
    newest, dropped = tonumber(call('LINDEX', list, 0)), tonumber(call('LINDEX', list, -1))
  end
end
local began = t
if newest > t then t = newest end
)lua";

/// Pushes `units` stamps `at`. A list shorter than it should be was evicted: what it held counts as stamped now.
inline constexpr std::string_view push = R"lua(
  local had, left = len, units
  while left > 0 do
    if left == 1 then
      len, left = call('LPUSH', list, at), 0
    else
      local many = {}
      for i = 1, left > 1000 and 1000 or left do many[i] = at end
      len, left = call('LPUSH', list, unpack(many)), left - #many
    end
  end
  if len < had + units then dropped, had = at, 0 end
  if had == 0 then fresh = true end
)lua";

/// Entries whose time is over: their holder died. Those still open are stamped with the end of their time.
inline const std::string expire = std::string{R"lua(
if soonest <= t then
  local all, due = call('HGETALL', key), {}
  soonest = huge
  for i = 1, #all, 2 do
    if #all[i] == 8 then
      local expires, units, stamp = get('<ddd', all[i + 1])
      if expires <= t then
        due[#due + 1] = {expires, units, stamp, all[i]}
      elseif expires < soonest then
        soonest = expires
      end
    end
  end
  table.sort(due, function(x, y) return x[1] < y[1] end)
  for i = 1, #due do
    local expires, units, stamp = due[i][1], due[i][2], due[i][3]
    call('HDEL', key, due[i][4])
    inflight = inflight - 1
    if stamp ~= stamp then
      open = open - units
      if expires > newest then newest = expires end
      local at = newest
)lua"} + std::string{push} + R"lua(
    end
  end
  dirty = true
end
)lua";

/// Trims the list, sets the time to live to `needed` at least, writes the head, and `entry` if there is one.
inline constexpr std::string_view save = R"lua(
  if keep > deep then deep = keep end
  if len > deep + 64 then
    dropped = tonumber(call('LINDEX', list, deep))
    call('LTRIM', list, 0, deep - 1)
    len = deep
  end
  local extend = needed > lives
  if extend then lives = needed + spare end
  local h = put('<dddddddddddd', newest, gate, factor, open, inflight, soonest, len, dropped, deep, lives, born, seq)
  if entry then call('HSET', key, 'h', h, ARGV[2], entry) else call('HSET', key, 'h', h) end
  if extend or fresh then
    local ms = 3600000
    if not fixed then ms = math.ceil((lives - (began > -huge and began or t)) / 1000) + 1 end
    if extend then call('PEXPIRE', key, ms) end
    if len > 0 then call('PEXPIRE', list, ms) end
  end
)lua";

/// ARGV[1]: what (0 count, 1 from the response, 2 from the admission), cost, time, an entry's time to live, ceiling,
/// longest period, stamps to keep; then limit and period of every window.
inline const std::string admit = std::string{names} + R"lua(
local what, cost, t, ttl, most, longest, keep, at = get('<ddddddd', a)
)lua" + std::string{clock} + R"lua(
local h = call('HGET', key, 'h')
)lua" + std::string{head} + expire + R"lua(
local why, window, free = 0, 0, t
if cost > 0 then
  local index, size = 0, #a
  while at < size do
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
      if back < len then
        blocker = call('LINDEX', list, back)
        if not blocker then
          blocker, dropped, len = newest, newest, 0
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
local needed, spare, entry = newest + longest, (longest + ttl) / 8 + 1000000, nil
if why == 0 and cost > 0 then
  seq, dirty = seq + 1, true
  if what ~= 1 then
    local at, units = t, cost
)lua" + std::string{push} + R"lua(
    newest, needed = t, t + longest
  else
    open, needed = open + cost, t + ttl + longest
  end
  if what > 0 then
    local ends = t + ttl
    entry = put('<ddd', ends, cost, what == 1 and 0 / 0 or t)
    inflight = inflight + 1
    if ends < soonest then soonest = ends end
    if ends > needed then needed = ends end
  end
end
if dirty then
)lua" + std::string{save} + R"lua(
end
return put('<dddddddd', why, window, free, t, factor, born, seq, lives)
)lua";

/// ARGV[1]: how (0 answered, 1 released, 2 refunded), time, longest period, stamps to keep. Repeating it changes nothing.
inline const std::string settle = std::string{names} + R"lua(
local how, t, longest, keep = get('<dddd', a)
local found = call('HMGET', key, 'h', ARGV[2])
local h, entry = found[1], found[2]
if not h or not entry then return 0 end
local expires, units, stamp = get('<ddd', entry)
local is_open = stamp ~= stamp
entry = nil
if t ~= t and not (is_open and how < 2) then t = -huge end
)lua" + std::string{clock} + R"lua(
if t == -huge then fixed = false end
)lua" + std::string{head} + expire + R"lua(
if expires > t then
  if how == 2 then
    if is_open then open = open - units else len = len - call('LREM', list, units, stamp) end
    dirty = true
  elseif is_open then
    open, newest, stamp, dirty = open - units, t, t, true
    local at = t
)lua" + std::string{push} + R"lua(
  end
  if how > 0 then
    call('HDEL', key, ARGV[2])
    inflight, dirty = inflight - 1, true
    if inflight == 0 then soonest = huge end
  elseif is_open then
    entry = put('<ddd', expires, units, stamp)
  end
end
if dirty then
  local needed, spare = newest + longest, longest / 8 + 1000000
)lua" + std::string{save} + R"lua(
end
return 1
)lua";

/// ARGV[1]: what (0 hold, 1 tune, 2 erase, 3 read), time, value (an absolute gate or a span from now, the factor);
/// to read, then the periods of the windows.
inline const std::string keep = std::string{names} + R"lua(
local what, t, value, at = get('<ddd', a)
)lua" + std::string{clock} + R"lua(
local h = call('HGET', key, 'h')
)lua" + std::string{head} + R"lua(
local keep, needed, spare, entry, moved = 1, -huge, 1000000, nil, 0
if what == 0 then
  if not fixed then value = began + value end
  if value > gate then gate, moved, dirty = value, 1, true end
  needed = gate > began and gate or began
elseif what == 1 then
  factor, dirty, needed = value, true, began + 3600000000
elseif what == 2 then
  call('DEL', list)
  newest, gate, factor, len, dropped, dirty = -huge, -huge, 1000000, 0, -huge, h
  needed = began
else
)lua" + expire + R"lua(
end
if dirty then
)lua" + std::string{save} + R"lua(
end
if what < 3 then return put('<dddd', moved, factor, born, seq) end
local out = {put('<ddddddd', t, open, inflight, gate, factor, newest, len)}
while at < #a do
  local period
  period, at = get('<d', a, at)
  local low, high, after = 0, len, t - period
  while low < high do
    local middle = math.floor((low + high) / 2)
    if tonumber(call('LINDEX', list, middle) or newest) > after then low = middle + 1 else high = middle end
  end
  out[#out + 1] = put('<d', low + open)
end
return table.concat(out)
)lua";

}  // namespace lua

/// The scripts' texts, by `script`.
[[nodiscard]] inline const std::array<const std::string*, script_count>& script_texts() noexcept {
    static const std::array<const std::string*, script_count> all{&lua::admit, &lua::settle, &lua::keep};
    return all;
}

}  // namespace weir::redis::detail
