// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::tools {

/// Reads a text from its front. After the first thing that is not as expected, nothing more is read.
class front_reader {
public:
    explicit front_reader(std::string_view text) : rest_(text) {}

    /// A number of exactly so many digits.
    std::int64_t digits(std::size_t count);
    /// A number of one to eighteen digits.
    std::int64_t number();
    void literal(std::string_view text);
    /// The same if it is there.
    [[nodiscard]] bool optional(std::string_view text);

    /// `28/Nov/2026:09:07:29`, in ns since 1970 as if it were UTC.
    std::int64_t log_date();
    /// `2026-11-28T09:07:29`, the same.
    std::int64_t iso_date();
    /// `+0100` or, divided by a colon, `+01:00`; in ns.
    std::int64_t zone(std::string_view divider);

    [[nodiscard]] bool good() const noexcept { return good_; }
    [[nodiscard]] bool at_end() const noexcept { return good_ && rest_.empty(); }
    [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

private:
    std::int64_t clock(std::int64_t year, unsigned month, unsigned day);

    std::string_view rest_;
    bool good_ = true;
};

}  // namespace weir::tools
