// SPDX-License-Identifier: MIT
#include "simulate.hpp"

#include "rate_flags.hpp"
#include "simulate_flags.hpp"
#include "simulate_plot.hpp"
#include "simulation/world.hpp"
#include "stores.hpp"

#include "weir/registry/open_store.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::tools {
namespace {

struct figures {
    std::int64_t requests = 0, refused = 0, failed = 0, done = 0, denied = 0;
    double per_10000 = 0;  ///< refusals of requests
    double goodput = 0;    ///< of what any client could have done lawfully
    double of_rates = 0;   ///< of what the server's limits allow
    double seconds = 0;
};

double share(std::int64_t of, std::int64_t all) {
    return all == 0 ? 0 : static_cast<double>(of) / static_cast<double>(all);
}

figures sum(const simulation::outcome& o) {
    figures out;
    std::int64_t lawful = 0, full = 0;
    for (const auto& t : o.tasks) {
        out.requests += t.requests;
        out.refused += t.refused;
        out.failed += t.failed;
        out.done += t.done;
        out.denied += t.denied;
        lawful += t.lawful;
        full += t.full;
    }
    out.per_10000 = share(out.refused, out.requests) * 10'000;
    out.goodput = share(out.done, lawful);
    out.of_rates = share(out.done, full);
    out.seconds = std::chrono::duration<double>(o.length).count();
    return out;
}

/// `5 h 12 min`, `18 min 20 s`, `3.2 s`.
std::string span_text(double seconds) {
    if (seconds < 60)
        return fmt::format("{:.1f} s", seconds);
    const auto whole = static_cast<std::int64_t>(std::llround(seconds));
    if (whole < 3600)
        return fmt::format("{} min {} s", whole / 60, whole % 60);
    const std::int64_t minutes = (whole + 30) / 60;
    if (minutes < 24 * 60)
        return fmt::format("{} h {} min", minutes / 60, minutes % 60);
    return fmt::format("{} d {} h", minutes / 1440, minutes % 1440 / 60);
}

/// The value below which `p` of all lie. `all` is sorted.
double percentile(const std::vector<float>& all, double p) {
    if (all.empty())
        return 0;
    return static_cast<double>(all[static_cast<std::size_t>(p * static_cast<double>(all.size() - 1))]);
}

void print_text(const simulation::outcome& o, const figures& f) {
    const std::size_t shown = std::min<std::size_t>(o.tasks.size(), 20);
    fmt::print("{:<28} {:<10} {:>9} {:>7} {:>10} {:>8} {:>7} {:>9}\n", "host", "role", "requests", "429s", "per 10,000",
               "goodput", "of N/T", "done");
    const auto row = [](std::string_view host, std::string_view role, std::int64_t requests, std::int64_t refused,
                        double goodput, double of_rates, std::int64_t done) {
        fmt::print("{:<28} {:<10} {:>9} {:>7} {:>10.1f} {:>7.1f}% {:>6.1f}% {:>9}\n", host, role, requests, refused,
                   share(refused, requests) * 10'000, goodput * 100, of_rates * 100, done);
    };
    for (std::size_t i = 0; i < shown; ++i) {
        const auto& t = o.tasks[i];
        row(t.of->host, t.of->role, t.requests, t.refused, share(t.done, t.lawful), share(t.done, t.full), t.done);
    }
    if (o.tasks.size() > shown)
        fmt::print("… and {} more\n", o.tasks.size() - shown);
    if (o.tasks.size() > 1)
        row("all", "", f.requests, f.refused, f.goodput, f.of_rates, f.done);
    fmt::print("\nwait for admission: half within {:.1f} ms, 95 % within {:.1f} ms, 99 % within {:.1f} ms\n",
               percentile(o.waited_s, 0.5) * 1000, percentile(o.waited_s, 0.95) * 1000,
               percentile(o.waited_s, 0.99) * 1000);
    fmt::print("{} documents from {} host{}: {}, {} refused{}\n", f.done, o.tasks.size(),
               o.tasks.size() == 1 ? "" : "s", span_text(f.seconds), f.refused,
               f.failed > 0 ? fmt::format(", {} failed", f.failed) : "");
}

void print_json(const simulation::outcome& o, const figures& f, std::uint64_t seed) {
    nlohmann::ordered_json out{{"seed", seed},
                               {"requests", f.requests},
                               {"refused", f.refused},
                               {"failed", f.failed},
                               {"refused_per_10000", f.per_10000},
                               {"done", f.done},
                               {"denied", f.denied},
                               {"goodput", f.goodput},
                               {"share_of_rates", f.of_rates},
                               {"seconds", f.seconds},
                               {"delay_ms",
                                {{"p50", percentile(o.waited_s, 0.5) * 1000},
                                 {"p95", percentile(o.waited_s, 0.95) * 1000},
                                 {"p99", percentile(o.waited_s, 0.99) * 1000}}}};
    for (const auto& t : o.tasks) {
        nlohmann::ordered_json one{{"host", t.of->host},
                                   {"role", t.of->role},
                                   {"requests", t.requests},
                                   {"refused", t.refused},
                                   {"failed", t.failed},
                                   {"done", t.done},
                                   {"lawful_most", t.lawful},
                                   {"goodput", share(t.done, t.lawful)},
                                   {"share_of_rates", share(t.done, t.full)}};
        // Where refusals come all the time, the first hundred tell as much as all.
        for (std::size_t i = 0; i < std::min<std::size_t>(t.refusals.size(), 100); ++i)
            one["first_refusals_s"].push_back(std::chrono::duration<double>(t.refusals[i].time_since_epoch()).count());
        out["hosts"].push_back(std::move(one));
    }
    fmt::print("{}\n", out.dump(2));
}

/// Which hosts, and with which limits.
std::string plot_title(const simulation::outcome& o, const configuration& c) {
    std::string out = "weir simulate: ";
    for (std::size_t i = 0; i < std::min<std::size_t>(o.tasks.size(), 3); ++i) {
        const simulation::task& t = *o.tasks[i].of;
        out += fmt::format("{}{} {}", i == 0 ? "" : "; ", t.host, t.role);
        if (const auto rules = c.policy_for(t.host, t.role))
            for (const rate& r : rules->rates)
                out += " " + to_string(r);
    }
    return o.tasks.size() > 3 ? fmt::format("{}; and {} more", out, o.tasks.size() - 3) : out;
}

int play(simulate_request& asked, const configuration& c) {
    auto& plan = asked.plan;
    if (plan.points > 0 && plan.longest == forever) {
        // How long it takes is not known before.
        auto first = plan;
        first.points = 0;
        plan.longest = simulation::world{c, first, rate_flags::idna}.run().length;
    }
    simulation::world world{c, plan, rate_flags::idna};
    simulation::outcome o = world.run();
    std::ranges::sort(o.waited_s);
    const figures f = sum(o);
    if (asked.json)
        print_json(o, f, plan.seed);
    else
        print_text(o, f);
    if (asked.plot.empty())
        return 0;
    std::ofstream file{asked.plot};
    file << simulate_plot(o, plot_title(o, c), asked.plot.ends_with(".html"));
    if (!file.flush()) {
        fmt::print(stderr, "weir simulate: {}: {}\n", asked.plot, std::strerror(errno));
        return 1;
    }
    return 0;
}

/// A file alone as a configuration: flags would have the last word over it. **Errors.** Says what is wrong, and returns
/// nothing.
std::optional<configuration> other_limits(const std::string& path) {
    command_line flags;
    flags.config_paths = {path};
    const resolution out = yaml::configure(flags, environment{}, yaml::setup{.idna = rate_flags::idna});
    if (out)
        return *out;
    fmt::print(stderr, "{}", out.fault_text());
    return std::nullopt;
}

/// What each flag `--rate` names before its "=".
std::vector<std::string> rated_hosts(std::span<const char* const> args) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < args.size(); ++i) {
        std::string_view word = args[i];
        if (word == "--rate" && i + 1 < args.size())
            word = args[++i];
        else if (word.starts_with("--rate="))
            word.remove_prefix(7);
        else
            continue;
        out.emplace_back(word.substr(0, word.find('=')));
    }
    return out;
}

}  // namespace

