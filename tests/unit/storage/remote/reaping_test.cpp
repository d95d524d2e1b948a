// SPDX-License-Identifier: MIT
#include "weir/storage/remote/reaping.hpp"

#include "support/catch.hpp"
#include "support/store_checks.hpp"

#include "weir/testing/manual_clock.hpp"

#include <chrono>
#include <span>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
namespace remote = weir::remote;

struct reap_list {
    std::int64_t now;
    std::vector<remote::holder_record> holders;
};

/// A store with one key, as `decide_without_dead` sees it.
struct reaped_key {
    const remote::own_presence me{1, 10s, 600s, {}, false};
    weir::testing::manual_clock clock;
    remote::holder_watch watch;
    remote::reap_memory memory;
    weir::notice_board notices;
    const weir::window_plan plan = weir::plan_windows(weir_test::rates({{2, 4s}}));
    reap_list list{20'000'000, {}};
    remote::reap_reply reply;
    int lists = 0, reaps = 0, again = 0;
    std::size_t dead = 0;

    weir::assessment decide(weir::cause why = weir::cause::window) {
        const weir::assessment f{why == weir::cause::window ? clock.now() + 4s : clock.now(), why, 0};
        return remote::decide_without_dead(
            me, watch, memory, notices, "store", plan, f, clock.now(),
            [&] {
                ++lists;
                return list;
            },
            [&](std::span<const remote::dead_holder> all) {
                ++reaps;
                dead = all.size();
                return reply;
            },
            [&] {
                ++again;
                return weir::assessment{clock.now(), weir::cause::none, 0};
            });
    }
};

}  // namespace

TEST_CASE("reaping: only a denial that open entries can cause is looked into") {
    const auto plan = weir::plan_windows(weir_test::rates({{2, 4s}}));
    const weir::instant now{1h};
    const auto held = [&](weir::duration until, weir::cause why) {
        return remote::may_be_held({now + until, why, 0}, plan, now);
    };
    CHECK(held(4s, weir::cause::window));
    CHECK(held(4s - 10us, weir::cause::window));
    CHECK_FALSE(held(3s, weir::cause::window));
    CHECK(held(0s, weir::cause::concurrency));
    CHECK_FALSE(held(4s, weir::cause::gate));
    CHECK_FALSE(held(0s, weir::cause::none));
}

TEST_CASE("reaping: with no dead holder a denial costs one list a second, and stands") {
    reaped_key key;
    key.list.holders = {{2, 4711, 1, 1, 0, 19'000'000, 10'000'000, "b"}};
    for (int i = 0; i < 5; ++i)
        CHECK(key.decide().at == key.clock.now() + 4s);
    CHECK(key.lists == 1);
    CHECK(key.reaps == 0);
    key.clock.advance(1s);
    static_cast<void>(key.decide());
    CHECK(key.lists == 2);
}

TEST_CASE("reaping: what a dead holder had is ended, the key decides again, and a notice says who it was") {
    reaped_key key;
    key.list.holders = {{2, 4711, 77, 1, 0, 5'000'000, 10'000'000, "b"}};
    key.reply.freed = {{2, 3, 50}};
    CHECK(key.decide().admits());
    CHECK(key.dead == 1);
    CHECK(key.again == 1);
    const auto notice = key.notices.take();
    REQUIRE(notice);
    CHECK(notice->type == weir::store_notice::kind::holder_died);
    CHECK(notice->died.host == "b");
    CHECK(notice->died.pid == 77);
    CHECK(notice->died.entries == 3);
    CHECK(notice->text == "store: process 77 on b has died; its 3 entries with 50 unanswered units were ended");
    CHECK_FALSE(key.notices.take());

    // The same dead holder is not looked for at each denial.
    key.reply.freed.clear();
    static_cast<void>(key.decide());
    CHECK(key.reaps == 1);
    key.clock.advance(5s);
    key.list.now += 5'000'000;
    static_cast<void>(key.decide());
    CHECK(key.reaps == 2);
}

TEST_CASE("reaping: a key that silent holders fill says when the first of them counts as dead") {
    reaped_key key;
    key.list.holders = {{2, 4711, 77, 1, 0, 14'000'000, 10'000'000, "b"},
                        {3, 4711, 78, 1, 0, 13'000'000, 10'000'000, "b"}};
    key.reply.left = {{2, 1, 1}, {3, 1, 1}};
    // Holder 3 counts as dead in 3 s, and its unit counts for 4 s more.
    CHECK(key.decide().at == key.clock.now() + 7s);
    CHECK(key.decide(weir::cause::concurrency).at == key.clock.now() + 3s);
    key.clock.advance(1s);
    key.list.now += 1'000'000;
    CHECK(key.decide().at == key.clock.now() + 6s);
}

TEST_CASE("reaping: while another holder of the key lives, nobody knows when it ends") {
    reaped_key key;
    key.list.holders = {{2, 4711, 77, 1, 0, 14'000'000, 10'000'000, "b"}};
    key.reply.left = {{2, 1, 1}, {9, 1, 1}};
    CHECK(key.decide().at == key.clock.now() + 4s);
}

TEST_CASE("reaping: a store that fails meanwhile changes nothing") {
    reaped_key key;
    const weir::assessment f{key.clock.now() + 4s, weir::cause::window, 0};
    const auto got = remote::decide_without_dead(
        key.me, key.watch, key.memory, key.notices, "store", key.plan, f, key.clock.now(),
        []() -> reap_list { throw weir::store_error{"gone"}; },
        [](std::span<const remote::dead_holder>) { return remote::reap_reply{}; }, [&] { return f; });
    CHECK(got.at == f.at);
}
