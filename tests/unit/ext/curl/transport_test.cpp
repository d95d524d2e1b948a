// SPDX-License-Identifier: MIT
#include "weir/ext/curl/transport.hpp"

#include "support/catch.hpp"

#include "weir/http/redirecting.hpp"

#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>

using weir::http::transport_errc;
using weir::http::transport_error;

namespace {
transport_errc refused_unsent(const weir::http::request& what) {
    weir::curl::transport http;
    try {
        static_cast<void>(http.send(what));
    } catch (const transport_error& e) {
        CHECK_FALSE(e.sent());
        CHECK(std::string_view{e.what()}.find("secret") == std::string_view::npos);
        return e.reason();
    }
    return {};
}
}  // namespace

TEST_CASE("the transport over libcurl is a transport that can be moved and decorated") {
    STATIC_REQUIRE(weir::http::transport<weir::curl::transport>);
    STATIC_REQUIRE(std::is_move_constructible_v<weir::curl::transport>);
    STATIC_REQUIRE(weir::http::transport<weir::http::redirecting<weir::curl::transport>>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<weir::curl::transport>);
}

TEST_CASE("a request that cannot be sent is not sent") {
    CHECK(refused_unsent({.url = "ftp://localhost/?secret"}) == transport_errc::bad_request);
    CHECK(refused_unsent({.url = "file:///etc/passwd"}) == transport_errc::bad_request);
    CHECK(refused_unsent({.url = "http://user:secret@localhost/"}) == transport_errc::bad_request);
    CHECK(refused_unsent({.url = "http://localhost/\r\nX: y"}) == transport_errc::bad_request);
    CHECK(refused_unsent({.method = "GET / HTTP/1.1\r\nX:", .url = "http://localhost/"}) ==
          transport_errc::bad_request);
    CHECK(refused_unsent({.method = "", .url = "http://localhost/"}) == transport_errc::bad_request);
    CHECK(refused_unsent({.url = "http://localhost/", .headers = {{"A", "b\r\nsecret: x"}}}) ==
          transport_errc::bad_request);
    CHECK(refused_unsent({.url = "http://localhost/", .headers = {{"A", std::string{"b\0c", 3}}}}) ==
          transport_errc::bad_request);
    CHECK(refused_unsent({.url = "http://localhost/", .headers = {{"A b", "secret"}}}) == transport_errc::bad_request);
    CHECK(refused_unsent({.url = "http://localhost/", .headers = {{"", "x"}}}) == transport_errc::bad_request);
}

TEST_CASE("a request stopped before it began is cancelled and was not sent") {
    std::stop_source source;
    source.request_stop();
    CHECK(refused_unsent({.url = "http://localhost/", .stop = source.get_token()}) == transport_errc::cancelled);
}
