// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"

#include "integration/redis/support/server.hpp"
#include "support/catch.hpp"
#include "support/store_checks.hpp"

#include "weir/registry/registry.hpp"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// The server loses history, and no process may get more units for that: neither one that knew a key, nor one that uses
// it for the first time, nor one that starts later.

namespace {

using namespace std::chrono_literals;
using weir::redis::redis_store;

constexpr auto window_length = 3s;

/// The store of one process, with the keys that it has used.
class one_process {
public:
    explicit one_process(const std::string& dsn) : store_(weir::redis::parse_redis_dsn(dsn).value()) {}

    /// How many of these requests are admitted and answered at once.
    int asks(const std::string& host, int count) {
        const auto plan = weir::plan_windows(weir_test::rates({{10, window_length}}));
        auto found = slots_.find(host);
        if (found == slots_.end())
            found = slots_.emplace(host, store_.make_slot(host, "metadata")).first;
        int admitted = 0;
        for (int i = 0; i < count; ++i) {
            weir::entry e;
            try {
                if (!store_.admit(found->second, plan, 1, store_.now(), e).admits())
                    continue;
            } catch (const weir::store_error&) {
                std::this_thread::sleep_for(30ms);
                continue;
            }
            ++admitted;
            store_.settle(found->second, plan, e, weir::settlement::released, store_.now());
        }
        try {
            store_.flush();
        } catch (const weir::store_error&) {
            // The next connection sends it.
        }
        return admitted;
    }
    redis_store& store() { return store_; }

private:
    redis_store store_;
    std::map<std::string, redis_store::slot> slots_;
};

/// Opens all connections of a process.
void open_all(one_process& p) {
    for (int i = 0; i < 6; ++i)
        CHECK(p.asks("other" + std::to_string(i) + ".org", 1) == 1);
}

}  // namespace

TEST_CASE("redis: all data is deleted: no process gets units for that, in any order of calls") {
    WEIR_NEEDS_REDIS();
    for (const std::string how : {"FLUSHALL", "FLUSHDB"})
        for (const std::string pool : {"1", "4"})
            for (const std::string order :
                 {"knew new late", "new knew late", "late new knew", "knew late new", "late knew"}) {
                INFO(how << ", pool " << pool << ", order " << order);
                weir_test::redis_server server;
                const std::string dsn = server.unix_dsn() + "?pool=" + pool;
                one_process knew{dsn}, fresh{dsn};
                open_all(fresh);
                CHECK(knew.asks("k.org", 12) == 10);
                REQUIRE(server.say({how}) == "OK");
                int after = 0;
                std::istringstream words{order};
                for (std::string who; words >> who;)
                    if (who == "knew") {
                        after += knew.asks("k.org", 12);
                    } else if (who == "new") {
                        after += fresh.asks("k.org", 12);
                    } else {
                        one_process late{dsn};
                        after += late.asks("k.org", 12);
                    }
                CHECK(after == 0);
            }
}

