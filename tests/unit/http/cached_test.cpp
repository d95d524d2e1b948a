// SPDX-License-Identifier: MIT
#include "weir/http/cached.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"

#include "weir/http/date.hpp"
#include "weir/http/limited.hpp"
#include "weir/limiter/refused.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace weir::http;

namespace {

constexpr wall_time cache_noon{std::chrono::sys_days{std::chrono::year{2026} / 11 / 30} + 12h};

std::string date_at(std::chrono::seconds after) {
    return to_http_date(std::chrono::floor<std::chrono::seconds>(cache_noon) + after);
}

/// A server that gives its answers one after another, and the last one again and again.
struct origin {
    struct answer {
        int status = 200;
        headers fields{};
        std::string body = "body";
    };

    void send(const request& what, receiver& to) {
        asked.push_back(what);
        if (before)
            before(what);
        const answer now = answers.at(std::min(asked.size(), answers.size()) - 1);
        headers fields = now.fields;
        if (!fields.contains("Date"))
            fields.add("Date", to_http_date(std::chrono::floor<std::chrono::seconds>(clock)));
        to.head(now.status, fields);
        if (what.method != "HEAD" && now.status != 304)
            went_on = to.body(now.body);
    }

    wall_time clock = cache_noon;
    std::vector<answer> answers;
    std::vector<request> asked;
    std::function<void(const request&)> before;
    bool went_on = true;
};

/// A cache above such a server, and its clock.
struct cache_scene {
    explicit cache_scene(std::vector<origin::answer> answers, cache_options options = {})
        : http(server, [&] {
              options.now = [this] { return server.clock; };
              return options;
          }()) {
        server.answers = std::move(answers);
    }

    response get(headers fields = {}, std::string url = "http://api.example.org/works") {
        return http.send({.url = std::move(url), .headers = std::move(fields)});
    }
    void wait(std::chrono::seconds for_how_long) { server.clock += for_how_long; }
    [[nodiscard]] std::size_t requests() const { return server.asked.size(); }

    origin server;
    cached<origin&> http;
};

/// One rule of the RFC: what is stored, what is asked then, and how many requests the server has seen.
struct reuse_case {
    std::string_view name;
    int status;
    headers stored;
    std::chrono::seconds wait;
    headers asked;
    std::size_t requests;
};

}  // namespace

