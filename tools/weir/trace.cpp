// SPDX-License-Identifier: MIT
#include "trace.hpp"

#include "weir/core/closest_match.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

namespace weir::tools {
namespace {

using weir::detail::in_quotes;

enum class member : std::uint8_t { t, op, id, host, role, method, cost, max_delay_ms, status, headers, config, none };

constexpr std::array<std::string_view, 11> member_names{"t",    "op",           "id",     "host",    "role",  "method",
                                                        "cost", "max_delay_ms", "status", "headers", "config"};
constexpr std::array<std::string_view, 8> operation_names{"acquire", "arrived", "release", "abandon",
                                                          "cancel",  "refund",  "reload",  "end"};

constexpr std::uint32_t bit(member m) { return 1U << static_cast<unsigned>(m); }

/// For each operation the members it needs and those it may have besides.
struct grammar {
    std::uint32_t needs;
    std::uint32_t allows;
};
constexpr std::uint32_t always = bit(member::t) | bit(member::op);
constexpr std::array<grammar, 8> grammars{{
    {always | bit(member::id) | bit(member::host) | bit(member::role),
     bit(member::method) | bit(member::cost) | bit(member::max_delay_ms)},
    {always | bit(member::id), bit(member::status) | bit(member::headers)},
    {always | bit(member::id), 0},
    {always | bit(member::id), 0},
    {always | bit(member::id), 0},
    {always | bit(member::id), 0},
    {always | bit(member::config), 0},
    {always, 0},
}};

/// Fills a `trace_line` as the parser meets the members: no tree is built, which is most of what a line costs.
class reader {
public:
    using number_integer_t = nlohmann::json::number_integer_t;
    using number_unsigned_t = nlohmann::json::number_unsigned_t;
    using number_float_t = nlohmann::json::number_float_t;
    using string_t = nlohmann::json::string_t;
    using binary_t = nlohmann::json::binary_t;

    explicit reader(trace_line& out) : out_(out) {}

    std::string fault;
    std::uint32_t seen = 0;

    bool null() { return wrong("null"); }
    bool boolean(bool) { return wrong("a boolean"); }
    bool binary(binary_t&) { return wrong("binary"); }
    bool start_array(std::size_t) { return wrong("an array"); }
    bool end_array() { return true; }

    bool number_integer(number_integer_t v) { return number(v, static_cast<double>(v)); }
    bool number_unsigned(number_unsigned_t v) {
        constexpr auto max = static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max());
        return v > max ? wrong("a number out of range") : number(static_cast<std::int64_t>(v), static_cast<double>(v));
    }
    bool number_float(number_float_t v, const string_t&) { return number(std::nullopt, v); }

    bool string(string_t& v) {
        if (in_headers_) {
            out_.headers.add(header_, v);
            return true;
        }
        switch (at_) {
        case member::op:
            return set_operation(v);
        case member::id:
            out_.id.swap(v);
            return true;
        case member::host:
            out_.host.swap(v);
            return true;
        case member::role:
            out_.role.swap(v);
            return true;
        case member::method:
            out_.method.swap(v);
            return true;
        case member::config:
            out_.config.swap(v);
            return true;
        default:
            return wrong("a string");
        }
    }

