// SPDX-License-Identifier: MIT
#include "weir/ext/redis/options.hpp"

#include "support/catch.hpp"
#include "support/seed.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir::lost_history;
using weir::redis::parse_redis_dsn;
using weir::redis::redis_options;

redis_options parsed(std::string_view dsn) {
    auto out = parse_redis_dsn(dsn);
    INFO(dsn);
    REQUIRE(out.has_value());
    return out.value();
}
std::string refused(std::string_view dsn) {
    const auto out = parse_redis_dsn(dsn);
    INFO(dsn);
    REQUIRE_FALSE(out.has_value());
    CHECK(out.error().code == weir::errc::bad_configuration);
    return out.error().message;
}
bool says(const std::string& sentence, std::string_view what) { return sentence.find(what) != std::string::npos; }

}  // namespace

TEST_CASE("redis dsn: host, port and database, with defaults for missing parts") {
    const auto plain = parsed("redis://cache.example.org");
    CHECK(plain.host == "cache.example.org");
    CHECK(plain.port == 6379);
    CHECK(plain.db == 0);
    CHECK_FALSE(plain.tls);
    CHECK(plain.user.empty());
    CHECK(plain.password.empty());
    CHECK(plain.unix_socket.empty());
    CHECK(plain.prefix == "weir");
    const auto whole = parsed("REDIS://10.0.0.1:7000/3");
    CHECK(whole.host == "10.0.0.1");
    CHECK(whole.port == 7000);
    CHECK(whole.db == 3);
    CHECK(parsed("redis://h/").db == 0);
    CHECK(parsed("redis://[::1]:7000").host == "::1");
    CHECK(parsed("redis://[::1]:7000").port == 7000);
    CHECK(parsed("redis://[fe80::1]").port == 6379);
}

TEST_CASE("redis dsn: user and password, encoded or not") {
    CHECK(parsed("redis://u:p@h").user == "u");
    CHECK(parsed("redis://u:p@h").password == "p");
    CHECK(parsed("redis://:p@h").user.empty());
    CHECK(parsed("redis://:p@h").password == "p");
    CHECK(parsed("redis://u:p%40s%3as%2F%25@h/1").password == "p@s:s/%");
    CHECK(parsed("redis://u:p@ss@h").password == "p@ss");
    CHECK(parsed("redis://u:a:b@h").password == "a:b");
    CHECK(says(refused("redis://u@h"), "user:password@"));
}

TEST_CASE("redis dsn: TLS and sockets") {
    CHECK(parsed("rediss://h").tls);
    const auto files = parsed("rediss://h?ca_file=%2Fetc%2Fca.pem&cert_file=c&key_file=k");
    CHECK(files.ca_file == "/etc/ca.pem");
    CHECK(files.cert_file == "c");
    CHECK(files.key_file == "k");
    const auto local = parsed("redis+unix:///run/redis/redis.sock?db=2");
    CHECK(local.unix_socket == "/run/redis/redis.sock");
    CHECK(local.db == 2);
    CHECK(parsed("redis+unix://u:p@/s").password == "p");
    CHECK(says(refused("redis+unix://relative/s"), "whole path"));
    CHECK(says(refused("redis+unix://"), "whole path"));
}

TEST_CASE("redis dsn: parameters in their units") {
    const auto o = parsed("redis://h?prefix=docs&pool=9&pool_wait_ms=0&connect_timeout_ms=1&command_timeout_ms=2"
                          "&reconnect_first_ms=3&reconnect_max_ms=4&entry_ttl_s=5&on_lost_history=ignore");
    CHECK(o.prefix == "docs");
    CHECK(o.pool == 9);
    CHECK(o.pool_wait == 0ms);
    CHECK(o.connect_timeout == 1ms);
    CHECK(o.command_timeout == 2ms);
    CHECK(o.reconnect_first == 3ms);
    CHECK(o.reconnect_max == 4ms);
    CHECK(o.entry_ttl == 5s);
    CHECK(o.on_lost_history == lost_history::ignore);
    CHECK(parsed("redis://h?on_lost_history=warm_up").on_lost_history == lost_history::warm_up);
}