TEST_CASE("a stored response is reused as RFC 9111 says") {
    const std::vector<reuse_case> cases{
        {"max-age, fresh", 200, {{"Cache-Control", "max-age=60"}}, 59s, {}, 1},
        {"max-age, its last second is over", 200, {{"Cache-Control", "max-age=60"}}, 60s, {}, 2},
        {"directives have no case", 200, {{"Cache-Control", "MaX-aGe=60"}}, 30s, {}, 1},
        {"max-age in quotes", 200, {{"Cache-Control", "max-age=\"60\""}}, 30s, {}, 1},
        {"max-age that is no number", 200, {{"Cache-Control", "max-age=6o"}}, 0s, {}, 2},
        {"negative max-age", 200, {{"Cache-Control", "max-age=-60"}}, 0s, {}, 2},
        {"max-age with a fraction", 200, {{"Cache-Control", "max-age=60.5"}}, 0s, {}, 2},
        {"the first of two", 200, {{"Cache-Control", "max-age=1, max-age=60"}}, 30s, {}, 2},
        {"max-age within another value", 200, {{"Cache-Control", "x=\"max-age=60\", max-age=1"}}, 30s, {}, 2},
        {"max-age beyond 32 bits", 200, {{"Cache-Control", "max-age=99999999999"}}, 3600s, {}, 1},
        {"s-maxage is for shared caches", 200, {{"Cache-Control", "s-maxage=1, max-age=60"}}, 30s, {}, 1},
        {"max-age beats Expires", 200, {{"Cache-Control", "max-age=60"}, {"Expires", "0"}}, 30s, {}, 1},
        {"Expires", 200, {{"Expires", date_at(60s)}}, 59s, {}, 1},
        {"Expires, over", 200, {{"Expires", date_at(60s)}}, 60s, {}, 2},
        {"Expires is measured by Date", 200, {{"Expires", date_at(10h)}, {"Date", date_at(-1h)}}, 9h, {}, 1},
        {"Expires: 0", 200, {{"Expires", "0"}}, 0s, {}, 2},
        {"Expires in another zone", 200, {{"Expires", "Mon, 30 Nov 2026 13:00:00 CET"}}, 0s, {}, 2},
        {"Age counts", 200, {{"Cache-Control", "max-age=60"}, {"Age", "50"}}, 20s, {}, 2},
        {"the first Age counts", 200, {{"Cache-Control", "max-age=60"}, {"Age", "0, 90"}}, 20s, {}, 1},
        {"Age that is no number", 200, {{"Cache-Control", "max-age=60"}, {"Age", "50.5"}}, 20s, {}, 1},
        {"an old Date counts", 200, {{"Cache-Control", "max-age=60"}, {"Date", date_at(-50s)}}, 20s, {}, 2},
        {"no-store", 200, {{"Cache-Control", "no-store, max-age=60"}}, 0s, {}, 2},
        {"no-cache", 200, {{"Cache-Control", "no-cache, max-age=60"}}, 0s, {}, 2},
        {"no-cache of a field", 200, {{"Cache-Control", "no-cache=\"set-cookie\", max-age=60"}}, 30s, {}, 1},
        {"private", 200, {{"Cache-Control", "private, max-age=60"}}, 30s, {}, 1},
        {"Pragma in a response", 200, {{"Cache-Control", "max-age=60"}, {"Pragma", "no-cache"}}, 30s, {}, 1},
        {"heuristic", 200, {{"Last-Modified", date_at(-1000s)}}, 99s, {}, 1},
        {"heuristic, a tenth is over", 200, {{"Last-Modified", date_at(-1000s)}}, 100s, {}, 2},
        {"no heuristic for 302", 302, {{"Last-Modified", date_at(-1000s)}}, 1s, {}, 2},
        {"heuristic for 404", 404, {{"Last-Modified", date_at(-1000s)}}, 1s, {}, 1},
        {"302 with a lifetime", 302, {{"Cache-Control", "max-age=60"}}, 1s, {}, 1},
        {"a status that has no name", 299, {{"Cache-Control", "max-age=60"}}, 1s, {}, 1},
        {"must-understand and no name", 299, {{"Cache-Control", "max-age=60, must-understand"}}, 1s, {}, 2},
        {"must-understand beats no-store",
         200,
         {{"Cache-Control", "no-store, max-age=60, must-understand"}},
         1s,
         {},
         1},
        {"429 is never stored", 429, {{"Cache-Control", "max-age=60"}}, 1s, {}, 2},
        {"503 with a lifetime", 503, {{"Cache-Control", "max-age=60"}}, 1s, {}, 1},
        {"stale without validators", 200, {{"Cache-Control", "max-age=1"}}, 9s, {}, 2},
        {"request max-age", 200, {{"Cache-Control", "max-age=60"}}, 30s, {{"Cache-Control", "max-age=20"}}, 2},
        {"request max-age=0", 200, {{"Cache-Control", "max-age=60"}}, 0s, {{"Cache-Control", "max-age=0"}}, 2},
        {"request min-fresh", 200, {{"Cache-Control", "max-age=60"}}, 30s, {{"Cache-Control", "min-fresh=31"}}, 2},
        {"request min-fresh, enough",
         200,
         {{"Cache-Control", "max-age=60"}},
         30s,
         {{"Cache-Control", "min-fresh=30"}},
         1},
        {"request max-stale", 200, {{"Cache-Control", "max-age=60"}}, 70s, {{"Cache-Control", "max-stale=10"}}, 1},
        {"request max-stale, too stale",
         200,
         {{"Cache-Control", "max-age=60"}},
         71s,
         {{"Cache-Control", "max-stale=10"}},
         2},
        {"request max-stale, any", 200, {{"Cache-Control", "max-age=60"}}, 1h, {{"Cache-Control", "max-stale"}}, 1},
        {"must-revalidate beats max-stale",
         200,
         {{"Cache-Control", "max-age=60, must-revalidate"}},
         61s,
         {{"Cache-Control", "max-stale=10"}},
         2},
        {"request no-cache", 200, {{"Cache-Control", "max-age=60"}}, 0s, {{"Cache-Control", "no-cache"}}, 2},
        {"request no-store", 200, {{"Cache-Control", "max-age=60"}}, 0s, {{"Cache-Control", "no-store"}}, 2},
        {"request Pragma", 200, {{"Cache-Control", "max-age=60"}}, 0s, {{"Pragma", "no-cache"}}, 2},
        {"Pragma beside Cache-Control",
         200,
         {{"Cache-Control", "max-age=60"}},
         0s,
         {{"Pragma", "no-cache"}, {"Cache-Control", "max-age=50"}},
         1},
        {"only-if-cached", 200, {{"Cache-Control", "max-age=60"}}, 1s, {{"Cache-Control", "only-if-cached"}}, 1},
        {"If-Match is the server's",
         200,
         {{"Cache-Control", "max-age=60"}, {"ETag", "\"a\""}},
         1s,
         {{"If-Match", "\"a\""}},
         2},
        {"Vary: *", 200, {{"Cache-Control", "max-age=60"}, {"Vary", "*"}}, 1s, {}, 2},
        {"Vary, both without the field", 200, {{"Cache-Control", "max-age=60"}, {"Vary", "Accept"}}, 1s, {}, 1},
        {"Vary, one without the field",
         200,
         {{"Cache-Control", "max-age=60"}, {"Vary", "Accept"}},
         1s,
         {{"Accept", "x/y"}},
         2},
        {"another account", 200, {{"Cache-Control", "max-age=60"}}, 1s, {{"Authorization", "Bearer b"}}, 2},
    };
    for (const reuse_case& one : cases) {
        INFO(one.name);
        cache_scene scene{{{one.status, one.stored}}};
        CHECK(scene.get().status == one.status);
        scene.wait(one.wait);
        CHECK(scene.get(one.asked).status == one.status);
        CHECK(scene.requests() == one.requests);
    }
}

