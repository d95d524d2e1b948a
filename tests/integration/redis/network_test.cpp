// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"

#include "integration/redis/support/server.hpp"
#include "support/network_faults.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>

namespace {

using weir_test::slow_link;

weir::redis::redis_store store_behind(std::uint16_t port, std::chrono::milliseconds limit) {
    return weir::redis::redis_store{
        weir::redis::parse_redis_dsn(fmt::format("redis://127.0.0.1:{}?connect_timeout_ms={}&"
                                                 "command_timeout_ms={}",
                                                 port, limit.count(), limit.count()))
            .value()};
}

}  // namespace

TEST_CASE("redis: the server is 200 ms away and packets are lost: no window over, nothing stays open") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    slow_link link{server.port(), {}, weir_test::seed_for("redis far and lossy")};
    weir_test::far_and_lossy("redis", link, store_behind);
}

TEST_CASE("redis: connections are reset in the middle of replies: no window over, nothing stays open") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    slow_link link{server.port(), {}, weir_test::seed_for("redis cut")};
    weir_test::cut_mid_reply("redis", link, store_behind);
}

TEST_CASE("redis: nothing comes through for a while: no window over, nothing stays open, back within a second") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    slow_link link{server.port(), {}, weir_test::seed_for("redis black hole")};
    weir_test::black_hole("redis", link, store_behind);
}

TEST_CASE("redis: an admission whose reply was not awaited is taken back, whatever became of it") {
    WEIR_NEEDS_REDIS();
    weir_test::redis_server server;
    slow_link link{server.port(), {}, weir_test::seed_for("redis given up")};
    weir_test::given_up(link, store_behind);
}