    bool start_object(std::size_t) {
        if (depth_ == 1 && at_ == member::headers)
            in_headers_ = true;
        else if (depth_ > 0)
            return wrong("an object");
        ++depth_;
        return true;
    }
    bool end_object() {
        --depth_;
        in_headers_ = false;
        return true;
    }
    bool key(string_t& k) {
        if (in_headers_) {
            header_.swap(k);
            return true;
        }
        for (std::size_t i = 0; i < member_names.size(); ++i) {
            if (member_names[i] != k)
                continue;
            at_ = static_cast<member>(i);
            if ((seen & bit(at_)) != 0)
                return fail(fmt::format("{} stands twice", in_quotes(k)));
            seen |= bit(at_);
            return true;
        }
        const std::string guess = closest_match(k, member_names);
        return fail(fmt::format("unknown member {}{}", in_quotes(k),
                                guess.empty() ? "" : fmt::format("; did you mean \"{}\"?", guess)));
    }
    bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
        return fail(fmt::format("it is not a JSON object: wrong at byte {}", position));
    }

private:
    bool fail(std::string text) {
        fault = std::move(text);
        return false;
    }
    bool wrong(std::string_view found) {
        if (depth_ == 0)
            return fail(fmt::format("it is {}; a line is a JSON object", found));
        if (in_headers_)
            return fail(fmt::format("the header {} is {}; it must be a string", in_quotes(header_), found));
        constexpr std::array<std::string_view, 11> kinds{"a number of ms, 0 or more",
                                                         "a string",
                                                         "a string",
                                                         "a string",
                                                         "a string",
                                                         "a string",
                                                         "a whole number, 1 or more",
                                                         "a number of ms, 0 or more",
                                                         "an HTTP status, 100 to 599",
                                                         "an object of strings",
                                                         "a file's name"};
        const auto i = static_cast<std::size_t>(at_);
        return fail(fmt::format("\"{}\" is {}; it must be {}", member_names[i], found, kinds[i]));
    }

    bool number(std::optional<std::int64_t> whole, double v) {
        switch (at_) {
        case member::t:
        case member::max_delay_ms: {
            if (in_headers_ || !(v >= 0))
                return wrong(fmt::format("{}", v));
            // 100 years: far below where adding two of them would overflow.
            if (v > 3.2e12)
                return wrong("a number out of range");
            const duration span = whole ? duration{*whole * 1'000'000} : duration{std::llround(v * 1e6)};
            if (at_ == member::t)
                out_.t = instant{span};
            else
                out_.max_delay = span;
            return true;
        }
        case member::cost:
            if (in_headers_ || !whole || *whole < 1)
                return wrong(fmt::format("{}", v));
            out_.cost = *whole;
            return true;
        case member::status:
            if (in_headers_ || !whole || *whole < 100 || *whole > 599)
                return wrong(fmt::format("{}", v));
            out_.status = static_cast<int>(*whole);
            return true;
        default:
            return wrong("a number");
        }
    }

    bool set_operation(const std::string& name) {
        for (std::size_t i = 0; i < operation_names.size(); ++i) {
            if (operation_names[i] != name)
                continue;
            out_.op = static_cast<operation>(i);
            return true;
        }
        const std::string guess = closest_match(name, operation_names);
        return fail(
            fmt::format("unknown op {}; it is one of acquire, arrived, release, abandon, cancel, refund, reload, "
                        "end{}",
                        in_quotes(name), guess.empty() ? "" : fmt::format(": did you mean \"{}\"?", guess)));
    }

    trace_line& out_;
    member at_ = member::none;
    int depth_ = 0;
    bool in_headers_ = false;
    std::string header_;
};

}  // namespace

std::optional<std::string> parse_trace_line(std::string_view text, trace_line& out) {
    out.method = "GET";
    out.cost = 1;
    out.max_delay.reset();
    out.status = 0;
    out.headers = {};
    reader r{out};
    if (!nlohmann::json::sax_parse(text.begin(), text.end(), &r))
        return std::move(r.fault);
    if ((r.seen & bit(member::op)) == 0)
        return "it has no \"op\"";
    const auto which = static_cast<std::size_t>(out.op);
    for (std::size_t i = 0; i < member_names.size(); ++i) {
        const std::uint32_t m = 1U << i;
        if ((grammars[which].needs & m) != 0 && (r.seen & m) == 0)
            return fmt::format("\"{}\" needs \"{}\"", operation_names[which], member_names[i]);
        if (((grammars[which].needs | grammars[which].allows) & m) == 0 && (r.seen & m) != 0)
            return fmt::format("\"{}\" takes no \"{}\"", operation_names[which], member_names[i]);
    }
    return std::nullopt;
}

}  // namespace weir::tools