TEST_CASE("the fields that Vary names select the response") {
    struct vary_case {
        std::string_view first, second;
        std::size_t requests;
    };
    for (const vary_case& one : {vary_case{"a, b", "a,b", 1}, vary_case{"a;q=0.5", "a ; q=0.5", 1},
                                 vary_case{"A", "a", 1}, vary_case{"a, b", "b, a", 2}, vary_case{"a", "b", 2}}) {
        INFO(one.first << " and " << one.second);
        cache_scene scene{{{200, {{"Cache-Control", "max-age=60"}, {"Vary", "Accept"}}}}};
        static_cast<void>(scene.get({{"Accept", std::string{one.first}}}));
        static_cast<void>(scene.get({{"Accept", std::string{one.second}}}));
        CHECK(scene.requests() == one.requests);
        // Both variants are stored.
        static_cast<void>(scene.get({{"Accept", std::string{one.first}}}));
        CHECK(scene.requests() == one.requests);
    }
}

TEST_CASE("a hit has an Age, and no fields of one connection") {
    cache_scene scene{{{200,
                        {{"Cache-Control", "max-age=60, no-cache=\"X-Once\""},
                         {"Connection", "X-Hop"},
                         {"X-Hop", "1"},
                         {"X-Once", "1"},
                         {"X-Kept", "1"},
                         {"Transfer-Encoding", "chunked"}}}}};
    static_cast<void>(scene.get());
    scene.wait(7s);
    const response hit = scene.get();
    CHECK(hit.headers.first("Age") == "7");
    CHECK(hit.headers.first("Cache-Status") == "weir; hit");
    CHECK(hit.headers.first("X-Kept") == "1");
    for (const std::string_view gone : {"Connection", "X-Hop", "X-Once", "Transfer-Encoding"})
        CHECK_FALSE(hit.headers.contains(gone));
    CHECK(hit.body == "body");
}

