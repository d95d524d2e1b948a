// SPDX-License-Identifier: MIT
#include "weir/http/redirecting.hpp"

#include "support/catch.hpp"

#include "weir/http/limited.hpp"
#include "weir/registry/registry.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace weir::http;

namespace {

/// A web of canned answers.
struct web {
    struct page {
        int status = 200;
        headers fields{};
        std::string body = "page";
    };

    void send(const request& what, receiver& to) {
        asked.push_back(what);
        const page& p = pages.at(what.url);
        to.head(p.status, p.fields);
        if (what.method != "HEAD")
            went_on = to.body(p.body);
    }
    void moves(const std::string& from, const std::string& to, int status = 302) {
        pages[from] = {status, {{"Location", to}}, "moved"};
    }
    [[nodiscard]] std::vector<std::string> trail() const {
        std::vector<std::string> out;
        for (const request& r : asked)
            out.push_back(r.method + " " + r.url);
        return out;
    }

    std::map<std::string, page> pages;
    std::vector<request> asked;
    bool went_on = true;
};

using trail = std::vector<std::string>;

transport_errc reason_for(web& w, const request& what, redirect_options options = {}) {
    try {
        redirecting http(w, options);
        static_cast<void>(http.send(what));
    } catch (const transport_error& e) {
        CHECK(e.sent());
        INFO(e.what());
        CHECK(std::string_view{e.what()}.find("secret") == std::string_view::npos);
        return e.reason();
    }
    return {};
}

}  // namespace

TEST_CASE("redirects are followed and the answer says where they led") {
    web w;
    w.moves("https://doi.org/10.1/x", "//publisher.org/landing?id=1");
    w.moves("https://publisher.org/landing?id=1", "../a/./b#part", 301);
    w.pages["https://publisher.org/a/b"] = {};
    redirecting http(w);
    const auto reply = http.send({.url = "https://doi.org/10.1/x", .role = "landing", .cost = 2});
    CHECK(reply.status == 200);
    CHECK(reply.body == "page");
    CHECK(reply.url == "https://publisher.org/a/b#part");
    CHECK(w.trail() == trail{"GET https://doi.org/10.1/x", "GET https://publisher.org/landing?id=1",
                             "GET https://publisher.org/a/b"});
    for (const request& r : w.asked) {
        CHECK(r.role == "landing");
        CHECK(r.cost == 2);
    }
}

TEST_CASE("a fragment is inherited until a Location has its own, and never sent") {
    const auto ends_at = [](const std::string& start, const std::string& first, const std::string& second) {
        web w;
        const std::string path = start.substr(0, start.find('#'));
        w.pages[start] = w.pages[path] = {302, {{"Location", first}}, ""};
        w.moves("https://b/", second);
        w.pages["https://c/"] = {};
        redirecting http(w);
        const auto reply = http.send({.url = start});
        CHECK(w.asked.back().url == "https://c/");
        return reply.url;
    };
    CHECK(ends_at("https://a/#x", "https://b/", "https://c/") == "https://c/#x");
    CHECK(ends_at("https://a/#x", "https://b/#y", "https://c/") == "https://c/#y");
    CHECK(ends_at("https://a/#x", "https://b/#y", "https://c/#z z") == "https://c/#z%20z");
    CHECK(ends_at("https://a/", "https://b/", "https://c/") == "https://c/");
}

namespace {
std::vector<weir::duration>& waits() {
    static std::vector<weir::duration> all;
    return all;
}
bool note_wait(weir::duration span, const std::stop_token& stop) {
    waits().push_back(span);
    return !stop.stop_requested();
}
}  // namespace

TEST_CASE("a redirect with Retry-After is followed after that time, to whichever host") {
    for (const char* target : {"https://b/", "/same"}) {
        waits().clear();
        web w;
        w.pages["https://a/"] = {302, {{"Location", target}, {"Retry-After", "3"}}, ""};
        w.pages["https://b/"] = w.pages["https://a/same"] = {};
        redirecting http(w, {.wait = note_wait});
        CHECK(http.send({.url = "https://a/"}).status == 200);
        CHECK(waits() == std::vector<weir::duration>{3s});

        // A wait that is too long is the caller's.
        waits().clear();
        redirecting hasty(w, {.max_wait = 2s, .wait = note_wait});
        const auto reply = hasty.send({.url = "https://a/"});
        CHECK(reply.status == 302);
        CHECK(reply.headers.first("Retry-After") == "3");
        CHECK(http.send({.url = "https://a/", .deadline = std::chrono::steady_clock::now() + 2s}).status == 302);
        CHECK(waits().empty());

        std::stop_source stopped;
        stopped.request_stop();
        CHECK(http.try_send({.url = "https://a/", .stop = stopped.get_token()}).error().code ==
              transport_errc::cancelled);
    }
    std::stop_source stopping;
    CHECK(detail::wait_for(1ms, stopping.get_token()));
    stopping.request_stop();
    CHECK_FALSE(detail::wait_for(1h, stopping.get_token()));
}

