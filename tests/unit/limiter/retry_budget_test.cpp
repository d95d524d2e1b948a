// SPDX-License-Identifier: MIT
#include "weir/limiter/retry_budget.hpp"

#include "support/catch.hpp"

#include "weir/storage/memory_store.hpp"
#include "weir/testing/manual_clock.hpp"
#include "weir/testing/shared_store.hpp"

#include <chrono>
#include <cstdint>
#include <string>

using namespace std::chrono_literals;

namespace {

using weir::retry_grant;
using retry_store = weir::memory_store<weir::testing::manual_clock>;

const weir::instant retry_start{1000s};

template <class Budget>
int take_all(Budget& b, int tries, weir::instant now, weir::retry_share share = {}) {
    int got = 0;
    for (int i = 0; i < tries; ++i)
        got += b.take("h.org", "metadata", share, false, now) != retry_grant::none;
    return got;
}

}  // namespace

TEST_CASE("retry budget: ten percent of the first attempts of ten seconds, and one more") {
    weir::testing::manual_clock clock;
    clock.set(retry_start);
    retry_store store{clock};
    weir::retry_budget budget{store};
    CHECK(take_all(budget, 5, clock.now()) == 1);
    clock.advance(10s);
    for (int i = 0; i < 100; ++i)
        budget.count_first("h.org", "metadata", false, clock.now());
    CHECK(take_all(budget, 50, clock.now()) == 11);
    clock.advance(1s);
    CHECK(take_all(budget, 50, clock.now()) == 0);
    SECTION("other keys have their own") {
        CHECK(budget.take("other.org", "metadata", {}, false, clock.now()) == retry_grant::budget);
        CHECK(budget.take("h.org", "landing", {}, false, clock.now()) == retry_grant::budget);
    }
    SECTION("after the window the allowance is there again") {
        clock.advance(10s);
        CHECK(take_all(budget, 50, clock.now()) == 1);
    }
}

TEST_CASE("retry budget: first attempts count once, however late they are written") {
    weir::testing::manual_clock clock;
    clock.set(retry_start);
    retry_store store{clock};
    weir::retry_budget budget{store};
    std::int64_t firsts = 0, retries = 0;
    for (int second = 0; second < 600; ++second) {
        for (int i = 0; i < 20; ++i, clock.advance(50ms)) {
            budget.count_first("h.org", "metadata", false, clock.now());
            ++firsts;
            // Failures come in waves, so that what is counted is kept for a while.
            if (second % 17 > 8)
                retries += take_all(budget, 1, clock.now());
        }
    }
    CHECK(retries <= firsts / 10 + 60 + 1);
    CHECK(retries >= firsts / 20);
}

TEST_CASE("retry budget: several processes share it through the store") {
    weir::testing::manual_clock clock;
    clock.set(retry_start);
    weir::testing::shared_store<weir::testing::manual_clock> store{clock};
    auto same = store;
    weir::retry_budget one{store}, two{same};
    for (int i = 0; i < 50; ++i) {
        one.count_first("h.org", "metadata", false, clock.now());
        two.count_first("h.org", "metadata", true, clock.now());
    }
    int got = take_all(one, 1, clock.now());
    got += take_all(two, 20, clock.now());
    clock.advance(200ms);
    got += take_all(one, 20, clock.now());
    CHECK(got == 11);
}

TEST_CASE("retry budget: a refused request returns for free while good answers are in the majority") {
    weir::testing::manual_clock clock;
    clock.set(retry_start);
    retry_store store{clock};
    weir::retry_budget budget{store};
    CHECK(budget.take("h.org", "metadata", {.percent = 0, .allowance = 0}, true, clock.now()) == retry_grant::none);
    budget.count_first("h.org", "metadata", true, clock.now());
    budget.count_first("h.org", "metadata", true, clock.now());
    CHECK(budget.take("h.org", "metadata", {}, true, clock.now()) == retry_grant::returned);
    CHECK(budget.take("h.org", "metadata", {}, true, clock.now()) == retry_grant::returned);
    clock.advance(1s);
    CHECK(budget.take("h.org", "metadata", {}, true, clock.now()) == retry_grant::budget);
    CHECK(budget.take("h.org", "metadata", {}, true, clock.now()) == retry_grant::none);
}

TEST_CASE("retry budget: a thousand keys that were used once are forgotten") {
    weir::testing::manual_clock clock;
    clock.set(retry_start);
    retry_store store{clock};
    weir::retry_budget budget{store};
    for (int i = 0; i < 1000; ++i, clock.advance(1s))
        budget.count_first("h" + std::to_string(i) + ".org", "metadata", true, clock.now());
    CHECK(budget.size() <= 512);
}
