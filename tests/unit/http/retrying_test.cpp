// SPDX-License-Identifier: MIT
#include "weir/http/retrying.hpp"

#include "support/catch.hpp"

#include "weir/http/limited.hpp"
#include "weir/http/redirecting.hpp"
#include "weir/registry/limits.hpp"
#include "weir/registry/registry.hpp"
#include "weir/storage/memory_store.hpp"
#include "weir/testing/manual_clock.hpp"

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace weir::http;

namespace {

/// Answers each request with the next line of a script.
struct scripted {
    struct line {
        int status = 200;
        headers fields{};
        std::string body = "body";
        std::optional<transport_errc> fails{};  ///< before the head
        bool sent = true;
        std::optional<transport_errc> breaks{};  ///< after the body
        std::function<void()> first{};
    };

    void send(const request& what, receiver& to) {
        asked.push_back(what);
        REQUIRE(!lines.empty());
        const line next = lines.front();
        lines.pop_front();
        if (next.first)
            next.first();
        if (next.fails) {
            to.finished({.attempts = next.sent ? 1 : 0});
            throw transport_error{*next.fails, what.method, what.url, "", next.sent};
        }
        to.head(next.status, next.fields);
        const bool goes_on = to.body(next.body);
        if (next.breaks)
            throw transport_error{*next.breaks, what.method, what.url, "", true};
        if (goes_on && !next.fields.empty())
            to.trailers({{"Trailer", "t"}});
        to.finished({.attempts = 1});
    }

    std::deque<line> lines;
    std::vector<request> asked;
};

/// The registry's part: a budget of so many units, and a clock.
struct scripted_limits {
    static inline std::chrono::steady_clock::time_point now{1h};

    void count_first(std::string_view host, std::string_view role, bool good) {
        firsts.push_back(std::string{host} + "/" + std::string{role} + (good ? " good" : " bad"));
    }
    weir::retry_grant take_retry(std::string_view, std::string_view, const weir::retry_share&, bool was_refused) {
        if (was_refused && returns > 0) {
            --returns;
            return weir::retry_grant::returned;
        }
        return units-- > 0 ? weir::retry_grant::budget : weir::retry_grant::none;
    }
    bool wait_for(weir::duration span, const std::stop_token& stop) {
        pauses.push_back(span);
        now += span;
        return !stop.stop_requested();
    }

    int units = 100;
    int returns = 0;
    std::vector<std::string> firsts;
    std::vector<weir::duration> pauses;
};
static_assert(retry_limits<scripted_limits> && retry_limits<weir::registry<>> && retry_limits<weir::limits>);

retry_options no_chance() {
    retry_options out;
    out.random = [] { return 1.0; };
    out.now = [] { return scripted_limits::now; };
    return out;
}

using script = std::deque<scripted::line>;

/// A server, a budget and what is above them.
struct bench {
    explicit bench(script lines, retry_options options = no_chance())
        : server{std::move(lines), {}}, http(server, limits, std::move(options)) {}

    scripted server;
    scripted_limits limits;
    retrying<scripted&, scripted_limits> http;
};

const request some_get{.url = "http://h.org/a"};

/// What a receiver got, in order.
struct noted_response final : receiver {
    void located(std::string_view url) override { all.push_back("at " + std::string{url}); }
    void interim(int status, const headers&) override { all.push_back("interim " + std::to_string(status)); }
    void head(int status, const headers&) override { all.push_back("head " + std::to_string(status)); }
    bool body(std::string_view bytes) override {
        all.push_back("body " + std::string{bytes});
        return true;
    }
    void trailers(const headers&) override { all.emplace_back("trailers"); }
    void finished(const transfer_info& info) override { all.push_back("attempts " + std::to_string(info.attempts)); }
    std::vector<std::string> all;
};
using notes = std::vector<std::string>;

}  // namespace

TEST_CASE("retrying: a failed response is not seen, and the next one is the response") {
    bench b(script{{.status = 503, .body = "wait"}, {.fails = transport_errc::lost}, {.status = 200, .body = "here"}});
    noted_response to;
    b.http.send(some_get, to);
    CHECK(to.all == notes{"head 200", "body here", "attempts 3"});
    CHECK(b.limits.firsts == notes{"h.org/metadata bad"});
    CHECK(b.limits.pauses == std::vector<weir::duration>{250ms, 500ms});
    CHECK(b.http.counts().first_attempts == 1);
    CHECK(b.http.counts().retries == 2);
}