TEST_CASE("a body that can be read once does not follow a redirect that keeps it") {
    const auto stream = stream_body([](std::span<char>) { return std::size_t{0}; });
    web w;
    w.moves("https://a/", "/b", 307);
    CHECK(reason_for(w, {.method = "POST", .url = "https://a/", .upload = stream}) == transport_errc::bad_redirect);
    CHECK(w.asked.size() == 1);
    w.moves("https://a/", "/b", 303);
    w.pages["https://a/b"] = {};
    CHECK(reason_for(w, {.method = "POST", .url = "https://a/", .upload = stream}) == transport_errc{});
    CHECK_FALSE(w.asked.back().upload);
}

TEST_CASE("an answer that is no redirect passes as it is") {
    web w;
    for (const int status : {200, 204, 300, 304, 305, 306, 404, 503})
        w.pages["https://a/" + std::to_string(status)] = {status, {{"Location", "/elsewhere"}}, "x"};
    w.pages["https://a/none"] = {302, {}, "no location"};
    redirecting http(w);
    for (const auto& [url, page] : w.pages) {
        const auto reply = http.send({.url = url});
        CHECK(reply.status == page.status);
        CHECK(reply.body == page.body);
        CHECK(reply.url == url);
    }
    CHECK(w.asked.size() == w.pages.size());
}

TEST_CASE("methods change as RFC 9110 says") {
    struct row {
        int status;
        std::string method, then;
        bool keeps_body;
    };
    for (const row& r :
         {row{301, "POST", "GET", false}, row{302, "POST", "GET", false}, row{303, "POST", "GET", false},
          row{303, "PUT", "GET", false}, row{307, "POST", "POST", true}, row{308, "PUT", "PUT", true},
          row{301, "PUT", "PUT", true}, row{302, "DELETE", "DELETE", true}, row{303, "HEAD", "HEAD", true},
          row{301, "HEAD", "HEAD", true}, row{303, "GET", "GET", false}}) {
        CAPTURE(r.status, r.method);
        web w;
        w.moves("https://a/", "/b", r.status);
        w.pages["https://a/b"] = {};
        redirecting http(w);
        static_cast<void>(http.send({.method = r.method,
                                     .url = "https://a/",
                                     .headers = {{"Content-Type", "text/plain"}, {"Accept", "*/*"}},
                                     .body = "form"}));
        REQUIRE(w.asked.size() == 2);
        CHECK(w.asked[1].method == r.then);
        CHECK(w.asked[1].body == (r.keeps_body ? "form" : ""));
        CHECK(w.asked[1].headers.contains("Content-Type") == r.keeps_body);
        CHECK(w.asked[1].headers.contains("Accept"));
    }
}

TEST_CASE("credentials do not cross to another origin, and do not come back") {
    const headers all{{"Authorization", "secret"},
                      {"Cookie", "secret"},
                      {"Proxy-Authorization", "secret"},
                      {"Host", "a"},
                      {"Accept", "*/*"}};
    const auto sent_to = [&](const std::string& target) {
        web w;
        w.moves("https://a/", target);
        w.pages[target] = {};
        redirecting http(w, {.allow_downgrade = true});
        static_cast<void>(http.send({.url = "https://a/", .headers = all}));
        return w.asked.at(1).headers;
    };
    CHECK(sent_to("https://a/same") == all);
    for (const char* other : {"https://b/", "https://a:8443/", "http://a/", "https://www.a/"}) {
        CAPTURE(other);
        CHECK(sent_to(other) == headers{{"Accept", "*/*"}});
    }

    web w;
    w.moves("https://a/", "https://b/");
    w.moves("https://b/", "https://a/back");
    w.pages["https://a/back"] = {};
    redirecting http(w);
    static_cast<void>(http.send({.url = "https://a/", .headers = all}));
    CHECK(w.asked.at(2).headers == headers{{"Accept", "*/*"}});
}

