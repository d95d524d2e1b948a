// SPDX-License-Identifier: MIT
#include "audit_flags.hpp"

#include "audit_logs.hpp"
#include "log_format.hpp"
#include "spans.hpp"

#include "weir/core/closest_match.hpp"
#include "weir/core/rate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace weir::tools {
namespace {

constexpr std::string_view audit_help_text = R"(usage: weir audit LOG... --rate ROLE=RATES [--rate ...] [flags]
       weir audit LOG... --rate-config FILE [rate flags] [flags]

Counts for every host, role and rate the most requests in any half-open interval of the rate's length, from logs of

  events     weir's event log: admissions, which tell when a request was let go and not when it arrived
  origin     weir-origin --log
  nginx      log_format '$msec $request_time $host $status "$request"' (exact to the millisecond), the same without
             $request_time, "combined" and "main" (whole seconds), or what --nginx-format says
  haproxy    option httplog, with "capture request header Host len 64" before any other capture

  --rate ROLE=RATES    such as metadata=10/1s,5000/h; repeatable; ROLE "*" is every role that no other --rate names
  --rate-config FILE   the rates of each host and role are those of a configuration, for roles that no --rate names; so
                       do the other --rate-... flags, such as --rate-preset
  --format NAME        one of the four; without it, the first line that is of a known format tells for its file
  --nginx-format TEXT  the text of the log_format directive, with $status and $msec, $time_local or $time_iso8601
  --host NAME          the host of all requests of an access log (nginx, haproxy), whatever it says itself
  --role NAME          the role of all requests of an access log; without it "metadata", or $role of --nginx-format
  --slack SPAN         such as 50ms: a request may have arrived as much earlier than its stamp says
  --skip-lines N|all   so many lines may be left out because they are of no known format; without it none
  --json               one JSON object per line instead of the table
  --help               this text

A LOG that is "-" is standard input. Every arrival counts, those the server refused with 429 among them: a limit is on
what is sent. The column "admitted" counts the others alone. The logs of one format are one timeline; but each of
weir-origin's has a clock of its own, so windows do not reach from one into the next.

A stamp of whole seconds leaves open how many requests an interval held. Then the table shows "7-12/10": 7 for certain,
12 at most.

Exit code: 0 no interval held more than its limit, 1 one certainly did, 2 the command or a log cannot be read, 3 the
stamps are too coarse to tell.
)";

constexpr std::array<std::string_view, 9> audit_flags{"--rate",  "--format",     "--nginx-format", "--host", "--role",
                                                      "--slack", "--skip-lines", "--json",         "--help"};

void add_rates(audit_request& into, std::string_view text) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0)
        throw usage_error{fmt::format("--rate: \"{}\" is not ROLE=RATES, such as metadata=10/1s,5000/h", text)};
    auto& rates = into.rates[std::string{text.substr(0, equals)}];
    for (std::string_view rest = text.substr(equals + 1);;) {
        const auto comma = rest.find(',');
        const auto one = parse_rate(rest.substr(0, comma));
        if (!one)
            throw usage_error{fmt::format("--rate {}: {}", text.substr(0, equals), one.error().message)};
        rates.push_back(*one);
        if (comma == std::string_view::npos)
            return;
        rest.remove_prefix(comma + 1);
    }
}

std::int64_t parse_slack(std::string_view text) {
    const auto span = parse_span(text);
    if (!span)
        throw usage_error{fmt::format("--slack: \"{}\" is no span such as 50ms or 2s", text)};
    return span->count();
}

void set_value(audit_request& out, std::string_view flag, std::string_view value) {
    if (value.empty())
        throw usage_error{
            fmt::format("{}: it needs a value{}", flag, flag == "--rate" ? ", such as metadata=10/1s" : "")};
    if (flag == "--rate")
        add_rates(out, value);
    else if (flag == "--format")
        out.format = value;
    else if (flag == "--nginx-format")
        out.nginx_format = value;
    else if (flag == "--host")
        out.from.host = value;
    else if (flag == "--role")
        out.from.role = value;
    else if (flag == "--slack")
        out.slack = parse_slack(value);
    else
        out.from.skip_lines = parse_skips(value);
}

}  // namespace

std::vector<log_format> chosen_formats(std::string_view format, std::string_view nginx_format, bool has_clients) {
    std::vector<std::string_view> families{"events", "origin", "nginx", "haproxy"};
    if (has_clients)
        families.insert(families.end(), {"json", "csv"});
    if (!format.empty() && std::ranges::find(families, format) == families.end()) {
        const std::string guess = closest_match(format, families);
        throw usage_error{fmt::format("--format: unknown format \"{}\"; it is one of {}{}", format,
                                      fmt::join(families, ", "),
                                      guess.empty() ? "" : fmt::format(": did you mean \"{}\"?", guess))};
    }
    std::vector<log_format> out;
    if (!nginx_format.empty())
        out.push_back(nginx_log_format(nginx_format));
    for (auto& known : json_log_formats())
        out.push_back(std::move(known));
    for (auto& known : nginx_log_formats())
        out.push_back(std::move(known));
    out.push_back(haproxy_log_format());
    if (has_clients)
        for (auto& known : client_log_formats())
            out.push_back(std::move(known));
    if (!format.empty())
        std::erase_if(out, [format](const log_format& f) { return f.family != format; });
    return out;
}

std::size_t parse_skips(std::string_view text) {
    std::size_t out = 0;
    if (text == "all")
        return std::numeric_limits<std::size_t>::max();
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (failure != std::errc{} || end != text.data() + text.size())
        throw usage_error{fmt::format("--skip-lines: \"{}\" is neither a number of lines nor \"all\"", text)};
    return out;
}

audit_request parse_audit(std::span<const char* const> args, bool has_configuration) {
    audit_request out;
    for (std::size_t i = 0; i < args.size(); ++i) {
        const std::string_view word = args[i];
        const auto equals = std::min(word.find('='), word.size());
        const std::string_view flag = word.substr(0, equals);
        if (word == "--json") {
            out.json = true;
        } else if (word == "--help" || word == "-h") {
            out.help = true;
        } else if (!word.starts_with("-") || word == "-") {
            if (std::ranges::find(out.from.logs, word) != out.from.logs.end())
                throw usage_error{fmt::format("the log {} is named twice", word)};
            out.from.logs.emplace_back(word);
        } else if (flag == "--json" || flag == "--help" || std::ranges::find(audit_flags, flag) == audit_flags.end()) {
            const std::string guess = closest_match(flag, audit_flags);
            throw usage_error{
                fmt::format("unknown flag {}{}", word, guess.empty() ? "" : "; did you mean " + guess + "?")};
        } else if (equals < word.size()) {
            set_value(out, flag, word.substr(equals + 1));
        } else {
            set_value(out, flag, i + 1 < args.size() ? args[++i] : "");
        }
    }
    if (out.help)
        return out;
    if (out.from.logs.empty())
        throw usage_error{"name at least one log"};
    if (out.rates.empty() && !has_configuration)
        throw usage_error{"give at least one --rate, such as --rate metadata=10/1s, or a --rate-config"};
    out.from.formats = chosen_formats(out.format, out.nginx_format, false);
    return out;
}

std::string_view audit_help() { return audit_help_text; }

}  // namespace weir::tools
