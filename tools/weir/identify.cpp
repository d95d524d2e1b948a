// SPDX-License-Identifier: MIT
#include "identify.hpp"

#include "audit_flags.hpp"
#include "audit_logs.hpp"
#include "identification/search.hpp"
#include "log_format.hpp"
#include "spans.hpp"

#include "weir/core/closest_match.hpp"
#include "weir/core/rate.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

namespace weir::tools {
namespace {

using identification::finding;
using identification::fit;
using identification::hypothesis;
using identification::law;
using identification::seen_request;

constexpr std::string_view identify_help_text = R"(usage: weir identify LOG... [flags]

Says for every host and role of the logs which law its server enforces, its numbers, how sure that is, and the policy to
write. It needs refusals: an answer 429 or 503, or what --refused says.

  --refused LIST       the statuses of a refusal (429,503)
  --format NAME        events, origin, nginx, haproxy, json or csv; without it, the first known line decides for its file
  --nginx-format TEXT  the text of the log_format directive, with $status and $msec, $time_local or $time_iso8601
  --resolution SPAN    such as 5ms: how exact the times are; without it, what the format and the latencies tell
  --host NAME          the host of all requests of an access or client log
  --role NAME          the role of all requests of an access or client log
  --skip-lines N|all   so many lines may be left out because they are of no known format
  --json               one JSON object for each host and role
  --help               this text

A line of "json" is an object with a time (seconds since any zero, or a date), a status and, if it is known,
latency_ms; "csv" has the same as columns.

Exit code: 0 every law is known, 2 the command or a log cannot be read, 3 of one host and role it cannot be told.
)";

struct identify_request {
    log_sources from{.program = "identify"};
    std::set<int> refused{429, 503};
    std::optional<std::int64_t> resolution{};  ///< ns
    std::string format{}, nginx_format{};
    bool json = false, help = false;
};

constexpr std::array<std::string_view, 9> identify_flags{
    "--refused", "--format", "--nginx-format", "--resolution", "--host", "--role", "--skip-lines", "--json", "--help"};

std::set<int> statuses(std::string_view text) {
    std::set<int> out;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        const std::string_view one = text.substr(at, comma - at);
        int status = 0;
        const auto [end, failure] = std::from_chars(one.data(), one.data() + one.size(), status);
        if (failure != std::errc{} || end != one.data() + one.size() || status < 100 || status > 999)
            throw usage_error{fmt::format("--refused: \"{}\" is no list of statuses such as 429,503", text)};
        out.insert(status);
        at = comma + 1;
    }
    return out;
}

void set_identify_value(identify_request& out, std::string_view flag, std::string_view value) {
    if (value.empty())
        throw usage_error{fmt::format("{}: it needs a value", flag)};
    if (flag == "--refused") {
        out.refused = statuses(value);
    } else if (flag == "--format") {
        out.format = value;
    } else if (flag == "--nginx-format") {
        out.nginx_format = value;
    } else if (flag == "--host") {
        out.from.host = value;
    } else if (flag == "--role") {
        out.from.role = value;
    } else if (flag == "--skip-lines") {
        out.from.skip_lines = parse_skips(value);
    } else {
        const auto span = parse_span(value);
        if (!span)
            throw usage_error{fmt::format("--resolution: \"{}\" is no span such as 5ms", value)};
        out.resolution = span->count();
    }
}

identify_request parse_identify(std::span<const char* const> args) {
    identify_request out;
    for (std::size_t i = 0; i < args.size(); ++i) {
        const std::string_view word = args[i];
        const auto equals = std::min(word.find('='), word.size());
        const std::string_view flag = word.substr(0, equals);
        if (word == "--json") {
            out.json = true;
        } else if (word == "--help" || word == "-h") {
            out.help = true;
        } else if (!word.starts_with("-") || word == "-") {
            out.from.logs.emplace_back(word);
        } else if (std::ranges::find(identify_flags, flag) == identify_flags.end() || flag == "--json") {
            const std::string guess = closest_match(flag, identify_flags);
            throw usage_error{
                fmt::format("unknown flag {}{}", word, guess.empty() ? "" : "; did you mean " + guess + "?")};
        } else if (equals < word.size()) {
            set_identify_value(out, flag, word.substr(equals + 1));
        } else {
            set_identify_value(out, flag, i + 1 < args.size() ? args[++i] : "");
        }
    }
    if (!out.help && out.from.logs.empty())
        throw usage_error{"name at least one log"};
    if (!out.help)
        out.from.formats = chosen_formats(out.format, out.nginx_format, true);
    return out;
}

