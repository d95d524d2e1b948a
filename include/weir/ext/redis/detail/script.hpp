// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

// The store's steps, as Lua. Each runs whole or not at all, on one key's Redis keys, of which a decision needs two:
//
//   KEYS[1]  a string, the head: its fields (`fields` below); the newest stamps, at most 25, oldest first; the
//            entries: id, when it expires, its units, its stamp (NaN while it is open), 8 bytes each; the settlements
//            since then, 17 bytes: id, time, how (0 answered, 1 released, 2 refunded); or stamp, units, 3: units
//            counted from their admission are refunded; or id, units, 4: the entry is lowered to so many
//   KEYS[2]  a list of chunks, newest first: 16 stamps each, oldest first. Where no window is deep there is none.
//   KEYS[3]  a string: what the tuner keeps besides the factor, as this store's users write it; no script reads it
//   ARGV[1]  the arguments, with the entry's id behind them; ARGV[2] settlements that come with the call
//
// What this is shaped by, as measured: a call into Redis takes about 1 us, and Redis's Lua takes 1.3 ns a byte to make
// a string, 25 ns to take a field out of one and 60 ns to put it in. So a decision makes three calls, TIME, GET and
// SET, on a head of some 200 bytes, of which it takes over what it does not change. Every 16th stamp moves a chunk to
// the list. What a look at the list found out is kept as two facts, a place and a stamp that all behind the place are
// not younger than, which answers most looks until the place has moved on. A settlement is no script at all: APPEND
// puts a note at the end of the head, which the next step on the key carries out first, as of the time in it. A key's
// time to live is set with something to spare, and renewed once that is spent. The price: a head grows by 32 bytes an
// open entry.
//
// Times are doubles in whole units, exact to 2^53: microseconds of the server's clock, or what the store was told to
// take for its time. NaN as the time means: the server's. The pieces below are pasted into the scripts; a Lua function
// would cost an allocation a call.

namespace weir::redis::detail {

enum class script : std::size_t { admit, keep, learn };
inline constexpr std::size_t script_count = 3;

namespace lua {

inline constexpr std::string_view names = R"lua(
local call, get, put, sub, huge = redis.call, struct.unpack, struct.pack, string.sub, 1 / 0
local key, a = KEYS[1], ARGV[1]
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

/// Takes the head apart. `lives` is until when the keys live at least, and changes with `born`, when the head was made,
/// and the factor; `seq` is how often it admitted, `dropped` the newest stamp that was let go, `deep` how many are
/// kept; `n` chunks are in the list; no stamp there at place `p1` or behind is younger than `b1`, none at `p2` or
/// behind than `b2`; `r` stamps are in `recent` and `last_stamp`, which is the newest or nothing; the settlements begin
/// at `from`. `busier` and `other` say which fields are not what they were. A list without a head was left by an
/// eviction: what it lacks is unknown, so it counts for nothing.
inline constexpr std::string_view head = R"lua(
local h = call('GET', key)
local was, newest, lives, seq, r, soonest, open, inflight, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, from
local recent, entries, size, busier, other = '', '', 0, false, false
if h and #h > 104 then
  was, newest, lives, seq, r, soonest, open, inflight, born, factor, deep, gate, dropped, n, p1, b1, p2, b2, from =
    get('<dddI4BdI4I4dI4I4ddI4I4dI4d', h)
  size = #h
  if r > 0 then
    local x = from
    from = from + 8 * r
    recent = sub(h, x, from - 1)
  end
  if inflight > 0 then
    local x = from
    from = from + 32 * inflight
    entries = sub(h, x, from - 1)
  end
else
  call('DEL', KEYS[2])
  h, from, other = nil, 1, true
  newest, lives, seq, r, soonest, open, inflight = -huge, -huge, 0, 0, huge, 0, 0
  born, factor, deep, gate, dropped, n, p1, b1, p2, b2 = t, 1000000, 0, -huge, -huge, 0, 0, huge, 0, huge
end
local began = t
)lua";

/// Moves stamps from `recent` to the list while there are more than 25.
inline constexpr std::string_view spill = R"lua(
  if r > 25 then
    local first, list = 1, KEYS[2]
    repeat
      if n == 0 and r - 16 >= deep then
        dropped = get('<d', recent, first + 120)
      else
        local length = call('LPUSH', list, sub(recent, first, first + 127))
        if length <= n then dropped = newest end
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
)lua";

/// `recent` becomes all of them.
inline constexpr std::string_view join = R"lua(
  if last_stamp ~= '' then recent, last_stamp = recent .. last_stamp, '' end
)lua";

