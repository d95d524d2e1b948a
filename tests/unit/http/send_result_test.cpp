// SPDX-License-Identifier: MIT
#include "weir/http/send_result.hpp"

#include "support/catch.hpp"

#include "weir/http/limited.hpp"
#include "weir/http/transport.hpp"
#include "weir/registry/registry.hpp"
#include "weir/testing/manual_clock.hpp"

#include <chrono>
#include <functional>
#include <new>
#include <string_view>

using namespace std::chrono_literals;
using namespace weir::http;

namespace {

struct acting : collecting<acting> {
    using collecting<acting>::send;
    void send(const request&, receiver& to) { act(to); }
    std::function<void(receiver&)> act = [](receiver& to) {
        to.head(200, {});
        static_cast<void>(to.body("ok"));
    };
};

}  // namespace

TEST_CASE("try_send returns a response, or a failure that says whether it was sent") {
    acting http;
    auto good = http.try_send({.url = "http://a/"});
    REQUIRE(good);
    CHECK(good->body == "ok");
    CHECK((*good).status == 200);
    CHECK(good.value().status == 200);
    for (const bool sent : {false, true}) {
        http.act = [&](receiver&) { throw transport_error{transport_errc::lost, "GET", "http://a/", "", sent}; };
        auto lost = http.try_send({.url = "http://a/"});
        REQUIRE_FALSE(lost);
        CHECK(lost.error().code == transport_errc::lost);
        CHECK(lost.error().sent == sent);
        CHECK_FALSE(lost.error().retry_after);
        CHECK_THROWS_AS(lost.value(), transport_error);
    }
    http.act = [](receiver&) { throw std::bad_alloc{}; };
    CHECK_THROWS_AS(http.try_send({.url = "http://a/"}), std::bad_alloc);
}

TEST_CASE("a refusal and a URL without a budget are values too") {
    weir::policy p;
    p.rates = {{1, 1min}};
    p.max_delay = weir::duration::zero();
    weir::testing::manual_clock clock;
    weir::registry limits{weir::memory_store{clock},
                          weir::configuration::builder{}.defaults("metadata", p).build().value()};
    limited http(acting{}, limits);
    CHECK(http.try_send({.url = "http://a/"}));
    const auto refused = http.try_send({.url = "http://a/"});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == weir::errc::refused);
    CHECK(refused.error().retry_after == 1min);
    CHECK_FALSE(refused.error().sent);
    CHECK(http.try_send({.url = "nonsense"}).error().code == weir::errc::bad_url);
    CHECK(http.try_send({.url = "http://a/", .role = "none"}).error().code == weir::errc::unknown_role);
}

TEST_CASE("a deadline ends the wait for a permit, and a passed one asks for none") {
    weir::policy p;
    p.rates = {{1, 1h}};
    p.max_delay = 24h;
    weir::registry limits{weir::memory_store{}, weir::configuration::builder{}.defaults("metadata", p).build().value()};
    limited http(acting{}, limits);
    const auto now = std::chrono::steady_clock::now();
    const auto late = http.try_send({.url = "http://a/", .deadline = now - 1ms});
    CHECK(late.error().code == transport_errc::timeout);
    CHECK_FALSE(late.error().sent);
    CHECK(http.try_send({.url = "http://a/", .timeout = 0ms}).error().code == transport_errc::timeout);
    CHECK(http.try_send({.url = "http://a/", .deadline = now + 1h}));
    // The next permit is an hour away: it is refused at once.
    const auto refused = http.try_send({.url = "http://a/", .deadline = std::chrono::steady_clock::now() + 30min});
    CHECK(refused.error().code == weir::errc::refused);
    CHECK(std::chrono::steady_clock::now() - now < 10s);
}