int simulate(std::span<const char* const> args) {
    const rate_flags flags{args};
    const auto& rest = flags.rest();
    if (rest.size() == 1 && (rest[0] == "--help" || rest[0] == "-h")) {
        fmt::print("usage: weir simulate [arguments] [rate flags]\n\n{}\n{}", simulate_help(), rate_flags::help());
        return 0;
    }
    const auto read = flags.resolved();
    if (!read.explanation.empty()) {
        fmt::print("{}", read.explanation);
        return 0;
    }
    const resolution config = with_store(read, built_in());
    if (!config) {
        fmt::print(stderr, "{}", config.fault_text());
        return 1;
    }
    simulate_request asked;
    try {
        asked = read_simulate_flags(rest, *config, rated_hosts(args));
    } catch (const exception& e) {
        fmt::print(stderr, "weir simulate: {}\n`weir simulate --help` lists the arguments.\n", e.what());
        return 2;
    }
    std::deque<configuration> others;
    for (const std::string& path : asked.client_files) {
        auto own = other_limits(path);
        if (!own)
            return 1;
        asked.plan.client_limits.push_back(&others.emplace_back(std::move(*own)));
    }
    if (asked.reload) {
        auto later = other_limits(asked.reload->second);
        if (!later)
            return 1;
        asked.plan.change = std::pair{asked.reload->first, &others.emplace_back(std::move(*later))};
    }
    return play(asked, *config);
}

}  // namespace weir::tools