// ---- what the logs say

/// A request as a log has it.
struct logged_arrival {
    std::int64_t at = 0;  ///< ns
    std::optional<std::int64_t> took{};
    int status = 0;
};

/// All that is known of one host and role.
struct logged_key {
    const log_format* format = nullptr;
    std::vector<logged_arrival> all{};
    std::deque<std::size_t> open{};  ///< admissions of an event log whose answer has not come
};
using logged_keys = std::map<std::pair<std::string, std::string>, logged_key>;

/// An answer in a line of its own is of the longest open request.
void take_entry(logged_key& key, const log_entry& entry) {
    if (entry.what == log_entry::kind::answer) {
        if (key.open.empty())
            return;
        logged_arrival& of = key.all[key.open.front()];
        key.open.pop_front();
        of.status = entry.status;
        of.took = std::max<std::int64_t>(0, entry.at - of.at);
        return;
    }
    if (key.format->stamped == log_format::stamp::admission)
        key.open.push_back(key.all.size());
    key.all.push_back({entry.at, entry.took, entry.status});
}

/// Time of one key's requests as the search wants it.
struct evidence {
    std::vector<seen_request> requests{};
    double resolution = 0;       ///< seconds
    std::int64_t zero = 0;       ///< ns; a multiple of 30 days, so that windows of the clock begin at it
    std::size_t unanswered = 0;  ///< requests without a status
};

constexpr std::int64_t thirty_days = 30LL * 86'400 * 1'000'000'000;

/// `part`: how much of the latency had passed when the server counted.
evidence evidence_of(const logged_key& key, const identify_request& asked, double part) {
    evidence out;
    std::vector<double> took;
    std::vector<std::tuple<std::int64_t, std::size_t, bool>> at;  // of equal times the log's order
    for (const logged_arrival& r : key.all) {
        if (r.status == 0) {
            ++out.unanswered;
            continue;
        }
        const bool is_refused = asked.refused.contains(r.status);
        if (r.took)
            took.push_back(static_cast<double>(*r.took));
        const double shift = part * static_cast<double>(r.took.value_or(0));
        at.emplace_back(r.at + static_cast<std::int64_t>(shift) + key.format->blur / 2, at.size(), is_refused);
    }
    std::ranges::sort(at);
    if (!at.empty())
        out.zero = std::get<0>(at.front()) / thirty_days * thirty_days;
    for (const auto& [when, order, is_refused] : at)
        out.requests.push_back({static_cast<double>(when - out.zero) * 1e-9, is_refused});
    double ns = static_cast<double>(key.format->blur);
    if (took.size() > 3) {
        // Half of the latencies lie within this.
        const double high = identification::detail::quantile(took, 0.75);
        ns = std::max(ns, (high - identification::detail::quantile(took, 0.25)) / 2);
    }
    if (asked.resolution)
        ns = static_cast<double>(*asked.resolution);
    out.resolution = std::max(ns * 1e-9, 1e-6);
    return out;
}

/// The part of a long log in which refusals begin. **Complexity.** The search takes this many steps some thousand
/// times.
constexpr std::size_t longest_search = 12'000;
void shorten(evidence& e) {
    if (e.requests.size() <= longest_search)
        return;
    const auto first = std::ranges::find(e.requests, true, &seen_request::is_refused);
    const auto before = std::min<std::ptrdiff_t>(first - e.requests.begin(), longest_search / 2);
    e.requests.erase(e.requests.begin(), first - before);
    e.requests.resize(std::min(e.requests.size(), longest_search));
}

struct identified {
    finding found{};
    evidence seen{};
};

