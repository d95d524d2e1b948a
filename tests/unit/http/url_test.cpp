// SPDX-License-Identifier: MIT
#include "weir/http/url.hpp"

#include "support/catch.hpp"

#include <array>
#include <string>
#include <string_view>
#include <utility>

using weir::errc;
using weir::http::budget_host;
using weir::http::parse_url;
using weir::http::printable_url;
using weir::http::resolve;

namespace {
std::string host_of(std::string_view text) {
    const auto host = budget_host(text);
    return host ? std::string{*host} : "error: " + host.error().message;
}
std::string reparsed(std::string_view text) {
    const auto url = parse_url(text);
    return url ? url->str() : "error: " + url.error().message;
}
std::string resolved(std::string_view base, std::string_view reference) {
    const auto url = resolve(parse_url(base).value(), reference);
    return url ? url->str() : "error: " + url.error().message;
}
}  // namespace

TEST_CASE("the budget of a URL is its host, with its port unless that is the scheme's default") {
    CHECK(host_of("https://api.crossref.org/works") == "api.crossref.org");
    CHECK(host_of("https://api.crossref.org") == "api.crossref.org");
    CHECK(host_of("https://api.crossref.org?rows=1") == "api.crossref.org");
    CHECK(host_of("https://api.crossref.org#x") == "api.crossref.org");
    CHECK(host_of("https://example.org:443/") == "example.org");
    CHECK(host_of("http://example.org:80/") == "example.org");
    CHECK(host_of("https://example.org:/") == "example.org");
    CHECK(host_of("http://example.org:080/") == "example.org");
    CHECK(host_of("https://example.org:00443") == "example.org");
    CHECK(reparsed("https://example.org:08443/") == "https://example.org:8443/");
    CHECK(reparsed("http://0x7f.1:00080/") == "http://127.0.0.1/");
    CHECK(reparsed("http://[0::1]:81/") == "http://[::1]:81/");
    CHECK(host_of("https://example.org:80/") == "example.org:80");
    CHECK(host_of("http://example.org:443") == "example.org:443");
    CHECK(host_of("http://127.0.0.1:8080/a:b@c") == "127.0.0.1:8080");
    CHECK(host_of("http://[::1]/") == "[::1]");
    CHECK(host_of("http://[::1]:80/") == "[::1]");
    CHECK(host_of("http://[::1]:81?x") == "[::1]:81");
    CHECK(host_of("http://example.org/a@b") == "example.org");
    CHECK(host_of("http://example.org?a@b") == "example.org");
}

TEST_CASE("the budget's host is a view into the URL, in whatever spelling it has there") {
    const std::string text = "HTTPS://API.Crossref.org.:443/works";
    const auto host = budget_host(text);
    REQUIRE(host);
    CHECK(*host == "API.Crossref.org.");
    CHECK(host->data() == text.data() + 8);
}

TEST_CASE("a URL that has no budget is an error that says why and shows no secret") {
    for (const std::string_view text : {"",
                                        "example.org",
                                        "//example.org/",
                                        "ftp://example.org/",
                                        "https:/example.org",
                                        "https:example.org",
                                        "https://",
                                        "https:///path",
                                        "https://?x",
                                        "https://:443/",
                                        "https://u:secret@example.org/",
                                        "https://secret@example.org",
                                        "https://a@secret@example.org/",
                                        "https://example.org:0/",
                                        "https://example.org:65536/",
                                        "https://example.org:8x/",
                                        "https://example.org:000/",
                                        "https://example.org:80:90/",
                                        "https://[::1/",
                                        "https://[::1]x:8y/",
                                        " https://example.org/",
                                        "https://example.org\\@other.org/",
                                        "file:///etc/passwd?secret"}) {
        CAPTURE(text);
        const auto host = budget_host(text);
        REQUIRE_FALSE(host);
        CHECK(host.error().code == errc::bad_url);
        CHECK(host.error().message.find("secret") == std::string::npos);
        CHECK_FALSE(parse_url(text));
    }
}

TEST_CASE("a URL is taken apart into scheme, canonical host, path and query") {
    const auto url = parse_url("HTTP://API.Example.ORG.:8080/a/b;c?d=e/f?g#h?i").value();
    CHECK(url.scheme == "http");
    CHECK(url.host == "api.example.org:8080");
    CHECK(url.path == "/a/b;c");
    CHECK(url.query == "?d=e/f?g");
    CHECK(url.str() == "http://api.example.org:8080/a/b;c?d=e/f?g");
    CHECK(reparsed("https://example.org") == "https://example.org/");
    CHECK(reparsed("https://example.org?a") == "https://example.org/?a");
    CHECK(reparsed("https://example.org/?") == "https://example.org/?");
    CHECK(reparsed("https://example.org/a/../b") == "https://example.org/a/../b");
    CHECK(reparsed("https://[2001:DB8::1]:443/") == "https://[2001:db8::1]/");
}

