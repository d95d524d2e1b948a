// SPDX-License-Identifier: MIT
//
// Any lines as a response's fields: every number that comes out is in its range, what is dropped is said in printable
// ASCII, and a cache's response says nothing.

#include "weir/http/ratelimit_fields.hpp"

#include "weir/core/rate.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using weir::http::reset_unit;

void require(bool holds) {
    if (!holds)
        std::abort();
}

void check(const weir::http::quota_reading& read) {
    constexpr std::int64_t max = 999'999'999'999'999;
    require(read.quotas.size() <= 64 + 64 + 2 + 12 + 2 * 64);
    for (const auto& q : read.quotas) {
        require(q.reported.limit || q.reported.remaining || q.reported.reset);
        require(!q.reported.limit || (*q.reported.limit >= 0 && *q.reported.limit <= max));
        require(!q.reported.remaining || (*q.reported.remaining >= 0 && *q.reported.remaining <= max));
        require(!q.reported.window ||
                (*q.reported.window > weir::duration::zero() && *q.reported.window <= weir::rate::longest));
        require(!q.reported.reset ||
                (*q.reported.reset >= weir::duration::zero() && *q.reported.reset <= weir::http::longest_retry_after));
        require(!q.from.empty());
    }
    for (const std::string& why : read.dropped) {
        require(!why.empty() && why.size() < 1000);
        for (const char c : why)
            require(c >= ' ' && c <= '~');
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace std::chrono;
    // A byte names the field, the rest of the line is its value.
    constexpr std::array<std::string_view, 28> names{"RateLimit-Policy",
                                                     "RateLimit",
                                                     "RateLimit-Limit",
                                                     "RateLimit-Remaining",
                                                     "RateLimit-Reset",
                                                     "X-RateLimit-Limit",
                                                     "X-RateLimit-Remaining",
                                                     "X-RateLimit-Reset",
                                                     "X-Rate-Limit-Limit",
                                                     "X-Rate-Limit-Reset",
                                                     "X-Rate-Limit-Remaining",
                                                     "X-Rate-Limit-Interval",
                                                     "X-Concurrency-Limit",
                                                     "Age",
                                                     "Date",
                                                     "X-RateLimit-Reset-After",
                                                     "X-RateLimit-Retry-After",
                                                     "X-RateLimit-Reset-Requests",
                                                     "X-RateLimit-Resource",
                                                     "X-RateLimit-Remaining-Minute",
                                                     "X-RateLimit-Limit-Minute",
                                                     "X-HubSpot-RateLimit-Remaining",
                                                     "X-HubSpot-RateLimit-Max",
                                                     "X-HubSpot-RateLimit-Interval-Milliseconds",
                                                     "X-Shopify-Shop-Api-Call-Limit",
                                                     "X-App-Rate-Limit",
                                                     "X-App-Rate-Limit-Count",
                                                     "X-RateLimitRemaining"};
    constexpr system_clock::time_point now = sys_days{2026y / November / 20d} + 12h + 34min + 56s;
    std::string_view text{reinterpret_cast<const char*>(data), size};
    weir::http::headers fields;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!line.empty())
            fields.add(names[static_cast<unsigned char>(line.front()) % names.size()], line.substr(1));
    }
    for (const auto unit : {reset_unit::guessed, reset_unit::seconds, reset_unit::milliseconds,
                            reset_unit::epoch_seconds, reset_unit::epoch_milliseconds}) {
        const auto read = weir::http::read_ratelimit_fields(fields, now, unit);
        check(read);
        const auto again = weir::http::read_ratelimit_fields(fields, now, unit);
        require(again.quotas == read.quotas && again.dropped == read.dropped);
    }
    fields.set("Age", "1");
    require(weir::http::read_ratelimit_fields(fields, now).quotas.empty());
    return 0;
}
