// SPDX-License-Identifier: MIT
//
// Any text as Retry-After and Date: the wait is never negative and never longer than the longest, and a date that is
// accepted is written and read back as itself.

#include "weir/http/retry_after.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void require(bool holds) {
    if (!holds)
        std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace std::chrono;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto newline = text.find('\n');
    const std::string_view first = text.substr(0, newline);
    const std::string_view second = newline == std::string_view::npos ? std::string_view{} : text.substr(newline + 1);
    constexpr system_clock::time_point now = sys_days{2026y / November / 20d} + 12h + 34min + 56s;

    weir::http::headers fields{{"Retry-After", std::string{first}}};
    if (!second.empty())
        fields.add("Date", second);
    if (const auto wait = weir::http::retry_after(fields, now))
        require(*wait >= weir::duration::zero() && *wait <= weir::http::longest_retry_after);
    // The leap second at the end of 9999 has no date to write.
    if (const auto date = weir::http::parse_http_date(first, now); date && *date < sys_days{10000y / January / 1d})
        require(weir::http::parse_http_date(weir::http::to_http_date(*date), now) == date);
    return 0;
}
