// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/headers.hpp"

#include "weir/core/text.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::http {

/// Builds a response's head from its lines, apart from interim (1xx) heads and trailers. It does no I/O: it serves
/// transports whose library delivers the head line by line.
class head_reader {
public:
    enum class step : std::uint8_t {
        more,       ///< more lines follow
        interim,    ///< the last line of an interim head: `status()` and `fields()` are its, until the next line
        complete,   ///< the last line of the head: `status()` and `fields()` are the response's
        malformed,  ///< it is not HTTP: `fault()` says why
        too_large,  ///< the head is larger than the limit
    };

    /// The limit, in bytes, for all heads of one response together, if no other is given.
    static constexpr std::size_t default_max_bytes = std::size_t{128} << 10U;

    explicit head_reader(std::size_t max_bytes = default_max_bytes) noexcept : max_bytes_(max_bytes) {}

    /// Takes one line, with or without its line end.
    [[nodiscard]] step line(std::string_view text) {
        while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
            text.remove_suffix(1);
        bytes_ += text.size();
        if (bytes_ > max_bytes_)
            return step::too_large;
        if (complete_) {
            if (!text.empty())
                static_cast<void>(field_line(text, trailers_));  // the response is complete without it
            return step::more;
        }
        if (was_interim_) {
            was_interim_ = false;
            status_ = 0;
            fields_.clear();
        }
        if (status_ == 0)
            return status_line(text) ? step::more : malformed("it does not begin with a status line");
        if (text.empty())
            return end_of_head();
        return field_line(text, fields_) ? step::more : malformed("a line of its head is no field");
    }

    /// Begins with a new response, after one that only led to another request.
    void restart() noexcept { *this = head_reader{max_bytes_}; }

    [[nodiscard]] bool complete() const noexcept { return complete_; }
    [[nodiscard]] int status() const noexcept { return status_; }
    [[nodiscard]] headers& fields() noexcept { return fields_; }
    /// The fields after the body, as far as they have arrived.
    [[nodiscard]] const headers& trailers() const noexcept { return trailers_; }
    /// Why it is malformed; empty if it is not.
    [[nodiscard]] std::string_view fault() const noexcept { return fault_; }

private:
    step malformed(std::string_view why) noexcept {
        fault_ = why;
        return step::malformed;
    }

    step end_of_head() {
        if (status_ == 101)
            return malformed("it changes to a protocol that was not asked for");
        if (status_ < 200) {
            was_interim_ = true;
            return step::interim;
        }
        if (const auto why = length_fault(); !why.empty())
            return malformed(why);
        complete_ = true;
        return step::complete;
    }

    /// What is wrong with the fields that say where the body ends; empty if nothing. A proxy on the way that reads them
    /// in another way would see another response (RFC 9112 §6.3).
    [[nodiscard]] std::string_view length_fault() const noexcept {
        std::string_view length;
        for (const header& h : fields_) {
            if (!weir::detail::same_ignoring_case(h.name, "Content-Length"))
                continue;
            for (std::string_view list = h.value; !list.empty();) {
                const auto comma = list.find(',');
                const std::string_view one = weir::detail::trim(list.substr(0, comma));
                list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
                if (one.empty() || one.find_first_not_of("0123456789") != std::string_view::npos)
                    return "its Content-Length is no number";
                if (!length.empty() && one != length)
                    return "it has two different lengths";
                length = one;
            }
        }
        return !length.empty() && fields_.contains("Transfer-Encoding")
                   ? std::string_view{"it has both a Content-Length and a Transfer-Encoding"}
                   : std::string_view{};
    }

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

    static bool field_line(std::string_view text, headers& into) {
        if (weir::detail::is_space(text.front())) {  // folded
            if (into.empty())
                return false;
            into.extend_last(weir::detail::trim(text));
            return true;
        }
        const auto colon = text.find(':');
        if (colon == std::string_view::npos || colon == 0)
            return false;
        into.add(weir::detail::trim(text.substr(0, colon)), weir::detail::trim(text.substr(colon + 1)));
        return true;
    }

    headers fields_;
    headers trailers_;
    std::string_view fault_;
    std::size_t max_bytes_;
    std::size_t bytes_ = 0;
    int status_ = 0;
    bool complete_ = false;
    bool was_interim_ = false;
};

}  // namespace weir::http
