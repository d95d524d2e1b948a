// SPDX-License-Identifier: MIT
//
// Any text as a time, in every field that states one, beside any Date: the wait is never negative and never longer than
// the longest, one more value never makes it shorter, a number is never rounded down, and a date that is accepted is
// written and read back as itself.

#include "weir/http/detail/stated_time.hpp"
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
    const auto wait = weir::http::retry_after(fields, now);
    if (wait)
        require(*wait >= weir::duration::zero() && *wait <= weir::http::longest_retry_after);
    for (const auto& [name, unit] : weir::http::detail::retry_after_fields) {
        auto more = fields;
        more.add(name, second);
        const auto longer = weir::http::retry_after(more, now);
        require(!wait || (longer && *longer >= *wait));
    }
    const weir::http::detail::time_reader reader{fields, now};
    using weir::http::reset_unit;
    for (const auto unit : {reset_unit::guessed, reset_unit::seconds, reset_unit::milliseconds,
                            reset_unit::epoch_seconds, reset_unit::epoch_milliseconds}) {
        const auto read = reader.read(first, unit);
        require(!read || (*read >= weir::duration::zero() && *read <= weir::http::longest_retry_after));
        const auto joined = reader.read(std::string{first} + ", 7", unit);
        require(!read || (joined && *joined >= *read));
    }
    if (const auto n = weir::http::detail::parse_loose_number(first)) {
        const auto exact = reader.number(*n, reset_unit::seconds);
        require(exact && (*exact == weir::http::longest_retry_after || *exact >= seconds{n->floor()}));
        const auto guess = reader.number(*n);
        require(n->floor() <= 1'000'000'000 ? guess == exact : guess != weir::http::longest_retry_after);
    }
    // The leap second at the end of 9999 has no date to write.
    if (const auto date = weir::http::parse_http_date(first, now); date && *date < sys_days{10000y / January / 1d})
        require(weir::http::parse_http_date(weir::http::to_http_date(*date), now) == date);
    return 0;
}
