// SPDX-License-Identifier: MIT
#include "weir/http/head_reader.hpp"

#include "support/catch.hpp"

#include <initializer_list>
#include <string>
#include <string_view>

using weir::http::head_reader;
using weir::http::headers;
using reading = head_reader::step;

namespace {
reading feed(head_reader& r, std::initializer_list<std::string_view> lines) {
    reading got = reading::more;
    for (const auto line : lines)
        got = r.line(line);
    return got;
}
}  // namespace

TEST_CASE("a head is complete at its empty line") {
    head_reader r;
    CHECK(feed(r, {"HTTP/1.1 200 OK\r\n", "Content-Type:  text/plain \r\n", "X-Empty:\r\n"}) == reading::more);
    CHECK_FALSE(r.complete());
    CHECK(r.line("\r\n") == reading::complete);
    CHECK(r.complete());
    CHECK(r.status() == 200);
    CHECK(r.fields() == headers{{"Content-Type", "text/plain"}, {"X-Empty", ""}});
}

TEST_CASE("interim heads leave nothing behind") {
    head_reader r;
    CHECK(feed(r, {"HTTP/1.1 100 Continue\r\n", "\r\n", "HTTP/1.1 103 Early Hints\r\n", "Link: </a>\r\n", "\r\n"}) ==
          reading::more);
    CHECK(feed(r, {"HTTP/1.1 404 Not Found\r\n", "Age: 1\r\n", "\r\n"}) == reading::complete);
    CHECK(r.status() == 404);
    CHECK(r.fields() == headers{{"Age", "1"}});
}

TEST_CASE("trailers change nothing") {
    head_reader r;
    CHECK(feed(r, {"HTTP/2 429 \r\n", "\r\n"}) == reading::complete);
    CHECK(feed(r, {"Retry-After: 1\r\n", "\r\n"}) == reading::more);
    CHECK(r.fields().empty());
    CHECK(r.status() == 429);
}

TEST_CASE("a folded field is one field") {
    head_reader r;
    CHECK(feed(r, {"HTTP/1.1 200 OK", "A: one", "\t two ", ""}) == reading::complete);
    CHECK(r.fields() == headers{{"A", "one two"}});
}

TEST_CASE("a text that is not a head is malformed") {
    for (const std::string_view line :
         {"", "ICY 200 OK", "HTTP/1.1", "HTTP/1.1 20", "HTTP/1.1 2000 OK", "HTTP/1.1 abc", "HTTP/1.1 099 x"}) {
        head_reader r;
        CAPTURE(line);
        CHECK(r.line(line) == reading::malformed);
    }
    head_reader no_colon;
    CHECK(feed(no_colon, {"HTTP/1.1 200 OK", "nothing"}) == reading::malformed);
    head_reader folded_first;
    CHECK(feed(folded_first, {"HTTP/1.1 200 OK", " x"}) == reading::malformed);
}

TEST_CASE("a head without end is malformed") {
    head_reader r;
    CHECK(r.line("HTTP/1.1 200 OK") == reading::more);
    const std::string line = "A: " + std::string(60'000, 'x');
    reading got = reading::more;
    for (int i = 0; i < 30 && got == reading::more; ++i)
        got = r.line(line);
    CHECK(got == reading::malformed);
}
