// SPDX-License-Identifier: MIT
#include "simulate_flags.hpp"

#include "event_log.hpp"
#include "spans.hpp"
#include "trace.hpp"

#include "weir/core/closest_match.hpp"
#include "weir/core/error.hpp"
#include "weir/core/key.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <utility>

namespace weir::tools {
namespace {

struct simulate_flag_group {
    std::string_view heading;
    std::vector<completed_flag> flags;
};

/// What there is, by heading, as the help and a shell's completion say it.
const std::vector<simulate_flag_group>& flag_groups() {
    static const std::vector<simulate_flag_group> all{
        {"What is asked",
         {{"--host", "HOST[:ROLE][=N]", "N documents of a host; may be repeated; ROLE is metadata"},
          {.name = "--hosts", .argument = "FILE", .meaning = "the same, one HOST[:ROLE] [N] a line", .file = true},
          {"--requests", "N", "documents in all, where N is not given (10000)"},
          {"--for", "TIME", "as many as fit into this time, such as 1h, instead"},
          {"--poisson", "RATE", "they come by chance, so many of each host, such as 2/s; needs --for"},
          {.name = "--trace",
           .argument = "FILE",
           .meaning = "they come as the acquire lines of a trace do, or the requests of an event log",
           .file = true},
          {"--clients", "N", "processes that do not know of each other (1)"},
          {"--shared-store", "", "the processes share one store"},
          {.name = "--client-config",
           .argument = "FILE",
           .meaning = "the limits of a process, of the next one if it is repeated; without it those of the servers",
           .file = true},
          {"--reload", "TIME:FILE", "from then on the processes have the limits of another file"},
          {"--workers", "N", "requests of each process and host that wait or are under way (16)"}}},
        {"The servers",
         {{.name = "--server",
           .argument = "MODEL",
           .meaning = "how they count; quota is a fixed window that tells what is left (sliding-log)",
           .words = {"sliding-log", "fixed-window", "two-counter", "gcra", "quota"}},
          {"--server-burst", "N", "how many GCRA lets through at once (a rate's N)"},
          {"--server-share", "LIST", "what share of the configured limits they allow: 0.7, or 0s:0.7,10min:1 (1)"},
          {.name = "--feedback",
           .argument = "WHAT",
           .meaning = "what answers tell (none; of a quota both)",
           .words = {"none", "retry-after", "retry-after-date", "ratelimit", "both"}},
          {"--retry-after", "TIME", "what Retry-After says, whatever is true, such as 86400s"},
          {"--ban", "N:TIME", "after N refusals within TIME everything is refused for as long: 5:1h"},
          {"--outage", "LIST", "FROM:LENGTH[:STATUS], such as 10min:5min:502; STATUS lost = no answer (503)"},
          {"--lost", "SHARE", "the share of requests that get no answer (0)"},
          {"--timeout", "TIME", "after which an answer is given up (30s)"},
          {"--server-clock", "TIME", "how far the server's clock is ahead: 90s or -1h (0)"},
          {"--start", "TIME", "when the run begins, after midnight UTC: 23h (0)"},
          {"--latency", "PATH",
           "of the way there and back: 100ms:0.5 is log-normal, 80ms+exp:10ms a floor and an exponential on top,"
           " 80ms+10ms:0.5 a floor and a log-normal; 120ms,10min:40ms changes (100ms:0.5)"},
          {"--way-out", "LIST", "the way out's share of the latency, of one process after the other: 0.9,0.1 (0.5)"}}},
        {"The run",
         {{.name = "--law",
           .argument = "LAW",
           .meaning = "who decides (weir)",
           .words = {"weir", "docstokg", "aws", "none"}},
          {"--skip", "TIME", "what is not counted at the beginning (0)"},
          {"--seed", "N", "the same seed is the same run (1)"},
          {"--json", "", "one JSON object"},
          {.name = "--plot",
           .argument = "FILE",
           .meaning = "FILE.svg or FILE.html: what happened over time",
           .file = true}}},
    };
    return all;
}

[[noreturn]] void bad_flag(std::string_view flag, std::string_view value, std::string_view why) {
    throw exception{{errc::bad_configuration, fmt::format("{} {}: {}", flag, detail::in_quotes(value), why)}};
}

std::int64_t whole(std::string_view flag, std::string_view text, std::int64_t min, std::int64_t max) {
    std::int64_t out = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (failure != std::errc{} || end != text.data() + text.size() || out < min || out > max)
        bad_flag(flag, text, fmt::format("a whole number from {} to {} is needed", min, max));
    return out;
}

double decimal(std::string_view flag, std::string_view text, double min, double max) {
    double out = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (failure != std::errc{} || end != text.data() + text.size() || !(out >= min && out <= max))
        bad_flag(flag, text, fmt::format("a number from {} to {} is needed", min, max));
    return out;
}

/// A time as periods of rates are written, or 0.
duration span(std::string_view flag, std::string_view text) {
    if (text == "0" || text == "0s")
        return {};
    const auto out = parse_span(text);
    if (!out)
        bad_flag(flag, text, "a time is needed, such as 250ms, 90s, 5min or 1h");
    return *out;
}

template <class T>
T one_of(std::string_view flag, std::string_view text, const std::vector<std::pair<std::string_view, T>>& all) {
    std::string names;
    std::vector<std::string_view> known;
    for (const auto& [name, value] : all) {
        if (name == text)
            return value;
        names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
        known.push_back(name);
    }
    const std::string guess = closest_match(text, known);
    bad_flag(flag, text,
             fmt::format("it is one of {}{}", names, guess.empty() ? "" : fmt::format("; did you mean {}?", guess)));
}

/// What stands between commas.
std::vector<std::string_view> items(std::string_view text) {
    std::vector<std::string_view> out;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        out.push_back(text.substr(at, comma - at));
        at = comma + 1;
    }
    return out;
}

/// `100ms`, `100ms:0.5`, `80ms+10ms:0.5` or `80ms+exp:10ms`.
simulation::latency one_latency(std::string_view flag, std::string_view text) {
    simulation::latency out;
    if (const std::size_t plus = text.find('+'); plus != std::string_view::npos) {
        out.floor = span(flag, text.substr(0, plus));
        text.remove_prefix(plus + 1);
    }
    if (text.starts_with("exp:")) {
        out.on_top = simulation::latency::shape::exponential;
        out.mean = span(flag, text.substr(4));
        return out;
    }
    const std::size_t colon = text.find(':');
    out.mean = span(flag, text.substr(0, colon));
    if (colon != std::string_view::npos)
        out.sigma = decimal(flag, text.substr(colon + 1), 0, 5);
    return out;
}

/// `10min:5min`, `10min:5min:502` or `10min:5min:lost`.
simulation::outage one_outage(std::string_view flag, std::string_view text) {
    const std::size_t first = text.find(':');
    if (first == std::string_view::npos)
        bad_flag(flag, text, "a time and a length are needed, such as 10min:5min or 10min:5min:502");
    const std::size_t second = std::min(text.find(':', first + 1), text.size());
    simulation::outage out{span(flag, text.substr(0, first)), span(flag, text.substr(first + 1, second - first - 1))};
    if (second < text.size()) {
        const std::string_view status = text.substr(second + 1);
        out.status = status == "lost" ? 0 : static_cast<int>(whole(flag, status, 400, 599));
    }
    return out;
}

std::vector<simulation::phase> phases(std::string_view flag, std::string_view text) {
    std::vector<simulation::phase> out;
    for (const std::string_view one : items(text)) {
        const std::size_t colon = one.find(':');
        simulation::phase p;
        if (colon != std::string_view::npos)
            p.from = span(flag, one.substr(0, colon));
        p.share = decimal(flag, colon == std::string_view::npos ? one : one.substr(colon + 1), 0.001, 1000);
        if (out.empty() ? p.from != duration::zero() : p.from <= out.back().from)
            bad_flag(flag, text, "the first share is from 0 on, and each other from a later time");
        out.push_back(p);
    }
    return out;
}

class simulate_flags {
public:
    explicit simulate_flags(const configuration& c) : config_(c) { plan_.tasks.clear(); }

