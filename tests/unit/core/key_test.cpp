// SPDX-License-Identifier: MIT
#include "weir/core/key.hpp"

#include "support/catch.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace {
std::optional<std::string> fake_idna(std::string_view host) {
    if (host == "b\xc3\xbc"
                "cher.example")
        return "XN--BCHER-KVA.example";
    if (host == "liar.\xc3\xbc")
        return "not a host";
    return std::nullopt;
}
}  // namespace

TEST_CASE("key: one budget, one spelling") {
    struct row {
        std::string_view text;
        std::string_view is;
    };
    const row table[] = {
        {"api.crossref.org", "api.crossref.org"},
        {"API.CrossRef.ORG", "api.crossref.org"},
        {"api.crossref.org.", "api.crossref.org"},
        {"h:8080", "h:8080"},
        {"H.:8080", "h:8080"},
        {"localhost", "localhost"},
        {"127.0.0.1", "127.0.0.1"},
        {"[::1]", "[::1]"},
        {"[2001:DB8::1]:443", "[2001:db8::1]:443"},
        {"a_b.example", "a_b.example"},
        {"xn--bcher-kva.example", "xn--bcher-kva.example"},
    };
    for (const auto& r : table) {
        INFO(r.text);
        const auto host = weir::canonical_host(r.text);
        REQUIRE(host);
        CHECK(*host == r.is);
        CHECK(weir::canonical_host(*host).value() == *host);
    }
}

TEST_CASE("key: a text that is not a host is an error that says why") {
    struct row {
        std::string_view text;
        std::string_view says;
    };
    const row table[] = {
        {"", "it is empty"},
        {"https://h", "without scheme or path"},
        {"h/path", "without scheme or path"},
        {"user@h", "without a user"},
        {"a..b", "single dots"},
        {".a", "single dots"},
        {".", "single dots"},
        {"a b", "a host is at most"},
        {"h:0", "a port is a number"},
        {"h:65536", "a port is"},
        {"h:000", "a port is"},
        {"h:", "a port is"},
        {"::1", "stands in brackets"},
        {"[::1", "closed by"},
        {"[]", "closed by"},
        {"[zz]", "IPv6"},
        {"[::1]x", "may follow"},
        {"b\xc3\xbc"
         "cher.example",
         "letters outside ASCII"},
    };
    for (const auto& r : table) {
        INFO(r.text);
        const auto host = weir::canonical_host(r.text);
        REQUIRE_FALSE(host);
        INFO(host.error().message);
        CHECK(host.error().code == weir::errc::bad_host);
        CHECK(host.error().message.find(r.says) != std::string::npos);
    }
    CHECK_FALSE(weir::canonical_host(std::string(254, 'a')));
    CHECK(weir::canonical_host(std::string(253, 'a')));
}

TEST_CASE("key: letters outside ASCII become A-labels where a function is given, and its answer is not trusted") {
    const auto good = weir::canonical_host("b\xc3\xbc"
                                           "cher.example",
                                           fake_idna);
    const auto unknown = weir::canonical_host("\xc3\xbc", fake_idna);
    REQUIRE_FALSE(unknown);
    CHECK(unknown.error().message.find("no A-label form") != std::string::npos);
    CHECK_FALSE(weir::canonical_host("liar.\xc3\xbc", fake_idna));
    // An A-label in capitals would be a second budget for one host.
    if (good)
        CHECK(*good == "xn--bcher-kva.example");
}