TEST_CASE("redis dsn: several addresses, a Cluster and Sentinels") {
    using weir::redis::redis_layout;
    using weir::redis::server_address;
    const auto several = parsed("redis://u:p,@a,b:7001,[::1]:7002/2");
    CHECK(several.addresses == std::vector<server_address>{{"a", 6379}, {"b", 7001}, {"::1", 7002}});
    CHECK(several.password == "p,");
    CHECK(several.db == 2);
    CHECK(several.layout == redis_layout::detect);
    CHECK(parsed("redis://a").addresses.empty());
    const auto cluster = parsed("rediss+cluster://:p@a:7000,b?pool=2");
    CHECK(cluster.layout == redis_layout::cluster);
    CHECK(cluster.tls);
    CHECK(cluster.addresses == std::vector<server_address>{{"a", 7000}, {"b", 6379}});
    const auto sentinel = parsed("redis+sentinel://u:p@a,b:7000/my-service/3?sentinel_user=s&sentinel_password=q%40");
    CHECK(sentinel.layout == redis_layout::sentinel);
    CHECK(sentinel.addresses == std::vector<server_address>{{"a", 26379}, {"b", 7000}});
    CHECK(sentinel.service == "my-service");
    CHECK(sentinel.db == 3);
    CHECK(sentinel.sentinel_user == "s");
    CHECK(sentinel.sentinel_password == "q@");
    CHECK(parsed("redis+sentinel://a/x").db == 0);

    CHECK(says(refused("redis://a,,b"), "one of the addresses has no host"));
    CHECK(says(refused("redis://a,b:0"), "1 to 65535"));
    CHECK(says(refused("redis://a:1,b,a:1"), "address 3 is named twice"));
    CHECK(says(refused("redis+sentinel://a"), "the name of the service"));
    CHECK(says(refused("redis+sentinel://a/"), "the name of the service"));
    CHECK(says(refused("redis+sentinel://a/x/y"), "no database number"));
    CHECK(says(refused("redis://a?sentinel_password=hunter2"), "without Sentinels"));
    CHECK(says(refused("redis+sentinel://a/x?sentinel_user=hunter2"), "without sentinel_password"));
    CHECK(says(refused("redis+clutser://a"), "redis+cluster"));
    CHECK(says(refused("rediss+unix:///s"), "no scheme of this store"));
    CHECK(says(refused("redis://:hunter2@a,:hunter2@b"), "once, before the first address"));
    for (const char* tail : {",", ":x,b", ",b:99999", ",a", "/1/2", "?sentinel_user=u"}) {
        CHECK_FALSE(says(refused(std::string{"redis+sentinel://u:hunter2@a"} + tail + "&sentinel_password=hunter2"),
                         "hunter2"));
    }
}

TEST_CASE("redis options: a password and a function for it contradict each other") {
    redis_options o;
    o.credentials = [] { return weir::redis::redis_credentials{"u", "p"}; };
    CHECK(weir::redis::fault_of(o).empty());
    o.password = "p";
    CHECK(says(weir::redis::fault_of(o), "leave one of them out"));
}

TEST_CASE("redis dsn: a fault says what to write instead") {
    CHECK(says(refused(""), "no scheme"));
    CHECK(says(refused("localhost:6379"), "no scheme"));
    CHECK(says(refused("http://h"), "no scheme of this store"));
    CHECK(says(refused("redis://a%00b"), "zero byte"));
    CHECK(says(refused("redis+unix:///a%00b"), "zero byte"));
    CHECK(says(refused("redis://"), "no host"));
    CHECK(says(refused("redis://h:0"), "1 to 65535"));
    CHECK(says(refused("redis://h:65536"), "1 to 65535"));
    CHECK(says(refused("redis://h:6379x"), "no port"));
    CHECK(says(refused("redis://h/one"), "no database number"));
    CHECK(says(refused("redis://h/-1"), "no database number"));
    CHECK(says(refused("redis://h?pool=0"), "1 to 1024"));
    CHECK(says(refused("redis://h?pool=1025"), "whole number in range"));
    CHECK(says(refused("redis://h?entry_ttl_s=0"), "entry_ttl_s"));
    CHECK(says(refused("redis://h?pool_wait_ms=-1"), "whole number"));
    CHECK(says(refused("redis://h?prefix="), "prefix"));
    CHECK(says(refused("redis://h?prefix=a{b}"), "brace"));
    CHECK(says(refused("redis://h?on_lost_history=pray"), "warm_up or ignore"));
    CHECK(says(refused("redis://h?comand_timeout_ms=1"), "did you mean command_timeout_ms?"));
    CHECK(says(refused("redis://h?reconnect_first_ms=9&reconnect_max_ms=1"), "reconnect_max_ms"));
    CHECK(says(refused("redis://u:%4@h"), "hexadecimal"));
    CHECK(says(refused("redis://u:%zz@h"), "hexadecimal"));
}

TEST_CASE("redis dsn: no fault repeats the password") {
    for (const char* tail :
         {"", ":0", "/x", "?pool=0", "?nonsense=1", "?prefix={", ":99999/3", "/1?entry_ttl_s=x", "%"}) {
        const auto out = parse_redis_dsn(std::string{"redis://someone:hunter2@"} + tail);
        if (!out.has_value())
            CHECK_FALSE(says(out.error().message, "hunter2"));
    }
    CHECK_FALSE(says(refused("redis://someone:hunter2%@h"), "hunter2"));
    for (const char* split : {"someone:hunter2/2@h", "someone:12/hunter2@h", "someone:12?hunter2@h",
                              "someone:hunter2?x=1@h", ":hunter2/@h", "h:6379&password=hunter2", "h/0&p=hunter2"})
        CHECK_FALSE(says(refused(std::string{"redis://"} + split), "hunter2"));
}

TEST_CASE("redis dsn: any bytes are read or refused, nothing else") {
    weir_test::dice dice{weir_test::seed_for("redis dsn")};
    const std::string letters = "redis+unxclt,:/@?&=%[].0123456789{}|\\'\"\n\xff";
    int good = 0;
    for (int i = 0; i < 20'000; ++i) {
        std::string dsn = dice.chance(80) ? "redis://" : "";
        for (auto n = dice.from(0, 30); n > 0; --n)
            dsn += letters[static_cast<std::size_t>(dice.from(0, static_cast<std::int64_t>(letters.size()) - 1))];
        const auto out = parse_redis_dsn(dsn);
        if (!out.has_value())
            continue;
        ++good;
        CHECK(weir::redis::fault_of(out.value()).empty());
    }
    CHECK(good > 0);
}
