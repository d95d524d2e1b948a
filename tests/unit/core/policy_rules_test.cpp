// SPDX-License-Identifier: MIT
#include "weir/core/policy_rules.hpp"

#include "support/catch.hpp"

#include <chrono>

using namespace std::chrono_literals;

namespace {
weir::policy good() {
    weir::policy p;
    p.rates = {{10, 1s}};
    return p;
}
std::size_t faults(void (*change)(weir::policy&)) {
    weir::policy p = good();
    change(p);
    return weir::faults_of(p).size();
}
}  // namespace

TEST_CASE("policy: no rates is a fault unless `unlimited` is set") {
    CHECK(weir::faults_of(good()).empty());
    CHECK(weir::faults_of(weir::policy{}).size() == 1);
    weir::policy open;
    open.unlimited = true;
    CHECK(weir::faults_of(open).empty());
    CHECK(faults([](weir::policy& p) { p.unlimited = true; }) == 1);
}

TEST_CASE("policy: every value out of range is a fault of its own") {
    CHECK(faults([](weir::policy& p) { p.rates = {{0, 1s}}; }) == 1);
    CHECK(faults([](weir::policy& p) { p.rates = {{-1, 1s}}; }) == 1);
    CHECK(faults([](weir::policy& p) { p.rates = {{weir::rate::max + 1, 1s}}; }) == 1);
    CHECK(faults([](weir::policy& p) { p.rates = {{1, 0s}}; }) == 1);
    CHECK(faults([](weir::policy& p) { p.rates = {{1, 367 * 24h}}; }) == 1);
    CHECK(faults([](weir::policy& p) { p.max_delay = -1ms; }) == 1);
    CHECK(faults([](weir::policy& p) { p.margin = -1ms; }) == 1);
    CHECK(faults([](weir::policy& p) { p.margin = 367 * 24h; }) == 1);
    CHECK(faults([](weir::policy& p) { p.max_concurrent = -1; }) == 1);
    CHECK(faults([](weir::policy& p) { p.burst = -1; }) == 1);
    CHECK(faults([](weir::policy& p) { p.max_hold = -1ms; }) == 1);
    CHECK(faults([](weir::policy& p) { p.local_share = 0; }) == 1);
    CHECK(faults([](weir::policy& p) { p.local_share = 101; }) == 1);
    CHECK(faults([](weir::policy& p) { p.lease = 0; }) == 1);
    CHECK(faults([](weir::policy& p) { p.lease = 10'001; }) == 1);
    CHECK(faults([](weir::policy& p) { p.aimd.window_s = 0; }) == 1);
    CHECK(faults([](weir::policy& p) { p.aimd = {.min_multiplier = 0.9, .max_multiplier = 0.8}; }) == 1);
    CHECK(faults([](weir::policy& p) {
              p.rates = {{0, 0s}};
              p.burst = -1;
              p.max_delay = -1s;
          }) == 4);
    CHECK(faults([](weir::policy& p) { p.max_concurrent = weir::rate::max + 1; }) == 1);
    CHECK(faults([](weir::policy& p) { p.max_delay = weir::forever; }) == 0);
    CHECK(faults([](weir::policy& p) { p.abandon_grace = -1ms; }) == 1);
    CHECK(faults([](weir::policy& p) { p.abandon_grace = weir::rate::longest + 1ms; }) == 1);
    CHECK(faults([](weir::policy& p) { p.abandon_grace = 0ms; }) == 0);
    CHECK(faults([](weir::policy& p) { p.max_waiting = -1; }) == 1);
    CHECK(faults([](weir::policy& p) { p.max_waiting = weir::rate::max + 1; }) == 1);
    CHECK(faults([](weir::policy& p) { p.refusal_statuses = {429, 200, 302}; }) == 1);
    CHECK(faults([](weir::policy& p) { p.refusal_statuses = {403, 999}; }) == 0);
    CHECK(faults([](weir::policy& p) { p.refusal_statuses = {}; }) == 0);
}

TEST_CASE("policy: what the table reads of a policy it writes into another, leaf by leaf") {
    weir::policy p = good();
    p.count_from = weir::counting::admission;
    p.on_store_error = weir::store_failure::open;
    p.max_hold = 3s;
    p.max_concurrent = 7;
    p.abandon_grace = 4s;
    p.max_waiting = 8;
    p.refusal_statuses = {403, 429};
    p.reported_limits = weir::limit_trust::ignore;
    p.refusal_pause = 60s;
    p.aimd.window_s = 5;
    weir::policy other;
    for (const auto& rule : weir::policy_rules)
        rule.store(other, rule.value_in(p));
    CHECK(other == p);
    for (const auto& rule : weir::policy_rules)
        rule.copy(weir::policy{}, other);
    CHECK(other == weir::policy{});
}