    void take(const std::vector<std::string>& args) {
        for (std::size_t i = 0; i < args.size(); ++i) {
            std::string_view flag = args[i], value;
            if (flag == "--json" || flag == "--shared-store") {
                (flag == "--json" ? out_.json : plan_.is_shared) = true;
                continue;
            }
            const std::size_t equals = flag.find('=');
            const bool is_joined = flag.starts_with("--") && equals != std::string_view::npos;
            if (is_joined) {
                value = flag.substr(equals + 1);
                flag = flag.substr(0, equals);
            }
            const auto known = known_flags().find(flag);
            if (known == known_flags().end()) {
                std::vector<std::string> names;
                for (const completed_flag& f : completed_simulate_flags())
                    names.push_back(f.name);
                const std::string guess = closest_match(flag, names);
                throw exception{{errc::bad_configuration,
                                 fmt::format("unknown argument {}{}", detail::in_quotes(flag),
                                             guess.empty() ? "" : fmt::format("; did you mean {}?", guess))}};
            }
            if (!is_joined) {
                if (++i == args.size())
                    throw exception{{errc::bad_configuration, fmt::format("{}: a value is missing", flag)}};
                value = args[i];
            }
            known->second(*this, flag, value);
        }
    }

    [[nodiscard]] simulate_request finish(const std::vector<std::string>& rated) {
        if (plan_.tasks.empty())
            add_rated_hosts();
        refuse_idle_rates(rated);
        if (poisson_ && plan_.longest == forever)
            throw exception{{errc::bad_configuration, "--poisson: arrivals by chance have no end; add --for TIME"}};
        if (plan_.skipped >= plan_.longest)
            throw exception{{errc::bad_configuration, "--skip: it is not shorter than --for"}};
        spread();
        out_.plan = std::move(plan_);
        if (!out_.plot.empty())
            out_.plan.points = 600;
        return std::move(out_);
    }

private:
    using handler = std::function<void(simulate_flags&, std::string_view flag, std::string_view value)>;