identified identify_key(const logged_key& key, const identify_request& asked) {
    identified best;
    const bool has_latency = std::ranges::any_of(key.all, [](const logged_arrival& r) { return r.took.has_value(); });
    // The way out is some part of the latency: none where the server works long, half where the network is slow.
    for (const double part : {0.0, 0.5}) {
        if (part > 0 && !has_latency)
            break;
        identified one{{}, evidence_of(key, asked, part)};
        shorten(one.seen);
        one.found = identification::identify_law(one.seen.requests, one.seen.resolution);
        const auto likelihood = [](const identified& i) {
            return i.found.has_guess() ? i.found.fits[0].likelihood : -1e300;
        };
        if (part == 0 || likelihood(one) > likelihood(best))
            best = std::move(one);
    }
    return best;
}

// ---- what is said of it

duration period_of(double seconds) { return duration{static_cast<std::int64_t>(std::llround(seconds * 1e9))}; }
std::string rate_text(std::int64_t limit, double seconds) { return to_string(rate{limit, period_of(seconds)}); }
/// The period of a rate as it is written: `1s`, `100ms`, `5min`.
std::string period_text(double seconds) {
    const std::string one = rate_text(1, seconds);
    return one.substr(one.find('/') + 1);
}

/// Two counters that round their sum down are at N as those that do not are at N + 1, and people write round numbers.
bool rounds_down(const hypothesis& h) { return h.by == law::two_counter && h.limit > 5 && (h.limit - 1) % 5 == 0; }
std::int64_t written_limit(const hypothesis& h) { return rounds_down(h) ? h.limit - 1 : h.limit; }

std::string_view law_name(const hypothesis& h) {
    switch (h.by) {
    case law::sliding_log:
        return "sliding-log";
    case law::fixed_window:
        return "fixed-window";
    case law::two_counter:
        return "two-counter";
    case law::gcra:
        return "gcra";
    }
    return "?";
}

enum class alignment : std::uint8_t { none, clock, offset, first_request };

alignment alignment_of(const hypothesis& h, double noise) {
    if (h.by != law::fixed_window && h.by != law::two_counter)
        return alignment::none;
    if (h.is_anchored)
        return alignment::first_request;
    const double off = std::min(h.phase, h.period - h.phase);
    return off <= std::max(3 * noise, h.period / 500) ? alignment::clock : alignment::offset;
}

std::string law_text(const fit& f) {
    const hypothesis& h = f.what;
    const std::int64_t n = written_limit(h);
    switch (h.by) {
    case law::sliding_log:
        return fmt::format("sliding log: at most {} in any {}", n, period_text(h.period));
    case law::fixed_window: {
        const alignment begin = alignment_of(h, f.noise);
        return fmt::format("fixed window: at most {} in each {}, {}", n, period_text(h.period),
                           begin == alignment::first_request ? "from the first request after the window before"
                           : begin == alignment::clock
                               ? "from whole multiples of the clock"
                               : fmt::format("which begin {:.3f} s after whole multiples of the clock", h.phase));
    }
    case law::two_counter:
        return fmt::format("two counters: at most {} in {}, of which the last window counts in part{}", n,
                           period_text(h.period), rounds_down(h) ? " and the sum is rounded down" : "");
    case law::gcra: {
        const std::string each = fmt::format("one each {}", period_text(h.period / static_cast<double>(h.limit)));
        return h.burst == 1 ? fmt::format("leaky bucket without burst (GCRA): {}", each)
                            : fmt::format("leaky bucket (GCRA): {}, and up to {} at once", each, h.burst);
    }
    }
    return {};
}

/// The rates, and the burst, of a policy that obeys the law.
struct obeying_policy {
    std::string rate;
    std::optional<std::int64_t> burst{};
    std::string second_rate{};  ///< the same as the burst, as a rate
};

