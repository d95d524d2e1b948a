// SPDX-License-Identifier: MIT
#include "weir/http/transport_error.hpp"

#include "support/catch.hpp"

#include <string>
#include <system_error>

using weir::http::transport_errc;
using weir::http::transport_error;

TEST_CASE("a transport error says method, URL without secrets, detail and reason") {
    const transport_error e{transport_errc::connect, "GET", "https://u:pw@example.org/a?key=1", "port 443 refused",
                            false};
    CHECK(std::string{e.what()} == "GET https://example.org/a?...: port 443 refused: no connection");
    CHECK(e.reason() == transport_errc::connect);
    CHECK(e.code() == transport_errc::connect);
    CHECK_FALSE(e.sent());
    CHECK(std::string{transport_error{transport_errc::timeout, "GET", "http://a/", "", true}.what()} ==
          "GET http://a/: timed out");
}

TEST_CASE("a transport error stays on one line whatever the method") {
    const transport_error e{transport_errc::bad_request, "A\r\nB", "http://a/", "", false};
    CHECK(std::string{e.what()} == "A%0D%0AB http://a/: not a request that can be sent");
}

TEST_CASE("every reason has a sentence of its own") {
    for (int i = 1; i <= static_cast<int>(transport_errc::address_refused); ++i)
        CHECK(make_error_code(static_cast<transport_errc>(i)).message() != "unknown error");
    CHECK(make_error_code(transport_errc::lost).category().name() == std::string{"weir.http"});
}
