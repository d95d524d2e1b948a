// SPDX-License-Identifier: MIT
#include "weir/storage/remote/holder_watch.hpp"

#include "support/catch.hpp"

#include "weir/testing/manual_clock.hpp"

#include <chrono>

namespace {

using namespace std::chrono_literals;
using weir::remote::holder_watch;

weir::remote::holder_record watched(std::uint64_t id, std::int64_t renewed) {
    return {id, 4711, 100, 5, 0, renewed, 10'000'000, "b"};
}

}  // namespace

TEST_CASE("holder_watch: the list is asked for once a second, by one caller") {
    weir::testing::manual_clock clock;
    holder_watch watch;
    CHECK(watch.wants_list(clock.now()));
    CHECK_FALSE(watch.wants_list(clock.now()));
    clock.advance(1s);
    CHECK(watch.wants_list(clock.now()));
}

TEST_CASE("holder_watch: a silent holder becomes a dead one as time passes, without a new list") {
    const weir::remote::own_presence me{1, 10s, 600s, {}, false};
    weir::testing::manual_clock clock;
    holder_watch watch;
    watch.learn({watched(2, 1'000'000), watched(3, 6'000'000)}, 7'000'000, clock.now());
    auto seen = watch.look(me, clock.now());
    CHECK(seen.dead.empty());
    REQUIRE(seen.silent.size() == 1);
    CHECK(seen.silent[0].id == 2);
    CHECK(seen.silent[0].at == 11'000'000);
    CHECK(seen.now == 7'000'000);
    const auto before = seen.signature;

    clock.advance(4s);
    seen = watch.look(me, clock.now());
    REQUIRE(seen.dead.size() == 1);
    CHECK(seen.dead[0].who.id == 2);
    CHECK(seen.dead[0].at == 11'000'000);
    CHECK(seen.silent.empty());
    CHECK(seen.now == 11'000'000);
    CHECK(seen.signature != before);
}

TEST_CASE("holder_watch: a process of this machine that is gone may have lived until that was seen first") {
    const weir::remote::own_presence me{1, 10s, 600s, {}, false};
    if (me.identity.machine == 0)
        return;
    weir::testing::manual_clock clock;
    holder_watch watch;
    auto gone = watched(2, 0);
    gone.machine = me.identity.machine;
    gone.pid = 999'999'999;
    watch.learn({gone}, 5'000'000, clock.now());
    CHECK(watch.look(me, clock.now()).dead.at(0).at == 5'000'000);
    clock.advance(2s);
    CHECK(watch.look(me, clock.now()).dead.at(0).at == 5'000'000);
    watch.learn({gone}, 7'000'000, clock.now());
    CHECK(watch.look(me, clock.now()).dead.at(0).at == 5'000'000);
    watch.learn({}, 7'000'000, clock.now());
    CHECK(watch.look(me, clock.now()).dead.empty());
}
