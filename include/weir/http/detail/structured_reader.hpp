// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/detail/structured_grammar.hpp"
#include "weir/http/structured_value.hpp"

#include "weir/core/detail/utf8.hpp"
#include "weir/core/error.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace weir::http::sf::detail {

/// Reads one field value from left to right by the algorithms of RFC 9651 §4.2. After the first mismatch `fault()` says
/// what was wrong. Each byte is read a bounded number of times, and there is no recursion.
class reader {
public:
    explicit reader(std::string_view text) noexcept : text_(text) {}

    [[nodiscard]] bool read(item& out) { return start() && read_item(out) && finish(); }
    [[nodiscard]] bool read(list& out) {
        if (!start())
            return false;
        while (!done())
            if (!read_member(out.emplace_back()) || !comma())
                return false;
        return true;
    }
    [[nodiscard]] bool read(dictionary& out) {
        if (!start())
            return false;
        while (!done()) {
            auto& [key, value] = out.entries.emplace_back();
            if (!read_key(key))
                return false;
            if (take('=')) {
                if (!read_member(value))
                    return false;
            } else {
                item& flag = std::get<item>(value);
                flag.value = true;
                if (!read_parameters(flag.params))
                    return false;
            }
            if (!comma())
                return false;
        }
        keep_last(out);
        return true;
    }

    /// **Preconditions.** A read failed.
    [[nodiscard]] error fault() const {
        return {errc::bad_field,
                fmt::format("structured field {}: byte {} ({}): {}", weir::detail::in_quotes(text_), at_ + 1,
                            done() ? "its end" : weir::detail::in_quotes(text_.substr(at_, 1)), why_)};
    }

    /// The longest field value, in bytes. The RFC requires room for 1024 members, and for byte sequences of 16 KiB.
    static constexpr std::size_t max_bytes = std::size_t{1} << 17U;

private:
    [[nodiscard]] bool done() const noexcept { return at_ == text_.size(); }
    [[nodiscard]] bool sees(char c) const noexcept { return !done() && text_[at_] == c; }
    template <class Kind>
    [[nodiscard]] bool sees(Kind kind) const noexcept {
        return !done() && kind(text_[at_]);
    }
    bool take(char c) noexcept {
        if (!sees(c))
            return false;
        ++at_;
        return true;
    }
    void skip_spaces() noexcept {
        while (take(' ')) {
        }
    }
    bool fail(std::string_view why) noexcept {
        why_ = why;
        return false;
    }
    template <class Kind>
    std::string_view take_all(Kind kind) noexcept {
        const std::size_t from = at_;
        while (sees(kind))
            ++at_;
        return text_.substr(from, at_ - from);
    }

    bool start() noexcept {
        if (text_.size() > max_bytes) {
            at_ = max_bytes;
            return fail("a field has at most 131072 bytes");
        }
        skip_spaces();
        return true;
    }
    bool finish() noexcept {
        skip_spaces();
        return done() || fail("nothing may follow the item");
    }
    /// Reads what separates two members. True at the end of the field too.
    bool comma() noexcept {
        take_all(weir::detail::is_space);
        if (done())
            return true;
        if (!take(','))
            return fail("a comma must stand between two members");
        take_all(weir::detail::is_space);
        return !done() || fail("a member must follow the comma");
    }

    bool read_member(member& out) {
        return sees('(') ? read_inner(out.emplace<inner_list>()) : read_item(out.emplace<item>());
    }
    bool read_inner(inner_list& out) {
        ++at_;
        for (;;) {
            skip_spaces();
            if (take(')'))
                return read_parameters(out.params);
            if (done())
                return fail("an inner list ends with \")\"");
            if (!read_item(out.items.emplace_back()))
                return false;
            if (!sees(' ') && !sees(')'))
                return fail("a space or \")\" must follow a value in an inner list");
        }
    }
    bool read_item(item& out) { return read_bare(out.value) && read_parameters(out.params); }
    bool read_parameters(parameters& out) {
        while (take(';')) {
            skip_spaces();
            auto& [key, value] = out.entries.emplace_back();
            value = true;
            if (!read_key(key) || (take('=') && !read_bare(value)))
                return false;
        }
        keep_last(out);
        return true;
    }
    bool read_key(std::string& out) {
        if (!sees(is_key_first))
            return fail("a key begins with a lower-case letter or \"*\"");
        out = take_all(is_key);
        return true;
    }

    bool read_bare(bare_item& out) {
        if (sees('-') || sees(is_digit))
            return read_number(out);
        if (sees(is_token_first)) {
            out.emplace<token>().text = take_all(is_token);
            return true;
        }
        switch (done() ? '\0' : text_[at_]) {
        case '"':
            return read_string(out.emplace<std::string>());
        case ':':
            return read_bytes(out.emplace<byte_sequence>().bytes);
        case '?':
            return read_boolean(out.emplace<bool>());
        case '@':
            return read_date(out);
        case '%':
            return read_display(out.emplace<display_string>().text);
        default:
            return fail("a value must stand here");
        }
    }

