// SPDX-License-Identifier: MIT
#pragma once

#include "catalogue.hpp"
#include "limits.hpp"
#include "rates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// The command line: every flag, its meaning, and its faults.
namespace origin {

struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

enum class retry_after { delta, date, none };

struct address {
    std::string host;
    int port = 0;  // 0: any free port
};

struct options {
    std::vector<address> listen;
    std::size_t threads = 64;  // per listener; a kept-alive connection occupies one
    nanos keep_alive = std::chrono::seconds{30};

    catalogue_options catalogue;
    std::size_t landing_on = 0;  // 1-based listener that landing links name; 0 until resolved
    std::size_t pdf_on = 0;
    bool redirect_landing = false;
    std::string manifest;

    nanos latency_mean{0};
    double latency_sigma = 0.5;
    double latency_before = 0.5;  // share of the latency that passes before the arrival is judged

    std::map<std::string, std::vector<rate>, std::less<>> limits;  // by role
    bool no_limit = false;
    model_kind model = model_kind::sliding_log;
    std::optional<std::int64_t> burst;
    retry_after retry = retry_after::delta;

    std::string log;
    bool help = false;
    bool version = false;
};

inline constexpr std::string_view help_text = R"(weir-origin: a loopback HTTP server with limits, latency and a log

Usage: weir-origin [FLAGS]

Prints {"listening":"HOST:PORT"} on standard output when ready (an array when there are several listeners),
then serves until SIGTERM or SIGINT.

Listeners
  --listen HOST:PORT      listen here; repeatable; port 0 takes any free port
  --host HOST             host of the only listener (default 127.0.0.1)
  --port PORT             port of the only listener (default 0)
  --threads N             threads, and so connections at a time, per listener (default 64)
  --keep-alive DURATION   close a connection idle for this long (default 30s)

Documents
  --documents N           how many (default 60)
  --seed N                from which every document and latency follows (default 1)
  --years Y | Y1-Y2       years of publication (default 2024)
  --pdf-size BYTES        mean size of a PDF; sizes are log-normal (default 65536)
  --pdf-sigma X           spread of their logarithm; 0 makes them equal (default 0.5)
  --landing-on N          listener, from 1, that landing links name (default 1;
                          with --redirect-landing 2, if there is one)
  --pdf-on N              listener, from 1, that PDF links name (default: the last)
  --redirect-landing      the API links to /doi/ID, which answers 302 to the landing page
  --manifest FILE         write {"url","sha256","bytes"} of every landing page and PDF, one per line, before serving

Latency
  --latency DURATION      mean of the log-normal time each request is held; 0 is off (default 0)
  --latency-mean DURATION the same
  --latency-sigma X       spread of its logarithm (default 0.5)
  --latency-before SHARE  share of it, 0 to 1, that passes before the arrival is judged (default 0.5)

Limits, per listener and role (metadata: /works, landing: /landing and /doi, artifact: /pdf)
  --limit ROLE=RATES      such as metadata=10/1s,5000/1h; repeatable; all rates of a role must admit
  --no-limit              ignore every --limit
  --model MODEL           sliding-log (default), fixed-window, two-counter or gcra
  --burst N               units a gcra rate saves (default: its N)
  --retry-after FORM      in a 429: delta (default), date or none

Records
  --log FILE              one JSON line per judged arrival, in the order of the decisions
  --help                  this text
  --version               version and compiler

A duration is 100ms, 1.5s, 2min or 0. A rate is 10/1s, 10/SECOND, 300/5min or 5000/h.
Not limited and not logged: GET /healthz, GET /stats (counts by role and status).
)";

namespace detail {

inline constexpr std::array<std::string_view, 26> flags{"--burst",         "--documents",      "--help",
                                                        "--host",          "--keep-alive",     "--landing-on",
                                                        "--latency",       "--latency-before", "--latency-mean",
                                                        "--latency-sigma", "--limit",          "--listen",
                                                        "--log",           "--manifest",       "--model",
                                                        "--no-limit",      "--pdf-on",         "--pdf-sigma",
                                                        "--pdf-size",      "--port",           "--redirect-landing",
                                                        "--retry-after",   "--seed",           "--threads",
                                                        "--version",       "--years"};

[[nodiscard]] inline std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row.back();
}

