// SPDX-License-Identifier: MIT
#include "audit.hpp"

#include "weir/core/nearest.hpp"
#include "weir/core/rate.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// A second, naive opinion. It shares the text of rates with the library, and nothing else: a fault in the limiter's log
// or windows must not hide itself here.

namespace weir::tools {
namespace {

constexpr std::string_view help_text = R"(usage: weir audit LOG... --rate ROLE=RATES [--rate ...] [--json]

Reads arrival logs, one JSON object per line with t_ns, host, role and status (weir-origin --log writes them), and counts
for every host, role and rate the most arrivals in any half-open interval of the rate's length.

  --rate ROLE=RATES   such as metadata=10/1s,5000/h; repeatable; ROLE "*" is every role that no other --rate names
  --json              one JSON object per line instead of the table
  --help              this text

Every arrival counts, those the server refused with 429 among them: a limit is on what is sent. The column "admitted"
counts the others alone. Each log has a clock of its own, so windows do not reach from one log into the next.

Exit code: 0 no interval holds more than its limit, 1 one does, 2 the command or a log cannot be read.
)";

struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct request {
    std::vector<std::string> logs;
    std::map<std::string, std::vector<rate>, std::less<>> rates;  // by role
    bool json = false;
    bool help = false;
};

void add_rates(request& into, std::string_view text) {
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

request parse(std::span<const char* const> args) {
    static constexpr std::array<std::string_view, 3> flags{"--rate", "--json", "--help"};
    request out;
    for (std::size_t i = 0; i < args.size(); ++i) {
        const std::string_view word = args[i];
        if (word == "--json") {
            out.json = true;
        } else if (word == "--help" || word == "-h") {
            out.help = true;
        } else if (word == "--rate" && i + 1 < args.size()) {
            add_rates(out, args[++i]);
        } else if (word == "--rate") {
            throw usage_error{"--rate: it needs a value, such as metadata=10/1s"};
        } else if (word.starts_with("--rate=")) {
            add_rates(out, word.substr(7));
        } else if (word.starts_with("-") && word.size() > 1) {
            const std::string guess = nearest(word, flags);
            throw usage_error{
                fmt::format("unknown flag {}{}", word, guess.empty() ? "" : "; did you mean " + guess + "?")};
        } else {
            out.logs.emplace_back(word);
        }
    }
    if (!out.help && out.logs.empty())
        throw usage_error{"name at least one arrival log"};
    if (!out.help && out.rates.empty())
        throw usage_error{"give at least one --rate, such as --rate metadata=10/1s"};
    return out;
}

struct arrivals {
    std::vector<std::int64_t> all;       // ns
    std::vector<std::int64_t> admitted;  // those not answered by 429
};

using log_arrivals = std::map<std::pair<std::string, std::string>, arrivals>;  // by host and role

log_arrivals read(const std::string& path) {
    std::ifstream file{path};
    if (!file)
        throw usage_error{fmt::format("{}: the log cannot be opened; check the path", path)};
    log_arrivals out;
    std::string line;
    for (std::size_t number = 1; std::getline(file, line); ++number) {
        const auto json = nlohmann::json::parse(line, nullptr, false);
        const auto whole = [&json](const char* name) { return json.contains(name) && json[name].is_number_integer(); };
        const auto text = [&json](const char* name) { return json.contains(name) && json[name].is_string(); };
        if (!json.is_object() || !whole("t_ns") || !whole("status") || !text("host") || !text("role"))
            throw usage_error{fmt::format(
                "{}:{}: it is no arrival; a line is a JSON object with t_ns, host, role and status", path, number)};
        auto& at = out[{json["host"].get<std::string>(), json["role"].get<std::string>()}];
        const auto stamp = json["t_ns"].get<std::int64_t>();
        at.all.push_back(stamp);
        if (json["status"].get<int>() != 429)
            at.admitted.push_back(stamp);
    }
    if (file.bad())
        throw usage_error{fmt::format("{}: reading failed part way", path)};
    for (auto& [key, at] : out) {
        std::ranges::sort(at.all);
        std::ranges::sort(at.admitted);
    }
    return out;
}

/// The most of the sorted `stamps` in any interval [s, s + length).
std::size_t worst(const std::vector<std::int64_t>& stamps, std::int64_t length) {
    std::size_t most = 0;
    for (std::size_t first = 0, last = 0; last < stamps.size(); ++last) {
        while (stamps[last] - stamps[first] >= length)
            ++first;
        most = std::max(most, last - first + 1);
    }
    return most;
}

class report {
public:
    explicit report(bool json) : json_(json) {
        if (!json_)
            fmt::print("{:<24} {:<10} {:>8} {:>5}  {:<12} {:>8} {:>9}\n", "host", "role", "requests", "429s", "rate",
                       "worst", "admitted");
    }

    void row(const std::string& log, const std::string& host, const std::string& role, const arrivals& at,
             const std::optional<rate>& r) {
        const std::size_t refused = at.all.size() - at.admitted.size();
        const std::size_t all = r ? worst(at.all, r->period.count()) : 0;
        const std::size_t admitted = r ? worst(at.admitted, r->period.count()) : 0;
        const bool over = r && all > static_cast<std::size_t>(r->limit);
        if (r)
            ++windows_;
        if (over)
            ++over_;
        if (json_) {
            nlohmann::ordered_json out{
                {"log", log}, {"host", host}, {"role", role}, {"requests", at.all.size()}, {"429s", refused}};
            if (r) {
                out["rate"] = to_string(*r);
                out["worst"] = all;
                out["worst_admitted"] = admitted;
                out["over"] = over;
            }
            fmt::print("{}\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
            return;
        }
        const auto fill = [&r](std::size_t n) { return r ? fmt::format("{}/{}", n, r->limit) : std::string{"-"}; };
        fmt::print("{:<24} {:<10} {:>8} {:>5}  {:<12} {:>8} {:>9}{}\n", host, role, at.all.size(), refused,
                   r ? to_string(*r) : "not judged", fill(all), fill(admitted), over ? "  OVER" : "");
    }

    void total(std::size_t requests, std::size_t refused) {
        requests_ += requests;
        refused_ += refused;
    }

    [[nodiscard]] int finish() const {
        if (!json_)
            fmt::print(
                "audit: {} requests, {} answered 429; {} windows judged over all arrivals, {} over their limit\n",
                requests_, refused_, windows_, over_);
        if (windows_ == 0)
            throw usage_error{"no window was judged: no arrival has a role that --rate names"};
        return over_ == 0 ? 0 : 1;
    }

private:
    bool json_;
    std::size_t requests_ = 0;
    std::size_t refused_ = 0;
    std::size_t windows_ = 0;
    std::size_t over_ = 0;
};

int judge(const request& asked) {
    report out{asked.json};
    std::map<std::string, bool, std::less<>> seen;
    for (const std::string& log : asked.logs) {
        for (const auto& [key, at] : read(log)) {
            const auto& [host, role] = key;
            seen[role] = true;
            out.total(at.all.size(), at.all.size() - at.admitted.size());
            auto found = asked.rates.find(role);
            if (found == asked.rates.end())
                found = asked.rates.find("*");
            if (found == asked.rates.end()) {
                out.row(log, host, role, at, {});
                continue;
            }
            for (const rate& r : found->second)
                out.row(log, host, role, at, r);
        }
    }
    // A misspelt role would otherwise be judged by nobody, and pass.
    for (const auto& [role, rates] : asked.rates)
        if (role != "*" && !seen.contains(role))
            fmt::print(stderr, "weir audit: warning: no arrival has the role \"{}\" of --rate\n", role);
    return out.finish();
}

}  // namespace

int audit(std::span<const char* const> args) {
    try {
        const request asked = parse(args);
        if (asked.help) {
            fmt::print("{}", help_text);
            return 0;
        }
        return judge(asked);
    } catch (const usage_error& fault) {
        fmt::print(stderr, "weir audit: {}\n", fault.what());
        return 2;
    }
}

}  // namespace weir::tools