    bool read_number(bare_item& out) {
        const std::int64_t sign = take('-') ? -1 : 1;
        const std::size_t from = at_;
        std::int64_t value = 0;
        for (; sees(is_digit); ++at_) {
            if (at_ - from == 15)
                return fail("an integer has at most 15 digits");
            value = value * 10 + (text_[at_] - '0');
        }
        if (at_ == from)
            return fail("a digit must follow the sign");
        if (!sees('.')) {
            out = sign * value;
            return true;
        }
        if (at_ - from > 12)
            return fail("a decimal has at most 12 digits before its point");
        const std::size_t point = at_++;
        for (; sees(is_digit); ++at_) {
            if (at_ - point > 3)
                return fail("a decimal has at most 3 digits after its point");
            value = value * 10 + (text_[at_] - '0');
        }
        if (at_ == point + 1)
            return fail("a digit must follow the point");
        for (std::size_t digits = at_ - point - 1; digits < 3; ++digits)
            value *= 10;
        out = decimal{sign * value};
        return true;
    }
    bool read_string(std::string& out) {
        ++at_;
        for (; sees(is_printable); ++at_) {
            if (take('"'))
                return true;
            if (take('\\') && !sees('"') && !sees('\\'))
                return fail("a backslash in a string stands before a quote or a backslash");
            out += text_[at_];
        }
        return fail(done() ? "a string ends with a quote" : "a string holds printable ASCII only");
    }
    bool read_boolean(bool& out) noexcept {
        ++at_;
        out = sees('1');
        return take('0') || take('1') || fail("a boolean is ?0 or ?1");
    }
    bool read_date(bare_item& out) {
        ++at_;
        if (!sees('-') && !sees(is_digit))
            return fail("a date is \"@\" and whole seconds");
        if (!read_number(out))
            return false;
        const auto* const seconds = std::get_if<std::int64_t>(&out);
        if (seconds == nullptr)
            return fail("a date has whole seconds");
        out = date{std::chrono::seconds{*seconds}};
        return true;
    }
    bool read_display(std::string& out) {
        ++at_;
        if (!take('"'))
            return fail("a display string begins with %\"");
        for (; sees(is_printable); ++at_) {
            if (sees('"')) {
                if (!weir::detail::is_utf8(out))
                    return fail("the bytes of the display string before this quote are not UTF-8");
                ++at_;
                return true;
            }
            if (!sees('%')) {
                out += text_[at_];
                continue;
            }
            unsigned byte = 0;
            for (int i = 0; i < 2; ++i) {
                ++at_;
                if (!sees([](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }))
                    return fail("two digits of 0-9 and a-f must follow \"%\"");
                byte =
                    byte * 16 + static_cast<unsigned>(is_digit(text_[at_]) ? text_[at_] - '0' : text_[at_] - 'a' + 10);
            }
            out += static_cast<char>(byte);
        }
        return fail(done() ? "a display string ends with a quote" : "a display string holds printable ASCII only");
    }
    /// Reads base64. Missing padding and stray bits in the last digit are accepted, as the RFC recommends.
    bool read_bytes(std::string& out) {
        ++at_;
        const std::size_t from = at_;
        unsigned bits = 0;
        for (; sees([](char c) { return is_alpha(c) || is_digit(c) || c == '+' || c == '/'; }); ++at_) {
            const char c = text_[at_];
            const int digit = is_digit(c)                 ? c - '0' + 52
                              : c == '+'                  ? 62
                              : c == '/'                  ? 63
                              : weir::detail::is_upper(c) ? c - 'A'
                                                          : c - 'a' + 26;
            bits = bits << 6U | static_cast<unsigned>(digit);
            if (const std::size_t place = (at_ - from) % 4; place != 0)
                out += static_cast<char>(bits >> (6 - 2 * place) & 0xffU);
        }
        const std::size_t digits = at_ - from;
        const std::size_t padding = take_all([](char c) { return c == '='; }).size();
        if (!sees(':'))
            return fail(done() ? "a byte sequence ends with \":\"" : "a byte sequence holds base64: A-Z a-z 0-9 + / =");
        if (digits % 4 == 1)
            return fail("the base64 before this colon lacks a digit");
        if (padding != 0 && (padding > 2 || (digits + padding) % 4 != 0))
            return fail("the base64 before this colon has the wrong number of \"=\"");
        ++at_;
        return true;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::string_view why_;
};

}  // namespace weir::http::sf::detail
