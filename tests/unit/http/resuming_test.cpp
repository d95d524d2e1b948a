// SPDX-License-Identifier: MIT
#include "weir/http/resuming.hpp"

#include "support/catch.hpp"

#include "weir/http/message.hpp"
#include "weir/http/retrying.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

using namespace weir::http;

namespace {

/// A file on a server whose connection breaks after so many bytes.
struct breaking_server {
    void send(const request& what, receiver& to) {
        asked.push_back(what);
        if (before)
            before(asked.size());
        const std::size_t from = parts ? static_cast<std::size_t>(what.resume_from.value_or(0)) : 0;
        headers fields = extra;
        if (!tag.empty())
            fields.add("ETag", tag);
        const bool is_part = parts && what.resume_from && what.headers.first("If-Range").value_or(tag) == tag;
        if (is_part)
            fields.add("Content-Range", fmt::format("bytes {}-{}/{}", from, file.size() - 1, file.size()));
        else
            fields.add("Content-Length", std::to_string(file.size()));
        to.head(is_part ? 206 : 200, fields);
        const std::string rest = file.substr(is_part ? from : 0);
        const std::size_t part = std::min(rest.size(), breaks_after);
        if (part > 0 && !to.body(std::string_view{rest}.substr(0, part)))
            return to.finished({.attempts = 1});
        to.finished({.attempts = 1});
        if (part < rest.size() && !is_silent)
            throw transport_error{reason, what.method, what.url, "broke", true};
    }

    std::string file = "0123456789abcdef";
    std::string tag = "\"v1\"";
    headers extra{};
    std::size_t breaks_after = 5;
    bool parts = true;
    bool is_silent = false;
    transport_errc reason = transport_errc::lost;
    std::function<void(std::size_t)> before{};
    std::vector<request> asked{};
};

struct unit_limits {
    static void count_first(std::string_view, std::string_view, bool) {}
    weir::retry_grant take_retry(std::string_view, std::string_view, const weir::retry_share&, bool) {
        return units-- > 0 ? weir::retry_grant::budget : weir::retry_grant::none;
    }
    static bool wait_for(weir::duration, const std::stop_token&) { return true; }
    int units = 100;
};

const request some_file{.url = "http://h.org/file"};

struct resume_bench {
    breaking_server server{};
    unit_limits limits{};
    send_result get(const request& what = some_file) {
        resuming http(server, limits);
        return http.try_send(what);
    }
};

}  // namespace

TEST_CASE("resuming: a body that breaks off is completed by parts") {
    resume_bench b;
    const auto got = b.get();
    REQUIRE(got.has_value());
    CHECK(got->status == 200);
    CHECK(got->body == b.server.file);
    CHECK(got->info.attempts == 4);
    REQUIRE(b.server.asked.size() == 4);
    CHECK(b.server.asked[1].resume_from == 5U);
    CHECK(b.server.asked[1].headers.first("If-Range") == "\"v1\"");
    CHECK(b.server.asked[3].resume_from == 15U);
}

TEST_CASE("resuming: a request that began in the middle goes on from there") {
    resume_bench b;
    request what = some_file;
    what.resume_from = 8;
    what.headers.set("If-Range", "\"v1\"");
    const auto got = b.get(what);
    REQUIRE(got.has_value());
    CHECK(got->status == 206);
    CHECK(got->body == "89abcdef");
}

TEST_CASE("resuming: a server without parts is read again up to the missing byte") {
    resume_bench b;
    b.server.parts = false;
    b.server.before = [&](std::size_t n) { b.server.breaks_after = n == 1 ? 5 : 100; };
    const auto got = b.get();
    REQUIRE(got.has_value());
    CHECK(got->body == b.server.file);
    CHECK(b.server.asked.size() == 2);
}

TEST_CASE("resuming: a body that ends early without a failure is a failure, and is resumed") {
    resume_bench b;
    b.server.is_silent = true;
    CHECK(b.get()->body == b.server.file);
    b.limits.units = 0;
    CHECK(b.get().error().code == transport_errc::lost);
}

TEST_CASE("resuming: nothing is joined that is not known to be the same") {
    resume_bench b;
    std::size_t requests = 1;
    SECTION("no tag") { b.server.tag.clear(); }
    SECTION("a weak tag") { b.server.tag = "W/\"v1\""; }
    SECTION("a packed body") { b.server.extra.add("Content-Encoding", "gzip"); }
    SECTION("a server that says it sends no parts") { b.server.extra.add("Accept-Ranges", "none"); }
    SECTION("a failure that will be the same") { b.server.reason = transport_errc::protocol; }
    SECTION("no unit of the budget") { b.limits.units = 0; }
    SECTION("another version") {
        b.server.before = [&](std::size_t n) { b.server.tag = n == 1 ? "\"v1\"" : "\"v2\""; };
        requests = 2;
    }
    SECTION("no byte of progress") {
        b.server.before = [&](std::size_t n) { b.server.breaks_after = n == 1 ? 5 : 0; };
        requests = 2;
    }
    const auto got = b.get();
    REQUIRE_FALSE(got.has_value());
    CHECK(b.server.asked.size() == requests);
}

TEST_CASE("resuming: a POST and a range of the caller's are not resumed") {
    resume_bench b;
    request what = some_file;
    SECTION("POST") { what.method = "POST"; }
    SECTION("Range") { what.headers.set("Range", "bytes=0-7"); }
    CHECK_FALSE(b.get(what).has_value());
    CHECK(b.server.asked.size() == 1);
}

TEST_CASE("resuming: if the request for the rest fails, the first failure is the result") {
    resume_bench b;
    b.server.before = [&](std::size_t n) {
        if (n == 2)
            throw weir::refused{{"h.org", "metadata"}, {weir::outcome::denied, weir::cause::gate, {}, {}, {}}, {}};
    };
    const auto got = b.get();
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error().code == transport_errc::lost);
    CHECK(b.server.asked.size() == 2);
}

TEST_CASE("resuming: a receiver that wants no more gets no more") {
    struct first_bytes final : receiver {
        void head(int, const headers&) override {}
        bool body(std::string_view) override { return false; }
    } to;
    resume_bench b;
    resuming http(b.server, b.limits);
    http.send(some_file, to);
    CHECK(b.server.asked.size() == 1);
}

TEST_CASE("resuming: at most so many requests for the rest") {
    resume_bench b;
    b.server.breaks_after = 1;
    resuming http(b.server, b.limits, {.max_resumes = 3});
    CHECK_FALSE(http.try_send(some_file).has_value());
    CHECK(b.server.asked.size() == 4);
}
