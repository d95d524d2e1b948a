// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/headers.hpp"

#include "weir/core/text.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::http {

/// Builds a response's head from its lines, and leaves out interim (1xx) heads and trailers. It does no I/O: it serves
/// transports whose library delivers the head line by line.
class head_reader {
public:
    enum class step : std::uint8_t {
        more,       ///< more lines follow
        complete,   ///< this was the last line: `status()` and `fields()` are the response's
        malformed,  ///< the line is not HTTP, or the head is too large
    };

    /// The limit, in bytes, for all heads of one response together.
    static constexpr std::size_t max_bytes = std::size_t{1} << 20U;

    /// Takes one line, with or without its line end.
    [[nodiscard]] step line(std::string_view text) {
        while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
            text.remove_suffix(1);
        if (complete_)
            return step::more;  // a trailer
        bytes_ += text.size();
        if (bytes_ > max_bytes)
            return step::malformed;
        if (status_ == 0)
            return status_line(text) ? step::more : step::malformed;
        if (text.empty()) {
            if (status_ >= 200) {
                complete_ = true;
                return step::complete;
            }
            status_ = 0;
            fields_.clear();
            return step::more;
        }
        return field_line(text) ? step::more : step::malformed;
    }

    [[nodiscard]] bool complete() const noexcept { return complete_; }
    [[nodiscard]] int status() const noexcept { return status_; }
    [[nodiscard]] headers& fields() noexcept { return fields_; }

private:
    /// `HTTP/1.1 200 OK`, `HTTP/2 200`
    bool status_line(std::string_view text) noexcept {
        if (!text.starts_with("HTTP/"))
            return false;
        const auto space = text.find(' ');
        if (space == std::string_view::npos)
            return false;
        const std::string_view code = text.substr(space + 1, 3);
        const std::string_view after = text.substr(space + 1 + code.size());
        if (code.size() != 3 || code.front() < '1' || (!after.empty() && after.front() != ' '))
            return false;
        for (const char c : code) {
            if (!weir::detail::is_digit(c))
                return false;
            status_ = status_ * 10 + (c - '0');
        }
        return true;
    }

    bool field_line(std::string_view text) {
        if (weir::detail::is_space(text.front())) {  // folded
            if (fields_.empty())
                return false;
            fields_.extend_last(weir::detail::trim(text));
            return true;
        }
        const auto colon = text.find(':');
        if (colon == std::string_view::npos || colon == 0)
            return false;
        fields_.add(weir::detail::trim(text.substr(0, colon)), weir::detail::trim(text.substr(colon + 1)));
        return true;
    }

    headers fields_;
    std::size_t bytes_ = 0;
    int status_ = 0;
    bool complete_ = false;
};

}  // namespace weir::http
