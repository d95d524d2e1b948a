// SPDX-License-Identifier: MIT
#include "audit.hpp"

#include "audit_flags.hpp"
#include "audit_logs.hpp"
#include "log_format.hpp"
#include "rate_flags.hpp"
#include "worst_window.hpp"

#include "weir/config/configuration.hpp"
#include "weir/core/rate.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// A second, naive opinion. It shares the text of rates with the library, and nothing else: a fault in the limiter's log
// or windows must not hide itself here.

namespace weir::tools {
namespace {

std::string_view stamp_name(log_format::stamp stamped) {
    switch (stamped) {
    case log_format::stamp::arrival:
        return "arrival";
    case log_format::stamp::answered:
        return "answered";
    case log_format::stamp::admission:
        return "admission";
    case log_format::stamp::sent:
        return "sent";
    }
    return "?";
}

class report {
public:
    explicit report(const audit_request& asked) : json_(asked.json), slack_(asked.slack) {
        if (!json_)
            fmt::print("{:<24} {:<10} {:>8} {:>5}  {:<12} {:>10} {:>10}\n", "host", "role", "requests", "429s", "rate",
                       "worst", "admitted");
    }

    void row(const audit_timeline& log, const std::string& host, const std::string& role, const audit_requests& at,
             const std::optional<rate>& r) {
        // Lines without a status say nothing of refusals.
        const bool has_answers = at.answers > 0 || at.all.empty();
        // An admission has no answer yet.
        const bool answers = log.format->stamped != log_format::stamp::admission;
        const std::int64_t blur = log.format->blur + slack_;
        const worst_window all = r ? worst(at.all, r->period.count(), blur) : worst_window{};
        const worst_window admitted = r ? worst(at.admitted, r->period.count(), blur) : worst_window{};
        const auto limit = static_cast<std::size_t>(r ? r->limit : 0);
        const bool over = r && all.certain > limit;
        const bool unclear = r && !over && all.possible > limit;
        windows_ += r ? 1U : 0U;
        over_ += over ? 1U : 0U;
        unclear_ += unclear ? 1U : 0U;
        if (json_) {
            nlohmann::ordered_json out{{"log", log.logs},
                                       {"format", log.format->family},
                                       {"stamped", stamp_name(log.format->stamped)},
                                       {"host", host},
                                       {"role", role},
                                       {"requests", at.all.size()},
                                       {"429s", nullptr}};
            if (has_answers)
                out["429s"] = at.refused;
            if (r) {
                out["rate"] = to_string(*r);
                out["worst"] = all.certain;
                out["worst_at_most"] = all.possible;
                if (answers) {
                    out["worst_admitted"] = admitted.certain;
                    out["worst_admitted_at_most"] = admitted.possible;
                }
                out["over"] = over;
                out["unclear"] = unclear;
            }
            fmt::print("{}\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
            return;
        }
        const auto fill = [&r](const worst_window& w) {
            if (!r)
                return std::string{"-"};
            return w.certain == w.possible ? fmt::format("{}/{}", w.certain, r->limit)
                                           : fmt::format("{}-{}/{}", w.certain, w.possible, r->limit);
        };
        fmt::print("{:<24} {:<10} {:>8} {:>5}  {:<12} {:>10} {:>10}{}\n", host, role, at.all.size(),
                   has_answers ? fmt::format("{}", at.refused) : "-", r ? to_string(*r) : "not judged", fill(all),
                   answers ? fill(admitted) : "-",
                   over      ? "  OVER"
                   : unclear ? "  unclear"
                             : "");
    }

    void total(const audit_requests& at) {
        requests_ += at.all.size();
        refused_ += at.refused;
        answers_ += at.answers;
    }

    [[nodiscard]] int finish(const audit_material& read) const {
        for (const audit_timeline& log : read.timelines)
            note(log);
        // Nothing is left out in silence; but what reads JSON finds nothing else on standard output.
        const auto to = json_ ? stderr : stdout;
        if (read.others > 0)
            fmt::print(to, "audit: {} lines that tell of no request\n", read.others);
        if (read.skipped > 0)
            fmt::print(to, "audit: {} lines of no known format left out\n", read.skipped);
        if (!json_)
            fmt::print("audit: {} requests, {}; {} windows judged over all arrivals, {} over their limit{}\n",
                       requests_,
                       answers_ > 0 || requests_ == 0 ? fmt::format("{} answered 429", refused_)
                                                      : "their answers not in the log",
                       windows_, over_,
                       unclear_ == 0 ? "" : fmt::format(", {} that the stamps are too coarse to tell", unclear_));
        if (windows_ == 0)
            throw usage_error{"no window was judged: no request has a role that --rate names"};
        if (over_ > 0)
            return 1;
        return unclear_ > 0 ? 3 : 0;
    }

private:
    void note(const audit_timeline& log) const {
        if (json_)
            return;
        if (log.format->stamped == log_format::stamp::admission)
            fmt::print("audit: {}: admissions, stamped when they were written down; arrivals are in a server's log\n",
                       log.logs);
        if (log.format->stamped == log_format::stamp::answered)
            fmt::print("audit: {}: stamped when the answer was finished; --slack SPAN if that may take a while\n",
                       log.logs);
    }

    bool json_;
    std::int64_t slack_;
    std::size_t requests_ = 0;
    std::size_t refused_ = 0;
    std::size_t answers_ = 0;
    std::size_t windows_ = 0;
    std::size_t over_ = 0;
    std::size_t unclear_ = 0;
};

/// The rates of a configuration for a key; none where it has no limit, or the log no host.
std::vector<rate> configured_rates(const configuration* c, const std::string& host, const std::string& role) {
    if (c == nullptr)
        return {};
    const auto policy = c->policy_for(host, role);
    return policy ? policy->rates : std::vector<rate>{};
}

int judge(const audit_request& asked, const configuration* c) {
    const audit_material read = read_logs(asked.from);
    report out{asked};
    std::map<std::string, bool, std::less<>> seen;
    for (const audit_timeline& log : read.timelines) {
        for (const auto& [key, at] : log.keys) {
            const auto& [host, role] = key;
            seen[role] = true;
            out.total(at);
            auto found = asked.rates.find(role);
            if (found == asked.rates.end())
                found = asked.rates.find("*");
            const std::vector<rate> rates =
                found == asked.rates.end() ? configured_rates(c, host, role) : found->second;
            if (rates.empty())
                out.row(log, host, role, at, {});
            for (const rate& r : rates)
                out.row(log, host, role, at, r);
        }
    }
    // A misspelt role would otherwise be judged by nobody, and pass.
    for (const auto& [role, rates] : asked.rates)
        if (role != "*" && !seen.contains(role))
            fmt::print(stderr, "weir audit: warning: no request has the role \"{}\" of --rate\n", role);
    return out.finish(read);
}

}  // namespace

int audit(std::span<const char* const> args) {
    // `--rate` is of the audit, by role; the other rate flags make a configuration, as everywhere.
    std::vector<const char*> own, others;
    for (std::size_t i = 0; i < args.size(); ++i) {
        const std::string_view word = args[i];
        const bool is_own = word == "--rate" || word.starts_with("--rate=");
        (is_own ? own : others).push_back(args[i]);
        if (word == "--rate" && i + 1 < args.size())
            own.push_back(args[++i]);
    }
    const rate_flags flags{others};
    const bool has_configuration = flags.rest().size() != others.size();
    std::vector<const char*> words;
    for (const std::string& word : flags.rest())
        words.push_back(word.c_str());
    words.insert(words.end(), own.begin(), own.end());
    try {
        const audit_request asked = parse_audit(words, has_configuration);
        if (asked.help) {
            fmt::print("{}", audit_help());
            return 0;
        }
        if (!has_configuration)
            return judge(asked, nullptr);
        const auto read = flags.resolved();
        if (!read.explanation.empty()) {
            fmt::print("{}", read.explanation);
            return 0;
        }
        const resolution& config = read;
        if (!config)
            throw usage_error{config.fault_text()};
        return judge(asked, &*config);
    } catch (const usage_error& fault) {
        fmt::print(stderr, "weir audit: {}\n", fault.what());
        return 2;
    }
}

}  // namespace weir::tools