    static const std::map<std::string_view, handler>& known_flags() {
        using self = simulate_flags;
        using text = std::string_view;
        using std::chrono::milliseconds;
        static const std::map<std::string_view, handler> all{
            {"--host", [](self& s, text flag, text v) { s.add_host(flag, v); }},
            {"--hosts", [](self& s, text flag, text v) { s.add_hosts(flag, v); }},
            {"--requests", [](self& s, text flag, text v) { s.requests_ = whole(flag, v, 1, 1'000'000'000); }},
            {"--for", [](self& s, text flag, text v) { s.plan_.longest = span(flag, v); }},
            {"--poisson",
             [](self& s, text flag, text v) {
                 const auto r = parse_rate(v);
                 if (!r)
                     bad_flag(flag, v, "a rate is needed, such as 2/s");
                 s.poisson_ = r->period / r->limit;
             }},
            {"--trace", [](self& s, text flag, text v) { s.read_trace(flag, v); }},
            {"--clients",
             [](self& s, text flag, text v) { s.plan_.clients = static_cast<std::size_t>(whole(flag, v, 1, 10'000)); }},
            {"--workers",
             [](self& s, text flag, text v) { s.plan_.workers = static_cast<std::size_t>(whole(flag, v, 1, 10'000)); }},
            {"--server",
             [](self& s, text flag, text v) {
                 s.is_quota_ = v == "quota";
                 s.plan_.server.model =
                     one_of<::origin::model_kind>(flag, v,
                                                  {{"sliding-log", ::origin::model_kind::sliding_log},
                                                   {"fixed-window", ::origin::model_kind::fixed_window},
                                                   {"two-counter", ::origin::model_kind::two_counter},
                                                   {"gcra", ::origin::model_kind::gcra},
                                                   {"quota", ::origin::model_kind::fixed_window}});
             }},
            {"--server-burst", [](self& s, text flag, text v) { s.plan_.server.burst = whole(flag, v, 1, 1'000'000); }},
            {"--server-share", [](self& s, text flag, text v) { s.plan_.server.phases = phases(flag, v); }},
            {"--feedback",
             [](self& s, text flag, text v) {
                 s.tells_ = one_of<simulation::answer_fields>(flag, v,
                                                              {{"none", {false, false}},
                                                               {"retry-after", {true, false}},
                                                               {"ratelimit", {false, true}},
                                                               {"both", {true, true}},
                                                               {"retry-after-date", {true, false, true}}});
             }},
            {"--retry-after",
             [](self& s, text flag, text v) {
                 s.plan_.server.retry_after = span(flag, v);
                 if (!s.tells_)
                     s.tells_ = simulation::answer_fields{true, false};
             }},
            {"--ban",
             [](self& s, text flag, text v) {
                 const std::size_t colon = std::min(v.find(':'), v.size());
                 s.plan_.server.ban.refusals = whole(flag, v.substr(0, colon), 1, 1'000'000);
                 s.plan_.server.ban.length = span(flag, v.substr(std::min(colon + 1, v.size())));
             }},
            {"--outage",
             [](self& s, text flag, text v) {
                 for (const text one : items(v))
                     s.plan_.server.outages.push_back(one_outage(flag, one));
             }},
            {"--lost", [](self& s, text flag, text v) { s.plan_.lost = decimal(flag, v, 0, 0.99); }},
            {"--timeout", [](self& s, text flag, text v) { s.plan_.timeout = span(flag, v); }},
            {"--server-clock",
             [](self& s, text flag, text v) {
                 const bool is_behind = v.starts_with('-');
                 const duration off = span(flag, v.substr(is_behind ? 1 : 0));
                 s.plan_.server.clock = is_behind ? -off : off;
             }},
            {"--start", [](self& s, text flag, text v) { s.plan_.server.start = span(flag, v); }},
            {"--client-config", [](self& s, text, text v) { s.out_.client_files.emplace_back(v); }},
            {"--reload",
             [](self& s, text flag, text v) {
                 const std::size_t colon = v.find(':');
                 if (colon == text::npos)
                     bad_flag(flag, v, "a time and a file are needed, such as 12h:night.yaml");
                 s.out_.reload = std::pair{span(flag, v.substr(0, colon)), std::string{v.substr(colon + 1)}};
             }},
            {"--latency", [](self& s, text flag, text v) { s.set_path(flag, v); }},
            {"--way-out",
             [](self& s, text flag, text v) {
                 s.plan_.ways_out.clear();
                 for (const text one : items(v))
                     s.plan_.ways_out.push_back(decimal(flag, one, 0, 1));
             }},
            {"--law",
             [](self& s, text flag, text v) {
                 using simulation::law;
                 s.plan_.by = one_of<law>(
                     flag, v,
                     {{"weir", law::weir}, {"docstokg", law::docstokg}, {"aws", law::aws}, {"none", law::none}});
             }},
            {"--skip", [](self& s, text flag, text v) { s.plan_.skipped = span(flag, v); }},
            {"--seed", [](self& s, text flag,
                          text v) { s.plan_.seed = static_cast<std::uint64_t>(whole(flag, v, 0, INT64_MAX)); }},
            {"--plot",
             [](self& s, text flag, text v) {
                 if (!v.ends_with(".svg") && !v.ends_with(".html"))
                     bad_flag(flag, v, "a file that ends in .svg or .html is needed");
                 s.out_.plot = v;
             }},
        };
        return all;
    }

    /// Without any host, those that the limits name, each with its first role that has rates.
    void add_rated_hosts() {
        for (std::string name : config_.hosts()) {
            // A group is no host: the first of its members is one.
            if (const auto group = config_.host_groups().find(name); group != config_.host_groups().end())
                for (const std::string& member : group->second) {
                    name = member;
                    if (!member.starts_with("*"))
                        break;
                }
            if (name.starts_with("*"))
                name.replace(0, 1, "any");
            std::vector<std::string> roles{"metadata"};
            roles.insert(roles.end(), config_.roles().begin(), config_.roles().end());
            for (const std::string& role : roles)
                if (const auto rules = config_.policy_for(name, role); rules && !rules->rates.empty()) {
                    add_host("--host", fmt::format("{}:{}", name, role));
                    break;
                }
        }
        if (plan_.tasks.empty())
            add_host("--host", "api.example.org");
    }

    /// A rate that nothing is asked of is a misspelt host, and its answer would be of other limits.
    void refuse_idle_rates(const std::vector<std::string>& rated) const {
        std::vector<std::string> asked;
        for (const simulation::task& t : plan_.tasks)
            asked.push_back(t.host);
        for (const std::string& name : rated) {
            const std::string without_role = name.substr(0, name.rfind('.'));
            const bool is_asked = std::ranges::any_of(plan_.tasks, [&](const simulation::task& t) {
                const std::string_view key = config_.key_host(t.host);
                for (const std::string& one : {name, without_role})
                    if (const auto host = canonical_host(one);
                        one == key || (host && (*host == t.host || *host == key)))
                        return true;
                return false;
            });
            if (is_asked)
                continue;
            const std::string guess = closest_match(name, asked);
            throw exception{
                {errc::bad_configuration,
                 fmt::format("--rate {}: no document is of this host{}: name it with --host, or leave --host out",
                             detail::in_quotes(name), guess.empty() ? "" : fmt::format(" (did you mean {}?)", guess))}};
        }
    }

    /// The first latency, and those that come later: `TIME:PATH`, where PATH itself begins with a time.
    void set_path(std::string_view flag, std::string_view text) {
        plan_.path_changes.clear();
        bool is_first = true;
        for (const std::string_view one : items(text)) {
            if (is_first) {
                plan_.under_way = one_latency(flag, one);
                is_first = false;
                continue;
            }
            const std::size_t colon = std::min(one.find(':'), one.size());
            const duration from = span(flag, one.substr(0, colon));
            if (colon == one.size() ||
                from <= (plan_.path_changes.empty() ? duration{} : plan_.path_changes.back().from))
                bad_flag(flag, text, "each latency after the first begins at a later time: 120ms,10min:40ms");
            plan_.path_changes.push_back({from, one_latency(flag, one.substr(colon + 1))});
        }
    }

    void add_host(std::string_view flag, std::string_view text) {
        simulation::task t;
        std::string_view name = text;
        if (const std::size_t equals = name.find('='); equals != std::string_view::npos) {
            t.requests = whole(flag, name.substr(equals + 1), 1, 1'000'000'000);
            name = name.substr(0, equals);
        }
        t.role = "metadata";
        // A port is a number; a role begins with a letter.
        if (const std::size_t colon = name.rfind(':');
            colon != std::string_view::npos &&
            name.find_first_not_of("0123456789", colon + 1) != std::string_view::npos) {
            t.role = name.substr(colon + 1);
            name = name.substr(0, colon);
        }
        const auto canonical = canonical_host(name);
        if (!canonical)
            bad_flag(flag, text, canonical.error().message);
        t.host = *canonical;
        const auto rules = config_.policy_for(t.host, t.role);
        if (!rules)
            bad_flag(flag, text, rules.error().message);
        if (rules->rates.empty())
            bad_flag(flag, text, "it is unlimited: there is nothing to simulate");
        plan_.tasks.push_back(std::move(t));
    }

    void add_hosts(std::string_view flag, std::string_view path) {
        std::ifstream in{std::string{path}};
        if (!in)
            bad_flag(flag, path, std::strerror(errno));
        std::string line;
        while (std::getline(in, line)) {
            const std::string_view text = detail::trim(std::string_view{line}.substr(0, line.find('#')));
            if (text.empty())
                continue;
            const std::size_t gap = text.find_first_of(" \t");
            add_host(flag, gap == std::string_view::npos
                               ? std::string{text}
                               : fmt::format("{}={}", text.substr(0, gap), detail::trim(text.substr(gap))));
        }
    }

    void read_trace(std::string_view flag, std::string_view path) {
        std::ifstream in{std::string{path}};
        if (!in)
            bad_flag(flag, path, std::strerror(errno));
        std::string text;
        trace_line line;
        for (std::size_t number = 1; std::getline(in, text); ++number) {
            if (detail::trim(text).empty())
                continue;
            if (known_keys_.empty() && parse_event_line(text)) {
                logged_requests read;
                if (const auto fault = read_event_log(text, in, number, read))
                    bad_flag(flag, path, fmt::format("line {}: {}", number, *fault));
                for (const logged_request& r : read.all)
                    if (is_document(r))
                        add_wish(flag, r.host, r.role, instant{duration{r.wished - read.all.front().wished}});
                break;
            }
            if (const auto fault = parse_trace_line(text, line))
                bad_flag(flag, path, fmt::format("line {}: {}", number, *fault));
            if (line.op == operation::acquire)
                add_wish(flag, line.host, line.role, line.t);
        }
        if (known_keys_.empty())
            bad_flag(flag, path, "it has no request");
    }

    /// A HEAD request that no limit counts is none here, and a refused request comes again later in the same log.
    static bool is_document(const logged_request& r) {
        return r.type != event_type::head_skip && r.status != 429 && r.status != 503;
    }

    void add_wish(std::string_view flag, const std::string& host, const std::string& role, instant at) {
        const auto [known, is_new] = known_keys_.try_emplace({host, role}, plan_.tasks.size());
        if (is_new)
            add_host(flag, fmt::format("{}:{}", host, role));
        auto& task = plan_.tasks[known->second];
        task.at.push_back(at);
        task.requests = static_cast<std::int64_t>(task.at.size());
    }

    /// Divides what was not assigned to a host among those without a number.
    void spread() {
        if (is_quota_ && !tells_)
            tells_ = simulation::answer_fields{true, true};
        if (tells_)
            plan_.server.tells = *tells_;
        std::vector<simulation::task*> open;
        for (auto& t : plan_.tasks) {
            if (poisson_ && t.at.empty())
                t.mean_gap = poisson_;
            if (t.requests == 0 && t.at.empty())
                open.push_back(&t);
        }
        if (requests_ == 0 && plan_.longest < forever)
            return;
        const std::int64_t all = requests_ == 0 ? 10'000 : requests_;
        const auto count = static_cast<std::int64_t>(open.size());
        for (std::int64_t i = 0; i < count; ++i)
            open[static_cast<std::size_t>(i)]->requests = std::max<std::int64_t>(1, all / count + (i < all % count));
    }

    const configuration& config_;
    simulate_request out_;
    simulation::plan plan_;
    std::map<std::pair<std::string, std::string>, std::size_t> known_keys_;
    std::int64_t requests_ = 0;
    std::optional<duration> poisson_;
    std::optional<simulation::answer_fields> tells_;
    bool is_quota_ = false;
};

}  // namespace

std::string simulate_help() {
    std::string out;
    for (const simulate_flag_group& group : flag_groups()) {
        out += fmt::format("{}\n", group.heading);
        for (const completed_flag& f : group.flags) {
            out += fmt::format("  {:<24}{}\n", f.name + (f.argument.empty() ? "" : " " + f.argument), f.meaning);
            if (!f.words.empty())
                out += fmt::format("  {:<24}{}\n", "", fmt::join(f.words, ", "));
        }
    }
    return out;
}

std::vector<completed_flag> completed_simulate_flags() {
    std::vector<completed_flag> out;
    for (const simulate_flag_group& group : flag_groups())
        out.insert(out.end(), group.flags.begin(), group.flags.end());
    return out;
}

simulate_request read_simulate_flags(const std::vector<std::string>& args, const configuration& c,
                                     const std::vector<std::string>& rated) {
    simulate_flags flags{c};
    flags.take(args);
    return flags.finish(rated);
}

}  // namespace weir::tools