TEST_CASE("a 304 refreshes what is stored") {
    cache_scene scene{
        {{200, {{"Cache-Control", "max-age=1"}, {"ETag", "\"a\""}, {"X-Old", "1"}, {"Content-Length", "4"}}},
         {304, {{"Cache-Control", "max-age=60"}, {"ETag", "\"a\""}, {"X-Old", "2"}, {"Content-Length", "0"}}}}};
    static_cast<void>(scene.get());
    scene.wait(5s);
    const response after = scene.get();
    CHECK(after.status == 200);
    CHECK(after.body == "body");
    CHECK(after.headers.first("X-Old") == "2");
    CHECK(after.headers.first("Content-Length") == "4");
    CHECK(scene.server.asked[1].headers.first("If-None-Match") == "\"a\"");
    scene.wait(59s);
    CHECK(scene.get().headers.first("Age") == "59");
    CHECK(scene.requests() == 2);
    CHECK(scene.http.counts().validated == 1);
}

TEST_CASE("a validation with another answer replaces what is stored") {
    cache_scene scene{{{200, {{"Cache-Control", "max-age=1"}, {"ETag", "\"a\""}}},
                       {200, {{"Cache-Control", "max-age=60"}, {"ETag", "\"b\""}}, "new"}}};
    static_cast<void>(scene.get());
    scene.wait(5s);
    CHECK(scene.get().body == "new");
    CHECK(scene.get().body == "new");
    CHECK(scene.requests() == 2);
}

TEST_CASE("a 304 about a version that is not stored is asked again without conditions") {
    cache_scene scene{{{200, {{"Cache-Control", "max-age=1"}, {"ETag", "\"a\""}}},
                       {304, {{"ETag", "\"b\""}}},
                       {200, {{"Cache-Control", "max-age=60"}, {"ETag", "\"b\""}}, "new"}}};
    static_cast<void>(scene.get());
    scene.wait(5s);
    CHECK(scene.get().body == "new");
    CHECK_FALSE(scene.server.asked[2].headers.contains("If-None-Match"));
}

TEST_CASE("the client's own conditions are answered from the storage") {
    cache_scene scene{{{200, {{"Cache-Control", "max-age=60"}, {"ETag", "\"a\""}, {"Last-Modified", date_at(-60s)}}}}};
    static_cast<void>(scene.get());
    CHECK(scene.get({{"If-None-Match", "\"x\", W/\"a\""}}).status == 304);
    CHECK(scene.get({{"If-None-Match", "\"x\""}}).status == 200);
    CHECK(scene.get({{"If-Modified-Since", date_at(-60s)}}).status == 304);
    CHECK(scene.get({{"If-Modified-Since", date_at(-61s)}}).status == 200);
    CHECK(scene.requests() == 1);
}

TEST_CASE("a part is answered from a whole response") {
    cache_scene scene{{{200, {{"Cache-Control", "max-age=60"}, {"ETag", "\"a\""}}, "0123456789"}}};
    static_cast<void>(scene.get());
    const response part = scene.get({{"Range", "bytes=2-4"}});
    CHECK(part.status == 206);
    CHECK(part.body == "234");
    CHECK(part.headers.first("Content-Range") == "bytes 2-4/10");
    CHECK(scene.get({{"Range", "bytes=-3"}}).body == "789");
    CHECK(scene.get({{"Range", "bytes=8-"}}).body == "89");
    CHECK(scene.get({{"Range", "bytes=2-4"}, {"If-Range", "\"b\""}}).body == "0123456789");
    CHECK(scene.http.send({.url = "http://api.example.org/works", .resume_from = 6}).body == "6789");
    CHECK(scene.requests() == 1);
}

