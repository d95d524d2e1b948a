// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"

#include "integration/redis/support/server.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/store_checks.hpp"

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <vector>

// Admissions by credit, and answers that travel with the next decision.

namespace answers_test {

using namespace std::chrono_literals;
using weir::redis::redis_store;

redis_store plain_store(weir_test::redis_server& server) {
    return redis_store{weir::redis::parse_redis_dsn(server.unix_dsn() + "?on_lost_history=ignore").value()};
}

void request(redis_store& store, redis_store::slot& slot, const weir::window_plan& plan) {
    weir::entry e;
    REQUIRE(store.admit(slot, plan, 1, store.now(), e).admits());
    store.settle(slot, plan, e, weir::settlement::answered, store.now());
    store.settle(slot, plan, e, weir::settlement::released, store.now());
}
/// So many that the key is hot, however slow the machine is at times. Returns whether an answer waits.
bool make_hot(redis_store& store, redis_store::slot& slot, const weir::window_plan& plan, std::int64_t& made) {
    for (int i = 0; i < 500; ++i) {
        request(store, slot, plan);
        ++made;
        if (i > 3 && store.tend(false) != weir::far_future)
            return true;
    }
    return false;
}
/// What another process sees of the key once nothing is under way.
weir::key_snapshot settled(redis_store& store, redis_store::slot& slot, const weir::window_plan& plan) {
    weir::key_snapshot out;
    for (int i = 0; i < 200; ++i) {
        out = store.read(slot, plan, store.now());
        if (out.open == 0)
            break;
        std::this_thread::sleep_for(5ms);
    }
    return out;
}

std::string packed(double value) {
    const auto bytes = weir::redis::detail::bytes_of(std::bit_cast<std::uint64_t>(value));
    return {bytes.data(), bytes.size()};
}
std::string packed_word(std::uint32_t value) {
    return packed(std::bit_cast<double>(std::uint64_t{value})).substr(0, 4);
}

}  // namespace answers_test

