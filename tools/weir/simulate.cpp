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
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace weir::tools {
namespace {

struct figures {
    std::int64_t requests = 0, refused = 0, done = 0, denied = 0;
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
    fmt::print("{} documents from {} host{}: {}, {} refused\n", f.done, o.tasks.size(), o.tasks.size() == 1 ? "" : "s",
               span_text(f.seconds), f.refused);
}

void print_json(const simulation::outcome& o, const figures& f, std::uint64_t seed) {
    nlohmann::ordered_json out{{"seed", seed},
                               {"requests", f.requests},
                               {"refused", f.refused},
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
    file << simulate_plot(o, asked.plot.ends_with(".html"));
    if (!file.flush()) {
        fmt::print(stderr, "weir simulate: {}: {}\n", asked.plot, std::strerror(errno));
        return 1;
    }
    return 0;
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
        asked = read_simulate_flags(rest, *config);
    } catch (const exception& e) {
        fmt::print(stderr, "weir simulate: {}\n`weir simulate --help` lists the arguments.\n", e.what());
        return 2;
    }
    return play(asked, *config);
}

}  // namespace weir::tools