TEST_CASE("bytes that no URL may hold are percent-encoded, and escapes stay as they are") {
    CHECK(reparsed("https://example.org/a b\"<>\\^`{|}?q=ü&r=%41%zz") ==
          "https://example.org/a%20b%22%3C%3E%5C%5E%60%7B%7C%7D?q=%C3%BC&r=%41%zz");
    CHECK_FALSE(parse_url("https://example.org/a\r\nHost: evil"));
    CHECK_FALSE(parse_url(std::string_view{"https://example.org/\0", 21}));
    CHECK_FALSE(parse_url("https://ex%61mple.org/"));
    CHECK_FALSE(parse_url("https://b\xc3\xbc"
                          "cher.example/"));
    CHECK(parse_url("https://b\xc3\xbc"
                    "cher.example/",
                    [](std::string_view) -> std::optional<std::string> { return "xn--bcher-kva.example"; })
              ->host == "xn--bcher-kva.example");
}

TEST_CASE("references resolve as in RFC 3986 section 5.4") {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 41> examples{{
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g/"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q"},
        {"g#s", "http://a/b/c/g"},
        {"g?y#s", "http://a/b/c/g?y"},
        {";x", "http://a/b/c/;x"},
        {"g;x", "http://a/b/c/g;x"},
        {"g;x?y#s", "http://a/b/c/g;x?y"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"../../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {".g", "http://a/b/c/.g"},
        {"g..", "http://a/b/c/g.."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/./x", "http://a/b/c/g?y/./x"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"g#s/./x", "http://a/b/c/g"},
        {"g#s/../x", "http://a/b/c/g"},
        {"http://h/x/../y", "http://h/y"},
    }};
    for (const auto& [reference, expected] : examples) {
        CAPTURE(reference);
        CHECK(resolved("http://a/b/c/d;p?q", reference) == expected);
    }
}

TEST_CASE("references keep doubled slashes and resolve without a path") {
    CHECK(resolved("http://a", "g") == "http://a/g");
    CHECK(resolved("http://a?q", "?y") == "http://a/?y");
    CHECK(resolved("http://a/b", "//h//x//../y") == "http://h//x/y");
    CHECK(resolved("https://a/b", "//h:443/x") == "https://h/x");
    CHECK(resolved("https://a:8443/b", " /x y ") == "https://a:8443/x%20y");
    CHECK(resolved("https://a/b", "a:b@c/d").starts_with("error"));
    CHECK(resolved("https://a/b", "./a:b") == "https://a/a:b");
}

TEST_CASE("a reference to another scheme, a user or a control character is an error") {
    for (const std::string_view reference : {"ftp://x/", "file:///etc/passwd", "javascript:alert(1)", "mailto:a@b",
                                             "http:g", "https:/x", "//user:secret@h/", "/a\nb", "//"}) {
        CAPTURE(reference);
        const auto url = resolve(parse_url("https://a/b").value(), reference);
        REQUIRE_FALSE(url);
        CHECK(url.error().code == errc::bad_url);
        CHECK(url.error().message.find("secret") == std::string::npos);
    }
}

TEST_CASE("two URLs have one origin when scheme, host and port agree") {
    const auto a = parse_url("https://Example.org/a").value();
    CHECK(a.same_origin(parse_url("https://example.org:443/b?c").value()));
    CHECK_FALSE(a.same_origin(parse_url("http://example.org/a").value()));
    CHECK_FALSE(a.same_origin(parse_url("https://example.org:8443/a").value()));
    CHECK_FALSE(a.same_origin(parse_url("https://www.example.org/a").value()));
}

TEST_CASE("a printed URL has no user, no query and no odd byte") {
    CHECK(printable_url("https://example.org/a?key=secret#x") == "https://example.org/a?...");
    CHECK(printable_url("https://example.org/a#secret?") == "https://example.org/a");
    CHECK(printable_url("https://u:p@example.org/a@b") == "https://example.org/a@b");
    CHECK(printable_url("https://u:p@w@example.org") == "https://example.org");
    CHECK(printable_url("u:p@example.org/x") == "example.org/x");
    CHECK(printable_url("https:u:p@example.org/x") == "example.org/x");
    CHECK(printable_url("https:u:p@example.org/x//y") == "example.org/x//y");
    CHECK(printable_url("/a b\n\xff") == "/a%20b%0A%FF");
    CHECK(printable_url("ht\ntp://u@a/") == "ht%0Atp://a/");  // the scheme was once copied as it was
    CHECK(printable_url("u:p@b//c@d") == "d");
    CHECK(printable_url("") == "");
}