TEST_CASE("a stored part answers parts of itself") {
    cache_scene scene{{{206, {{"Cache-Control", "max-age=60"}, {"Content-Range", "bytes 2-6/10"}}, "23456"}}};
    static_cast<void>(scene.get({{"Range", "bytes=2-6"}}));
    CHECK(scene.get({{"Range", "bytes=3-5"}}).body == "345");
    CHECK(scene.requests() == 1);
    static_cast<void>(scene.get({{"Range", "bytes=3-7"}}));
    static_cast<void>(scene.get());
    CHECK(scene.requests() == 3);
}

TEST_CASE("HEAD is answered from a stored GET, and refreshes it") {
    cache_scene scene{{{200, {{"Cache-Control", "max-age=10"}, {"ETag", "\"a\""}}},
                       {200, {{"Cache-Control", "max-age=60"}, {"ETag", "\"a\""}}},
                       {200, {{"Cache-Control", "max-age=60"}, {"ETag", "\"b\""}}}}};
    const auto head = [&] { return scene.http.send({.method = "HEAD", .url = "http://api.example.org/works"}); };
    static_cast<void>(scene.get());
    CHECK(head().body.empty());
    CHECK(scene.requests() == 1);
    scene.wait(20s);
    static_cast<void>(head());
    CHECK(scene.get().body == "body");
    CHECK(scene.requests() == 2);
    scene.wait(100s);
    static_cast<void>(head());  // another version: the stored body is dropped
    static_cast<void>(scene.get());
    CHECK(scene.requests() == 4);
}

TEST_CASE("a successful unsafe request drops what it may have changed") {
    for (const auto& [method, status, requests] : {std::tuple{"POST", 201, 3U}, std::tuple{"M-SEARCH", 200, 3U},
                                                   std::tuple{"PUT", 500, 2U}, std::tuple{"OPTIONS", 200, 2U}}) {
        INFO(method << " " << status);
        cache_scene scene{{{200, {{"Cache-Control", "max-age=60"}}}, {status, {}}, {200, {}}}};
        static_cast<void>(scene.get());
        static_cast<void>(scene.http.send({.method = method, .url = "http://api.example.org/works"}));
        static_cast<void>(scene.get());
        CHECK(scene.requests() == requests);
    }
    cache_scene scene{{{200, {{"Cache-Control", "max-age=60"}}},
                       {201, {{"Location", "/works"}, {"Content-Location", "http://other.example.org/works"}}}}};
    static_cast<void>(scene.get());
    static_cast<void>(scene.http.send({.method = "POST", .url = "http://api.example.org/new"}));
    static_cast<void>(scene.get());
    CHECK(scene.requests() == 3);
}

TEST_CASE("a stale response is used after an error, as far as the server or the options allow") {
    const auto after = [](std::string control, origin::answer error, cache_rules rules, std::chrono::seconds wait) {
        cache_scene scene{{{200, {{"Cache-Control", std::move(control)}, {"ETag", "\"a\""}}}, std::move(error)},
                          {.rules = rules}};
        static_cast<void>(scene.get());
        scene.wait(wait);
        return scene.get().status;
    };
    CHECK(after("max-age=1, stale-if-error=60", {503, {}}, {}, 30s) == 200);
    CHECK(after("max-age=1, stale-if-error=60", {503, {}}, {}, 90s) == 503);
    CHECK(after("max-age=1", {503, {}}, {}, 30s) == 503);
    CHECK(after("max-age=1", {503, {}}, {.stale_if_error = 1h}, 30s) == 200);
    CHECK(after("max-age=1, must-revalidate", {503, {}}, {.stale_if_error = 1h}, 30s) == 503);
    CHECK(after("max-age=1", {404, {}}, {.stale_if_error = 1h}, 30s) == 404);
    CHECK(after("max-age=1", {429, {}}, {.stale_if_error = 1h}, 30s) == 429);
    CHECK(after("max-age=1", {429, {}}, {.stale_if_refused = 1h}, 30s) == 200);
}

