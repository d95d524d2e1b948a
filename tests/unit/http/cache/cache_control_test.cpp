// SPDX-License-Identifier: MIT
#include "weir/http/cache/cache_control.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using weir::http::parse_cache_control;

TEST_CASE("the directives of Cache-Control are read") {
    const auto said = parse_cache_control(
        {{"cache-control", "no-store , Must-Revalidate,must-understand, public, private"},
         {"Cache-Control",
          "max-age=5, max-stale=6, min-fresh=7, stale-while-revalidate=8, stale-if-error=9, only-if-cached"}});
    CHECK(said.no_store);
    CHECK(said.must_revalidate);
    CHECK(said.must_understand);
    CHECK(said.is_public);
    CHECK(said.is_private);
    CHECK(said.only_if_cached);
    CHECK(said.max_age == 5s);
    CHECK(said.max_stale == 6s);
    CHECK(said.min_fresh == 7s);
    CHECK(said.stale_while_revalidate == 8s);
    CHECK(said.stale_if_error == 9s);
    CHECK_FALSE(said.any_staleness);
    CHECK_FALSE(said.no_cache);
}

TEST_CASE("a message without Cache-Control says nothing") {
    const auto said = parse_cache_control({{"Pragma", "no-cache"}});
    CHECK_FALSE(said.no_cache);
    CHECK_FALSE(said.max_age);
}

TEST_CASE("directives that are malformed never make a response live longer") {
    struct malformed {
        std::string text;
        std::optional<std::chrono::seconds> max_age;
    };
    for (const malformed& one :
         {malformed{"max-age", 0s}, malformed{"max-age=", 0s}, malformed{"max-age=\"5", 0s},
          malformed{"max-age =5", 0s}, malformed{"max-age= 5", 0s}, malformed{"max-age=5s", 0s},
          malformed{"max-age=5 6", 0s}, malformed{"x-max-age=5", std::nullopt}, malformed{"max-age=5, max-age=9", 5s},
          malformed{",, max-age=5 ,", 5s}, malformed{"a=\"x, max-age=9\\\", \", max-age=5", 5s},
          malformed{"max-age=99999999999999999999", 2147483648s}}) {
        INFO(one.text);
        CHECK(parse_cache_control({{"Cache-Control", one.text}}).max_age == one.max_age);
    }
}

TEST_CASE("no-cache of fields is another thing than no-cache") {
    const auto said = parse_cache_control({{"Cache-Control", "no-cache=\"Set-Cookie, X-A\""}});
    CHECK_FALSE(said.no_cache);
    CHECK(said.no_cache_fields == std::vector<std::string>{"set-cookie", "x-a"});
    CHECK(parse_cache_control({{"Cache-Control", "no-cache=\"\""}}).no_cache);
}

TEST_CASE("max-stale without a value takes any staleness") {
    CHECK(parse_cache_control({{"Cache-Control", "max-stale"}}).any_staleness);
    CHECK(parse_cache_control({{"Cache-Control", "max-stale=x"}}).max_stale == 0s);
}
