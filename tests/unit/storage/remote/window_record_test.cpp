// SPDX-License-Identifier: MIT
#include "weir/storage/remote/window_record.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;
namespace remote = weir::remote;

weir::window_plan ten_a_second_and_five_an_hour() {
    weir::window_plan plan;
    plan.max_concurrent = 4;
    plan.windows = {{10, 1s}, {5, 1h}};
    return plan;
}

}  // namespace

TEST_CASE("window_record: what is written of a plan is read back") {
    const auto record = remote::to_record(ten_a_second_and_five_an_hour());
    CHECK(record == remote::window_record{4, 10, 1'000'000'000, 5, 3'600'000'000'000});
    weir::stored_key key;
    remote::read_windows(record, key);
    REQUIRE(key.windows.size() == 2);
    CHECK(key.max_concurrent == 4);
    CHECK(key.windows[1].limit == 5);
    CHECK(key.windows[1].period == 1h);
}

TEST_CASE("window_record: numbers that no plan gives are ignored") {
    using record = std::vector<std::int64_t>;
    for (const record& wrong :
         {record{}, record{1, 2}, record{-1}, record{0, 0, 5}, record{0, 5, 0}, record{0, 5, -1}}) {
        weir::stored_key key;
        key.max_concurrent = 7;
        remote::read_windows(wrong, key);
        CHECK(key.windows.empty());
        CHECK(key.max_concurrent == 7);
    }
}

TEST_CASE("window_record: text is numbers with single spaces, or nothing") {
    CHECK(remote::numbers_of("4 10 1000").size() == 3);
    CHECK(remote::numbers_of("4 -10").back() == -10);
    for (const std::string_view wrong : {"", " 1", "1  2", "1,2", "x", "99999999999999999999", "1 x"})
        CHECK(remote::numbers_of(wrong).empty());
}

TEST_CASE("window_record: a plan's name depends on windows and ceiling, and is never 0") {
    auto plan = ten_a_second_and_five_an_hour();
    const auto name = remote::name_of(plan);
    CHECK(name != 0);
    plan.max_concurrent = 5;
    CHECK(remote::name_of(plan) != name);
    plan = ten_a_second_and_five_an_hour();
    plan.windows[0].period += 1ns;
    CHECK(remote::name_of(plan) != name);
}
