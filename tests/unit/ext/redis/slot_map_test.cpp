// SPDX-License-Identifier: MIT
#include "weir/ext/redis/detail/slot_map.hpp"

#include "weir/ext/redis/detail/epoch.hpp"

#include "support/catch.hpp"
#include "support/seed.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

// The namespace of other tests of this folder is an alias; so is this one.
namespace {

namespace rd = weir::redis::detail;
using rd::detour;
using weir::redis::server_address;

}  // namespace

TEST_CASE("redis slots: the hash slot is the one of the Cluster specification") {
    CHECK(rd::crc16("123456789") == 0x31C3);
    CHECK(rd::hash_slot("foo") == 12182);
    CHECK(rd::hash_slot("{user1000}.following") == rd::hash_slot("{user1000}.followers"));
    CHECK(rd::hash_slot("foo{}{bar}") == rd::crc16("foo{}{bar}") % 16'384);
    CHECK(rd::hash_slot("foo{{bar}}zap") == rd::hash_slot("{bar"));
    CHECK(rd::hash_slot("foo{bar}{zap}") == rd::hash_slot("bar"));
    CHECK(rd::hash_slot("a{b") == rd::crc16("a{b") % 16'384);
    for (const std::uint16_t slot : std::array<std::uint16_t, 4>{0, 1, 5461, 16'383})
        CHECK(rd::hash_slot("weir:epoch:{" + rd::tag_of(slot) + "}") == slot);
}

TEST_CASE("redis slots: a reply that names another server is read, and nothing else is one") {
    const server_address asked{"10.0.0.1", 7000};
    const auto moved = rd::redirection_of("MOVED 3999 10.0.0.2:7001", asked);
    CHECK(moved.kind == detour::moved);
    CHECK(moved.slot == 3999);
    CHECK(moved.to == server_address{"10.0.0.2", 7001});
    CHECK(rd::redirection_of("MOVED 1 :7001", asked).to == server_address{"10.0.0.1", 7001});
    CHECK(rd::redirection_of("MOVED 1 ?:7001", asked).to == server_address{"10.0.0.1", 7001});
    CHECK(rd::redirection_of("MOVED 1 :7001", {"/run/redis.sock", 0}).to == server_address{"127.0.0.1", 7001});
    CHECK(rd::redirection_of("ASK 1 ::1:7001", asked).to == server_address{"::1", 7001});
    CHECK(rd::redirection_of("ASK 1 [fe80::2]:7001", asked).to == server_address{"fe80::2", 7001});
    CHECK(rd::redirection_of("ASK 1 node.example.org:7001", asked).kind == detour::ask);
    CHECK(rd::redirection_of("TRYAGAIN Multiple keys request during rehashing of slot", asked).kind == detour::later);
    CHECK(rd::redirection_of("CLUSTERDOWN Hash slot not served", asked).kind == detour::down);
    CHECK(rd::redirection_of("READONLY You can't write against a read only replica.", asked).kind ==
          detour::not_primary);
    CHECK(rd::redirection_of("ERR Error running script: @user_script:9: -READONLY You can't write", asked).kind ==
          detour::not_primary);
    for (const char* other : {"", "MOVED", "MOVED ", "MOVED 1", "MOVED 16384 a:1", "MOVED -1 a:1", "MOVED x a:1",
                              "MOVED 1 a", "MOVED 1 a:", "MOVED 1 a:0", "MOVED 1 a:65536", "ERR MOVED 1 a:1",
                              "NOSCRIPT No matching script.", "MOVEDX 1 a:1"}) {
        INFO(other);
        CHECK(rd::redirection_of(other, asked).kind == detour::none);
    }
    weir_test::dice dice{weir_test::seed_for("redis redirections")};
    for (int i = 0; i < 20'000; ++i) {
        std::string text = dice.chance(50) ? "MOVED " : "ASK ";
        for (auto n = dice.from(0, 20); n > 0; --n)
            text += "0123456789:[] ?ab.\xff"[static_cast<std::size_t>(dice.from(0, 18))];
        const auto read = rd::redirection_of(text, asked);
        CHECK((read.kind == detour::none || (read.slot < rd::hash_slots && read.to.port != 0)));
    }
}

TEST_CASE(
    "redis epoch: in a Cluster an epoch that moves with its slot is no loss, and a replica that takes over is one") {
    const std::string a(40, 'a'), b(40, 'b'), first(32, '1'), fresh(32, 'f');
    rd::server_facts facts;
    facts.are_known = true;
    facts.run_id = a;
    facts.replid = std::string(40, 'd');
    facts.node = a;
    const rd::epoch_record mine{first, 5, 0, facts.run_id, facts.replid, 0, 0, a};
    CHECK(rd::epoch_of(rd::text_of(mine)) == mine);
    const rd::last_look last{mine, "weir:epoch:{1}", facts.run_id, 0, 0};
    const auto next = [&](std::optional<rd::epoch_record> found, const rd::last_look& known, const char* key) {
        return rd::next_node_epoch(std::move(found), facts, 100, known, key, fresh);
    };

    // The name has changed, and there is none, or another server's: the present one is written there.
    CHECK(next(std::nullopt, last, "weir:epoch:{2}").record == mine);
    const rd::epoch_record foreign{std::string(32, '2'), 7, 0, b, std::string(40, 'e'), 0, 0, b};
    CHECK(next(foreign, last, "weir:epoch:{2}").record == mine);
    CHECK(next(foreign, last, "weir:epoch:{1}").record == mine);
    // A process that starts then makes a new one, without a loss.
    const auto made = next(foreign, {}, "weir:epoch:{2}");
    CHECK(made.record.id == fresh);
    CHECK(made.record.lost == 0);
    CHECK(made.record.node == a);
    // Under the same name it was deleted.
    CHECK(next(std::nullopt, last, "weir:epoch:{1}").record.lost == 100);
    // If something was deleted meanwhile, the new name is no excuse.
    facts.flushes = 1;
    CHECK(next(std::nullopt, last, "weir:epoch:{2}").record.lost == 100);
    facts.flushes = 0;
    // This server was the other one's replica.
    facts.previous_replid = foreign.replid;
    const auto taken = next(foreign, {}, "weir:epoch:{2}");
    CHECK(taken.record.lost == 100);
    CHECK(taken.reason.find("a replica took over") != std::string_view::npos);
}
