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

namespace weir::detail {

/// What stores elsewhere keep of a tuner state beside the factor: ten numbers, of which the first four are times on the
/// store's timeline; or none, where nothing was learnt. Their order is in files and databases, and stays.
using tuner_words = std::vector<std::int64_t>;
inline constexpr std::size_t tuner_word_count = 10;
/// Of them, until when they matter.
inline constexpr std::size_t recovered_word = 3;

[[nodiscard]] inline bool is_well_formed(const tuner_words& words) noexcept {
    return words.empty() || words.size() == tuner_word_count;
}

/// `at` on a timeline that is `ahead` of its own. What never happened, or has no end, does so on every one.
[[nodiscard]] constexpr instant shifted(instant at, duration ahead) noexcept {
    return at <= long_ago || at >= far_future ? at : std::clamp(at + ahead, long_ago, far_future);
}

/// **Preconditions.** `ahead` is the same for the words that were read and those that are written: what a step left as
/// it was then gives the same words.
[[nodiscard]] inline tuner_words words_of(const tuner_state& s, duration ahead) {
    const auto time = [ahead](instant at) { return shifted(at, ahead).time_since_epoch().count(); };
    return {time(s.window), time(s.bound), time(s.cut), time(s.recovered), s.answers,
            s.refusals,     s.excess,      s.border,    s.waits,           s.failures};
}

/// **Preconditions.** The words are well formed.
[[nodiscard]] inline tuner_state state_of(const tuner_words& words, multiplier factor, duration ahead) noexcept {
    tuner_state out;
    out.factor = factor;
    if (words.empty())
        return out;
    const auto time = [&](std::size_t i) { return shifted(instant{duration{words[i]}}, -ahead); };
    out.window = time(0);
    out.bound = time(1);
    out.cut = time(2);
    out.recovered = time(recovered_word);
    out.answers = words[4];
    out.refusals = words[5];
    out.excess = words[6];
    out.border = words[7];
    out.waits = words[8];
    out.failures = words[9];
    return out;
}

/// The words as bytes, least significant first, for stores that keep bytes.
[[nodiscard]] inline std::string bytes_of(const tuner_words& words) {
    std::string out;
    out.reserve(8 * words.size());
    for (const std::int64_t word : words)
        for (int shift = 0; shift < 64; shift += 8)
            out += static_cast<char>(static_cast<unsigned char>(static_cast<std::uint64_t>(word) >> shift));
    return out;
}
/// Whether `bytes` are well-formed words, which then are in `out`.
[[nodiscard]] inline bool read_words(std::string_view bytes, tuner_words& out) {
    if (!bytes.empty() && bytes.size() != 8 * tuner_word_count)
        return false;
    out.clear();
    for (std::size_t i = 0; i < bytes.size(); i += 8) {
        std::uint64_t word = 0;
        for (std::size_t b = 8; b-- > 0;)
            word = word << 8 | static_cast<unsigned char>(bytes[i + b]);
        out.push_back(static_cast<std::int64_t>(word));
    }
    return true;
}

}  // namespace weir::detail
