// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/wire.hpp"

#include "weir/core/time.hpp"
#include "weir/storage/remote/compare_and_swap.hpp"
#include "weir/storage/remote/tuner_record.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// What `script::learn` gets and returns, as values.

namespace weir::redis::detail {

struct tuner_call {
    std::array<double, 5> args;
    std::string tail;
};
/// `time` is the script's time argument. If it is not the server's clock, nothing expires.
[[nodiscard]] inline tuner_call tuner_call_of(const remote::swap_offer& offer, double time) {
    tuner_call out{{time, static_cast<double>(offer.seen_factor.millionths()),
                    static_cast<double>(offer.next_factor.millionths()), -never, 0},
                   remote::to_bytes(offer.seen)};
    if (!offer.next.empty() && std::isnan(time))
        out.args[3] = microseconds_up(duration{offer.next[remote::recovered_index]});
    out.args[4] = static_cast<double>(out.tail.size());
    out.tail += remote::to_bytes(offer.next);
    return out;
}

struct tuner_reply {
    remote::swap_reply answer;
    double t;
};
[[nodiscard]] inline std::optional<tuner_reply> tuner_reply_of(std::string_view bytes) {
    constexpr std::size_t fixed = 3 * 8;
    if (bytes.size() < fixed)
        return std::nullopt;
    tuner_reply out{{double_at(bytes, 0) != 0, factor_of(double_at(bytes, 2)), {}}, double_at(bytes, 1)};
    if (!remote::read_record(bytes.substr(fixed), out.answer.record))
        return std::nullopt;
    return out;
}

}  // namespace weir::redis::detail