TEST_CASE("a stale response is used when the connection fails, but not for a cancelled request") {
    cache_scene scene{{{200, {{"Cache-Control", "max-age=1, stale-if-error=60"}}}}};
    static_cast<void>(scene.get());
    scene.wait(30s);
    transport_errc reason = transport_errc::connect;
    scene.server.before = [&](const request& what) { throw transport_error{reason, what.method, what.url, "", false}; };
    CHECK(scene.get().headers.first("Cache-Status") == "weir; hit; detail=stale");
    CHECK(scene.http.counts().stale == 1);
    reason = transport_errc::cancelled;
    CHECK_THROWS_AS(scene.get(), transport_error);
}

TEST_CASE("stale-while-revalidate answers at once and validates in the background") {
    std::vector<std::function<void()>> later;
    cache_scene scene{{{200, {{"Cache-Control", "max-age=1, stale-while-revalidate=60"}, {"ETag", "\"a\""}}},
                       {304, {{"ETag", "\"a\""}, {"Cache-Control", "max-age=60"}}}},
                      {.background = [&](std::function<void()> work) { later.push_back(std::move(work)); }}};
    static_cast<void>(scene.get());
    scene.wait(30s);
    CHECK(scene.get().status == 200);
    CHECK(scene.get().status == 200);
    CHECK(scene.requests() == 1);
    REQUIRE(later.size() == 1);  // one validation for both
    later.front()();
    later.clear();
    CHECK(scene.requests() == 2);
    CHECK(scene.get().headers.first("Cache-Status") == "weir; hit");
}

TEST_CASE("only-if-cached is answered with 504 if nothing is stored") {
    cache_scene scene{{{200, {}}}};
    CHECK(scene.get({{"Cache-Control", "only-if-cached"}}).status == 504);
    CHECK(scene.requests() == 0);
}

TEST_CASE("a response that is too large, or that the client stops, is passed on and not stored") {
    cache_scene large{{{200, {{"Cache-Control", "max-age=60"}}, std::string(100, 'x')}}, {.max_body = 99}};
    CHECK(large.get().body.size() == 100);
    CHECK(large.get().body.size() == 100);
    CHECK(large.requests() == 2);

    struct stopper final : receiver {
        void head(int, const headers&) override {}
        bool body(std::string_view) override { return false; }
    };
    cache_scene stopped{{{200, {{"Cache-Control", "max-age=60"}}}}};
    stopper to;
    stopped.http.send({.url = "http://api.example.org/works"}, to);
    CHECK_FALSE(stopped.server.went_on);
    static_cast<void>(stopped.get());
    CHECK(stopped.requests() == 2);
}

TEST_CASE("a response of another URL, after a redirect below, is not stored") {
    struct moved {
        void send(const request&, receiver& to) {
            to.located("http://other.example.org/");
            to.head(200, {{"Cache-Control", "max-age=60"}});
            static_cast<void>(to.body("other"));
            ++requests;
        }
        int requests = 0;
    };
    moved server;
    cached http{server};
    static_cast<void>(http.send({.url = "http://api.example.org/works"}));
    static_cast<void>(http.send({.url = "http://api.example.org/works"}));
    CHECK(server.requests == 2);
}

TEST_CASE("a storage that fails fails no request") {
    struct broken {
        std::vector<shared_response> find(std::string_view) { throw std::runtime_error{"the disk is full"}; }
        void put(std::string_view, const shared_response&) { throw std::runtime_error{"the disk is full"}; }
        void erase(std::string_view) { throw std::runtime_error{"the disk is full"}; }
        std::size_t erase_if(const std::function<bool(std::string_view)>&) { return 0; }
    };
    origin server;
    server.answers = {{200, {{"Cache-Control", "max-age=60"}}}};
    cached http{server, broken{}};
    CHECK(http.send({.url = "http://api.example.org/works"}).status == 200);
    CHECK(http.send({.url = "http://api.example.org/works"}).status == 200);
    CHECK(http.counts().misses == 2);
    CHECK(http.counts().faults == 6);  // of each request: two looks and what is kept
}

