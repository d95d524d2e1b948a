// SPDX-License-Identifier: MIT
//
// Any bytes as a response's body, and its first line as Retry-After: a time that comes out is in its range, and another
// reader never shortens it.

#include "weir/http/known_bodies.hpp"
#include "weir/http/response_feedback.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace {

void require(bool holds) {
    if (!holds)
        std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace std::chrono;
    constexpr system_clock::time_point now = sys_days{2026y / November / 20d} + 12h;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const weir::http::headers fields{{"Retry-After", std::string{text.substr(0, text.find('\n'))}}};
    for (const int status : {200, 403, 429}) {
        auto read = weir::http::known_bodies{}({status, fields, text});
        if (read.retry_after)
            require(*read.retry_after >= weir::duration::zero() &&
                    *read.retry_after <= weir::http::longest_retry_after);
        const bool was_refused = read.refused;
        const auto body_time = read.retry_after;
        weir::http::response_feedback all{status, fields, now};
        const auto field_time = all.said().retry_after;
        all.add(std::move(read));
        require(all.said().refused || !was_refused);
        for (const auto& stated : {body_time, field_time})
            require(!stated || (all.said().retry_after && *all.said().retry_after >= *stated));
    }
    return 0;
}