TEST_CASE("retrying: a good answer costs nothing and is counted as a first attempt") {
    bench b(script{{.status = 404}});
    CHECK(b.http.send(some_get).status == 404);
    CHECK(b.limits.firsts == notes{"h.org/metadata good"});
    CHECK(b.http.counts().retries == 0);
}

TEST_CASE("retrying: each status and each reason is retried or not, as the table says") {
    for (int status = 400; status < 600; ++status) {
        bench b(script{{.status = status}, {.status = 200}});
        const bool is_listed =
            status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
        CHECK(b.http.send(some_get).status == (is_listed ? 200 : status));
    }
    for (int reason = 1; reason <= static_cast<int>(transport_errc::address_refused); ++reason)
        for (const bool sent : {false, true})
            for (const bool is_get : {false, true}) {
                const auto why = static_cast<transport_errc>(reason);
                bench b(script{{.fails = why, .sent = sent}, {.status = 200}});
                const bool is_listed = why == transport_errc::resolve || why == transport_errc::connect ||
                                       why == transport_errc::timeout || why == transport_errc::lost ||
                                       why == transport_errc::proxy || why == transport_errc::other;
                const auto got = b.http.try_send({.method = is_get ? "GET" : "POST", .url = "http://h.org/"});
                INFO("reason " << reason << " sent " << sent << " get " << is_get);
                CHECK(got.has_value() == (is_listed && (is_get || !sent)));
                if (!got)
                    CHECK(got.error().code == why);
            }
}

TEST_CASE("retrying: a POST is sent again only with a key, by its own word, or if it was not sent") {
    const auto attempts = [](request what) {
        bench b(script{{.status = 503}, {.status = 200}});
        static_cast<void>(b.http.send(what));
        return b.server.asked.size();
    };
    request post{.method = "POST", .url = "http://h.org/", .body = "x"};
    CHECK(attempts(post) == 1);
    post.idempotent = true;
    CHECK(attempts(post) == 2);
    post.idempotent = false;
    post.headers.set("idempotency-key", "1");
    CHECK(attempts(post) == 2);
    request put{.method = "PUT", .url = "http://h.org/"};
    put.upload = stream_body([](std::span<char>) { return std::size_t{0}; });
    CHECK(attempts(put) == 1);
    bench b(script{{.fails = transport_errc::connect, .sent = false}, {.status = 200}});
    CHECK_FALSE(b.http.try_send(put).has_value());
}

TEST_CASE("retrying: without a unit of the budget the failure is the result") {
    bench b(script{{.status = 500, .body = "broken"}});
    b.limits.units = 0;
    const auto reply = b.http.send(some_get);
    CHECK(reply.status == 500);
    CHECK(reply.body == "broken");
    CHECK(b.http.counts().no_budget == 1);
    bench c(script{{.fails = transport_errc::timeout}});
    c.limits.units = 0;
    CHECK(c.http.try_send(some_get).error().code == transport_errc::timeout);
}

TEST_CASE("retrying: the last attempt's failure is passed on") {
    bench b(script{{.status = 500}, {.status = 502}, {.status = 503, .body = "third"}});
    noted_response to;
    b.http.send(some_get, to);
    CHECK(to.all == notes{"head 503", "body third", "attempts 3"});
    CHECK(b.http.counts().exhausted == 1);
    bench c(
        script{{.fails = transport_errc::lost}, {.fails = transport_errc::lost}, {.fails = transport_errc::connect}});
    noted_response end;
    CHECK_THROWS_AS(c.http.send(some_get, end), transport_error);
    CHECK(end.all == notes{"attempts 3"});
}

