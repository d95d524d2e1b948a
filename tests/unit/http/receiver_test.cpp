// SPDX-License-Identifier: MIT
#include "weir/http/receiver.hpp"

#include "support/catch.hpp"

#include <string>
#include <string_view>

namespace {

struct counting_calls : weir::http::receiver {
    bool again() override { return note("again"); }
    void located(std::string_view url) override { note(url); }
    void head(int status, const weir::http::headers&) override { note(std::to_string(status)); }
    bool body(std::string_view bytes) override { return note(bytes); }
    bool note(std::string_view what) {
        calls.append(what).append(" ");
        return yes;
    }
    std::string calls;
    bool yes = true;
};

struct plainest final : weir::http::receiver {
    void head(int, const weir::http::headers&) override {}
    bool body(std::string_view) override { return true; }
};

}  // namespace

TEST_CASE("a receiver that says nothing else allows no repeat") {
    plainest to;
    CHECK_FALSE(to.again());
}

TEST_CASE("a forwarding receiver passes every call and every answer on") {
    for (const bool yes : {true, false}) {
        counting_calls to;
        to.yes = yes;
        weir::http::forwarding_receiver between{to};
        CHECK(between.again() == yes);
        between.located("http://a/");
        between.head(200, {});
        CHECK(between.body("x") == yes);
        CHECK(to.calls == "again http://a/ 200 x ");
    }
}