TEST_CASE("a hit takes no permit, and a refusal of the limiter is answered with a stale response") {
    weir_test::manual_limits scene{weir_test::limited({{.limit = 1, .period = 1h}})};
    origin server;
    server.answers = {{200, {{"Cache-Control", "max-age=10"}}}};
    cached http{limited(server, scene.limits),
                cache_options{.rules = {.stale_if_refused = 1h}, .now = [&] { return server.clock; }}};
    const request what{.url = "http://api.example.org/works"};
    static_cast<void>(http.send(what));
    CHECK(http.send(what).headers.first("Cache-Status") == "weir; hit");
    server.clock += 20s;
    CHECK(http.send(what).headers.first("Cache-Status") == "weir; hit; detail=stale");
    CHECK(server.asked.size() == 1);
    CHECK_THROWS_AS(http.send({.url = "http://api.example.org/other"}), weir::refused);
}

TEST_CASE("equal requests at one time are sent once, also when the first of them fails") {
    constexpr std::size_t threads = 8;
    struct slow {
        void send(const request& what, receiver& to) {
            std::unique_lock lock{mutex};
            const int number = ++requests;
            changed.notify_all();
            changed.wait(lock, [&] { return number <= released; });
            lock.unlock();
            if (number == 1)
                throw transport_error{transport_errc::lost, what.method, what.url, "", true};
            to.head(200, {{"Cache-Control", "max-age=60"}});
            static_cast<void>(to.body("body"));
        }
        void release(int up_to) {
            std::unique_lock lock{mutex};
            changed.wait(lock, [&] { return requests >= up_to; });
            released = up_to;
            changed.notify_all();
        }
        std::mutex mutex;
        std::condition_variable changed;
        int requests = 0;
        int released = 0;
    };
    slow server;
    cached http{server};
    std::atomic<int> good{0}, lost{0};
    {
        std::vector<std::jthread> all;
        for (std::size_t i = 0; i < threads; ++i)
            all.emplace_back([&] {
                try {
                    good += http.send({.url = "http://api.example.org/works"}).body == "body" ? 1 : 0;
                } catch (const transport_error&) {
                    ++lost;
                }
            });
        server.release(1);
        server.release(2);
    }
    CHECK(good == threads - 1);
    CHECK(lost == 1);
    CHECK(server.requests == 2);
}

TEST_CASE("a request that waits for an equal one has its own deadline") {
    struct blocked {
        void send(const request&, receiver& to) {
            entered = true;
            entered.notify_all();
            released.wait(false);
            to.head(200, {{"Cache-Control", "max-age=60"}});
        }
        std::atomic<bool> entered{false}, released{false};
    };
    blocked server;
    cached http{server};
    const request what{.url = "http://api.example.org/works"};
    {
        const std::jthread first{[&] { static_cast<void>(http.send(what)); }};
        server.entered.wait(false);
        request late = what;
        late.deadline = std::chrono::steady_clock::now() - 1s;
        const auto reason = [&](const request& one) {
            try {
                static_cast<void>(http.send(one));
            } catch (const transport_error& e) {
                CHECK_FALSE(e.sent());
                return e.reason();
            }
            return transport_errc::other;
        };
        CHECK(reason(late) == transport_errc::timeout);
        late = what;
        late.timeout = 0ms;
        CHECK(reason(late) == transport_errc::timeout);
        std::stop_source source;
        source.request_stop();
        late = what;
        late.timeout = std::chrono::milliseconds::max();
        late.stop = source.get_token();
        CHECK(reason(late) == transport_errc::cancelled);
        server.released = true;
        server.released.notify_all();
    }
}
