// SPDX-License-Identifier: MIT
#include "weir/algorithm/stamp_log.hpp"

#include "support/catch.hpp"

#include <chrono>
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
instant at(std::int64_t s) { return instant{std::chrono::seconds{s}}; }
}  // namespace

TEST_CASE("stamp_log: an empty one has no heap and no past") {
    const weir::stamp_log log;
    CHECK(log.bytes() == 0);
    CHECK(log.newest() == weir::long_ago);
    CHECK(log.nth_newest(0) == weir::long_ago);
    CHECK(log.newer_than(weir::long_ago) == 0);
}

TEST_CASE("stamp_log: it answers for the k-th newest unit") {
    const auto kept = keeping(64, 1h);
    weir::stamp_log log;
    log.push(at(1), 2, kept);
    log.push(at(3), 1, kept);
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
        log.push(at(s), 1, kept);
    CHECK(log.remove(at(20), 2) == 1);
    CHECK(log.remove(at(20), 1) == 0);
    CHECK(log.remove(at(100), 1) == 0);
    CHECK(log.newer_than(at(0)) == 39);
    CHECK(log.nth_newest(19) == at(21));
    CHECK(log.nth_newest(20) == at(19));
}

TEST_CASE("stamp_log: what left the ring is remembered for a longer window, never earlier than it was") {
    const auto brief = keeping(64, 1s);
    weir::stamp_log log;
    for (std::int64_t s = 1; s <= 1000; ++s)
        log.push(at(s), 1, brief);
    for (std::int64_t k = 0; k < 1000; ++k)
        REQUIRE(log.nth_newest(k) >= at(1000 - k));
    CHECK(log.newer_than(at(0)) == 1000);
    CHECK(log.bytes() < 4096);
}

TEST_CASE("stamp_log: a unit cost above the ring is kept in the tail") {
    const auto kept = keeping(64, 1s);
    weir::stamp_log log;
    log.push(at(1), 10, kept);
    log.push(at(2), 1'000'000, kept);
    CHECK(log.nth_newest(0) == at(2));
    CHECK(log.nth_newest(999'999) == at(2));
    CHECK(log.nth_newest(1'000'000) == at(1));
    CHECK(log.newer_than(at(1)) == 1'000'000);
}

TEST_CASE("stamp_log: a moved-from log is empty") {
    const auto kept = keeping(64, 1h);
    weir::stamp_log log;
    log.push(at(1), 3, kept);
    weir::stamp_log other = std::move(log);
    CHECK(other.newer_than(at(0)) == 3);
    CHECK(log.newer_than(at(0)) == 0);  // NOLINT: that is the question
    log.push(at(5), 1, kept);
    CHECK(log.nth_newest(0) == at(5));
}
