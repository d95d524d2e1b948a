// SPDX-License-Identifier: MIT
#include "weir/http/limited.hpp"

#include "support/catch.hpp"

#include "weir/limiter/refused.hpp"
#include "weir/registry/registry.hpp"
#include "weir/testing/manual_clock.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace weir::http;

namespace {

/// A registry that writes down what is done to it.
struct diary {
    struct permit {
        explicit permit(std::vector<std::string>& n) : notes(&n) {}
        permit(permit&& other) noexcept : notes(std::exchange(other.notes, nullptr)) {}
        permit& operator=(permit&&) = delete;
        ~permit() {
            if (notes != nullptr)
                notes->push_back("release");
        }
        void arrived(const weir::feedback& said) {
            std::string text = "arrived " + std::to_string(said.status);
            if (said.retry_after)
                text += " hold " + std::to_string(*said.retry_after / 1s);
            notes->push_back(text);
        }
        void refund() { std::exchange(notes, nullptr)->push_back("refund"); }

        std::vector<std::string>* notes;
    };

    permit acquire(std::string_view host, std::string_view role, const weir::acquire_options& a) {
        notes.push_back(std::string{a.method} + " " + std::string{host} + "/" + std::string{role} + " x" +
                        std::to_string(a.cost) + (a.max_delay ? " within " + std::to_string(*a.max_delay / 1ms) : "") +
                        (a.stop.stop_requested() ? " stopped" : ""));
        return permit{notes};
    }

    std::vector<std::string> notes;
};

/// Does what it is told with the receiver, and writes down when.
struct puppet {
    void send(const request& what, receiver& to) {
        book->notes.push_back("send " + what.url);
        act(to);
        book->notes.push_back("sent");
    }
    diary* book;
    std::function<void(receiver&)> act = [](receiver& to) {
        to.head(200, {});
        static_cast<void>(to.body("x"));
    };
};

struct noting final : receiver {
    explicit noting(diary& b) : book(b) {}
    void located(std::string_view url) override { book.notes.push_back("located " + std::string{url}); }
    void head(int status, const headers&) override { book.notes.push_back("head " + std::to_string(status)); }
    bool body(std::string_view bytes) override {
        book.notes.push_back("body " + std::string{bytes});
        return bytes != "stop";
    }
    diary& book;
};

using notes = std::vector<std::string>;

weir::configuration one_rate(std::int64_t limit, weir::duration period) {
    weir::policy p;
    p.rates = {{limit, period}};
    p.max_delay = weir::duration::zero();
    return weir::configuration::builder{}.defaults("metadata", p).build().value();
}

}  // namespace

TEST_CASE("a request is admitted first, stamped before its receiver sees the head, released after its body") {
    diary book;
    limited http(puppet{&book}, book);
    noting to{book};
    http.send(
        {.method = "POST", .url = "https://API.example.org:443/a", .role = "artifact", .cost = 3, .max_delay = 250ms},
        to);
    CHECK(book.notes == notes{"POST API.example.org/artifact x3 within 250", "send https://API.example.org:443/a",
                              "arrived 200", "head 200", "body x", "sent", "release"});
}

TEST_CASE("a stop token reaches the registry, and the receiver's answer the transport") {
    diary book;
    bool went_on = true;
    limited http(puppet{&book,
                        [&](receiver& to) {
                            to.located("https://b/");
                            to.head(200, {});
                            went_on = to.body("stop");
                        }},
                 book);
    noting to{book};
    std::stop_source source;
    source.request_stop();
    http.send({.url = "https://a/", .stop = source.get_token()}, to);
    CHECK(book.notes.front() == "GET a/metadata x1 stopped");
    CHECK_FALSE(went_on);
    CHECK(book.notes[2] == "located https://b/");
}

TEST_CASE("Retry-After on a redirect, a 4xx or a 5xx becomes a hold, elsewhere it is ignored") {
    for (const int status : {429, 503, 307, 200, 202, 404, 500, 529}) {
        diary book;
        limited http(puppet{&book, [&](receiver& to) { to.head(status, {{"Retry-After", "7"}}); }}, book);
        static_cast<void>(http.send({.url = "https://a/"}));
        const bool holds = status >= 300;
        CHECK(book.notes[2] == "arrived " + std::to_string(status) + (holds ? " hold 7" : ""));
    }
}

TEST_CASE("a request that never left is refunded, one that may have left counts") {
    for (const bool sent : {false, true}) {
        diary book;
        limited http(
            puppet{&book, [&](receiver&) { throw transport_error{transport_errc::connect, "GET", "", "", sent}; }},
            book);
        CHECK_THROWS_AS(http.send({.url = "https://a/"}), transport_error);
        CHECK(book.notes.back() == (sent ? "release" : "refund"));
    }
}

TEST_CASE("a repeat takes another permit, after the first was given back") {
    diary book;
    bool may = false;
    limited http(puppet{&book,
                        [&](receiver& to) {
                            may = to.again();
                            to.head(200, {});
                        }},
                 book);
    static_cast<void>(http.send({.url = "https://a/", .cost = 2}));
    CHECK(may);
    CHECK(book.notes == notes{"GET a/metadata x2", "send https://a/", "release", "GET a/metadata x2", "arrived 200",
                              "sent", "release"});
}