template <class Names>
[[nodiscard]] std::string_view closest_match(std::string_view text, const Names& names) {
    return *std::min_element(std::begin(names), std::end(names), [&](std::string_view a, std::string_view b) {
        return edit_distance(text, a) < edit_distance(text, b);
    });
}

/// Position of `value` in `names`, or a usage error that suggests one.
template <std::size_t Size>
[[nodiscard]] std::size_t choice(std::string_view flag, std::string_view value,
                                 const std::array<std::string_view, Size>& names) {
    if (const auto found = std::find(names.begin(), names.end(), value); found != names.end()) {
        return static_cast<std::size_t>(found - names.begin());
    }
    throw usage_error{
        fmt::format("{}: \"{}\" is not known; did you mean {}?", flag, value, closest_match(value, names))};
}

[[nodiscard]] inline std::int64_t integer(std::string_view flag, std::string_view value, std::int64_t low,
                                          std::int64_t high) {
    const auto parsed = parse_count(value);
    if (!parsed || *parsed < low || *parsed > high) {
        throw usage_error{fmt::format("{}: \"{}\" is not a whole number from {} to {}", flag, value, low, high)};
    }
    return *parsed;
}

[[nodiscard]] inline double number(std::string_view flag, std::string_view value, double high) {
    const auto parsed = parse_number(value);
    if (!parsed || *parsed > high) {
        throw usage_error{fmt::format("{}: \"{}\" is not a number from 0 to {}", flag, value, high)};
    }
    return *parsed;
}

[[nodiscard]] inline nanos duration(std::string_view flag, std::string_view value) {
    const auto parsed = parse_duration(value);
    if (!parsed) {
        throw usage_error{fmt::format("{}: \"{}\" is not a duration such as 100ms, 1.5s or 0", flag, value)};
    }
    return *parsed;
}

[[nodiscard]] inline address listener(std::string_view flag, std::string_view value) {
    const auto colon = value.rfind(':');
    if (colon == std::string_view::npos || colon == 0) {
        throw usage_error{fmt::format("{}: \"{}\" is not HOST:PORT", flag, value)};
    }
    return {std::string{value.substr(0, colon)}, static_cast<int>(integer(flag, value.substr(colon + 1), 0, 65535))};
}

inline void add_limit(options& into, std::string_view value) {
    static constexpr std::array<std::string_view, 3> roles{"metadata", "landing", "artifact"};
    const auto equals = value.find('=');
    if (equals == std::string_view::npos) {
        throw usage_error{fmt::format("--limit: \"{}\" is not ROLE=RATES, such as metadata=10/1s,5000/1h", value)};
    }
    const auto role = roles[choice("--limit", value.substr(0, equals), roles)];
    std::string_view rest = value.substr(equals + 1);
    for (bool more = true; more;) {
        const auto comma = rest.find(',');
        const auto text = rest.substr(0, comma);
        const auto parsed = parse_rate(text);
        if (!parsed) {
            throw usage_error{fmt::format("--limit {}: \"{}\" is not a rate such as 10/1s or 5000/h", role, text)};
        }
        into.limits[std::string{role}].push_back(*parsed);
        more = comma != std::string_view::npos;
        rest = more ? rest.substr(comma + 1) : std::string_view{};
    }
}

inline void set_years(options& into, std::string_view value) {
    const auto dash = value.find('-');
    const auto first = integer("--years", value.substr(0, dash), 1000, 9999);
    const auto last = dash == std::string_view::npos ? first : integer("--years", value.substr(dash + 1), first, 9999);
    into.catalogue.first_year = static_cast<int>(first);
    into.catalogue.last_year = static_cast<int>(last);
}

inline void resolve_listeners(options& into, const std::optional<std::string>& host, const std::optional<int>& port) {
    if (into.listen.empty()) {
        into.listen.push_back({host.value_or("127.0.0.1"), port.value_or(0)});
    } else if (host || port) {
        throw usage_error{"--listen cannot be combined with --host or --port"};
    }
    const std::size_t count = into.listen.size();
    if (into.landing_on == 0) {
        into.landing_on = into.redirect_landing && count > 1 ? 2 : 1;
    }
    if (into.pdf_on == 0) {
        into.pdf_on = count;
    }
    for (const auto& [flag, index] : {std::pair{"--landing-on", into.landing_on}, std::pair{"--pdf-on", into.pdf_on}}) {
        if (index > count) {
            throw usage_error{fmt::format("{}: there is no listener {}; there are {}", flag, index, count)};
        }
    }
}

}  // namespace detail

