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

TEST_CASE("interim heads are seen one by one and leave nothing behind") {
    head_reader r;
    CHECK(feed(r, {"HTTP/1.1 100 Continue\r\n", "\r\n"}) == reading::interim);
    CHECK(r.status() == 100);
    CHECK(feed(r, {"HTTP/1.1 103 Early Hints\r\n", "Link: </a>\r\n", "\r\n"}) == reading::interim);
    CHECK(r.status() == 103);
    CHECK(r.fields() == headers{{"Link", "</a>"}});
    CHECK(feed(r, {"HTTP/1.1 404 Not Found\r\n", "Age: 1\r\n", "\r\n"}) == reading::complete);
    CHECK(r.status() == 404);
    CHECK(r.fields() == headers{{"Age", "1"}});
    CHECK(r.trailers().empty());
}

TEST_CASE("trailers are apart from the fields") {
    head_reader r;
    CHECK(feed(r, {"HTTP/2 429 \r\n", "\r\n"}) == reading::complete);
    CHECK(r.line("\r\n") == reading::more);
    CHECK(feed(r, {"Retry-After: 1\r\n", "nonsense\r\n", "\r\n"}) == reading::more);
    CHECK(r.fields().empty());
    CHECK(r.trailers() == headers{{"Retry-After", "1"}});
    CHECK(r.status() == 429);
    r.restart();
    CHECK_FALSE(r.complete());
    CHECK(feed(r, {"HTTP/2 200", ""}) == reading::complete);
    CHECK(r.trailers().empty());
}

TEST_CASE("a change of protocol that was not asked for is malformed") {
    head_reader r;
    CHECK(feed(r, {"HTTP/1.1 101 Switching Protocols", "Upgrade: x", ""}) == reading::malformed);
    CHECK_FALSE(r.fault().empty());
}

TEST_CASE("a head that says in two ways where its body ends is malformed") {
    using fields = std::initializer_list<std::string_view>;
    const auto end = [](fields lines) {
        head_reader r;
        static_cast<void>(r.line("HTTP/1.1 200 OK"));
        for (const auto line : lines)
            static_cast<void>(r.line(line));
        return r.line("");
    };
    for (const fields& lines :
         {fields{"Content-Length: 5", "content-length: 3"}, fields{"Content-Length: 5, 3"},
          fields{"Content-Length: 5", "Transfer-Encoding: chunked"}, fields{"Content-Length: -5"},
          fields{"Content-Length: +5"}, fields{"Content-Length: 5x"}, fields{"Content-Length: 5 5"},
          fields{"Content-Length: 0x5"}, fields{"Content-Length: 5,,5"}})
        CHECK(end(lines) == reading::malformed);
    for (const fields& lines : {fields{"Content-Length: 5", "Content-Length: 5"}, fields{"Content-Length: 5, 5"},
                                fields{"Transfer-Encoding: chunked"}, fields{}, fields{"Content-Length: 5"}})
        CHECK(end(lines) == reading::complete);
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

TEST_CASE("a head or its trailers without end are too large") {
    for (const bool in_trailers : {false, true}) {
        head_reader r{1000};
        static_cast<void>(feed(r, {"HTTP/1.1 200 OK"}));
        if (in_trailers)
            CHECK(r.line("") == reading::complete);
        CHECK(r.line("A: " + std::string(500, 'x')) == reading::more);
        CHECK(r.line("A: " + std::string(500, 'x')) == reading::too_large);
    }
    head_reader r;
    CHECK(r.line("HTTP/1.1 200 OK") == reading::more);
    const std::string line = "A: " + std::string(60'000, 'x');
    reading got = reading::more;
    for (int i = 0; i < 30 && got == reading::more; ++i)
        got = r.line(line);
    CHECK(got == reading::too_large);
}
