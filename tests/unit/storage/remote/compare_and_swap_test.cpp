// SPDX-License-Identifier: MIT
#include "weir/storage/remote/compare_and_swap.hpp"

#include "support/catch.hpp"

#include "weir/testing/manual_clock.hpp"

#include <chrono>
#include <optional>

namespace {

using namespace std::chrono_literals;
namespace remote = weir::remote;

/// A server that keeps one record, on a timeline 10 s ahead.
struct server {
    remote::tuner_record record;
    weir::multiplier factor;
    int calls = 0;

    remote::swap_reply operator()(const remote::swap_offer& offer) {
        ++calls;
        if (offer.seen != record || offer.seen_factor != factor)
            return {false, factor, record};
        record = offer.next;
        factor = offer.next_factor;
        return {true, factor, {}};
    }
};

const auto one_more = [](weir::tuner_state s) {
    ++s.answers;
    return s;
};
const auto known = [] { return std::optional<weir::duration>{10s}; };

}  // namespace

TEST_CASE("compare and swap: one round trip if the record is unchanged") {
    server there;
    remote::tuner_record seen;
    for (int i = 1; i <= 3; ++i) {
        const auto got = remote::compare_and_swap(seen, {}, one_more, 1s, known, there);
        CHECK(got.value().answers == i);
        CHECK(there.calls == i);
        CHECK(seen == there.record);
    }
}

TEST_CASE("compare and swap: a record that another process changed is read, and the step applied to it") {
    server there;
    there.factor = weir::multiplier::of(0.5);
    there.record = remote::to_record({.answers = 40}, 10s);
    remote::tuner_record seen;
    const auto got = remote::compare_and_swap(seen, {}, one_more, 1s, known, there);
    CHECK(got.value().answers == 41);
    CHECK(got.value().factor == weir::multiplier::of(0.5));
    CHECK(there.calls == 2);
}

TEST_CASE("compare and swap: a step that changes nothing offers the record it saw") {
    server there;
    there.record = remote::to_record({.answers = 40}, 10s);
    const auto before = there.record;
    remote::tuner_record seen = before;
    const auto same = [](const weir::tuner_state& s) { return s; };
    CHECK(remote::compare_and_swap(seen, {}, same, 1s, known, there).value().answers == 40);
    CHECK(there.record == before);
}

TEST_CASE("compare and swap: while the server's time is unknown it reads first, and no step is lost") {
    server there;
    remote::tuner_record seen;
    int steps = 0;
    const auto counted = [&](weir::tuner_state s) {
        ++steps;
        ++s.answers;
        return s;
    };
    const auto ahead = [&]() -> std::optional<weir::duration> {
        return there.calls == 0 ? std::nullopt : std::optional<weir::duration>{10s};
    };
    CHECK(remote::compare_and_swap(seen, {}, counted, 1s, ahead, there).value().answers == 1);
    CHECK(there.calls == 2);
    CHECK(steps == 1);
}

TEST_CASE("compare and swap: it gives up when other processes were faster for longer than its patience") {
    weir::testing::manual_clock clock;
    remote::tuner_record seen;
    int calls = 0;
    const auto always_changed = [&](const remote::swap_offer&) {
        clock.advance(300ms);
        ++calls;
        return remote::swap_reply{false, {}, remote::to_record({.answers = calls}, 10s)};
    };
    CHECK_FALSE(remote::compare_and_swap(seen, {}, one_more, 1s, known, always_changed, clock).has_value());
    CHECK(calls == 4);
}
