// SPDX-License-Identifier: MIT
#include "options.hpp"

#include "weir/config/cli/command_line.hpp"
#include "weir/config/cli/completion.hpp"
#include "weir/core/closest_match.hpp"
#include "weir/core/text.hpp"
#include "weir/ext/yaml/preset.hpp"
#include "weir/http/url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace download {

namespace {

/// A flag as it is read, helped and completed.
struct own_flag {
    std::string_view name;
    std::string_view argument;  ///< empty = it takes no value
    std::string_view meaning;   ///< a further line is indented by the help
    bool file = false;
    std::string_view words = {};  ///< the values there are, " " between them
};

constexpr std::array what_flags{
    own_flag{"--topic", "TEXT", "works that match it, from a REST API in the shape of Crossref's"},
    own_flag{"--year-start", "YEAR", "published in this year or later"},
    own_flag{"--year-end", "YEAR", "published in this year or earlier"},
    own_flag{"--max", "N", "at most N works"},
    own_flag{"--part", "K/N",
             "of these the Kth of every N, for N processes that share the work: --part 1/4 to --part 4/4, each with\n"
             "its own --out, and one store (--rate-backend)"},
    own_flag{"--base-url", "URL", "the API (default https://api.crossref.org)"},
    own_flag{"--urls", "FILE",
             "also these: one URL per line, then, after white space, its role (default artifact); # comments", true},
};
constexpr std::array how_flags{
    own_flag{"--out", "DIR",
             "where the files go (default downloads): ROLE/NAME, and manifest.jsonl with every file's SHA-256", true},
    own_flag{"--workers", "N", "requests under way at a time (default 4)"},
    own_flag{"--max-attempts", "N",
             "tries of each URL when the server answers 429 or 5xx, or the connection fails (default 5)"},
    own_flag{"--resume", "", "go on with what an earlier run began, and skip what is complete: always on"},
    own_flag{"--dry-run", "", "ask the API, say what would be fetched, and write nothing"},
    own_flag{"--log", "FILE",
             "append the rate limiter's events as JSON lines (with --log-level debug, responses too);\n"
             "with --rate-disable there is no limiter, and so no event",
             true},
    own_flag{"--log-level", "LEVEL", "error, warning, info (default) or debug", false, "error warning info debug"},
    own_flag{"--completion", "SHELL", "print the completion script of bash, zsh or fish", false, "bash zsh fish"},
    own_flag{"--help", "", "this text"},
    own_flag{"--version", "", "version, compiler and stores"},
};

std::vector<own_flag> own_flags() {
    std::vector<own_flag> out{what_flags.begin(), what_flags.end()};
    out.insert(out.end(), how_flags.begin(), how_flags.end());
    return out;
}

std::string help_of(std::span<const own_flag> flags) {
    std::string out;
    for (const own_flag& f : flags) {
        std::string head = fmt::format("{}{}{}", f.name, f.argument.empty() ? "" : " ", f.argument);
        for (const std::string_view line : weir::detail::split(f.meaning, "\n")) {
            out += fmt::format("  {:<23} {}\n", head, line);
            head.clear();
        }
    }
    return out;
}

}  // namespace

std::string help_text() {
    return fmt::format(
        R"(weir-download: fetches metadata, landing pages and PDFs, within the limits of the servers it asks

Usage: weir-download --topic TEXT [FLAGS]
       weir-download --urls FILE [FLAGS]

What to fetch
{}
How
{}
A request that finds its window full waits in its key's queue, for as long as it takes: max_delay_ms does not apply, for a
download would rather be late than lost. A server's Retry-After is honoured. The first Ctrl-C lets the workers finish, and
keeps what they have; the second ends the program at once. SIGHUP reads the configuration's files again: the new limits
hold from then on, for what has been sent too; a file with faults changes nothing.

Exit code: 0 all that was wanted is there, 1 something is missing, 2 the command line or the configuration is wrong,
130 interrupted.

)",
        help_of(what_flags), help_of(how_flags));
}

weir::completed_program completed() {
    weir::completed_command all;
    for (const own_flag& f : own_flags()) {
        weir::completed_flag flag{std::string{f.name}, std::string{f.argument},
                                  std::string{f.meaning.substr(0, f.meaning.find('\n'))}};
        flag.file = f.file;
        if (!f.words.empty())
            for (const std::string_view word : weir::detail::split(f.words, " "))
                flag.words.emplace_back(word);
        all.flags.push_back(std::move(flag));
    }
    for (weir::completed_flag& flag : weir::completed_rate_flags(weir::yaml::preset_names()))
        all.flags.push_back(std::move(flag));
    return {"weir-download", {std::move(all)}};
}

namespace {

std::string unknown(std::string_view flag) {
    std::vector<std::string_view> names;
    for (const own_flag& own : own_flags())
        names.push_back(own.name);
    for (const auto& rule : weir::flag_rules)
        names.push_back(rule.name);
    const std::string guess = weir::closest_match(flag, names);
    return fmt::format("unknown flag {}{}", weir::detail::in_quotes(flag),
                       guess.empty() ? "; --help lists them all" : fmt::format("; did you mean {}?", guess));
}

std::int64_t whole(std::string_view flag, std::string_view text, std::int64_t min, std::int64_t max) {
    std::int64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size() || value < min || value > max)
        throw usage_error{fmt::format("{}: found {}; it is a whole number from {} to {}", flag,
                                      weir::detail::in_quotes(text), min, max)};
    return value;
}

