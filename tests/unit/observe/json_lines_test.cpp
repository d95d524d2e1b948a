// SPDX-License-Identifier: MIT
#include "weir/observe/json_lines.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdio>
#include <limits>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir::json_lines;

// 2025-10-21T15:30:45.123Z
constexpr json_lines::wall_time noon{1761060645123ms};

json_lines::options with(json_lines::level min) {
    return {min, [] { return noon; }};
}

weir::event acquired() {
    return {weir::event_type::acquire,
            weir::instant{5s},
            "api.crossref.org",
            "metadata",
            {weir::outcome::granted, weir::cause::none, {}, {}, 45ms},
            200ms};
}

weir::event blocked() {
    return {weir::event_type::block,
            weir::instant{5s},
            "h",
            "r",
            {weir::outcome::denied, weir::cause::window, weir::instant{6s + 500us}, weir::rate{10, 1s}, 0ms},
            200ms};
}

std::string escaped(std::string_view text) {
    std::string out;
    weir::detail::append_json_text(out, text);
    return out;
}

}  // namespace

TEST_CASE("json_lines: an acquire has the fields of the deployment guide, in its order") {
    CHECK(json_lines::line(acquired(), noon) ==
          "{\"timestamp\":\"2025-10-21T15:30:45.123Z\",\"stage\":\"rate-limiter\",\"event_type\":\"acquire\","
          "\"host\":\"api.crossref.org\",\"role\":\"metadata\",\"delay_ms\":45,\"policy_max_delay_ms\":200,"
          "\"acquired\":true}\n");
}

TEST_CASE("json_lines: a block has cause, limit, and a wall time to come back that is never early") {
    CHECK(json_lines::line(blocked(), noon) ==
          "{\"timestamp\":\"2025-10-21T15:30:45.123Z\",\"stage\":\"rate-limiter\",\"event_type\":\"block\","
          "\"host\":\"h\",\"role\":\"r\",\"delay_ms\":0,\"policy_max_delay_ms\":200,\"acquired\":false,"
          "\"cause\":\"window\",\"limit\":\"10/1s\",\"retry_at\":\"2025-10-21T15:30:46.124Z\"}\n");
}

TEST_CASE("json_lines: never has no time to come back") {
    weir::event e = blocked();
    e.verdict.outcome = weir::outcome::never;
    e.verdict.cause = weir::cause::never;
    const std::string line = json_lines::line(e, noon);
    CHECK(line.find("\"cause\":\"never\",\"limit\":\"10/1s\"}") != std::string::npos);
    CHECK(line.find("retry_at") == std::string::npos);
}

TEST_CASE("json_lines: a response has its status, a gate its end, a reload its faults") {
    weir::event e{weir::event_type::response, weir::instant{5s}, "h", "r"};
    e.status = 429;
    CHECK(json_lines::line(e, noon).ends_with("\"host\":\"h\",\"role\":\"r\",\"status\":429}\n"));

    e.type = weir::event_type::gate;
    e.verdict.retry_at = weir::instant{8s};
    CHECK(json_lines::line(e, noon).ends_with("\"role\":\"r\",\"retry_at\":\"2025-10-21T15:30:48.123Z\"}\n"));
    e.verdict.retry_at = weir::far_future;
    CHECK(json_lines::line(e, noon).ends_with("\"retry_at\":null}\n"));

    weir::event reload{weir::event_type::reload, weir::instant{5s}, {}, {}};
    CHECK(json_lines::line(reload, noon).ends_with("\"event_type\":\"reload\",\"ok\":true}\n"));
    reload.text = "a.yaml:1:1: no \"roles\"\nb";
    CHECK(
        json_lines::line(reload, noon).ends_with("\"ok\":false,\"error\":\"a.yaml:1:1: no \\\"roles\\\"\\u000ab\"}\n"));
}

TEST_CASE("json_lines: delays keep fractions of a millisecond and nothing else") {
    const auto ms = [](weir::duration d) {
        std::string out;
        weir::detail::append_ms(out, d);
        return out;
    };
    CHECK(ms(0ns) == "0");
    CHECK(ms(100ms) == "100");
    CHECK(ms(500us) == "0.5");
    CHECK(ms(12'345'678ns) == "12.345");
    CHECK(ms(999ns) == "0");
}

TEST_CASE("json_lines: the calendar is right at leap days, before 1970 and far away") {
    const auto utc = [](std::int64_t ms) {
        std::string out;
        weir::detail::append_utc(out, std::chrono::sys_time<std::chrono::milliseconds>{std::chrono::milliseconds{ms}});
        return out;
    };
    CHECK(utc(0) == "1970-01-01T00:00:00.000Z");
    CHECK(utc(-1) == "1969-12-31T23:59:59.999Z");
    CHECK(utc(1709164799999) == "2024-02-28T23:59:59.999Z");
    CHECK(utc(1709164800000) == "2024-02-29T00:00:00.000Z");
    CHECK(utc(4102444800000) == "2100-01-01T00:00:00.000Z");

    // The longest distance that is not "never" must not overflow.
    weir::event e = blocked();
    e.at = weir::instant{};
    e.verdict.retry_at = weir::far_future - 1ns;
    CHECK(json_lines::line(e, noon).find("\"retry_at\":\"2171-") != std::string::npos);
}

