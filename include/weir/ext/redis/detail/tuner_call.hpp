// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/wire.hpp"

#include "weir/core/time.hpp"
#include "weir/storage/detail/tuner_swap.hpp"
#include "weir/storage/detail/tuner_words.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// What `script::learn` is sent and returns, as values.

namespace weir::redis::detail {

struct tuner_call {
    std::array<double, 5> args;
    std::string tail;
};
/// `time` is what the script takes for the time; where it is not the server's, nothing has to expire.
[[nodiscard]] inline tuner_call tuner_call_of(const weir::detail::tuner_offer& offer, double time) {
    tuner_call out{{time, static_cast<double>(offer.factor.millionths()),
                    static_cast<double>(offer.next_factor.millionths()), -never, 0},
                   weir::detail::bytes_of(offer.seen)};
    if (!offer.next.empty() && std::isnan(time))
        out.args[3] = microseconds_up(duration{offer.next[weir::detail::recovered_word]});
    out.args[4] = static_cast<double>(out.tail.size());
    out.tail += weir::detail::bytes_of(offer.next);
    return out;
}

struct tuner_reply {
    weir::detail::tuner_answer answer;
    double t;
};
[[nodiscard]] inline std::optional<tuner_reply> tuner_reply_of(std::string_view bytes) {
    constexpr std::size_t fixed = 3 * 8;
    if (bytes.size() < fixed)
        return std::nullopt;
    tuner_reply out{{double_at(bytes, 0) != 0, factor_of(double_at(bytes, 2)), {}}, double_at(bytes, 1)};
    if (!weir::detail::read_words(bytes.substr(fixed), out.answer.words))
        return std::nullopt;
    return out;
}

}  // namespace weir::redis::detail