/// Stamps `units` units with `newest`.
inline const std::string push = std::string{R"lua(
  if units == 1 and r < 25 and last_stamp == '' then
    last_stamp, r = put('<d', newest), r + 1
  else
    recent, r = recent .. last_stamp .. string.rep(put('<d', newest), units), r + units
    last_stamp = ''
)lua"} + std::string{spill} + R"lua(
  end
)lua";

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
  entries, inflight, dirty, busier = table.concat(left), #left, true, true
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
inline const std::string take = std::string{join} + R"lua(
    while n > 0 and (r == 0 or get('<d', recent) >= stamp) do
      local chunk = call('LPOP', KEYS[2])
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
)lua" + std::string{spill};

/// `place` becomes where the entry that a settlement names begins, if it is there.
inline constexpr std::string_view find = R"lua(
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
)lua";

/// Carries out the settlements noted since the head was written, each as of its time, then lets entries expire.
inline const std::string settled = std::string{R"lua(
local notes = ARGV[2]
if from <= size then notes = notes and sub(h, from) .. notes or sub(h, from) end
if notes then
  dirty, busier = true, true
  local i, last = 1, #notes
  repeat
    local how
    t, how = get('<dB', notes, i + 8)
    if how == 3 then
      local units, stamp = t, get('<d', notes, i)
)lua"} + take + R"lua(
    elseif how == 4 then
)lua" + std::string{find} + R"lua(
      if place then
        local _, units, stamp = get('<ddd', entries, place + 8)
        units = units - t
        if units > 0 then
          entries = sub(entries, 1, place + 15) .. put('<d', t) .. sub(entries, place + 24)
          if stamp ~= stamp then
            open = open - units
          else
)lua" + take + R"lua(
          end
        end
      end
    else
      if t > began and not fixed then t = began end
      if t < newest then t = newest end
)lua" + expire + std::string{find} +
                                   R"lua(
      if how == 0 and sub(notes, i + 17, i + 24) == id then
        -- Answered, and mostly ended since: that is one step.
        local _, next = get('<dB', notes, i + 25)
        if next == 1 then how, i = 1, i + 17 end
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
    i = i + 17
  until i > last
  t = began
end
if newest > t then t = newest end
)lua" + expire;

/// Writes the head, with a time to live that reaches `needed` at least; leaves in `told` what an admission returns.
inline constexpr std::string_view save = R"lua(
  local extend = needed > lives
  if extend then lives = needed + spare end
  local ms = 3600000
  if (extend or fresh) and not fixed then ms = math.ceil((lives - began) / 1000) + 1 end
  local rest = ''
  if other then
    told = put('<dddI4BdI4I4dI4I4ddI4I4dI4d', t, newest, lives, seq % 4294967296, r, soonest, open, inflight,
      born, factor, deep, gate, dropped, n, p1 % 4294967296, b1, p2 % 4294967296, b2)
  elseif busier then
    told, rest = put('<dddI4BdI4I4', t, newest, lives, seq % 4294967296, r, soonest, open, inflight), sub(h, 46, 105)
  else
    told, rest = put('<dddI4B', t, newest, lives, seq % 4294967296, r), sub(h, 30, 105)
  end
  local whole = told .. rest .. recent .. last_stamp .. entries
  if extend then call('SET', key, whole, 'PX', ms + 1) else call('SET', key, whole, 'KEEPTTL') end
  if (extend or fresh) and n > 0 then call('PEXPIRE', KEYS[2], ms) end
  if lives ~= known then told = sub(whole, 1, 105) end
)lua";

/// ARGV[1]: what (0 count, 1 from the response, 2 from the admission; 4 more: enter whatever stands in the way), cost,
/// time, an entry's time to live, ceiling, longest period, stamps to keep, the `lives` that the caller knows; then
/// limit and period of every window; then the entry's id if there is one. Returns the head's first fields where it
/// admits, then why, window, when and the gate if something stood in the way; else why, window, when, the gate, the
/// time, the factor.
inline const std::string admit = std::string{names} + R"lua(
local what, cost, t, ttl, most, longest, keep, known, at = get('<dddddddd', a)
local force = what > 3
if force then what = what - 4 end
)lua" + std::string{clock} + std::string{head} +
                                 R"lua(
