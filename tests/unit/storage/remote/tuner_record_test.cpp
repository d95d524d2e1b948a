// SPDX-License-Identifier: MIT
#include "weir/storage/remote/tuner_record.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace {

using namespace std::chrono_literals;
namespace remote = weir::remote;

weir::tuner_state some_state() {
    const weir::instant now{100s};
    return {weir::multiplier::of(0.7),
            now,
            weir::long_ago,
            now - 10s,
            weir::far_future,
            7,
            3,
            -2'500,
            900'000,
            4,
            INT64_MAX};
}

}  // namespace

TEST_CASE("tuner record: a state comes back from it, its times shifted to the store's timeline and back") {
    for (const weir::duration ahead : {0ns, 5'000'000'000ns, -7ns}) {
        const auto record = remote::to_record(some_state(), ahead);
        REQUIRE(record.size() == remote::tuner_record_size);
        CHECK(record[0] == (weir::instant{100s} + ahead).time_since_epoch().count());
        CHECK(record[1] == weir::long_ago.time_since_epoch().count());
        CHECK(record[remote::recovered_index] == weir::far_future.time_since_epoch().count());
        CHECK(remote::to_state(record, weir::multiplier::of(0.7), ahead) == some_state());
    }
}

TEST_CASE("tuner record: an empty one is a state with only a factor") {
    weir::tuner_state expected;
    expected.factor = weir::multiplier::of(0.5);
    CHECK(remote::to_state({}, weir::multiplier::of(0.5), 1h) == expected);
    CHECK(remote::is_well_formed({}));
    CHECK(remote::is_well_formed(remote::tuner_record(10)));
    CHECK_FALSE(remote::is_well_formed(remote::tuner_record(9)));
}

TEST_CASE("tuner record: as bytes it is as long as its numbers, and bytes of another length are none") {
    const auto record = remote::to_record(some_state(), 1s);
    const std::string bytes = remote::to_bytes(record);
    CHECK(bytes.size() == 80);
    CHECK(remote::to_bytes({0x0102}).substr(0, 3) == std::string("\x02\x01\0", 3));
    remote::tuner_record back{1, 2};
    CHECK_FALSE(remote::read_record(bytes.substr(1), back));
    CHECK(back == remote::tuner_record{1, 2});
    CHECK(remote::read_record(bytes, back));
    CHECK(back == record);
    CHECK(remote::read_record("", back));
    CHECK(back.empty());
}
