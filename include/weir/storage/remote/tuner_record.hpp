// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/key_notes.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::remote {

/// A tuner state without its factor, as a store outside this process keeps it: ten numbers, of which the first four are
/// times on the store's timeline; then the key's notes, if there are any: four numbers, and seven for each reported
/// limit. Empty if nothing was learnt. Files and databases contain them in this order.
using tuner_record = std::vector<std::int64_t>;
inline constexpr std::size_t tuner_record_size = 10;
inline constexpr std::size_t notes_size = 4;
inline constexpr std::size_t limit_note_size = 7;
/// Index of the time until which a record matters.
inline constexpr std::size_t recovered_index = 3;

[[nodiscard]] inline bool is_well_formed_size(std::size_t numbers) noexcept {
    constexpr std::size_t with_notes = tuner_record_size + notes_size;
    return numbers == 0 || numbers == tuner_record_size ||
           (numbers >= with_notes && (numbers - with_notes) % limit_note_size == 0 &&
            (numbers - with_notes) / limit_note_size <= max_limit_notes);
}
[[nodiscard]] inline bool is_well_formed(const tuner_record& record) noexcept {
    return is_well_formed_size(record.size());
}

/// `at` on a timeline that is `ahead` of its own timeline. `long_ago` and `far_future` are the same on every timeline.
[[nodiscard]] constexpr instant shifted(instant at, duration ahead) noexcept {
    return at <= long_ago || at >= far_future ? at : std::clamp(at + ahead, long_ago, far_future);
}

/// How long the store keeps notes of refusals: a client that comes back later begins anew.
inline constexpr duration refusals_kept = std::chrono::minutes{10};

/// **Preconditions.** `ahead` is the value that the state was read with. Then times that the tuner did not change
/// become the same numbers again.
[[nodiscard]] inline tuner_record to_record(const tuner_state& s, duration ahead) {
    const auto time = [ahead](instant at) { return shifted(at, ahead).time_since_epoch().count(); };
    tuner_record out{time(s.window), time(s.bound), time(s.cut), time(s.recovered), s.answers,
                     s.refusals,     s.excess,      s.border,    s.waits,           s.failures};
    if (s.notes == nullptr || s.notes->is_empty())
        return out;
    const refusal_notes& refused = s.notes->refused;
    out.insert(out.end(), {time(s.recovered), time(refused.since), refused.refusals, time(refused.probe)});
    instant matters = std::max(s.recovered, saturating_add(std::max(refused.since, refused.probe), refusals_kept));
    for (const limit_note& l : s.notes->limits) {
        if (l.of == 0)
            break;
        out.insert(out.end(), {static_cast<std::int64_t>(l.of), l.limit, l.window.count(), time(l.since), time(l.until),
                               l.max_left, l.in_force});
        matters = std::max(matters, l.until);
    }
    out[recovered_index] = time(matters);
    return out;
}

namespace detail {
/// Reads the notes behind the ten numbers. **Preconditions.** The record is well formed and has notes.
[[nodiscard]] inline key_notes read_notes(const tuner_record& record, duration ahead) noexcept {
    const auto time = [&](std::size_t i) { return shifted(instant{duration{record[i]}}, -ahead); };
    std::size_t i = tuner_record_size + 1;
    key_notes out{{time(i), record[i + 1], time(i + 2)}, {}};
    i += notes_size - 1;
    for (limit_note& l : out.limits) {
        if (i == record.size())
            break;
        l = {static_cast<std::uint64_t>(record[i]),
             record[i + 1],
             duration{record[i + 2]},
             time(i + 3),
             time(i + 4),
             record[i + 5],
             record[i + 6]};
        i += limit_note_size;
    }
    return out;
}
}  // namespace detail

/// **Preconditions.** The record is well formed.
[[nodiscard]] inline tuner_state to_state(const tuner_record& record, multiplier factor, duration ahead) {
    tuner_state out;
    out.factor = factor;
    if (record.empty())
        return out;
    const bool has_notes = record.size() > tuner_record_size;
    const auto time = [&](std::size_t i) { return shifted(instant{duration{record[i]}}, -ahead); };
    out.window = time(0);
    out.bound = time(1);
    out.cut = time(2);
    out.recovered = time(has_notes ? tuner_record_size : recovered_index);
    out.answers = record[4];
    out.refusals = record[5];
    out.excess = record[6];
    out.border = record[7];
    out.waits = record[8];
    out.failures = record[9];
    if (has_notes)
        out.notes = std::make_shared<const key_notes>(detail::read_notes(record, ahead));
    return out;
}

/// The record as bytes, least significant first, for stores that keep bytes.
[[nodiscard]] inline std::string to_bytes(const tuner_record& record) {
    std::string out;
    out.reserve(8 * record.size());
    for (const std::int64_t number : record)
        for (int shift = 0; shift < 64; shift += 8)
            out += static_cast<char>(static_cast<unsigned char>(static_cast<std::uint64_t>(number) >> shift));
    return out;
}
/// Reads `bytes` into `out`. If they are not a well-formed record, returns false and leaves `out` unchanged.
[[nodiscard]] inline bool read_record(std::string_view bytes, tuner_record& out) {
    if (bytes.size() % 8 != 0 || !is_well_formed_size(bytes.size() / 8))
        return false;
    out.clear();
    for (std::size_t i = 0; i < bytes.size(); i += 8) {
        std::uint64_t number = 0;
        for (std::size_t b = 8; b-- > 0;)
            number = number << 8 | static_cast<unsigned char>(bytes[i + b]);
        out.push_back(static_cast<std::int64_t>(number));
    }
    return true;
}

}  // namespace weir::remote