TEST_CASE("a circle and a chain without end are errors") {
    web w;
    w.moves("https://a/1", "/2");
    w.moves("https://a/2", "/1");
    CHECK(reason_for(w, {.url = "https://a/1"}) == transport_errc::too_many_redirects);
    CHECK(w.asked.size() == 2);

    web itself;
    itself.moves("https://A", "/", 307);
    itself.moves("https://a/", "/", 307);
    CHECK(reason_for(itself, {.url = "https://A"}) == transport_errc::too_many_redirects);
    CHECK(itself.asked.size() == 1);
}

TEST_CASE("a chain may be as long as the most, not longer") {
    for (const int max : {0, 1, 3}) {
        web w;
        for (int i = 0; i < 5; ++i)
            w.moves("https://a/" + std::to_string(i), std::to_string(i + 1));
        CHECK(reason_for(w, {.url = "https://a/0"}, {.max = max}) == transport_errc::too_many_redirects);
        CHECK(w.asked.size() == static_cast<std::size_t>(max) + 1);
        w.pages["https://a/" + std::to_string(max)] = {};
        CHECK(reason_for(w, {.url = "https://a/0"}, {.max = max}) == transport_errc{});
    }
}

TEST_CASE("a POST may be sent to its own URL to look at the result") {
    struct once : web {
        void send(const request& what, receiver& to) {
            if (what.method == "GET")
                pages[what.url] = {};
            web::send(what, to);
        }
    } form;
    form.moves("https://a/form", "/form", 303);
    redirecting http(form);
    CHECK(http.send({.method = "POST", .url = "https://a/form", .body = "x"}).status == 200);
    CHECK(form.trail() == trail{"POST https://a/form", "GET https://a/form"});
}

TEST_CASE("a redirect from https to http, or to another scheme, is not followed") {
    for (const char* target :
         {"http://a/", "ftp://a/", "file:///etc/passwd", "data:,x", "https://user:secret@a/", "https://"}) {
        CAPTURE(target);
        web w;
        w.moves("https://a/?key=secret", target);
        CHECK(reason_for(w, {.url = "https://a/?key=secret"}) == transport_errc::bad_redirect);
        CHECK(w.asked.size() == 1);
    }
    web w;
    w.moves("https://a/", "http://a/");
    w.pages["http://a/"] = {};
    CHECK(reason_for(w, {.url = "https://a/"}, {.allow_downgrade = true}) == transport_errc{});
}

TEST_CASE("a redirect's body is thrown away, and a huge one not even read") {
    web w;
    w.moves("https://a/", "/b");
    w.pages["https://a/b"] = {};
    w.pages["https://a/"].body = std::string(1U << 20U, 'x');
    struct : receiver {
        void head(int, const headers&) override {}
        bool body(std::string_view bytes) override {
            text += bytes;
            return true;
        }
        std::string text;
    } to;
    struct watched : web {
        void send(const request& what, receiver& r) {
            web::send(what, r);
            continued.push_back(went_on);
        }
        std::vector<bool> continued;
    } huge;
    static_cast<web&>(huge) = w;
    redirecting http(huge);
    http.send({.url = "https://a/"}, to);
    CHECK(to.text == "page");
    CHECK(huge.continued == std::vector<bool>{false, true});
}

TEST_CASE("over a registry each hop counts for its own host") {
    weir::policy p;
    p.rates = {{2, 24h}};
    p.max_delay = weir::duration::zero();
    weir::registry registry{weir::memory_store{},
                            weir::configuration::builder{}.defaults("landing", p).build().value()};
    web w;
    w.moves("https://doi.org/1", "https://publisher.org/1");
    w.pages["https://publisher.org/1"] = {};
    redirecting http(limited(w, registry));
    CHECK(http.send({.url = "https://doi.org/1", .role = "landing"}).status == 200);
    CHECK(http.send({.url = "https://publisher.org/1", .role = "landing"}).status == 200);
    // doi.org has one place left, publisher.org none: the second hop is refused.
    try {
        static_cast<void>(http.send({.url = "https://doi.org/1", .role = "landing"}));
        FAIL("admitted");
    } catch (const weir::refused& e) {
        CHECK(e.key() == weir::key{"publisher.org", "landing"});
    }
    CHECK(registry.in_flight() == 0);
}
