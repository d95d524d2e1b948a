// SPDX-License-Identifier: MIT
#include "weir/limiter/key_core.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <memory>

using namespace std::chrono_literals;
using weir::instant;

TEST_CASE("key_core: a denial is explained under the active rules, and one of old rules names no limit") {
    weir::policy p;
    p.rates = {{1, 1s}};
    weir::key_core key{weir::key_rules::make(p, {})};
    CHECK(key.is_quiet());
    CHECK(key.next_due() == weir::far_future);
    CHECK(key.to_decision({instant{}, weir::cause::none, 0}).granted());
    CHECK(key.to_decision({instant{2s}, weir::cause::window, 0}).limit == weir::rate{1, 1s});
    CHECK_FALSE(key.to_decision({instant{2s}, weir::cause::window, 3}).limit.has_value());
    CHECK(key.to_decision({instant{2s}, weir::cause::never, 0}).outcome == weir::outcome::never);
}
