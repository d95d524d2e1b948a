// SPDX-License-Identifier: MIT
#include "weir/algorithm/stamp_log.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <utility>

using namespace std::chrono_literals;
using weir::instant;

namespace {
weir::retention keeping(std::size_t exact, weir::duration longest) {
    weir::retention kept;
    kept.exact = exact;
    kept.longest = longest;
    return kept;
}
void push(weir::stamp_log& log, instant at, std::int64_t units, const weir::retention& kept) {
    log.reserve(units, at, kept);
    log.push(at, units, kept);
}
instant at(std::int64_t s) { return instant{std::chrono::seconds{s}}; }
}  // namespace

TEST_CASE("stamp_log: an empty one has no heap and no history") {
    const weir::stamp_log log;
    CHECK(log.bytes() == 0);
    CHECK(log.newest() == weir::long_ago);
    CHECK(log.nth_newest(0) == weir::long_ago);
    CHECK(log.newer_than(weir::long_ago) == 0);
}

TEST_CASE("stamp_log: it answers for the k-th newest unit") {
    const auto kept = keeping(64, 1h);
    weir::stamp_log log;
    push(log, at(1), 2, kept);
    push(log, at(3), 1, kept);
    CHECK(log.nth_newest(0) == at(3));
    CHECK(log.nth_newest(1) == at(1));
    CHECK(log.nth_newest(2) == at(1));
    CHECK(log.nth_newest(3) == weir::long_ago);
    CHECK(log.newer_than(at(1)) == 1);
    CHECK(log.newer_than(at(0)) == 3);
    CHECK(log.newest() == at(3));
}

TEST_CASE("stamp_log: a removal takes exactly what is there") {
    const auto kept = keeping(64, 1h);
    weir::stamp_log log;
    for (std::int64_t s = 1; s <= 40; ++s)
        push(log, at(s), 1, kept);
    CHECK(log.remove(at(20), 2) == 1);
    CHECK(log.remove(at(20), 1) == 0);
    CHECK(log.remove(at(100), 1) == 0);
    CHECK(log.newer_than(at(0)) == 39);
    CHECK(log.nth_newest(19) == at(21));
    CHECK(log.nth_newest(20) == at(19));
}

TEST_CASE("stamp_log: stamps that left the ring are kept for a longer window, never too early") {
    const auto brief = keeping(64, 1s);
    weir::stamp_log log;
    for (std::int64_t s = 1; s <= 1000; ++s)
        push(log, at(s), 1, brief);
    for (std::int64_t k = 0; k < 1000; ++k)
        REQUIRE(log.nth_newest(k) >= at(1000 - k));
    CHECK(log.newer_than(at(0)) == 1000);
    CHECK(log.bytes() < 4096);
}

TEST_CASE("stamp_log: a unit cost above the ring is kept in the tail") {
    const auto kept = keeping(64, 1s);
    weir::stamp_log log;
    push(log, at(1), 10, kept);
    push(log, at(2), 1'000'000, kept);
    CHECK(log.nth_newest(0) == at(2));
    CHECK(log.nth_newest(999'999) == at(2));
    CHECK(log.nth_newest(1'000'000) == at(1));
    CHECK(log.newer_than(at(1)) == 1'000'000);
}

TEST_CASE("stamp_log: a moved-from log is empty") {
    const auto kept = keeping(64, 1h);
    weir::stamp_log log;
    push(log, at(1), 3, kept);
    weir::stamp_log other = std::move(log);
    CHECK(other.newer_than(at(0)) == 3);
    CHECK(log.newer_than(at(0)) == 0);  // NOLINT: that is the question
    push(log, at(5), 1, kept);
    CHECK(log.nth_newest(0) == at(5));
}

TEST_CASE("stamp_log: reserved units are pushed exactly, and without an allocation") {
    const auto kept = keeping(100, 1h);
    weir::stamp_log log;
    for (std::int64_t s = 1; s <= 60; ++s)
        push(log, at(s), 1, kept);
    log.reserve(40, at(60), kept);
    const auto bytes = log.bytes();
    for (std::int64_t s = 61; s <= 100; ++s)
        log.push(at(s), 1, kept);
    CHECK(log.bytes() == bytes);
    for (std::int64_t k = 0; k < 100; ++k)
        REQUIRE(log.nth_newest(k) == at(100 - k));
}

TEST_CASE("stamp_log: units that were not reserved are late at worst, and nothing is forgotten") {
    const auto kept = keeping(64, 1h);
    weir::stamp_log log;
    log.reserve(1, at(1), kept);
    const auto bytes = log.bytes();
    for (std::int64_t s = 1; s <= 300; ++s)
        log.push(at(s), 2, kept);
    CHECK(log.bytes() == bytes);
    CHECK(log.newer_than(at(0)) == 600);
    for (std::int64_t k = 0; k < 600; ++k)
        REQUIRE(log.nth_newest(k) >= at(300 - k / 2));
    CHECK(log.nth_newest(600) == weir::long_ago);
    CHECK(log.remove(at(250), 2) == 2);
    CHECK(log.newer_than(at(0)) == 598);
    for (std::int64_t s = 301; s <= 400; ++s)
        push(log, at(s), 1, kept);
    CHECK(log.nth_newest(63) == at(337));
    CHECK(log.newer_than(at(0)) == 698);
}

TEST_CASE("stamp_log: a removal finds units that have left the ring") {
    const auto kept = keeping(64, 1s);
    weir::stamp_log log;
    push(log, at(1), 10, kept);
    push(log, at(2), 100'000, kept);
    push(log, at(3), 10, kept);
    CHECK(log.remove(at(2), 100'000) == 100'000);
    CHECK(log.remove(at(2), 1) == 0);
    CHECK(log.newer_than(at(0)) == 20);
    for (std::int64_t k = 0; k < 10; ++k)
        CHECK(log.nth_newest(k) == at(3));
    for (std::int64_t k = 10; k < 20; ++k)
        CHECK(log.nth_newest(k) == at(1));
    CHECK(log.remove(at(1), 11) == 10);
    CHECK(log.nth_newest(10) == weir::long_ago);
}
