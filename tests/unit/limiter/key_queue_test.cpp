// SPDX-License-Identifier: MIT
#include "weir/limiter/key_queue.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <memory>

using namespace std::chrono_literals;
using weir::instant;

namespace {
struct bare_queue : weir::key_queue {
    using key_queue::key_queue;
};
}  // namespace

TEST_CASE("key_queue: a denial is explained under the rules in force, and one of rules gone by names no limit") {
    weir::policy p;
    p.rates = {{1, 1s}};
    bare_queue key{std::make_shared<const weir::key_rules>(weir::key_rules{p, weir::plan_windows(p)})};
    CHECK(key.quiet());
    CHECK(key.next_wake() == weir::far_future);
    CHECK(key.explain({instant{}, weir::cause::none, 0}).granted());
    CHECK(key.explain({instant{2s}, weir::cause::window, 0}).limit == weir::rate{1, 1s});
    CHECK_FALSE(key.explain({instant{2s}, weir::cause::window, 3}).limit.has_value());
    CHECK(key.explain({instant{2s}, weir::cause::never, 0}).state == weir::outcome::never);
}
