// SPDX-License-Identifier: MIT
#include "weir/storage/remote/own_presence.hpp"

#include "support/catch.hpp"

#include <chrono>

namespace {
using namespace std::chrono_literals;
}

TEST_CASE("own_presence: under injected time no sign of life is ever due") {
    weir::remote::own_presence off{1, 10s, 600s, {}, true};
    CHECK_FALSE(off.is_due(weir::instant{1h}));
    CHECK_FALSE(off.begin(weir::instant{1h}));
    CHECK(off.next_renewal() == weir::far_future);
    weir::remote::own_presence on{1, 10s, 600s, {}, false};
    CHECK(on.begin(weir::instant{1h}));
    CHECK(on.next_renewal() > weir::instant{1h});
}

TEST_CASE("own_presence: a record is kept as long as an entry of the holder can exist") {
    CHECK(weir::remote::own_presence{1, 10s, 600s, {}, false}.keep == 610s);
    CHECK(weir::remote::own_presence{1, 10s, weir::duration::max(), {}, false}.keep == weir::duration::max());
}

TEST_CASE("own_presence: this process's own record lives, and a process of this machine that does not exist is dead") {
    const weir::remote::own_presence me{1, 10s, 600s, {}, false};
    const auto all = me.infos_of({{1, me.identity.machine, me.identity.pid, me.identity.start, 0, 0, 10, "a"},
                                  {2, me.identity.machine, 999'999'999, 1, 0, 0, 10, "a"},
                                  {3, 12345, 1, 1, 0, 95, 10, "b"},
                                  {4, 12345, 1, 1, 0, 85, 10, "b"}},
                                 100);
    REQUIRE(all.size() == 4);
    CHECK(all[0].alive);
    CHECK(all[0].is_self);
    if (me.identity.machine != 0)
        CHECK_FALSE(all[1].alive);
    CHECK(all[2].alive);
    CHECK_FALSE(all[3].alive);
}
