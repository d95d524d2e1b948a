// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"

#include "integration/redis/support/server.hpp"
#include "support/catch.hpp"
#include "support/load.hpp"
#include "support/store_checks.hpp"

#include "weir/config/configuration.hpp"
#include "weir/registry/registry.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir::redis::redis_store;
using weir_test::load;
using weir_test::rates;
using weir_test::trouble_of;

redis_store a_store(const std::string& dsn) { return redis_store{weir::redis::parse_redis_dsn(dsn).value()}; }

/// The same server under load, by two stores.
template <class Fault>
load loaded(const std::string& dsn, const weir::policy& p, Fault&& fault, weir::duration after = 1500ms) {
    return {[&] { return a_store(dsn); }, p, fault, after};
}

}  // namespace

TEST_CASE("redis: without a server there is an error at once with its address, and no storm of attempts") {
    auto store = a_store("redis://someone:hunter2@127.0.0.1:1/3");
    const auto began = std::chrono::steady_clock::now();
    std::string first = trouble_of(store);
    for (int i = 0; i < 2'000; ++i)
        CHECK_FALSE(trouble_of(store).empty());
    CHECK(std::chrono::steady_clock::now() - began < 2s);
    CHECK(first.find("127.0.0.1:1") != std::string::npos);
    CHECK(first.find("hunter2") == std::string::npos);
    CHECK(trouble_of(store).find("next attempt is in") != std::string::npos);
}

TEST_CASE("redis: a registry without its server denies with the cause, and goes on when the server is there") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    server.kill();
    weir::registry limits{a_store(server.tcp()),
                          weir::configuration::builder{}.defaults("metadata", rates({{10, 1s}})).build().value()};
    const auto no = limits.try_acquire("h.org", "metadata");
    REQUIRE_FALSE(no);
    CHECK(no.decision().cause == weir::cause::store);
    server.start();
    const auto began = std::chrono::steady_clock::now();
    limits.acquire("h.org", "metadata").arrived();
    CHECK(std::chrono::steady_clock::now() - began < 1s);
}

TEST_CASE("redis: without its server a process goes on at its share, reports it, and comes back within a second") {
    WEIR_NEEDS_REDIS();
    struct heard {
        std::shared_ptr<std::atomic<int>> failures = std::make_shared<std::atomic<int>>(0);
        void on_event(const weir::event& e) const { *failures += e.type == weir::event_type::store; }
    };
    weir_test::redis_server server;
    weir::policy p = rates({{40, 1s}});
    p.on_store_error = weir::store_failure::local;
    p.local_share = 10;
    heard observer;
    weir::registry limits{a_store(server.tcp() + "?on_lost_history=ignore"),
                          weir::configuration::builder{}.defaults("metadata", p).build().value(), observer};
    limits.acquire("h.org", "metadata").arrived();
    server.kill();
    const auto asked = [&] { return limits.try_acquire("h.org", "metadata"); };
    CHECK_FALSE(asked());  // what others admitted before it died may still count, for one window
    std::this_thread::sleep_for(1100ms);
    int alone = 0, denied = 0;
    for (int i = 0; i < 20; ++i) {
        if (auto got = asked()) {
            ++alone;
            std::move(got).take().arrived();
        } else {
            CHECK(got.decision().cause == weir::cause::store);
            ++denied;
        }
    }
    CHECK(alone == 4);
    CHECK(denied == 16);
    CHECK(*observer.failures >= 20);
    server.start();
    const auto began = std::chrono::steady_clock::now();
    limits.acquire("h.org", "metadata").arrived();  // more than the share
    CHECK(std::chrono::steady_clock::now() - began < 1s);
}

TEST_CASE("redis: the server loses its scripts under load, and no caller notices") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    auto l = loaded(
        server.tcp(), rates({{200, 100ms}}),
        [&] {
            for (int i = 0; i < 50; ++i) {
                CHECK(server.say({"SCRIPT", "FLUSH"}) == "OK");
                std::this_thread::sleep_for(10ms);
            }
        },
        100ms);
    l.tell("scripts flushed 50 times");
    CHECK(l.refused == 0);
    CHECK(l.losses == 0);
    CHECK(l.open_at_end == 0);
    CHECK(l.longest_gap < 400 * load::ms);
    CHECK(l.seen.windows_over(200, 100 * load::ms) == 0);
}

TEST_CASE("redis: connections are reset under load: no window over, and nothing stays open") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    std::int64_t killed = 0;
    auto l = loaded(
        server.tcp(), rates({{100, 100ms}}),
        [&] {
            for (int i = 0; i < 150; ++i) {
                killed += server.number({"CLIENT", "KILL", "TYPE", "normal"});
                std::this_thread::sleep_for(10ms);
            }
        },
        700ms);
    l.tell(std::to_string(killed) + " connections reset");
    CHECK(killed > 15);
    CHECK(l.open_at_end == 0);
    CHECK(l.first_after < 1'000 * load::ms);
    CHECK(l.seen.windows_over(100, 100 * load::ms) == 0);
}