if keep > deep then deep, other = keep, true end
)lua" + settled + R"lua(
local why, window, free = 0, 0, t
if cost > 0 then
  local index, ends, looks = 0, #a - (what > 0 and 8 or 0), 0
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
        if back > 0 or last_stamp == '' then blocker = get('<d', recent, 8 * (r - back) - 7) else blocker = newest end
      else
        back = back - r
        if back >= p1 and b1 + period <= free or back >= p2 and b2 + period <= free then
          blocker = -huge
        else
          local last = back % 16
          local place = (back - last) / 16
          if place < n then
            local chunk = call('LINDEX', KEYS[2], place)
            if chunk then
              blocker = get('<d', chunk, 121 - 8 * last)
              local bound = get('<d', chunk, 121)
              if bound + period <= free then
                -- Where the window is not half full, as far as from there to here is known at once.
                local near = math.floor(place / 2)
                chunk = near < place and call('LINDEX', KEYS[2], near)
                local nearer = chunk and get('<d', chunk, 121)
                if chunk and nearer + period <= free then place, bound = near, nearer end
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
      if blocker > free then why, window, free = 1, index, blocker end
    end
    index = index + 1
  end
  if why == 0 and most > 0 and inflight >= most then why = 3 end
end
if gate > free then why, window, free = 2, 0, gate end
local admits = (why == 0 or force) and cost > 0
if admits or dirty then
  local told
  local needed, spare = newest + longest, (longest + ttl) / 8 + 1000000
  if admits then
    seq = seq + 1
    if what == 1 then
      open, needed = open + cost, t + ttl + longest
    else
      newest, needed = t, t + longest
      local units = cost
)lua" + push + R"lua(
    end
    if what > 0 then
      local ends = t + ttl
      entries = entries .. sub(a, -8) .. put('<ddd', ends, cost, what == 1 and 0 / 0 or t)
      inflight, busier = inflight + 1, true
      if ends < soonest then soonest = ends end
      if ends > needed then needed = ends end
    end
  end
)lua" + std::string{save} + R"lua(
  if admits then
    if why > 0 then told = told .. put('<dddd', why, window, free, gate) end
    return told
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
local needed, spare, moved, known, told = -huge, 1000000, 0
if fixed then began = 0 end
if what == 0 then
  if not fixed then value = began + value end
  if value > gate then gate, moved, dirty, other = value, 1, true, true end
  needed = gate > began and gate or began
elseif what == 1 then
  factor, dirty, needed = value, true, began + 3600000000
elseif what == 2 then
  call('DEL', KEYS[2], KEYS[3])
  newest, gate, factor, dropped, dirty, needed = -huge, -huge, 1000000, -huge, h, began
  recent, last_stamp, r, n, b1, b2 = '', '', 0, 0, huge, huge
end
if what == 1 or what == 2 then
  -- Who knows the factor by `lives` is to be told.
  other = true
  if lives > needed then needed = lives end
  lives = -huge
end
if dirty then
)lua" + std::string{save} + R"lua(
end
if what == 4 and not h then call('DEL', key) end
if what ~= 3 then return put('<d', moved) end
)lua" + std::string{join} + R"lua(
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
      local chunk = call('LINDEX', KEYS[2], middle)
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

/// ARGV[1]: time, the factor and the bytes that the caller saw last, the new factor, until when they matter, how many
/// bytes; the bytes that were seen, the new ones. Returns whether they were still the same, the time and the factor;
/// then, if not, the bytes that are there. The bytes outlive the head by a day, for a head's time grows with
/// admissions, which do not look at them, and a factor whose history is gone would not recover by itself.
inline const std::string learn = std::string{names} + R"lua(
local t, seen, new, needed, length = get('<ddddd', a)
)lua" + std::string{clock} + R"lua(
)lua" + std::string{head} + settled +
                                 R"lua(
local spare, known, told = 1000000
if fixed then began = 0 end
local kept = call('GET', KEYS[3]) or ''
local next = sub(a, 41 + length)
local swaps = factor == seen and kept == sub(a, 41, 40 + length)
local writes = swaps and (factor ~= new or kept ~= next)
if not writes then
  needed = -huge
else
  if needed < began then needed = began end
  if lives > needed then needed = lives end
  -- Who knows the factor by `lives` is to be told.
  if factor ~= new then factor, other, lives = new, true, -huge end
  dirty = true
end
if dirty then
)lua" + std::string{save} + R"lua(
end
if writes then
  local ms = 3600000
  if not fixed then ms = math.ceil((lives - began) / 1000) + 86400000 end
  call('SET', KEYS[3], next, 'PX', ms)
end
if swaps then return put('<ddd', 1, began, factor) end
return put('<ddd', 0, began, factor) .. kept
)lua";

}  // namespace lua

/// The scripts' texts, by `script`.
[[nodiscard]] inline const std::array<std::string_view, script_count>& script_texts() noexcept {
    static const std::array<std::string_view, script_count> all{lua::admit, lua::keep, lua::learn};
    return all;
}

}  // namespace weir::redis::detail