TEST_CASE("redis: an answer of a hot key leaves when the caller falls idle, after 5 ms, or with the store") {
    WEIR_NEEDS_REDIS();
    using namespace answers_test;
    weir_test::redis_server server;
    const auto plan = weir::plan_windows(weir_test::rates({{60'000, 1h}}));
    auto other = plain_store(server);
    auto seen = other.make_slot("h.org", "metadata");
    std::int64_t made = 0;
    {
        auto store = plain_store(server);
        auto slot = store.make_slot("h.org", "metadata");
        auto elsewhere = store.make_slot("i.org", "metadata");

        REQUIRE(make_hot(store, slot, plan, made));
        store.tend(true);
        CHECK(settled(other, seen, plan).windows.at(0).used == made);

        REQUIRE(make_hot(store, slot, plan, made));
        std::this_thread::sleep_for(6ms);
        request(store, elsewhere, plan);
        CHECK(settled(other, seen, plan).windows.at(0).used == made);
        CHECK(other.read(seen, plan, other.now()).open == 0);

        REQUIRE(make_hot(store, slot, plan, made));
    }
    CHECK(settled(other, seen, plan).open == 0);
    CHECK(other.read(seen, plan, other.now()).windows.at(0).used == made);
}

TEST_CASE("redis: an answer of a key that is not hot leaves at once") {
    WEIR_NEEDS_REDIS();
    using namespace answers_test;
    weir_test::redis_server server;
    const auto plan = weir::plan_windows(weir_test::rates({{60'000, 1h}}));
    auto store = plain_store(server);
    auto other = plain_store(server);
    auto slot = store.make_slot("h.org", "metadata");
    auto seen = other.make_slot("h.org", "metadata");
    for (int i = 1; i <= 5; ++i) {
        request(store, slot, plan);
        CHECK(settled(other, seen, plan).open == 0);
        std::this_thread::sleep_for(2ms);
    }
}

TEST_CASE("redis: a gate, another plan, a factor and an erased history end the credit that a key has") {
    WEIR_NEEDS_REDIS();
    using namespace answers_test;
    weir_test::redis_server server;
    for (const auto from : {weir::counting::admission, weir::counting::response}) {
        const auto plan = weir::plan_windows(weir_test::rates({{1'000, 1h}}, from));
        auto store = plain_store(server);
        auto other = plain_store(server);
        auto slot = store.make_slot("h.org", "metadata");
        auto seen = other.make_slot("h.org", "metadata");
        other.erase(seen);
        weir::entry e;
        const auto asks = [&](const weir::window_plan& under) {
            const auto f = store.admit(slot, under, 1, store.now(), e);
            if (f.admits())
                store.settle(slot, under, e, weir::settlement::released, store.now());
            return f;
        };
        const auto fills_credit = [&] {
            for (int i = 0; i < 10; ++i)
                REQUIRE(asks(plan).admits());
        };
        fills_credit();
        REQUIRE(other.hold(seen, other.now() + 1h));
        CHECK(asks(plan).cause == weir::cause::gate);
        other.open_gate(seen);
        fills_credit();
        CHECK(asks(weir::plan_windows(weir_test::rates({{20, 1h}}, from))).cause == weir::cause::window);
        fills_credit();
        other.tune(seen, weir::multiplier::of(0.25));
        REQUIRE(asks(plan).admits());
        CHECK(store.factor(slot) == weir::multiplier::of(0.25));
        fills_credit();
        store.flush();
        other.erase(seen);
        CHECK(other.read(seen, plan, other.now()).windows.at(0).used == 0);
        REQUIRE(asks(plan).admits());
        store.flush();
        CHECK(other.read(seen, plan, other.now()).windows.at(0).used == 1);
    }
}

TEST_CASE("redis: of a window that is nearly full exactly the rest is admitted, by processes in turn") {
    WEIR_NEEDS_REDIS();
    using namespace answers_test;
    weir_test::redis_server server;
    for (const auto from : {weir::counting::admission, weir::counting::response})
        for (const std::int64_t limit : {1, 2, 7, 50, 99, 500}) {
            INFO(limit);
            const auto plan = weir::plan_windows(weir_test::rates({{limit, 1h}, {limit + 400, 2h}}, from));
            std::vector<redis_store> stores;
            std::vector<redis_store::slot> slots;
            for (int i = 0; i < 3; ++i) {
                stores.push_back(plain_store(server));
                slots.push_back(stores.back().make_slot("h" + std::to_string(limit) +
                                                            (from == weir::counting::admission ? ".a.org" : ".r.org"),
                                                        "metadata"));
            }
            std::int64_t admitted = 0;
            for (std::int64_t i = 0; i < limit + 30; ++i) {
                const auto which = static_cast<std::size_t>(i / 5 % 3);
                weir::entry e;
                if (!stores[which].admit(slots[which], plan, 1, stores[which].now(), e).admits())
                    continue;
                ++admitted;
                stores[which].settle(slots[which], plan, e, weir::settlement::released, stores[which].now());
            }
            CHECK(admitted == limit);
        }
}

TEST_CASE("redis: a head of the format before is read, and written in the present one") {
    WEIR_NEEDS_REDIS();
    using namespace answers_test;
    weir_test::redis_server server;
    const double now = static_cast<double>(
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count());
    constexpr double huge = std::numeric_limits<double>::infinity();
    std::string head = "wr\1\n";
    head += packed(now) + packed(now - 1'000) + packed(now + 8e9) + packed_word(3) + '\3' + packed(huge) +
            packed_word(0) + packed_word(0) + packed(now - 5'000) + packed_word(1'000'000) + packed_word(5) +
            packed(-huge) + packed(-huge) + packed_word(0) + packed_word(0) + packed(huge) + packed_word(0) +
            packed(huge);
    REQUIRE(head.size() == 109);
    for (const double ago : {3'000.0, 2'000.0, 1'000.0})
        head += packed(now - ago);
    REQUIRE(server.say({"SET", "weir:1:{h.org|metadata}", head}) == "OK");
    auto store = plain_store(server);
    auto slot = store.make_slot("h.org", "metadata");
    const auto plan = weir::plan_windows(weir_test::rates({{5, 1h}}));
    CHECK(store.read(slot, plan, store.now()).windows.at(0).used == 3);
    weir::entry e;
    CHECK(store.admit(slot, plan, 1, store.now(), e).admits());
    CHECK(store.admit(slot, plan, 1, store.now(), e).admits());
    CHECK_FALSE(store.admit(slot, plan, 1, store.now(), e).admits());
    CHECK(server.say({"GET", "weir:1:{h.org|metadata}"}).substr(0, 4) == "wr\2\n");
}

TEST_CASE("redis: a head of a newer format is refused by name, and stays as it is") {
    WEIR_NEEDS_REDIS();
    using namespace answers_test;
    weir_test::redis_server server;
    const auto plan = weir::plan_windows(weir_test::rates({{5, 1h}}));
    weir::entry e;
    {
        auto before = plain_store(server);
        auto slot = before.make_slot("h.org", "metadata");
        REQUIRE(before.admit(slot, plan, 1, before.now(), e).admits());
    }
    const std::string head = "weir:1:{h.org|metadata}";
    static_cast<void>(server.say({"SETRANGE", head, "2", "\3"}));
    const std::string newer = server.say({"GET", head});
    auto store = plain_store(server);
    auto slot = store.make_slot("h.org", "metadata");
    std::string said;
    try {
        static_cast<void>(store.admit(slot, plan, 1, store.now(), e));
    } catch (const weir::store_error& failure) {
        said = failure.what();
    }
    CHECK(said.find("WEIRFORMAT; a newer version of weir wrote this key") != std::string::npos);
    CHECK(server.say({"GET", head}) == newer);
}

TEST_CASE("redis: foreign notes behind a head stop no verb, and its time to live stays") {
    WEIR_NEEDS_REDIS();
    using namespace answers_test;
    weir_test::redis_server server;
    weir_test::dice dice{weir_test::seed_for("redis foreign notes")};
    const std::string head = "weir:1:{h.org|metadata}";
    constexpr double huge = std::numeric_limits<double>::infinity();
    const auto plan = weir::plan_windows(weir_test::rates({{100, 1h}}));
    for (int i = 0; i < 150; ++i) {
        INFO("round " << i);
        REQUIRE(server.say({"FLUSHALL"}) == "OK");
        auto store = plain_store(server);
        auto slot = store.make_slot("h.org", "metadata");
        std::vector<weir::entry> open(5);
        for (weir::entry& e : open)
            REQUIRE(store.admit(slot, plan, 1, store.now(), e).admits());
        store.flush();
        const std::string whole = server.say({"GET", head});
        std::string notes;
        for (auto n = dice.from(1, 40); n > 0; --n) {
            std::string id(8, '\0');
            for (char& c : id)
                c = static_cast<char>(dice.from(0, 255));
            if (dice.from(0, 2) == 0) {
                const auto known = weir::redis::detail::bytes_of(open[static_cast<std::size_t>(dice.from(0, 4))].id);
                id.assign(known.data(), known.size());
            }
            const std::array times{huge,  -huge, std::numeric_limits<double>::quiet_NaN(), 0.0, 1.0, -1e300,
                                   1e300, 1.7e15};
            notes += id + packed(times[static_cast<std::size_t>(dice.from(0, 7))]) + static_cast<char>(dice.from(0, 9));
        }
        static_cast<void>(server.say({"APPEND", head, notes}));
        weir::entry e;
        static_cast<void>(store.admit(slot, plan, 1, store.now(), e));
        static_cast<void>(store.read(slot, plan, store.now()));
        static_cast<void>(store.hold(slot, store.now() + 1ns));
        CHECK(server.number({"PTTL", head}) > 0);
        store.erase(slot);
        CHECK(store.read(slot, plan, store.now()).windows.at(0).used <= 60);
        std::this_thread::sleep_for(1ms);
        CHECK(store.admit(slot, plan, 1, store.now(), e).admits());
    }
}