TEST_CASE("what must not be sent twice is not repeated, and nor is what gets no permit") {
    diary book;
    bool may = true;
    const auto repeat = [&](receiver& to) {
        may = to.again();
        throw transport_error{transport_errc::lost, "", "", "", true};
    };
    limited http(puppet{&book, repeat}, book);
    CHECK_THROWS_AS(http.send({.method = "POST", .url = "https://a/"}), transport_error);
    CHECK_FALSE(may);
    CHECK(book.notes == notes{"POST a/metadata x1", "send https://a/", "release"});

    weir::testing::manual_clock clock;
    weir::registry registry{weir::memory_store{clock}, one_rate(1, 1s)};
    diary unread;
    limited strict(puppet{&unread, repeat}, registry);
    CHECK_THROWS_AS(strict.send({.url = "https://a/"}), transport_error);
    CHECK_FALSE(may);
    CHECK(registry.in_flight() == 0);
}

TEST_CASE("over a ceiling of one request in flight a repeat does not wait for itself") {
    weir::policy p;
    p.rates = {{10, 1s}};
    p.max_concurrent = 1;
    p.max_delay = weir::duration::zero();
    weir::testing::manual_clock clock;
    weir::registry registry{weir::memory_store{clock},
                            weir::configuration::builder{}.defaults("metadata", p).build().value()};
    diary book;
    bool may = false;
    limited http(puppet{&book,
                        [&](receiver& to) {
                            may = to.again();
                            to.head(200, {});
                        }},
                 registry);
    CHECK(http.send({.url = "https://a/"}).status == 200);
    CHECK(may);
    CHECK(registry.inspect("a", "metadata")->state.windows.at(0).used == 2);
}

TEST_CASE("an exception of a receiver passes through and the request counts") {
    diary book;
    limited http(puppet{&book,
                        [](receiver& to) {
                            to.head(200, {});
                            throw std::domain_error{"mine"};
                        }},
                 book);
    CHECK_THROWS_AS(http.send({.url = "https://a/"}), std::domain_error);
    CHECK(book.notes.back() == "release");
}

TEST_CASE("a URL without a budget is refused before anything is asked") {
    diary book;
    limited http(puppet{&book}, book);
    try {
        static_cast<void>(http.send({.url = "https://user:pw@a/"}));
        FAIL("no error");
    } catch (const weir::exception& e) {
        CHECK(e.code() == weir::errc::bad_url);
    }
    CHECK(book.notes.empty());
}

TEST_CASE("a transport given as an lvalue is referenced") {
    diary book;
    puppet inner{&book};
    limited http(inner, book);
    CHECK(&http.inner() == &inner);
}

TEST_CASE("over a registry the limit applies to every spelling of a host") {
    weir::testing::manual_clock clock;
    weir::registry registry{weir::memory_store{clock}, one_rate(3, 1s)};
    diary book;
    limited http(puppet{&book}, registry);
    for (const char* url : {"https://example.org/", "HTTPS://EXAMPLE.org:443/x", "https://example.org.?y"})
        CHECK(http.send({.url = url}).status == 200);
    try {
        static_cast<void>(http.send({.url = "https://example.org/z"}));
        FAIL("admitted");
    } catch (const weir::refused& e) {
        CHECK(e.key() == weir::key{"example.org", "metadata"});
        CHECK(e.decision().cause == weir::cause::window);
        CHECK(e.retry_after() == 1s);
    }
    CHECK(http.send({.url = "http://example.org:443/"}).status == 200);
    CHECK(http.send({.method = "HEAD", .url = "https://example.org/"}).status == 200);
    clock.advance(1s);
    CHECK(http.send({.url = "https://example.org/z"}).status == 200);
    CHECK(registry.in_flight() == 0);
}

TEST_CASE("over a registry a refund frees the slot and a Retry-After stops the key") {
    weir::testing::manual_clock clock;
    weir::registry registry{weir::memory_store{clock}, one_rate(1, 1s)};
    diary book;
    puppet inner{&book, [](receiver&) { throw transport_error{transport_errc::tls, "GET", "", "", false}; }};
    limited http(inner, registry);
    CHECK_THROWS_AS(http.send({.url = "https://a/"}), transport_error);
    inner.act = [](receiver& to) { to.head(429, {{"Retry-After", "30"}}); };
    CHECK(http.send({.url = "https://a/"}).status == 429);
    clock.advance(2s);
    try {
        static_cast<void>(http.send({.url = "https://a/"}));
        FAIL("admitted");
    } catch (const weir::refused& e) {
        CHECK(e.decision().cause == weir::cause::gate);
        CHECK(e.retry_after() == 28s);
    }
}

TEST_CASE("over a registry an unknown role is an error and takes nothing") {
    weir::registry registry{weir::memory_store{}, one_rate(1, 1s)};
    diary book;
    limited http(puppet{&book}, registry);
    CHECK_THROWS_AS(http.send({.url = "https://a/", .role = "metadat"}), weir::exception);
    CHECK(book.notes.empty());
    CHECK(registry.in_flight() == 0);
}
