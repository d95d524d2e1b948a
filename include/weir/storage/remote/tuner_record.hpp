// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::remote {

/// A tuner state without its factor, as a store outside this process keeps it: ten numbers, of which the first four are
/// times on the store's timeline; empty if nothing was learnt. Files and databases contain them in this order.
using tuner_record = std::vector<std::int64_t>;
inline constexpr std::size_t tuner_record_size = 10;
/// Index of the time until which a record matters.
inline constexpr std::size_t recovered_index = 3;

[[nodiscard]] inline bool is_well_formed(const tuner_record& record) noexcept {
    return record.empty() || record.size() == tuner_record_size;
}

/// `at` on a timeline that is `ahead` of its own timeline. `long_ago` and `far_future` are the same on every timeline.
[[nodiscard]] constexpr instant shifted(instant at, duration ahead) noexcept {
    return at <= long_ago || at >= far_future ? at : std::clamp(at + ahead, long_ago, far_future);
}

/// **Preconditions.** `ahead` is the value that the state was read with. Then times that the tuner did not change
/// become the same numbers again.
[[nodiscard]] inline tuner_record to_record(const tuner_state& s, duration ahead) {
    const auto time = [ahead](instant at) { return shifted(at, ahead).time_since_epoch().count(); };
    return {time(s.window), time(s.bound), time(s.cut), time(s.recovered), s.answers,
            s.refusals,     s.excess,      s.border,    s.waits,           s.failures};
}

/// **Preconditions.** The record is well formed.
[[nodiscard]] inline tuner_state to_state(const tuner_record& record, multiplier factor, duration ahead) noexcept {
    tuner_state out;
    out.factor = factor;
    if (record.empty())
        return out;
    const auto time = [&](std::size_t i) { return shifted(instant{duration{record[i]}}, -ahead); };
    out.window = time(0);
    out.bound = time(1);
    out.cut = time(2);
    out.recovered = time(recovered_index);
    out.answers = record[4];
    out.refusals = record[5];
    out.excess = record[6];
    out.border = record[7];
    out.waits = record[8];
    out.failures = record[9];
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
    if (!bytes.empty() && bytes.size() != 8 * tuner_record_size)
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