TEST_CASE("retrying: a body that breaks off is not repeated") {
    bench b(script{{.status = 200, .body = "half", .breaks = transport_errc::lost}});
    noted_response to;
    CHECK_THROWS_AS(b.http.send(some_get, to), transport_error);
    CHECK(to.all == notes{"head 200", "body half"});
    // The body of a failed response may break off: nothing of it was passed on.
    bench c(script{{.status = 503, .breaks = transport_errc::lost}, {.status = 200}});
    CHECK(c.http.send(some_get).status == 200);
    bench d(script{{.status = 503, .breaks = transport_errc::lost},
                   {.first = [] { throw transport_error{transport_errc::timeout, "", "", "", false}; }}});
    CHECK(d.http.try_send(some_get).error().code == transport_errc::lost);
}

TEST_CASE("retrying: no retry whose time is past the deadline") {
    request what = some_get;
    SECTION("by the server's word") {
        what.deadline = scripted_limits::now + 10s;
        bench b(script{{.status = 503, .fields = {{"Retry-After", "10"}}}});
        CHECK(b.http.send(what).status == 503);
        CHECK(b.http.counts().too_late == 1);
        CHECK(b.limits.units == 100);
    }
    SECTION("by the pause") {
        what.deadline = scripted_limits::now + 200ms;
        bench b(script{{.status = 500}});
        CHECK(b.http.send(what).status == 500);
        CHECK(b.http.counts().too_late == 1);
    }
    SECTION("over all attempts") {
        what.deadline = scripted_limits::now + 600ms;
        bench b(script{{.status = 500}, {.status = 500}});
        CHECK(b.http.send(what).status == 500);
        CHECK(b.limits.pauses == std::vector<weir::duration>{250ms});
    }
}

TEST_CASE("retrying: a refused request returns without a pause, once without a unit") {
    bench b(script{{.status = 429}, {.status = 503, .fields = {{"Retry-After", "1"}}}, {.status = 200}});
    b.limits.returns = 5;
    b.limits.units = 1;
    CHECK(b.http.send(some_get).status == 200);
    CHECK(b.limits.pauses.empty());
    CHECK(b.limits.returns == 4);
    CHECK(b.limits.units == 0);
    CHECK(b.http.counts().returned == 1);
    CHECK(b.http.counts().retries == 1);
}