/// What the arguments ask for. **Errors:** throws `usage_error` naming the flag and what would have been right.
[[nodiscard]] inline options parse_options(const std::vector<std::string>& arguments) {
    options out;
    std::optional<std::string> host;
    std::optional<int> port;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view argument = arguments[i];
        const auto equals = argument.find('=');
        const std::string_view flag = argument.substr(0, equals);
        if (std::find(detail::flags.begin(), detail::flags.end(), flag) == detail::flags.end()) {
            throw usage_error{
                fmt::format("unknown flag \"{}\"; did you mean {}?", flag, detail::closest_match(flag, detail::flags))};
        }
        if (flag == "--help" || flag == "--version" || flag == "--no-limit" || flag == "--redirect-landing") {
            if (equals != std::string_view::npos) {
                throw usage_error{fmt::format("{} takes no value", flag)};
            }
            (flag == "--help"       ? out.help
             : flag == "--version"  ? out.version
             : flag == "--no-limit" ? out.no_limit
                                    : out.redirect_landing) = true;
            continue;
        }
        if (equals == std::string_view::npos && i + 1 == arguments.size()) {
            throw usage_error{fmt::format("{} needs a value", flag)};
        }
        const std::string_view value =
            equals == std::string_view::npos ? std::string_view{arguments[++i]} : argument.substr(equals + 1);

        if (flag == "--listen") {
            out.listen.push_back(detail::listener(flag, value));
        } else if (flag == "--host") {
            host = value;
        } else if (flag == "--port") {
            port = static_cast<int>(detail::integer(flag, value, 0, 65535));
        } else if (flag == "--threads") {
            out.threads = static_cast<std::size_t>(detail::integer(flag, value, 1, 4096));
        } else if (flag == "--keep-alive") {
            out.keep_alive = detail::duration(flag, value);
        } else if (flag == "--documents") {
            out.catalogue.documents = detail::integer(flag, value, 0, 999999);
        } else if (flag == "--seed") {
            out.catalogue.seed = static_cast<std::uint64_t>(detail::integer(flag, value, 0, INT64_MAX));
        } else if (flag == "--years") {
            detail::set_years(out, value);
        } else if (flag == "--pdf-size") {
            out.catalogue.pdf_size = static_cast<double>(detail::integer(flag, value, 1, 1'000'000'000));
        } else if (flag == "--pdf-sigma") {
            out.catalogue.pdf_sigma = detail::number(flag, value, 5);
        } else if (flag == "--landing-on") {
            out.landing_on = static_cast<std::size_t>(detail::integer(flag, value, 1, 1000));
        } else if (flag == "--pdf-on") {
            out.pdf_on = static_cast<std::size_t>(detail::integer(flag, value, 1, 1000));
        } else if (flag == "--manifest") {
            out.manifest = value;
        } else if (flag == "--latency" || flag == "--latency-mean") {
            out.latency_mean = detail::duration(flag, value);
        } else if (flag == "--latency-sigma") {
            out.latency_sigma = detail::number(flag, value, 5);
        } else if (flag == "--latency-before") {
            out.latency_before = detail::number(flag, value, 1);
        } else if (flag == "--limit") {
            detail::add_limit(out, value);
        } else if (flag == "--model") {
            static constexpr std::array<std::string_view, 4> models{"sliding-log", "fixed-window", "two-counter",
                                                                    "gcra"};
            out.model = static_cast<model_kind>(detail::choice(flag, value, models));
        } else if (flag == "--burst") {
            out.burst = detail::integer(flag, value, 1, 1'000'000'000);
        } else if (flag == "--retry-after") {
            static constexpr std::array<std::string_view, 3> forms{"delta", "date", "none"};
            out.retry = static_cast<retry_after>(detail::choice(flag, value, forms));
        } else if (flag == "--log") {
            out.log = value;
        }
    }
    detail::resolve_listeners(out, host, port);
    if (out.burst && out.model != model_kind::gcra) {
        throw usage_error{"--burst needs --model gcra"};
    }
    if (out.no_limit) {
        out.limits.clear();
    }
    return out;
}

}  // namespace origin
