// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"

#include "integration/redis/support/server.hpp"
#include "support/catch.hpp"
#include "support/store_checks.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

// The messages for a server whose settings do not fit this store: each names the cause.

namespace {

using namespace std::chrono_literals;
using weir::redis::redis_store;

std::string said_by(const std::string& dsn) {
    redis_store store{weir::redis::parse_redis_dsn(dsn).value()};
    return weir_test::trouble_of(store);
}
bool has(const std::string& sentence, const std::string& what) { return sentence.find(what) != std::string::npos; }

}  // namespace

TEST_CASE("redis: the message names a password that is missing, wrong or not needed") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    const std::string port = std::to_string(server.port());
    const std::string extra = said_by("redis://:hunter2@127.0.0.1:" + port);
    INFO(extra);
    CHECK(has(extra, "leave it out"));
    REQUIRE(server.say({"CONFIG", "SET", "requirepass", "secret"}) == "OK");
    const std::string missing = said_by(server.tcp());
    INFO(missing);
    CHECK(has(missing, "NOAUTH"));
    CHECK(has(missing, "it asks for a password"));
    const std::string wrong = said_by("redis://:hunter2@127.0.0.1:" + port);
    CHECK(has(wrong, "check user and password"));
    CHECK_FALSE(has(wrong, "hunter2"));
}

TEST_CASE("redis: the message names a connection limit of the server, and renamed commands") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    REQUIRE(server.say({"CONFIG", "SET", "maxclients", "1"}) == "OK");
    const std::string full = said_by(server.tcp());
    INFO(full);
    CHECK(has(full, "maxclients"));
    for (const std::string command : {"EVALSHA", "SCRIPT", "TIME", "APPEND"}) {
        weir_test::redis_server renamed{{"--rename-command", command, "other"}};
        const std::string said = said_by(renamed.tcp());
        INFO(command << ": " << said);
        if (command != "APPEND" && command != "TIME")
            CHECK(has(said, "renamed"));
    }
}

TEST_CASE("redis: a Sentinel keeps no keys, and the message names it") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server primary;
    const auto port = weir_test::redis_server::free_port();
    {
        std::ofstream file{primary.folder() + "/sentinel.conf"};
        file << "port " << port << "\nbind 127.0.0.1\ndir " << primary.folder() << "\nsentinel monitor one 127.0.0.1 "
             << primary.port() << " 1\n";
    }
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const std::string program = weir_test::redis_server::program();
        const std::string file = primary.folder() + "/sentinel.conf";
        static_cast<void>(!std::freopen("/dev/null", "w", stdout));
        ::execl(program.c_str(), program.c_str(), file.c_str(), "--sentinel", nullptr);
        ::_exit(127);
    }
    std::string said;
    for (int i = 0; i < 100; ++i) {
        said = said_by("redis://127.0.0.1:" + std::to_string(port));
        if (!has(said, "is the server running"))
            break;
        std::this_thread::sleep_for(50ms);
    }
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    INFO(said);
    CHECK(has(said, "Sentinel"));
    CHECK(has(said, "name the primary"));
}

TEST_CASE("redis: the message names each missing right, also those that the scripts use") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    const std::vector<std::string> commands{"evalsha", "script|load", "append", "set",   "get",  "del",
                                            "time",    "pexpire",     "lindex", "lpush", "lpop", "rpop"};
    for (const std::string& missing : commands) {
        std::vector<std::string> rule{"ACL", "SETUSER", "limiter", "reset", "on", ">pw", "~weir:*", "-@all", "+info"};
        for (const std::string& command : commands)
            if (command != missing)
                rule.push_back("+" + command);
        REQUIRE(server.say(rule) == "OK");
        REQUIRE(server.say({"FLUSHALL"}) == "OK");
        redis_store store{weir::redis::parse_redis_dsn("redis://limiter:pw@127.0.0.1:" + std::to_string(server.port()) +
                                                       "?on_lost_history=ignore")
                              .value()};
        auto slot = store.make_slot("h.org", "metadata");
        const auto plan = weir::plan_windows(weir_test::rates({{40, 1ms}, {200, 1h}}));
        std::string said;
        std::string noticed;
        try {
            for (int i = 0; i < 250; ++i) {
                weir::entry e;
                static_cast<void>(store.admit(slot, plan, 1, store.now(), e));
                store.settle(slot, plan, e, i > 150 ? weir::settlement::refunded : weir::settlement::released,
                             store.now());
                if (i == 100)
                    static_cast<void>(store.count(slot, plan, 20, store.now()));
            }
            store.flush();
            store.erase(slot);
        } catch (const weir::store_error& e) {
            said = e.what();
        }
        while (auto notice = store.take_notice())
            noticed += notice->text;
        std::string name = missing;
        for (char& c : name)
            c = c == '|' ? ' ' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        INFO(missing << ": " << said << " / " << noticed);
        if ((missing != "rpop" && missing != "lpop") || !said.empty())  // only some histories need these two
            CHECK((has(said, "the command " + name) || has(noticed, "the command " + name)));
    }
}