TEST_CASE("json_lines: hostile bytes are escaped, and bytes that are not UTF-8 are never written") {
    CHECK(escaped("a\"b\\c") == R"("a\"b\\c")");
    CHECK(escaped(std::string_view{"\0\n\x1b[31m\x7f", 8}) == R"("\u0000\u000a\u001b[31m\u007f")");
    CHECK(escaped("\xff\xfe") == R"("\u00ff\u00fe")");
    CHECK(escaped("b\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80") == "\"b\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\"");
    CHECK(escaped("\xc3") == R"("\u00c3")");                                // cut short
    CHECK(escaped("\xc0\xaf") == R"("\u00c0\u00af")");                      // overlong
    CHECK(escaped("\xe0\x80\xaf") == R"("\u00e0\u0080\u00af")");            // overlong
    CHECK(escaped("\xed\xa0\x80") == R"("\u00ed\u00a0\u0080")");            // a surrogate
    CHECK(escaped("\xf4\x90\x80\x80") == R"("\u00f4\u0090\u0080\u0080")");  // past U+10FFFF
    CHECK(escaped("\x80z") == R"("\u0080z")");
    CHECK(escaped("") == "\"\"");
}

TEST_CASE("json_lines: responses are left out by default, and `trouble` writes only trouble") {
    using weir::event_type;
    const auto kinds = [](json_lines::level min) {
        std::size_t lines = 0;
        json_lines log{[&](std::string_view) { ++lines; }, with(min)};
        for (const auto t : {event_type::acquire, event_type::block, event_type::cancel, event_type::head_skip,
                             event_type::response, event_type::gate, event_type::shadow, event_type::reload}) {
            weir::event e = blocked();
            e.type = t;
            log.on_event(e);
        }
        return lines;
    };
    CHECK(kinds(json_lines::level::trouble) == 5);
    CHECK(kinds(json_lines::level::decisions) == 7);
    CHECK(kinds(json_lines::level::all) == 8);
    CHECK(json_lines::options{}.min == json_lines::level::decisions);
}

TEST_CASE("json_lines: a stream and a C file get the same line, at once") {
    std::ostringstream stream;
    json_lines{stream, with(json_lines::level::all)}.on_event(acquired());
    CHECK(stream.str() == json_lines::line(acquired(), noon));

    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::tmpfile(), &std::fclose};
    REQUIRE(file != nullptr);
    json_lines{file.get(), with(json_lines::level::all)}.on_event(acquired());
    std::rewind(file.get());
    std::string text(4096, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file.get()));
    CHECK(text == stream.str());
}

TEST_CASE("json_lines: the system's clock is used when none is given") {
    std::string text;
    json_lines{[&](std::string_view line) { text = line; }}.on_event(acquired());
    CHECK(text.starts_with("{\"timestamp\":\"20"));
    CHECK(text.ends_with("}\n"));
}

TEST_CASE("json_lines: lines of many threads and many copies never mix") {
    std::string all;  // no lock of its own: the observer's is what is tested
    json_lines log{[&](std::string_view line) {
                       for (const char c : line)
                           all += c;
                   },
                   with(json_lines::level::all)};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([copy = log]() mutable {
                for (int n = 0; n < 500; ++n)
                    copy.on_event(acquired());
            });
    }
    const std::string one = json_lines::line(acquired(), noon);
    REQUIRE(all.size() == 2000 * one.size());
    std::size_t wrong = 0;
    for (std::size_t at = 0; at < all.size(); at += one.size())
        if (all.compare(at, one.size(), one) != 0)
            ++wrong;
    CHECK(wrong == 0);
}

TEST_CASE("json_lines: a sink that throws is swallowed by notify, and the next line is written") {
    int calls = 0;
    json_lines log{[&](std::string_view) {
                       if (++calls == 1)
                           throw std::runtime_error{"disk full"};
                   },
                   with(json_lines::level::all)};
    weir::notify(log, [] { return acquired(); });
    weir::notify(log, [] { return acquired(); });
    CHECK(calls == 2);
}

TEST_CASE("json_lines: a request that passed in shadow was acquired, with the cause that would have stopped it") {
    weir::event e = acquired();
    e.type = weir::event_type::shadow;
    e.verdict.cause = weir::cause::window;
    e.verdict.limit = weir::rate{10, std::chrono::seconds{1}};
    e.verdict.waited = {};
    e.verdict.retry_at = e.at + std::chrono::seconds{1};
    const std::string line = json_lines::line(e, noon);
    CHECK(line.find(R"("event_type":"shadow")") != std::string::npos);
    CHECK(line.find(R"("delay_ms":0,)") != std::string::npos);
    CHECK(line.find(R"("acquired":true,"cause":"window","limit":"10/1s","retry_at":")") != std::string::npos);
    e.verdict.cause = weir::cause::never;
    CHECK(json_lines::line(e, noon).find("retry_at") == std::string::npos);
}
