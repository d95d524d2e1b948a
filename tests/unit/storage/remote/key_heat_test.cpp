// SPDX-License-Identifier: MIT
#include "weir/storage/remote/key_heat.hpp"

#include "support/catch.hpp"

#include <chrono>

namespace {

using namespace std::chrono_literals;
using weir::remote::key_heat;

}  // namespace

TEST_CASE("key_heat: a key is hot once two decisions in a row came within a moment of an answer") {
    key_heat heat;
    weir::instant now{1h};
    CHECK_FALSE(heat.is_hot());
    for (int i = 0; i < 2; ++i) {
        CHECK_FALSE(heat.is_hot());
        heat.answered(now);
        heat.decides(now += 100us);
    }
    CHECK(heat.is_hot());
    heat.decides(now += 10s);  // no answer came since the last one: it says nothing
    CHECK(heat.is_hot());
    heat.answered(now);
    heat.decides(now += key_heat::moment);
    CHECK_FALSE(heat.is_hot());
    heat.answered(now);
    heat.decides(now += 100us);
    CHECK_FALSE(heat.is_hot());
}
