// SPDX-License-Identifier: MIT
#include "weir/core/policy.hpp"

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

TEST_CASE("policy: defect 1: no rates is a fault unless it is said to be meant") {
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
    CHECK(faults([](weir::policy& p) { p.rates = {{weir::rate::most + 1, 1s}}; }) == 1);
    CHECK(faults([](weir::policy& p) { p.rates = {{1, 0s}}; }) == 1);
    CHECK(faults([](weir::policy& p) { p.rates = {{1, 367 * 24h}}; }) == 1);
    CHECK(faults([](weir::policy& p) { p.max_delay = -1ms; }) == 1);
    CHECK(faults([](weir::policy& p) { p.margin = -1ms; }) == 1);
    CHECK(faults([](weir::policy& p) { p.margin = 367 * 24h; }) == 1);
    CHECK(faults([](weir::policy& p) { p.max_concurrent = -1; }) == 1);
    CHECK(faults([](weir::policy& p) { p.burst = -1; }) == 1);
    CHECK(faults([](weir::policy& p) { p.rates = {{0, 0s}}, p.burst = -1, p.max_delay = -1s; }) == 4);
}
