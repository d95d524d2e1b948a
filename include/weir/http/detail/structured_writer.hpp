// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/detail/structured_grammar.hpp"
#include "weir/http/structured_value.hpp"

#include "weir/core/detail/utf8.hpp"
#include "weir/core/error.hpp"
#include "weir/core/result.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace weir::http::sf::detail {

/// Writes values by the algorithms of RFC 9651 §4.1. The first value that no field can contain is the fault.
class writer {
public:
    [[nodiscard]] result<std::string> finish() && {
        if (!why_.empty())
            return error{errc::bad_field, "structured field not written: " + why_};
        return std::move(out_);
    }

    void operator()(const item& i) {
        std::visit(*this, i.value);
        write(i.params);
    }
    void operator()(const inner_list& inner) {
        out_ += '(';
        for (const item& i : inner.items) {
            if (&i != inner.items.data())
                out_ += ' ';
            (*this)(i);
        }
        out_ += ')';
        write(inner.params);
    }
    void operator()(const list& all) {
        for (const member& m : all) {
            separate();
            std::visit(*this, m);
        }
    }
    void operator()(const dictionary& all) {
        for (const auto& [key, value] : all) {
            separate();
            write_key(key);
            const item* const i = std::get_if<item>(&value);
            if (i != nullptr && i->value == bare_item{true}) {
                write(i->params);
                continue;
            }
            out_ += '=';
            std::visit(*this, value);
        }
    }

    void operator()(std::int64_t v) {
        in_range(v, "an integer has at most 15 digits; this one is ");
        fmt::format_to(std::back_inserter(out_), "{}", v);
    }
    void operator()(decimal v) {
        if (!in_range(v.thousandths, "a decimal has at most 12 digits before its point; in thousandths this one is "))
            return;
        const std::int64_t size = v.thousandths < 0 ? -v.thousandths : v.thousandths;
        fmt::format_to(std::back_inserter(out_), "{}{}.{:03}", v.thousandths < 0 ? "-" : "", size / 1000, size % 1000);
        for (int i = 0; i < 2 && out_.back() == '0'; ++i)
            out_.pop_back();
    }
    void operator()(const std::string& v) {
        check(std::all_of(v.begin(), v.end(), is_printable), "a string holds printable ASCII only; this one is ", v);
        out_ += '"';
        for (const char c : v) {
            if (c == '"' || c == '\\')
                out_ += '\\';
            out_ += c;
        }
        out_ += '"';
    }
    void operator()(const token& v) {
        check(!v.text.empty() && is_token_first(v.text.front()) && std::all_of(v.text.begin(), v.text.end(), is_token),
              "a token is a letter or \"*\", then letters, digits and !#$%&'*+-.^_`|~:/; this one is ", v.text);
        out_ += v.text;
    }
    void operator()(const byte_sequence& v) {
        constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        out_ += ':';
        for (std::size_t i = 0; i < v.bytes.size(); i += 3) {
            unsigned bits = 0;
            for (std::size_t j = i; j < i + 3; ++j)
                bits = bits << 8U | (j < v.bytes.size() ? static_cast<unsigned char>(v.bytes[j]) : 0U);
            const std::size_t used = std::min<std::size_t>(v.bytes.size() - i, 3) + 1;
            for (std::size_t j = 0; j < 4; ++j)
                out_ += j < used ? digits[bits >> (18 - 6 * j) & 63U] : '=';
        }
        out_ += ':';
    }
    void operator()(bool v) { out_ += v ? "?1" : "?0"; }
    void operator()(date v) {
        out_ += '@';
        (*this)(std::int64_t{v.time_since_epoch().count()});
    }
    void operator()(const display_string& v) {
        check(weir::detail::is_utf8(v.text), "a display string is UTF-8; this one is ", v.text);
        out_ += "%\"";
        for (const char c : v.text) {
            if (is_printable(c) && c != '%' && c != '"')
                out_ += c;
            else
                fmt::format_to(std::back_inserter(out_), "%{:02x}", static_cast<unsigned char>(c));
        }
        out_ += '"';
    }

private:
    void check(bool good, std::string_view rule, std::string_view what) {
        if (!good && why_.empty())
            why_ = fmt::format("{}{}", rule, weir::detail::in_quotes(what));
    }
    /// Writes up to 15 digits: an integer, or the thousandths of a decimal.
    bool in_range(std::int64_t v, std::string_view rule) {
        constexpr std::int64_t end = 1'000'000'000'000'000;
        const bool good = v > -end && v < end;
        check(good, rule, good ? "" : fmt::format("{}", v));
        return good;
    }
    void separate() {
        if (!out_.empty())
            out_ += ", ";
    }
    void write_key(const std::string& key) {
        check(!key.empty() && is_key_first(key.front()) && std::all_of(key.begin(), key.end(), is_key),
              "a key is a lower-case letter or \"*\", then lower-case letters, digits and _-.*; this one is ", key);
        out_ += key;
    }
    void write(const parameters& all) {
        for (const auto& [key, value] : all) {
            out_ += ';';
            write_key(key);
            if (value == bare_item{true})
                continue;
            out_ += '=';
            std::visit(*this, value);
        }
    }

    std::string out_;
    std::string why_;
};

}  // namespace weir::http::sf::detail
