// SPDX-License-Identifier: MIT
#include "weir/http/request_check.hpp"

#include "support/catch.hpp"

#include <string>
#include <string_view>

using weir::http::headers;
using weir::http::request;
using weir::http::request_fault;

namespace {
bool sends(const request& what) { return request_fault(what).empty(); }
bool sends_field(std::string name, std::string value) {
    return sends({.url = "http://a/", .headers = {{std::move(name), std::move(value)}}});
}
}  // namespace

TEST_CASE("a method is a token, and neither CONNECT nor TRACE") {
    for (const char* method : {"GET", "POST", "get", "PROPFIND", "X-Y", "M-SEARCH", "!#$%&'*+-.^_`|~09"})
        CHECK(sends({.method = method}));
    for (const char* method : {"", "GET ", "G T", "GET\r\n", "GET/", "G\x01", "\xc3\xa4", "CONNECT", "connect", "TRACE",
                               "Trace", "A:B", "A(B)", "A\"", "A@"})
        CHECK_FALSE(sends({.method = method}));
}

TEST_CASE("a field has a token for a name and no control character in its value") {
    for (const char* name : {"A", "x-1", "!#$%&'*+-.^_`|~"})
        CHECK(sends_field(name, "b"));
    for (const char* name : {"", " A", "A ", "A:", "A B", "A\n", "\xc3\xa4", "A(", "A/B", "A@"})
        CHECK_FALSE(sends_field(name, "b"));
    for (const char* value : {"", " ", "a b", "\ta\t", "a,b;c=\"d\"", "\xc3\xa4", "\x80\xff"})
        CHECK(sends_field("A", value));
    for (int c = 0; c < 256; ++c)
        CHECK(sends_field("A", std::string("a") + static_cast<char>(c) + "b") == ((c >= 32 && c != 127) || c == 9));
}

TEST_CASE("fields that frame the message or change the connection are the transport's") {
    for (const char* name : {"Content-Length", "content-length", "Transfer-Encoding", "TRANSFER-ENCODING", "Upgrade",
                             "HTTP2-Settings", "Keep-Alive", "Proxy-Connection"})
        for (const char* value : {"", "0", "3", "chunked"})
            CHECK_FALSE(sends_field(name, value));
    CHECK(sends_field("Connection", "close"));
    CHECK(sends_field("Connection", " Keep-Alive "));
    for (const char* value : {"", "upgrade", "close, X-A", "TE"})
        CHECK_FALSE(sends_field("Connection", value));
    CHECK(sends_field("TE", "trailers"));
    CHECK_FALSE(sends_field("TE", "gzip"));
    CHECK(sends_field("Expect", "100-continue"));
    CHECK(sends_field("Trailer", "X"));
}

TEST_CASE("one host, and no more than one of the fields that may occur once") {
    for (const char* host : {"a", "a:80", "[::1]:8080", "xn--bcher-kva.example", "a_b"})
        CHECK(sends_field("Host", host));
    for (const char* host : {"", " ", "a b", "a/b", "a?b", "a#b", "a@b", "a\\b", "a\"b"})
        CHECK_FALSE(sends_field("Host", host));
    for (const char* name : {"Host", "Range", "User-Agent", "Authorization", "Content-Type"}) {
        CHECK(sends({.headers = {{name, "a"}, {"X", "b"}}}));
        CHECK_FALSE(sends({.headers = {{name, "a"}, {name, "a"}}}));
    }
    CHECK(sends({.headers = {{"Cookie", "a"}, {"Cookie", "b"}}}));
}

TEST_CASE("one range, one body, and a head of a size that can be sent") {
    CHECK(sends({.resume_from = 3}));
    CHECK(sends({.headers = {{"Range", "bytes=3-"}}}));
    CHECK_FALSE(sends({.headers = {{"range", "bytes=3-"}}, .resume_from = 3}));
    CHECK(sends({.body = "x"}));
    const auto source = weir::http::stream_body([](std::span<char>) { return std::size_t{0}; });
    CHECK(sends({.upload = source}));
    CHECK_FALSE(sends({.body = "x", .upload = source}));
    CHECK(sends_field("A", std::string(500'000, 'a')));
    CHECK_FALSE(sends_field("A", std::string(600'000, 'a')));
    CHECK_FALSE(sends({.url = "http://a/" + std::string(600'000, 'a')}));
}