obeying_policy policy_of(const hypothesis& h) {
    const double unit = h.period / static_cast<double>(h.limit);
    switch (h.by) {
    case law::sliding_log:
    case law::fixed_window:
        return {rate_text(h.limit, h.period)};
    case law::two_counter:
        // Only even spacing never meets the weight of a window that is full.
        return {rate_text(written_limit(h), h.period), 1,
                rate_text(1, h.period / static_cast<double>(written_limit(h)))};
    case law::gcra:
        if (h.burst > h.limit)
            return {rate_text(h.burst, unit * static_cast<double>(h.burst))};
        if (h.burst == h.limit)
            return {rate_text(h.limit, h.period)};
        return {rate_text(h.limit, h.period), h.burst, rate_text(h.burst, unit * static_cast<double>(h.burst))};
    }
    return {};
}

/// A log without hosts leaves that to its reader.
std::string_view host_of(std::string_view host) { return host == "-" ? "HOST" : host; }
std::string yaml_of(const std::string& host, const std::string& role, const obeying_policy& p) {
    return fmt::format("hosts: {{\"{}\": {{{}: {{rates: [{}]{}}}}}}}", host_of(host), role, p.rate,
                       p.burst ? fmt::format(", burst: {}", *p.burst) : "");
}
std::string flag_of(const std::string& host, const std::string& role, const obeying_policy& p) {
    const bool is_same = p.second_rate.empty() || p.second_rate == p.rate;
    return fmt::format("--rate '{}.{}={}{}'", host_of(host), role, p.rate, is_same ? "" : "," + p.second_rate);
}

int percent(double probability) { return static_cast<int>(std::floor(probability * 100 + 1e-9)); }

std::string counts_text(const finding& f) {
    const hypothesis& h = f.fits[0].what;
    if (h.by != law::sliding_log && h.by != law::two_counter)
        return "do not count";
    if (f.count_probability < 0.9)
        return "cannot tell";
    return h.counts_refusals ? "count too" : "do not count";
}

/// Why there is no law, for people.
std::string why_not(const identified& i, const logged_key& key, const identify_request& asked) {
    const finding& f = i.found;
    if (f.requests == 0)
        return i.seen.unanswered > 0 ? "the log has no answers" : "there are no requests";
    if (f.refused == 0) {
        std::map<int, std::size_t> others;
        for (const logged_arrival& r : key.all)
            if (r.status >= 400 && !asked.refused.contains(r.status))
                ++others[r.status];
        std::string hint;
        for (const auto& [status, count] : others)
            hint += fmt::format("{}{} answers {}", hint.empty() ? "; but " : ", ", count, status);
        if (!hint.empty())
            hint += fmt::format(": --refused {} if that is a refusal", others.begin()->first);
        return "no request was refused, so that no limit was reached" + hint;
    }
    if (!f.has_guess())
        return f.refused == f.requests ? "every request was refused" : "the log is too short for any period";
    if (f.fits[0].likelihood <= f.random + 6)
        return "no law explains the refusals better than chance does";
    return "";
}

nlohmann::ordered_json json_of(const fit& f) {
    const hypothesis& h = f.what;
    nlohmann::ordered_json out{{"law", law_name(h)},
                               {"limit", written_limit(h)},
                               {"period_ms", std::round(h.period * 1e6) / 1e3},
                               {"refusals_count", h.counts_refusals},
                               {"probability", std::round(f.probability * 1e4) / 1e4}};
    if (h.by == law::gcra)
        out["burst"] = h.burst;
    const alignment begin = alignment_of(h, f.noise);
    if (begin != alignment::none)
        out["window_begins"] = begin == alignment::clock    ? "clock"
                               : begin == alignment::offset ? "offset"
                                                            : "first-request";
    if (begin == alignment::offset)
        out["offset_ms"] = std::round(h.phase * 1e6) / 1e3;
    return out;
}

