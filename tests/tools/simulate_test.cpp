// SPDX-License-Identifier: MIT
#include "support/catch.hpp"

#include "simulation/world.hpp"

#include "weir/weir.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <tuple>
#include <vector>

using namespace std::chrono_literals;
using namespace weir::simulation;
using ::origin::model_kind;

namespace {

constexpr std::array feedbacks{answer_fields{false, false}, answer_fields{true, false}, answer_fields{false, true},
                               answer_fields{true, true}};
constexpr latency near{100ms, 0.5}, far{300ms, 0.8};

std::string name_of(model_kind m) {
    return m == model_kind::sliding_log    ? "sliding log"
           : m == model_kind::fixed_window ? "fixed window"
           : m == model_kind::two_counter  ? "two-counter"
                                           : "GCRA";
}
std::string name_of(const answer_fields& t) {
    return t.retry_after ? t.ratelimit ? "both" : "Retry-After" : t.ratelimit ? "RateLimit" : "no fields";
}

weir::policy ten_a_second(bool is_tuned, bool has_hour = true) {
    weir::policy p;
    p.rates = {{10, 1s}};
    if (has_hour)
        p.rates.push_back({5'000, 1h});
    p.aimd.enabled = is_tuned;
    return p;
}

plan of_one_host(std::int64_t requests = 0) {
    plan p;
    p.tasks.push_back({.host = "api.example.org", .role = "metadata", .requests = requests});
    return p;
}

outcome play(const weir::policy& p, const plan& what) {
    const auto config = weir::configuration::builder{}.defaults("metadata", p).build().value();
    return world{config, what}.run();
}

double per_10000(const outcome_of& t) {
    return 10'000.0 * static_cast<double>(t.refused) / static_cast<double>(std::max<std::int64_t>(1, t.requests));
}
double goodput(const outcome_of& t) { return static_cast<double>(t.done) / static_cast<double>(t.lawful); }

std::int64_t refusals_between(const outcome_of& t, weir::duration from, weir::duration to) {
    std::int64_t count = 0;
    for (const weir::instant at : t.refusals)
        count += at.time_since_epoch() >= from && at.time_since_epoch() < to ? 1 : 0;
    return count;
}

void say(const std::string& what, const outcome_of& t) {
    std::cout << what << ": " << t.requests << " requests, " << t.refused << " refused (" << per_10000(t)
              << " per 10,000), goodput " << 100 * goodput(t) << " %" << std::endl;
}

}  // namespace

TEST_CASE(
    "simulate: with the right configuration nothing is refused, whatever the server reports and however far it is") {
    for (const bool has_hour : {false, true})
        for (const latency& way : {near, far})
            for (const model_kind m : {model_kind::sliding_log, model_kind::fixed_window, model_kind::gcra})
                for (const answer_fields& t : feedbacks) {
                    plan what = of_one_host(10'000);
                    what.under_way = way;
                    what.server.model = m;
                    what.server.tells = t;
                    const auto o = play(ten_a_second(true, has_hour), what);
                    const auto& seen = o.tasks[0];
                    say(name_of(m) + ", " + name_of(t) + (has_hour ? ", 5000/HOUR too" : ""), seen);
                    CHECK(seen.done == 10'000);
                    CHECK(seen.refused == 0);
                    CHECK(goodput(seen) >= 0.98);
                }
}

TEST_CASE("simulate: even spacing satisfies a two-counter server") {
    for (const latency& way : {near, far}) {
        plan what = of_one_host(10'000);
        what.under_way = way;
        what.server.model = model_kind::two_counter;
        auto p = ten_a_second(false, false);
        p.burst = 1;
        const auto o = play(p, what);
        say("two-counter, burst 1", o.tasks[0]);
        CHECK(o.tasks[0].done == 10'000);
        CHECK(o.tasks[0].refused <= 5);
    }
}

TEST_CASE("simulate: the limit of a two-counter server is learnt, whatever it reports") {
    for (const answer_fields& t : feedbacks) {
        plan what = of_one_host(10'000);
        what.server.model = model_kind::two_counter;
        what.server.tells = t;
        const auto o = play(ten_a_second(true, false), what);
        say("two-counter, tuned, " + name_of(t), o.tasks[0]);
        CHECK(o.tasks[0].done == 10'000);
        CHECK(per_10000(o.tasks[0]) <= 100);
    }
}

TEST_CASE("simulate: a configuration far above the server's limit costs few refusals and little of the limit") {
    for (const bool has_hour : {false, true})
        for (const model_kind m : {model_kind::sliding_log, model_kind::fixed_window, model_kind::gcra})
            for (const double share : {0.7, 0.4}) {
                // GCRA saves up: what it allows in an hour depends on when one begins to ask.
                if (has_hour && m == model_kind::gcra)
                    continue;
                plan what = of_one_host();
                what.server.model = m;
                what.server.phases = {{0s, share}};
                what.skipped = 3min;
                what.longest = 63min;
                const auto o = play(ten_a_second(true, has_hour), what);
                say(name_of(m) + (has_hour ? ", 5000/HOUR too" : "") + ", true share " + std::to_string(share),
                    o.tasks[0]);
                CHECK(per_10000(o.tasks[0]) <= 150);
                CHECK(goodput(o.tasks[0]) >= 0.88);
            }
}

TEST_CASE("simulate: once the server's limit is lifted the factor is back within 15 windows") {
    for (const double share : {0.7, 0.4}) {
        plan what = of_one_host();
        what.server.phases = {{0s, share}, {10min, 1.0}};
        what.longest = 30min;
        what.points = 30;
        const auto o = play(ten_a_second(true, false), what);
        CHECK(o.series[9].factor < 0.75);
        CHECK(o.series[24].factor == 1);
        CHECK(o.series[29].factor == 1);
        CHECK(o.tasks[0].refused < 60);
    }
}

TEST_CASE("simulate: the law beats DocsToKG's and that of the AWS SDKs in refusals and in goodput") {
    for (const double share : {0.7, 0.4}) {
        std::vector<outcome_of> seen;
        for (const auto by :
             {weir::simulation::law::weir, weir::simulation::law::docstokg, weir::simulation::law::aws}) {
            plan what = of_one_host();
            what.by = by;
            what.server.phases = {{0s, share}};
            what.skipped = 3min;
            what.longest = 63min;
            seen.push_back(play(ten_a_second(true, false), what).tasks[0]);
            say(std::array{"weir", "docstokg", "aws"}[seen.size() - 1] + std::string{", true share "} +
                    std::to_string(share),
                seen.back());
        }
        for (const std::size_t other : {1U, 2U}) {
            CHECK(per_10000(seen[0]) < per_10000(seen[other]));
            CHECK(goodput(seen[0]) > goodput(seen[other]));
        }
    }
}

TEST_CASE("simulate: a server that states its limit refuses a handful at once, and then no more") {
    for (const auto& [share, t] :
         {std::pair{0.7, answer_fields{true, false}}, std::pair{0.7, answer_fields{false, true}},
          std::pair{0.7, answer_fields{true, true}}, std::pair{0.4, answer_fields{false, true}}}) {
        plan what = of_one_host();
        what.server.phases = {{0s, share}};
        what.server.tells = t;
        what.longest = 61min;
        const auto o = play(ten_a_second(true, false), what);
        say(name_of(t) + ", true share " + std::to_string(share), o.tasks[0]);
        // Of the ten that were sent before the first answer, a limit of four refuses six.
        CHECK(refusals_between(o.tasks[0], 0s, 1min) <= (share == 0.4 ? 6 : 5));
        CHECK(refusals_between(o.tasks[0], 1min, 61min) == 0);
    }
}

TEST_CASE("simulate: 1/SECOND under a day of bursts of 429 never stops, and comes back") {
    weir::policy p;
    p.rates = {{1, 1s}};
    p.aimd.enabled = true;
    plan what = of_one_host();
    what.server.phases.clear();
    for (int hour = 0; hour < 20; ++hour) {
        what.server.phases.push_back({std::chrono::hours{hour}, 1.0});
        what.server.phases.push_back({std::chrono::hours{hour} + 30min, 0.05});
    }
    what.server.phases.push_back({20h, 1.0});
    what.longest = 24h;
    what.points = 24 * 12;
    const auto o = play(p, what);
    say("1/SECOND, a day of bursts", o.tasks[0]);
    for (std::size_t i = 0; i < o.series.size(); ++i) {
        INFO("five minutes from minute " << 5 * i);
        CHECK(o.series[i].admitted > 0);
        CHECK(o.series[i].factor >= 0.3);
    }
    CHECK(o.series.back().factor == 1);
}

TEST_CASE("simulate: several processes learn the same as one, together or each by itself") {
    for (const bool is_shared : {true, false}) {
        plan what = of_one_host();
        what.clients = 4;
        what.is_shared = is_shared;
        what.server.phases = {{0s, 0.7}};
        what.skipped = 3min;
        what.longest = 33min;
        auto p = ten_a_second(true, false);
        p.aimd.min_multiplier = 0.05;  // each by itself is to leave room for the others
        const auto o = play(p, what);
        say(is_shared ? "4 processes, one store" : "4 processes, each by itself", o.tasks[0]);
        // Each by itself they may send four times the limit: then the tuner is all there is.
        CHECK(per_10000(o.tasks[0]) <= (is_shared ? 150 : 1'000));
        CHECK(goodput(o.tasks[0]) >= (is_shared ? 0.88 : 0.6));
    }
}

TEST_CASE("simulate: the parts of a path are a floor, a mean and a share for the way out") {
    dice d{7};
    for (const latency& l :
         {latency{10ms, 0.5, 80ms}, latency{10ms, 0, 80ms, latency::shape::exponential}, latency{10ms, 0, 80ms}}) {
        weir::duration sum{}, shortest = 1h;
        for (int i = 0; i < 20'000; ++i) {
            const auto out = d.one_way(l, 0.75), back = d.one_way(l, 0.25);
            CHECK(out >= 60ms);
            CHECK(back >= 20ms);
            sum += out + back;
            shortest = std::min(shortest, out + back);
        }
        CHECK(sum / 20'000 > 89ms);
        CHECK(sum / 20'000 < 91ms);
        CHECK(shortest >= 80ms);
    }
    plan p;
    p.under_way = {120ms};
    p.path_changes = {{10min, {40ms}}, {20min, {80ms}}};
    CHECK(path_at(p, 9min).mean == 120ms);
    CHECK(path_at(p, 10min).mean == 40ms);
    CHECK(path_at(p, 1h).mean == 80ms);
}

TEST_CASE("simulate: one seed is one run, and another is another") {
    const auto once = [](std::uint64_t seed) {
        plan what = of_one_host(2'000);
        what.seed = seed;
        what.server.phases = {{0s, 0.6}};
        const auto o = play(ten_a_second(true), what);
        return std::tuple{o.tasks[0].last, o.tasks[0].refused, o.waited_s};
    };
    CHECK(once(1) == once(1));
    CHECK(std::get<0>(once(1)) != std::get<0>(once(2)));
}

TEST_CASE("simulate: a day of a thousand hosts") {
    plan what;
    for (int i = 0; i < 1'000; ++i)
        what.tasks.push_back(
            {.host = "h" + std::to_string(i) + ".org", .role = "metadata", .requests = 0, .mean_gap = 10min});
    what.longest = 24h;
    const auto o = play(ten_a_second(true), what);
    std::int64_t done = 0, refused = 0;
    for (const auto& t : o.tasks) {
        done += t.done;
        refused += t.refused;
    }
    CHECK(done > 140'000);
    CHECK(refused == 0);
}