TEST_CASE("retrying: if the next attempt gets no permit, the last response or failure is the result") {
    const auto no_permit = [] {
        throw weir::refused{{"h.org", "metadata"},
                            {weir::outcome::denied, weir::cause::gate, weir::instant{5s}, {}, {}},
                            weir::instant{}};
    };
    bench b(script{{.status = 503, .fields = {{"X", "y"}}, .body = "why"}, {.first = no_permit}});
    noted_response to;
    b.http.send(some_get, to);
    CHECK(to.all == notes{"head 503", "body why", "trailers", "attempts 1"});
    bench c(script{{.fails = transport_errc::lost}, {.first = no_permit}});
    CHECK(c.http.try_send(some_get).error().code == transport_errc::lost);
    bench d(script{{.status = 503, .body = std::string(100'000, 'x')}, {.first = no_permit}});
    CHECK(d.http.try_send(some_get).error().code == weir::errc::refused);
    // The first attempt's refusal is no failure of a server.
    bench e(script{{.first = no_permit}});
    CHECK(e.http.try_send(some_get).error().code == weir::errc::refused);
    CHECK(e.limits.firsts.empty());
}

TEST_CASE("retrying: a stop ends the pause") {
    std::stop_source stop;
    bench b(script{{.status = 500, .first = [&] { stop.request_stop(); }}});
    request what = some_get;
    what.stop = stop.get_token();
    const auto got = b.http.try_send(what);
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error().code == transport_errc::cancelled);
    CHECK(got.error().sent);
}

TEST_CASE("retrying: the pauses double up to the longest one, and are random") {
    retry_options o = no_chance();
    o.max_attempts = 12;
    std::vector<int> seen;
    o.on_retry = [&](const retry_event& e) { seen.push_back(e.attempt * 1000 + e.status); };
    bench b(script(12, scripted::line{.status = 500}), o);
    CHECK(b.http.send(some_get).status == 500);
    CHECK(b.limits.pauses.front() == 250ms);
    CHECK(b.limits.pauses.back() == 20s);
    CHECK(seen.front() == 2500);
    CHECK(seen.size() == 11);
    o.random = [] { return 0.0; };
    bench c(script{{.status = 500}, {.status = 200}}, o);
    CHECK(c.http.send(some_get).status == 200);
    CHECK(c.limits.pauses.empty());
}

TEST_CASE("retrying: above redirects and below them") {
    const auto redirect = scripted::line{.status = 302, .fields = {{"Location", "http://other.org/b"}}};
    SECTION("above: starts anew, and says only where the last one ended") {
        scripted server{{redirect, {.status = 503}, {.status = 200}}, {}};
        scripted_limits limits;
        retrying http(redirecting<scripted&>(server), limits, no_chance());
        noted_response to;
        http.send(some_get, to);
        CHECK(to.all == notes{"head 200", "body body", "attempts 2"});
        CHECK(server.asked.back().url == "http://h.org/a");
    }
    SECTION("above: a POST whose redirect was not sent has been sent") {
        scripted server{
            {{.status = 303, .fields = {{"Location", "/done"}}}, {.fails = transport_errc::connect, .sent = false}},
            {}};
        scripted_limits limits;
        retrying http(redirecting<scripted&>(server), limits, no_chance());
        const auto got = http.try_send({.method = "POST", .url = "http://h.org/pay", .body = "1"});
        REQUIRE_FALSE(got.has_value());
        CHECK(got.error().code == transport_errc::connect);
        CHECK(got.error().sent);
        CHECK(server.asked.size() == 2);
    }
    SECTION("below: each hop has its own attempts") {
        scripted server{{{.status = 503}, redirect, {.status = 503}, {.status = 200}}, {}};
        scripted_limits limits;
        redirecting http(retrying<scripted&, scripted_limits>(server, limits, no_chance()));
        const auto reply = http.send(some_get);
        CHECK(reply.status == 200);
        CHECK(reply.url == "http://other.org/b");
        CHECK(limits.firsts == notes{"h.org/metadata bad", "other.org/metadata bad"});
    }
}

TEST_CASE("retrying: an exception of the receiver or of a callback ends the request") {
    struct throwing final : receiver {
        void head(int, const headers&) override { throw std::runtime_error("mine"); }
        bool body(std::string_view) override { return true; }
    } to;
    bench b(script{{.status = 200}});
    CHECK_THROWS_WITH(b.http.send(some_get, to), "mine");
    retry_options o = no_chance();
    o.on_retry = [](const retry_event&) { throw std::runtime_error("enough"); };
    bench c(script{{.status = 500}}, o);
    CHECK_THROWS_WITH(c.http.send(some_get), "enough");
}

TEST_CASE("retrying: each attempt has a permit, and none leaves before the gate") {
    using store = weir::memory_store<weir::testing::manual_clock>;
    weir::testing::manual_clock clock{weir::instant{1h}};
    weir::policy p;
    p.rates = {{10, 1s}};
    p.max_delay = 0s;
    weir::registry<store> limits{store{clock}, weir::configuration::builder{}.defaults("metadata", p).build().value()};
    scripted server;
    retry_options options;
    options.random = [] { return 0.0; };
    retrying http(limited<scripted&, weir::registry<store>>(server, limits), limits, options);
    server.lines = {{.status = 500}, {.status = 200}};
    CHECK(http.send(some_get).status == 200);
    CHECK(limits.inspect("h.org", "metadata")->state.windows.front().used == 2);
    // The gate is closed for a minute: the retry gets no permit, and the refusal of the server is the response.
    server.lines = {{.status = 429, .fields = {{"Retry-After", "60"}}, .body = "slow down"}};
    const auto reply = http.send(some_get);
    CHECK(reply.status == 429);
    CHECK(reply.body == "slow down");
    CHECK(server.asked.size() == 3);
    CHECK(limits.in_flight() == 0);
}

TEST_CASE("wait_for: a stop and a closed registry end it") {
    weir::registry limits{weir::memory_store{}};
    CHECK(limits.wait_for(0ns));
    CHECK(limits.wait_for(1ns));
    std::stop_source stop;
    stop.request_stop();
    CHECK_FALSE(limits.wait_for(1h, stop.get_token()));
    limits.close();
    CHECK_FALSE(limits.wait_for(1h));
}
