// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"

#include "integration/redis/support/server.hpp"
#include "support/catch.hpp"
#include "support/holder_checks.hpp"

#include <chrono>
#include <string>

namespace {

using namespace std::chrono_literals;

auto redis_holders(const weir_test::redis_server& server) {
    return [&server](const std::string& host) {
        auto options = weir::redis::parse_redis_dsn(server.unix_dsn()).value();
        options.holder_ttl = 600ms;
        options.holder_host = host;
        return weir::redis::redis_store{options};
    };
}

}  // namespace

TEST_CASE("redis: what a killed process of this machine held comes back one window after its death") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    weir_test::check_death(redis_holders(server));
}

TEST_CASE("redis: a silent process of another machine is dead after its time to live, and a denial says when") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    weir_test::check_silent_holder(redis_holders(server));
}

TEST_CASE("redis: a stopped process of this machine keeps what it has") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    weir_test::check_living_holder(redis_holders(server));
}

TEST_CASE("redis: a list of holders that is gone, or is another program's value, is made again") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    auto store = redis_holders(server)("");
    CHECK(store.holders().size() == 1);
    static_cast<void>(server.say({"DEL", "weir:holders"}));
    CHECK(store.holders().empty());
    for (const std::string& foreign : {std::string{"x"}, std::string(3000, '\xff'), std::string{"wh\1\n\x44\0\1", 7}}) {
        static_cast<void>(server.say({"SET", "weir:holders", foreign}));
        std::this_thread::sleep_for(250ms);
        store.renew();
        CHECK(store.holders().size() == 1);
        CHECK(store.alive() == 1);
    }
    static_cast<void>(server.say({"DEL", "weir:holders"}));
    static_cast<void>(server.say({"LPUSH", "weir:holders", "a"}));
    std::this_thread::sleep_for(250ms);
    store.renew();
    CHECK(store.holders().size() == 1);
    CHECK(server.number({"PTTL", "weir:holders"}) > 0);
}