TEST_CASE(
    "redis: keys that warm up go on behind their shortest window, and the loss is an event that names what and why") {
    WEIR_NEEDS_REDIS();
    struct heard {
        std::shared_ptr<std::vector<std::string>> all = std::make_shared<std::vector<std::string>>();
        void on_event(const weir::event& e) const {
            if (e.type == weir::event_type::history_lost || e.type == weir::event_type::store_warning)
                all->push_back(std::string{to_string(e.type)} + " " + std::string{e.text});
        }
    };
    weir_test::redis_server server;
    heard observer;
    weir::registry limits{redis_store{weir::redis::parse_redis_dsn(server.unix_dsn()).value()},
                          weir::configuration::builder{}
                              .defaults("metadata", weir_test::rates({{10, 300ms}, {1'000, 1h}}))
                              .build()
                              .value(),
                          observer};
    limits.acquire("h.org", "metadata").arrived();
    CHECK(observer.all->empty());
    REQUIRE(server.say({"FLUSHALL"}) == "OK");
    const auto began = std::chrono::steady_clock::now();
    limits.acquire("new.org", "metadata").arrived();
    CHECK(std::chrono::steady_clock::now() - began > 250ms);
    CHECK(std::chrono::steady_clock::now() - began < 2s);
    REQUIRE(observer.all->size() == 1);
    INFO(observer.all->front());
    CHECK(observer.all->front().starts_with("history_lost redis: " + server.socket()));
    CHECK(observer.all->front().find("the data was deleted") != std::string::npos);
}

TEST_CASE("redis: the server is restarted without its data: processes that are connected warm up, and those that start "
          "then") {
    WEIR_NEEDS_REDIS();
    for (const bool knew_first : {true, false}) {
        weir_test::redis_server server;
        one_process knew{server.unix_dsn()}, fresh{server.unix_dsn()};
        open_all(fresh);
        CHECK(knew.asks("k.org", 12) == 10);
        server.kill();
        server.start();
        CHECK((knew_first ? knew : fresh).asks("k.org", 12) == 0);
        one_process late{server.unix_dsn()};
        CHECK(late.asks("k.org", 12) == 0);
        CHECK((knew_first ? fresh : knew).asks("k.org", 12) == 0);
        std::this_thread::sleep_for(window_length);
        CHECK(late.asks("k.org", 12) == 10);
    }
}

TEST_CASE("redis: the server is restarted from an old snapshot: no process gets the units that the snapshot lacks") {
    WEIR_NEEDS_REDIS();
    for (const std::string first : {"knew", "late", "new"}) {
        INFO(first);
        weir_test::redis_server server{{"--save", "3600", "1"}};
        one_process knew{server.unix_dsn()}, both{server.unix_dsn()};
        CHECK(both.asks("k.org", 1) == 1);
        REQUIRE(server.say({"SAVE"}) == "OK");
        CHECK(knew.asks("k.org", 12) == 9);
        server.kill();
        server.start();
        one_process late{server.unix_dsn()};
        int after = 0;
        for (one_process* p : first == "knew"   ? std::vector{&both, &late, &knew}
                              : first == "late" ? std::vector{&late, &both, &knew}
                                                : std::vector{&knew, &late, &both})
            after += p->asks("k.org", 12);
        CHECK(after == 0);
        std::this_thread::sleep_for(window_length);
        CHECK(late.asks("k.org", 12) == 10);
    }
}

TEST_CASE("redis: a server with an append-only file is restarted: nothing is lost, and no key warms up") {
    WEIR_NEEDS_REDIS();
    for (const std::string fsync : {"always", "everysec", "no"}) {
        weir_test::redis_server server{{"--appendonly", "yes", "--appendfsync", fsync}};
        one_process knew{server.unix_dsn()};
        CHECK(knew.asks("k.org", 4) == 4);
        server.kill();
        server.start();
        one_process late{server.unix_dsn()};
        CHECK(late.asks("k.org", 12) == 6);
        CHECK(late.asks("other.org", 1) == 1);
        CHECK(knew.asks("another.org", 1) == 1);
        CHECK(knew.store().losses() == 0);
        CHECK(late.store().losses() == 0);
    }
}

TEST_CASE("redis: a replica that lags takes over: no process gets the units that had not arrived there") {
    WEIR_NEEDS_REDIS();
    for (const bool late_first : {true, false}) {
        weir_test::redis_server primary;
        weir_test::redis_server replica{{"--replicaof", "127.0.0.1", std::to_string(primary.port())}};
        const std::string name = primary.folder() + "/name";
        std::filesystem::create_symlink(primary.socket(), name);
        for (int i = 0; i < 200 && replica.say({"INFO", "replication"}).find("link_status:up") == std::string::npos;
             ++i)
            std::this_thread::sleep_for(20ms);
        one_process knew{"redis+unix://" + name};
        CHECK(knew.asks("k.org", 1) == 1);
        for (int i = 0; i < 200 && replica.number({"EXISTS", "weir:1:{k.org|metadata}"}) == 0; ++i)
            std::this_thread::sleep_for(10ms);
        std::this_thread::sleep_for(50ms);
        REQUIRE(replica.say({"REPLICAOF", "NO", "ONE"}) == "OK");  // from now on it gets no writes
        CHECK(knew.asks("k.org", 12) == 9);
        primary.kill();
        std::filesystem::remove(name);
        std::filesystem::create_symlink(replica.socket(), name);
        one_process late{"redis+unix://" + name};
        CHECK((late_first ? late : knew).asks("k.org", 12) == 0);
        CHECK((late_first ? knew : late).asks("k.org", 12) == 0);
    }
}

TEST_CASE("redis: keys are evicted: every key that may be one of them warms up, for every process") {
    WEIR_NEEDS_REDIS();
    for (const std::string policy : {"allkeys-lru", "volatile-lru", "allkeys-random"}) {
        INFO(policy);
        weir_test::redis_server server;
        REQUIRE(server.say({"CONFIG", "SET", "maxmemory-policy", policy}) == "OK");
        one_process knew{server.unix_dsn()}, fresh{server.unix_dsn()};
        open_all(fresh);
        CHECK(knew.asks("k.org", 12) == 10);
        const auto used = server.say({"INFO", "memory"});
        REQUIRE(server.say({"CONFIG", "SET", "maxmemory", "3mb"}) == "OK");
        for (int i = 0; i < 20'000 && server.number({"EXISTS", "weir:1:{k.org|metadata}"}) == 1; ++i)
            REQUIRE(server.say({"SET", "fill" + std::to_string(i), std::string(2'000, 'x'), "EX", "100"}) == "OK");
        REQUIRE(server.number({"EXISTS", "weir:1:{k.org|metadata}"}) == 0);
        REQUIRE(server.say({"CONFIG", "SET", "maxmemory", "0"}) == "OK");
        one_process late{server.unix_dsn()};
        CHECK(fresh.asks("k.org", 12) == 0);
        CHECK(late.asks("k.org", 12) == 0);
        CHECK(knew.asks("k.org", 12) == 0);
        // A process reports it when it connects.
        auto notice = late.store().take_notice();
        REQUIRE(notice.has_value());
        CHECK(notice->type == weir::store_notice::kind::warning);
        CHECK(notice->text.find("maxmemory-policy") != std::string::npos);
        CHECK(notice->text.find(policy) != std::string::npos);
    }
}

TEST_CASE("redis: a server that was never used has lost nothing, and a foreign epoch is replaced") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    one_process first{server.unix_dsn()};
    CHECK(first.asks("k.org", 12) == 10);
    CHECK_FALSE(first.store().take_notice().has_value());
    one_process second{server.unix_dsn() + "?prefix=other"};
    CHECK(second.asks("k.org", 12) == 10);
    weir_test::redis_server emptied;
    REQUIRE(emptied.say({"FLUSHALL"}) == "OK");
    one_process third{emptied.unix_dsn()};
    CHECK(third.asks("k.org", 12) == 10);
    for (const std::vector<std::string>& how :
         {std::vector<std::string>{"SET", "weir:epoch", "another program's"}, {"DEL", "weir:epoch"}}) {
        REQUIRE_FALSE(server.say(how).empty());
        one_process late{server.unix_dsn() + "?on_lost_history=ignore"};
        CHECK(late.asks("late" + how[0] + ".org", 12) == 10);
    }
    REQUIRE_FALSE(server.say({"DEL", "weir:epoch"}).empty());
    REQUIRE(server.number({"RPUSH", "weir:epoch", "x"}) == 1);
    one_process last{server.unix_dsn() + "?on_lost_history=ignore"};
    CHECK(last.asks("last.org", 12) == 10);
}
