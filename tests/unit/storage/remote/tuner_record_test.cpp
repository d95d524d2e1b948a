// SPDX-License-Identifier: MIT
#include "weir/storage/remote/tuner_record.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
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

TEST_CASE("tuner_record: the notes of a key come back, on the reader's timeline") {
    weir::tuner_state s;
    s.recovered = weir::instant{5s};
    weir::key_notes notes;
    notes.refused = {weir::instant{20s}, 3, weir::instant{21s}};
    notes.limits[0] = {7, 100, 900s, weir::instant{1s}, weir::instant{2000s}, 99, 1};
    notes.limits[1] = {8, 0, {}, weir::long_ago, weir::far_future, 5, 0};
    s.notes = std::make_shared<const weir::key_notes>(notes);
    const auto record = remote::to_record(s, 3s);
    CHECK(record.size() == 10 + 4 + 2 * 7);
    CHECK(record[remote::recovered_index] == weir::far_future.time_since_epoch().count());
    remote::tuner_record read;
    REQUIRE(remote::read_record(remote::to_bytes(record), read));
    const auto again = remote::to_state(read, {}, 3s);
    CHECK(again.recovered == s.recovered);
    REQUIRE(again.notes != nullptr);
    CHECK(*again.notes == notes);
    CHECK(remote::to_state(read, {}, 4s).notes->refused.since == weir::instant{19s});
    CHECK(remote::to_record(again, 3s) == record);
}

TEST_CASE("tuner_record: a record with half a note is none") {
    remote::tuner_record read{1};
    for (const std::size_t numbers : {1U, 9U, 11U, 13U, 15U, 20U, 22U, 49U})
        CHECK_FALSE(remote::read_record(std::string(8 * numbers, 'x'), read));
    CHECK(read == remote::tuner_record{1});
    for (const std::size_t numbers : {0U, 10U, 14U, 21U, 28U, 35U, 42U})
        CHECK(remote::read_record(std::string(8 * numbers, 'x'), read));
}