void print_json_finding(const std::string& host, const std::string& role, const identified& i, const logged_key& key,
                        const identify_request& asked) {
    const finding& f = i.found;
    nlohmann::ordered_json out{{"host", host},
                               {"role", role},
                               {"requests", f.requests},
                               {"refused", f.refused},
                               {"law", "cannot-tell"},
                               {"sure", std::round(f.limit_probability * 1e4) / 1e4},
                               {"resolution_ms", std::round(i.seen.resolution * 1e6) / 1e3}};
    if (f.is_decided) {
        const nlohmann::ordered_json best = json_of(f.fits[0]);
        for (const auto& [name, value] : best.items())
            if (name != "probability")
                out[name] = value;
        out["refusals_count_sure"] = std::round(f.count_probability * 1e4) / 1e4;
        out["explained"] = f.requests - f.fits[0].wrong;
        const obeying_policy p = policy_of(f.fits[0].what);
        out["policy"] = {{"yaml", yaml_of(host, role, p)}, {"flag", flag_of(host, role, p)}};
    } else if (const std::string why = why_not(i, key, asked); !why.empty()) {
        out["why"] = why;
    }
    for (std::size_t n = f.is_decided ? 1 : 0; n < std::min<std::size_t>(f.fits.size(), 4); ++n)
        out["others"].push_back(json_of(f.fits[n]));
    fmt::print("{}\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_finding(const std::string& host, const std::string& role, const identified& i, const logged_key& key,
                   const identify_request& asked) {
    const finding& f = i.found;
    fmt::print("{} {}: {} requests, {} refused\n", host, role, f.requests, f.refused);
    const auto line = [](std::string_view what, const std::string& text) { fmt::print("  {:<10} {}\n", what, text); };
    if (f.is_decided) {
        const fit& best = f.fits[0];
        line("law", law_text(best));
        line("refusals", counts_text(f));
        line("sure", fmt::format("{} %; {} of {} answers are as it says; times are known to {}",
                                 percent(f.limit_probability), f.requests - best.wrong, f.requests,
                                 i.seen.resolution < 0.0005 ? "less than 1 ms"
                                                            : fmt::format("{:.0f} ms", i.seen.resolution * 1e3)));
        const obeying_policy p = policy_of(best.what);
        line("write", yaml_of(host, role, p));
        line("or", flag_of(host, role, p));
        return;
    }
    const std::string why = why_not(i, key, asked);
    line("law", "cannot tell" + (why.empty() ? "" : ": " + why));
    if (!why.empty() || f.fits.empty())
        return;
    for (std::size_t n = 0; n < std::min<std::size_t>(f.fits.size(), 3); ++n) {
        // What is taken from the best for answers that it does not explain is taken from all.
        const double trust = f.limit_probability > 0 && f.fits[0].probability > 0
                                 ? std::min(1.0, f.limit_probability / f.fits[0].probability)
                                 : 0;
        line(n == 0 ? "perhaps" : "or",
             fmt::format("{} % {}{}", percent(f.fits[n].probability * trust), law_text(f.fits[n]),
                         f.fits[n].what.counts_refusals ? "; refusals count too" : ""));
    }
    line("sure", fmt::format("too little: {} of {} answers are as the first says; a longer log, exact times or more"
                             " refusals would tell",
                             f.requests - f.fits[0].wrong, f.requests));
}

int identify_all(const identify_request& asked) {
    std::map<std::size_t, logged_keys> timelines;
    const lines_read read =
        read_lines(asked.from, [&](log_entry&& entry, std::size_t timeline, const log_format& format) {
            logged_key& key = timelines[timeline][{entry.host, entry.role}];
            key.format = &format;
            take_entry(key, entry);
        });
    if (read.skipped > 0)
        fmt::print(stderr, "weir identify: {} lines of no known format left out\n", read.skipped);
    bool are_all_decided = true, has_any = false;
    for (const auto& [timeline, keys] : timelines)
        for (const auto& [name, key] : keys) {
            const identified i = identify_key(key, asked);
            has_any = true;
            are_all_decided = are_all_decided && i.found.is_decided;
            (asked.json ? print_json_finding : print_finding)(name.first, name.second, i, key, asked);
        }
    if (!has_any)
        throw usage_error{"the logs have no requests"};
    return are_all_decided ? 0 : 3;
}

}  // namespace

int identify(std::span<const char* const> args) {
    try {
        const identify_request asked = parse_identify(args);
        if (asked.help) {
            fmt::print("{}", identify_help_text);
            return 0;
        }
        return identify_all(asked);
    } catch (const usage_error& fault) {
        fmt::print(stderr, "weir identify: {}\n", fault.what());
        return 2;
    }
}

}  // namespace weir::tools
