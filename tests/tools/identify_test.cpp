// SPDX-License-Identifier: MIT
#include "support/catch.hpp"

#include "identification/search.hpp"

#include "weir-origin/limits.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace weir::identification;
using ::origin::model_kind;

struct known_server {
    std::string name;
    model_kind model;
    ::origin::rate rate;
    std::optional<std::int64_t> burst;
    law expected;
};

const std::vector<known_server>& known_servers() {
    static const std::vector<known_server> all{
        {"sliding log, 10/s", model_kind::sliding_log, {10, 1s}, {}, law::sliding_log},
        {"sliding log, 60/min", model_kind::sliding_log, {60, 60s}, {}, law::sliding_log},
        {"fixed window, 10/s", model_kind::fixed_window, {10, 1s}, {}, law::fixed_window},
        {"fixed window, 100/min", model_kind::fixed_window, {100, 60s}, {}, law::fixed_window},
        {"two counters, 10/s", model_kind::two_counter, {10, 1s}, {}, law::two_counter},
        {"two counters, 50/10s", model_kind::two_counter, {50, 10s}, {}, law::two_counter},
        {"GCRA, 10/s", model_kind::gcra, {10, 1s}, {}, law::gcra},
        {"GCRA, 10/s, burst 1", model_kind::gcra, {10, 1s}, 1, law::gcra},
        {"GCRA, 10/s, burst 5", model_kind::gcra, {10, 1s}, 5, law::gcra},
    };
    return all;
}

/// Bursts and pauses of a client that does not listen, as its log shows them: each time is late by up to about `noise`.
std::vector<seen_request> log_of(const known_server& s, std::size_t count, double noise, std::uint64_t seed) {
    std::mt19937_64 engine{seed};
    const auto share = [&] { return static_cast<double>(engine() >> 11U) * 0x1p-53; };
    const auto gap = [&](double mean) { return -std::log(1 - share()) * mean; };
    const double period = std::chrono::duration<double>(s.rate.per).count();
    const double unit = period / static_cast<double>(s.rate.limit);
    ::origin::limiter limits{s.model, {s.rate}, s.burst};
    std::vector<seen_request> out;
    double t = 10 * period * share();
    while (out.size() < count) {
        const auto burst = static_cast<std::size_t>(share() * 2 * static_cast<double>(s.rate.limit)) + 1;
        for (std::size_t i = 0; i < burst && out.size() < count; ++i) {
            t += gap(unit / 4);
            const bool is_refused = limits.decide(::origin::nanos{static_cast<std::int64_t>(t * 1e9)}) > 0ns;
            out.push_back({t + noise * share(), is_refused});
        }
        t += gap(period * 0.7);
    }
    std::ranges::sort(out, {}, &seen_request::t);
    return out;
}

bool is_right(const fit& f, const known_server& s) {
    const double period = std::chrono::duration<double>(s.rate.per).count();
    const bool has_limit = f.what.by == law::gcra ? std::abs(static_cast<double>(f.what.limit) / f.what.period -
                                                             static_cast<double>(s.rate.limit) / period) < 1e-9 &&
                                                        f.what.burst == s.burst.value_or(s.rate.limit)
                                                  : f.what.limit == s.rate.limit && f.what.period == period;
    return f.what.by == s.expected && has_limit && !f.what.counts_refusals;
}

}  // namespace

TEST_CASE("identify: each law is found with its numbers, and none is named that is not it") {
    const std::uint64_t seed = std::random_device{}();
    CAPTURE(seed);
    std::cout << "identify: seed " << seed << "\n";
    int decided = 0, right = 0;
    for (const double noise : {0.0, 0.004})
        for (const known_server& s : known_servers()) {
            const auto log = log_of(s, 700, noise, seed);
            const finding found = identify_law(log, noise == 0 ? 1e-6 : noise);
            REQUIRE(found.has_guess());
            INFO(s.name << ", noise " << noise << ": sure " << found.limit_probability << ", law "
                        << static_cast<int>(found.fits[0].what.by) << " " << found.fits[0].what.limit << " in "
                        << found.fits[0].what.period << ", burst " << found.fits[0].what.burst);
            const bool is_this = is_right(found.fits[0], s);
            decided += found.is_decided ? 1 : 0;
            right += is_this ? 1 : 0;
            CHECK((is_this || !found.is_decided));
        }
    std::cout << "identify: " << right << " of 18 right, " << decided << " decided\n";
    CHECK(right >= 15);
    CHECK(decided >= 12);
}

TEST_CASE("identify: what says nothing is not decided") {
    const known_server s = known_servers()[0];
    SECTION("no refusal") {
        std::vector<seen_request> log;
        for (int i = 0; i < 500; ++i)
            log.push_back({i * 0.2, false});
        CHECK(!identify_law(log, 1e-6).has_guess());
    }
    SECTION("only refusals") {
        std::vector<seen_request> log;
        for (int i = 0; i < 500; ++i)
            log.push_back({i * 0.2, true});
        CHECK(!identify_law(log, 1e-6).has_guess());
    }
    SECTION("nothing at all") { CHECK(!identify_law({}, 1e-6).has_guess()); }
    SECTION("requests at one moment") {
        const std::vector<seen_request> log{{1, false}, {1, true}};
        CHECK(!identify_law(log, 1e-6).is_decided);
    }
    SECTION("refusals by chance") {
        auto log = log_of(s, 700, 0, 5);
        std::mt19937_64 engine{3};
        for (seen_request& r : log)
            r.is_refused = engine() % 4 == 0;
        CHECK(!identify_law(log, 1e-6).is_decided);
    }
    SECTION("an outage") {
        auto log = log_of(s, 700, 0, 5);
        for (std::size_t i = 0; i < log.size(); ++i)
            log[i].is_refused = i > 300 && i < 420;
        CHECK(!identify_law(log, 1e-6).is_decided);
    }
    SECTION("a few lines") { CHECK(!identify_law(log_of(s, 30, 0, 5), 1e-6).is_decided); }
}

TEST_CASE("identify: periods, limits and orders that are tried") {
    CHECK(round_periods(0.05).empty());
    const auto periods = round_periods(60);
    CHECK(std::ranges::find(periods, 60.0) != periods.end());
    CHECK(std::ranges::is_sorted(periods));
    for (const hypothesis& h : round_rates(0.01, 1'000))
        CHECK((static_cast<double>(h.limit) / h.period >= 0.01 && static_cast<double>(h.limit) / h.period <= 1'000));
    const std::vector<seen_request> log{{0, false}, {1, true}, {1.5, false}, {3, false}, {3.1, true}};
    const auto other = detail::refused_last(log, 0.6);
    CHECK(other[1].t == 1);
    CHECK(!other[1].is_refused);
    CHECK(other[2].is_refused);
    CHECK(other[4].is_refused);
}
