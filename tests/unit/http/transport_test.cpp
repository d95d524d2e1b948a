// SPDX-License-Identifier: MIT
#include "weir/http/transport.hpp"

#include "support/catch.hpp"

#include <cstddef>
#include <string>
#include <string_view>

using namespace weir::http;

namespace {

/// Answers everything with five bytes in two pieces.
struct greeter : collecting<greeter> {
    using collecting<greeter>::send;
    void send(const request&, receiver& to) {
        if (moved)
            to.located("http://elsewhere/");
        to.head(200, {{"Age", "0"}});
        if (to.body("Hel"))
            went_on = to.body("lo");
    }
    bool moved = false;
    bool went_on = false;
};

}  // namespace

TEST_CASE("a collected response has status, fields, body and the URL that answered") {
    greeter g;
    auto reply = g.send({.url = "http://here/"});
    CHECK(reply.status == 200);
    CHECK(reply.headers == headers{{"Age", "0"}});
    CHECK(reply.body == "Hello");
    CHECK(reply.url == "http://here/");
    g.moved = true;
    CHECK(g.send({.url = "http://here/"}).url == "http://elsewhere/");
    CHECK(fetch(g, {.url = "http://here/"}).body == "Hello");
}

TEST_CASE("a body over the bound is an error, one that just fits is not") {
    greeter g;
    CHECK(g.send({.url = "http://here/"}, 5).body == "Hello");
    for (const std::size_t max : {4U, 3U, 0U}) {
        try {
            static_cast<void>(g.send({.url = "http://here/?key=1"}, max));
            FAIL("no error");
        } catch (const transport_error& e) {
            CHECK(e.reason() == transport_errc::body_too_large);
            CHECK(e.sent());
            CHECK(std::string_view{e.what()}.find("key") == std::string_view::npos);
        }
    }
}