log_level level_of(std::string_view text) {
    static constexpr std::array<std::string_view, 4> names{"error", "warning", "info", "debug"};
    for (std::size_t i = 0; i < names.size(); ++i)
        if (weir::detail::same_ignoring_case(names[i], text))
            return static_cast<log_level>(i);
    const std::string guess = weir::closest_match(text, names);
    throw usage_error{fmt::format("--log-level: found {}; {}it is one of error, warning, info, debug",
                                  weir::detail::in_quotes(text),
                                  guess.empty() ? "" : fmt::format("did you mean \"{}\"? ", guess))};
}

void take_value(options& out, std::string_view flag, std::string_view value) {
    if (value.empty())
        throw usage_error{fmt::format("{}: its value is empty", flag)};
    if (flag == "--topic") {
        out.topic = value;
    } else if (flag == "--year-start") {
        out.year_start = static_cast<int>(whole(flag, value, 1000, 9999));
    } else if (flag == "--year-end") {
        out.year_end = static_cast<int>(whole(flag, value, 1000, 9999));
    } else if (flag == "--max") {
        out.max = whole(flag, value, 1, 100'000'000);
    } else if (flag == "--part") {
        const auto slash = std::min(value.find('/'), value.size());
        const std::string_view parts = value.substr(std::min(slash + 1, value.size()));
        out.parts = static_cast<std::size_t>(whole("--part K/N: N", parts, 1, 10'000));
        out.part = static_cast<std::size_t>(
            whole("--part K/N: K", value.substr(0, slash), 1, static_cast<std::int64_t>(out.parts)));
    } else if (flag == "--workers") {
        out.workers = static_cast<std::size_t>(whole(flag, value, 1, 256));
    } else if (flag == "--max-attempts") {
        out.max_attempts = static_cast<int>(whole(flag, value, 1, 1000));
    } else if (flag == "--urls") {
        out.urls = value;
    } else if (flag == "--out") {
        out.out = value;
    } else if (flag == "--log") {
        out.log = value;
    } else if (flag == "--log-level") {
        out.level = level_of(value);
    } else if (flag == "--completion") {
        if (const auto known = weir::completion(value, completed()); !known)
            throw usage_error{"--completion: " + known.error().message};
        out.completion = value;
    } else {
        const auto url = weir::http::parse_url(value);
        if (!url)
            throw usage_error{"--base-url: " + url.error().message};
        if (!url->query.empty())
            throw usage_error{"--base-url: write it without a query"};
        out.base_url = url->str();
        while (out.base_url.ends_with('/'))
            out.base_url.pop_back();
    }
}

}  // namespace

options parse_options(std::span<const char* const> arguments) {
    options out;
    const std::vector<own_flag> flags = own_flags();
    std::string faults;
    const auto fault = [&faults](std::string_view text) { faults.append(faults.empty() ? "" : "\n").append(text); };
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view argument = arguments[i];
        const auto equals = argument.starts_with("--") ? argument.find('=') : std::string_view::npos;
        const std::string_view flag = argument == "-h" ? "--help" : argument.substr(0, equals);
        const auto own = std::ranges::find(flags, flag, &own_flag::name);
        if (!flag.starts_with('-')) {
            fault(fmt::format("found {} where a flag is expected; --urls FILE takes a list of URLs",
                              weir::detail::in_quotes(argument)));
        } else if (own == flags.end()) {
            fault(unknown(flag));
            // What follows it was most likely its value, and is no second fault.
            if (equals == std::string_view::npos && i + 1 < arguments.size() && arguments[i + 1][0] != '-')
                ++i;
        } else if (own->argument.empty()) {
            if (equals != std::string_view::npos)
                fault(fmt::format("{}: it takes no value", flag));
            if (flag == "--dry-run")
                out.dry_run = true;
            if (flag == "--help")
                out.help = true;
            if (flag == "--version")
                out.version = true;
        } else if (equals == std::string_view::npos && i + 1 == arguments.size()) {
            fault(fmt::format("{}: it needs a value", flag));
        } else {
            try {
                take_value(out, flag,
                           equals == std::string_view::npos ? std::string_view{arguments[++i]}
                                                            : argument.substr(equals + 1));
            } catch (const usage_error& e) {
                fault(e.what());
            }
        }
    }
    if (faults.empty() && !out.help && out.completion.empty()) {
        if (out.topic.empty() && out.urls.empty())
            fault("say what to fetch: --topic TEXT or --urls FILE");
        if (out.year_start && out.year_end && *out.year_start > *out.year_end)
            fault(fmt::format("--year-start {} is after --year-end {}", *out.year_start, *out.year_end));
    }
    if (!faults.empty())
        throw usage_error{faults};
    return out;
}

}  // namespace download