TEST_CASE("redis: the server is paused or stopped for more than a reply may take: no window over, back at once") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    auto paused = loaded(server.tcp(), rates({{100, 100ms}, {700, 1s}}), [&] {
        const auto pause = weir_test::pause_of(1s);
        CHECK(server.say({"CLIENT", "PAUSE", std::to_string(pause.count())}) == "OK");
        std::this_thread::sleep_for(pause);
    });
    paused.tell("CLIENT PAUSE");
    CHECK(paused.first_after < 1'000 * load::ms);
    CHECK(paused.open_at_end == 0);
    CHECK(paused.seen.windows_over(100, 100 * load::ms) == 0);
    CHECK(paused.seen.windows_over(700, 1'000 * load::ms) == 0);

    auto stopped = loaded(server.tcp(), rates({{100, 100ms}, {700, 1s}}), [&] {
        server.freeze();
        std::this_thread::sleep_for(weir_test::pause_of(1500ms));
        server.thaw();
    });
    stopped.tell("SIGSTOP");
    CHECK(stopped.first_after < 1'000 * load::ms);
    CHECK(stopped.open_at_end == 0);
    CHECK(stopped.seen.windows_over(100, 100 * load::ms) == 0);
    CHECK(stopped.seen.windows_over(700, 1'000 * load::ms) == 0);
}

TEST_CASE("redis: the server is killed under load and comes back with its data: no window over") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server{{"--appendonly", "yes", "--appendfsync", "always"}};
    auto l = loaded(server.tcp(), rates({{50, 100ms}, {400, 2s}}), [&] {
        server.kill();
        std::this_thread::sleep_for(200ms);
        server.start();
    });
    l.tell("killed, restarted with data");
    CHECK(l.losses == 0);
    CHECK(l.open_at_end == 0);
    CHECK(l.seen.windows_over(50, 100 * load::ms) == 0);
    CHECK(l.seen.windows_over(400, 2'000 * load::ms) == 0);
}

TEST_CASE("redis: the server is killed under load and comes back empty: the shortest window is not over") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    auto l = loaded(server.tcp(), rates({{50, 200ms}, {100'000, 1h}}), [&] {
        server.kill();
        server.start();
    });
    l.tell("killed, restarted without data");
    CHECK(l.losses >= 2);
    CHECK(l.open_at_end == 0);
    CHECK(l.first_after < 1'000 * load::ms);
    CHECK(l.seen.windows_over(50, 200 * load::ms) == 0);
}

TEST_CASE("redis: all data is deleted under load: it is detected, and the shortest window is not over") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    auto l =
        loaded(server.tcp(), rates({{50, 200ms}, {100'000, 1h}}), [&] { CHECK(server.say({"FLUSHALL"}) == "OK"); });
    l.tell("FLUSHALL");
    CHECK(l.losses >= 1);
    CHECK(l.open_at_end == 0);
    for (const std::string& key : server.keys())
        CHECK(server.number({"PTTL", key}) > 0);
}

TEST_CASE("redis: a lost admission is taken back, and costs nothing but time") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    auto options = weir::redis::parse_redis_dsn(server.tcp()).value();
    options.command_timeout = 50ms;
    redis_store store{options};
    weir_test::check_taken_back(store, server, 50ms);
}

TEST_CASE("redis: all connections are in use: an error within the time that was set") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    auto store = a_store(server.tcp() + "?pool=1&pool_wait_ms=50&command_timeout_ms=1000");
    weir_test::check_in_use(store, server, "raise pool");
}

TEST_CASE("redis: an ACL user with the commands that are documented, and no other, can do everything") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    const std::vector<std::string> rule{"ACL",     "SETUSER", "limiter",  "on",           ">p@ss:w%rd", "resetkeys",
                                        "~weir:*", "-@all",   "+evalsha", "+script|load", "+append",    "+set",
                                        "+get",    "+del",    "+time",    "+pexpire",     "+lindex",    "+lpush",
                                        "+lpop",   "+rpop",   "+info"};
    REQUIRE(server.say(rule) == "OK");
    auto store = a_store("redis://limiter:p%40ss%3Aw%25rd@127.0.0.1:" + std::to_string(server.port()));
    auto slot = store.make_slot("h.org", "metadata");
    const auto plan = weir::plan_windows(rates({{200, 1h}}));
    for (int i = 0; i < 150; ++i) {
        weir::entry e;
        REQUIRE(store.admit(slot, plan, 1, store.now(), e).admits());
        store.settle(slot, plan, e, i % 10 == 0 ? weir::settlement::refunded : weir::settlement::released, store.now());
    }
    CHECK(store.hold(slot, store.now() + 10ms));
    store.tune(slot, weir::multiplier::of(0.5));
    CHECK(store.learn(slot, [](weir::tuner_state s) { return ++s.answers, s; }).answers == 1);
    store.flush();
    CHECK(store.read(slot, plan, store.now()).windows.at(0).used == 135);
    store.erase(slot);

    auto wrong = a_store("redis://limiter:hunter2@127.0.0.1:" + std::to_string(server.port()));
    const std::string said = trouble_of(wrong);
    CHECK(said.find("sign in") != std::string::npos);
    CHECK(said.find("hunter2") == std::string::npos);

    REQUIRE(server.say({"ACL", "SETUSER", "limiter", "-evalsha"}) == "OK");
    CHECK(trouble_of(store).find("lacks a command") != std::string::npos);
    REQUIRE(server.say({"ACL", "SETUSER", "limiter", "+evalsha", "resetkeys", "~other:*"}) == "OK");
    CHECK(trouble_of(store).find("the keys") != std::string::npos);
    REQUIRE(server.say({"CONFIG", "SET", "requirepass", "hunter2"}) == "OK");
    auto plain = a_store("redis://:hunter2@127.0.0.1:" + std::to_string(server.port()));
    CHECK(trouble_of(plain).empty());
}

TEST_CASE("redis: a read-only replica is an error with that reason") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server primary;
    weir_test::redis_server replica{{"--replicaof", "127.0.0.1", std::to_string(primary.port())}};
    for (int i = 0; i < 200 && replica.say({"INFO", "replication"}).find("link_status:up") == std::string::npos; ++i)
        std::this_thread::sleep_for(20ms);
    auto store = a_store(replica.tcp());
    CHECK(trouble_of(store).find("read-only replica; name the primary") != std::string::npos);
}

TEST_CASE("redis: TLS that the program was built without is an error when the store is made") {
    if (weir::redis::detail::has_tls)
        WEIR_SKIP("this program has TLS");
    CHECK_THROWS_AS(a_store("rediss://127.0.0.1:6379"), weir::exception);
}

TEST_CASE("redis: TLS works, only to the server that the certificate names") {
    WEIR_NEEDS_REDIS();
    if (!weir::redis::detail::has_tls)
        WEIR_SKIP("this program was built without OpenSSL");
    if (std::system("openssl version >/dev/null 2>&1") != 0)
        WEIR_SKIP("there is no openssl command");
    std::string folder = (std::filesystem::temp_directory_path() / "weir-tls-XXXXXX").string();
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    const auto certificate = [&](const std::string& name, const std::string& names) {
        return std::system(
            ("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=weir -addext subjectAltName=" + names +
             " -keyout " + folder + "/" + name + ".key -out " + folder + "/" + name + ".crt >/dev/null 2>&1")
                .c_str());
    };
    REQUIRE(certificate("right", "IP:127.0.0.1,DNS:localhost") == 0);
    REQUIRE(certificate("other", "DNS:elsewhere.example.org") == 0);
    for (const std::string name : {"right", "other"}) {
        const std::string files = folder + "/" + name;
        const auto port = weir_test::redis_server::free_port();
        weir_test::redis_server server{{"--tls-port", std::to_string(port), "--tls-cert-file", files + ".crt",
                                        "--tls-key-file", files + ".key", "--tls-auth-clients", "no"}};
        for (const std::string host : {"127.0.0.1", "localhost"}) {
            auto store = a_store("rediss://" + host + ":" + std::to_string(port) + "?ca_file=" + files + ".crt");
            const std::string said = trouble_of(store);
            INFO(host << ", certificate " << name << ": " << said);
            CHECK(said.empty() == (name == "right"));
            CHECK((name == "right" || said.find("does it name this host") != std::string::npos));
            if (name == "other")
                continue;
            auto slot = store.make_slot("h.org", "metadata");
            const auto plan = weir::plan_windows(rates({{100'000, 1h}}));
            for (int i = 0; i < 500; ++i) {
                weir::entry e;
                REQUIRE(store.admit(slot, plan, 1, store.now(), e).admits());
                store.settle(slot, plan, e, weir::settlement::released, store.now());
            }
            store.flush();
            CHECK(store.read(slot, plan, store.now()).open == 1);
            // The server goes away in the middle, which must kill nobody.
            CHECK(server.number({"CLIENT", "KILL", "TYPE", "normal"}) >= 1);
            static_cast<void>(trouble_of(store));
            CHECK(trouble_of(store).empty());
        }
        auto stranger = a_store("rediss://127.0.0.1:" + std::to_string(port));
        CHECK(trouble_of(stranger).find("cannot begin TLS") != std::string::npos);
    }
    std::filesystem::remove_all(folder);
}
