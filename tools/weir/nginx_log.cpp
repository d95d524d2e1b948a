// SPDX-License-Identifier: MIT
#include "log_format.hpp"
#include "log_time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::tools {
namespace {

/// A variable, and the text between it and the next one.
struct nginx_part {
    std::string variable;
    std::string after;
};

struct nginx_pattern {
    std::string before;
    std::vector<nginx_part> parts;

    [[nodiscard]] bool has(std::string_view variable) const {
        return std::ranges::find(parts, variable, &nginx_part::variable) != parts.end();
    }
};

nginx_pattern nginx_parse(std::string_view directive) {
    static constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    const auto bad = [directive](std::string_view why) {
        return usage_error{fmt::format("--nginx-format: {} in '{}'", why, directive)};
    };
    auto dollar = std::min(directive.find('$'), directive.size());
    nginx_pattern out{std::string{directive.substr(0, dollar)}, {}};
    while (dollar < directive.size()) {
        std::string_view rest = directive.substr(dollar + 1);
        const bool braces = rest.starts_with('{');
        if (braces)
            rest.remove_prefix(1);
        const std::string_view name = rest.substr(0, rest.find_first_not_of(letters));
        rest.remove_prefix(name.size());
        if (name.empty() || (braces && !rest.starts_with('}')))
            throw bad("a $ that begins no variable's name");
        if (braces)
            rest.remove_prefix(1);
        const auto next = std::min(rest.find('$'), rest.size());
        if (next == 0 && !rest.empty())
            throw bad("two variables with nothing between them");
        out.parts.push_back({std::string{name}, std::string{rest.substr(0, next)}});
        dollar = directive.size() - rest.size() + next;
    }
    if (!out.has("msec") && !out.has("time_local") && !out.has("time_iso8601"))
        throw bad("no $msec, $time_local or $time_iso8601");
    if (!out.has("status"))
        throw bad("no $status");
    return out;
}

/// `0.003` in ns; both of nginx's times that are written so have three decimals.
std::optional<std::int64_t> nginx_seconds(std::string_view text) {
    front_reader number{text};
    const auto whole = number.number();
    number.literal(".");
    const auto thousandths = number.digits(3);
    if (!number.at_end() || whole > 7'000'000'000)
        return {};
    return whole * one_second + thousandths * one_millisecond;
}

std::optional<std::int64_t> nginx_time(std::string_view variable, std::string_view text) {
    if (variable == "msec")
        return nginx_seconds(text);
    front_reader date{text};
    std::int64_t at = 0;
    if (variable == "time_local") {
        at = date.log_date();
        date.literal(" ");
        at -= date.zone("");
    } else {
        at = date.iso_date();
        at -= date.zone(":");
    }
    return date.at_end() ? std::optional{at} : std::nullopt;
}

std::optional<log_entry> nginx_read(const nginx_pattern& pattern, std::string_view line) {
    if (!line.starts_with(pattern.before))
        return {};
    line.remove_prefix(pattern.before.size());
    log_entry out{.what = log_entry::kind::request};
    std::int64_t took = 0;
    bool exact = false;
    for (const auto& [variable, after] : pattern.parts) {
        const bool last = &after == &pattern.parts.back().after;
        const auto end = last && after.empty() ? line.size() : line.find(after);
        if (end == std::string_view::npos)
            return {};
        const std::string_view text = line.substr(0, end);
        line.remove_prefix(end + after.size());
        if (variable == "msec" || variable == "time_local" || variable == "time_iso8601") {
            const auto at = nginx_time(variable, text);
            if (!at)
                return {};
            if (!exact)
                out.at = *at;
            exact = exact || variable == "msec";
        } else if (variable == "request_time") {
            const auto seconds = nginx_seconds(text);
            if (!seconds)
                return {};
            took = *seconds;
        } else if (variable == "status") {
            front_reader code{text};
            out.status = static_cast<int>(code.digits(3));
            if (!code.at_end())
                return {};
        } else if (variable == "request") {
            if (text.empty() || text == "-")
                out.what = log_entry::kind::neither;  // a connection that brought no request
        } else if (variable == "host" || variable == "http_host" || variable == "server_name") {
            out.host = text == "-" ? "" : text;
        } else if (variable == "role") {
            out.role = text == "-" ? "" : text;
        }
    }
    out.at -= took;
    return line.empty() ? std::optional{std::move(out)} : std::nullopt;
}

}  // namespace

log_format nginx_log_format(std::string_view directive) {
    auto pattern = nginx_parse(directive);
    log_format out{.family = "nginx", .text = std::string{directive}};
    out.blur = (pattern.has("msec") ? one_millisecond : one_second) - 1;
    // Both are read from one clock that counts milliseconds, so their difference is exact.
    out.stamped = pattern.has("request_time") ? log_format::stamp::arrival : log_format::stamp::answered;
    out.access_log = true;
    out.read = [pattern = std::move(pattern)](std::string_view line) { return nginx_read(pattern, line); };
    return out;
}

std::vector<log_format> nginx_log_formats() {
    static constexpr std::string_view combined =
        R"($remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent")";
    std::vector<log_format> out;
    out.push_back(nginx_log_format(R"($msec $request_time $host $status "$request")"));
    out.push_back(nginx_log_format(R"($msec $host $status "$request")"));
    out.push_back(nginx_log_format(combined));
    // nginx's own packages come with this one, as "main".
    out.push_back(nginx_log_format(fmt::format(R"({} "$http_x_forwarded_for")", combined)));
    return out;
}

}  // namespace weir::tools
