// SPDX-License-Identifier: MIT
#include "weir/http/ratelimit_fields.hpp"

#include "support/catch.hpp"

#include "weir/core/rate.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono;
using weir::limit_unit;
using weir::http::headers;
using weir::http::longest_retry_after;
using weir::http::quota;
using weir::http::quota_reading;
using weir::http::read_ratelimit_fields;
using weir::http::reset_unit;

namespace {

// 1795176000 s since 1970
constexpr system_clock::time_point now = sys_days{2026y / November / 20d} + 12h;

quota_reading read(const headers& fields, reset_unit unit = reset_unit::guessed) {
    return read_ratelimit_fields(fields, now, unit);
}
/// The quotas of a response of which nothing may be dropped.
std::vector<quota> quotas(const headers& fields, reset_unit unit = reset_unit::guessed) {
    const auto r = read(fields, unit);
    for (const std::string& why : r.dropped)
        FAIL_CHECK(why);
    return r.quotas;
}
/// The sentence about the one field of which nothing may be left.
std::string dropped(const headers& fields) {
    const auto r = read(fields);
    if (!r.quotas.empty() || r.dropped.size() != 1)
        return "not one field dropped";
    return r.dropped.front();
}
std::optional<weir::duration> reset_of(std::string_view text, reset_unit unit = reset_unit::guessed) {
    const auto r = read({{"X-RateLimit-Reset", std::string{text}}}, unit);
    return r.quotas.empty() ? std::nullopt : r.quotas.at(0).reported.reset;
}

}  // namespace

TEST_CASE("a response without the fields reports nothing") {
    const auto r = read({{"Content-Type", "text/html"}, {"Age", "7"}, {"Retry-After", "3"}});
    CHECK(r.quotas.empty());
    CHECK(r.dropped.empty());
}

TEST_CASE("the draft's policies and state are joined by name") {
    const auto q = quotas({{"RateLimit-Policy", "\"burst\";q=100;w=60,\"daily\";q=1000;w=86400"},
                           {"RateLimit", "\"daily\";r=850, \"burst\";r=45;t=30"}});
    CHECK(q == std::vector<quota>{{.name = "burst",
                                   .reported = {.limit = 100, .window = 60s, .remaining = 45, .reset = 30s},
                                   .from = "RateLimit-Policy"},
                                  {.name = "daily",
                                   .reported = {.limit = 1000, .window = 86400s, .remaining = 850},
                                   .from = "RateLimit-Policy"}});
}

TEST_CASE("a field over several lines is one field") {
    const auto q = quotas({{"ratelimit-policy", "\"a\";q=1;w=1"},
                           {"X-Between", "x"},
                           {"RateLimit-Policy", "\"b\";q=2"},
                           {"RATELIMIT", "\"b\";r=0"}});
    REQUIRE(q.size() == 2);
    CHECK_FALSE(q[0].reported.remaining);
    CHECK(q[1].reported.limit == 2);
    CHECK_FALSE(q[1].reported.window);
    CHECK(q[1].reported.remaining == 0);
}

TEST_CASE("a state without its policy is a quota of its own") {
    const auto q = quotas({{"RateLimit-Policy", "\"burst\";q=100;w=60"}, {"RateLimit", "\"default\";r=0;t=30"}});
    REQUIRE(q.size() == 2);
    CHECK_FALSE(q[0].reported.remaining);
    CHECK(q[1] == quota{.name = "default", .reported = {.remaining = 0, .reset = 30s}, .from = "RateLimit"});
}

TEST_CASE("partition keys distinguish quotas of the same name") {
    const auto q = quotas({{"RateLimit-Policy", "\"p\";q=10;pk=:YQ==:, \"p\";q=20;pk=:Yg==:, \"o\";q=5"},
                           {"RateLimit", "\"p\";r=7;pk=:Yg==:, \"p\";r=1;pk=:Yw==:, \"o\";r=3;pk=:AA==:"}});
    REQUIRE(q.size() == 4);
    CHECK(q[0].partition == "a");
    CHECK_FALSE(q[0].reported.remaining);
    CHECK(q[1].partition == "b");
    CHECK(q[1].reported.remaining == 7);
    CHECK(q[2].reported.remaining == 3);
    CHECK(q[2].partition == std::string(1, '\0'));
    CHECK(q[3].reported.limit == std::nullopt);
    CHECK(q[3].reported.remaining == 1);
}

TEST_CASE("quota units are distinguished") {
    const auto q = quotas({{"RateLimit-Policy", "\"r\";q=5;qu=\"requests\", \"s\";q=6;qu=\"request\", "
                                                "\"b\";q=1000000;qu=\"content-bytes\";w=60, \"c\";q=3;"
                                                "qu=\"concurrent-requests\", \"o\";q=9;qu=\"bytes\""}});
    REQUIRE(q.size() == 5);
    CHECK(q[0].reported.unit == limit_unit::requests);
    CHECK(q[1].reported.unit == limit_unit::requests);
    CHECK(q[2].reported.unit == limit_unit::content_bytes);
    CHECK(q[3].reported.unit == limit_unit::concurrent_requests);
    CHECK(q[4].reported.unit == limit_unit::content_bytes);
}

TEST_CASE("a policy in an unknown unit is dropped with its state, and the others stay") {
    const auto r = read({{"RateLimit-Policy", "\"points\";q=900;w=60;qu=\"points\", \"all\";q=10;w=1"},
                         {"RateLimit", "\"points\";r=0;t=60, \"all\";r=9"}});
    REQUIRE(r.quotas.size() == 1);
    CHECK(r.quotas[0].name == "all");
    CHECK(r.quotas[0].reported.remaining == 9);
    REQUIRE(r.dropped.size() == 1);
    CHECK(r.dropped[0] == "policy \"points\" of RateLimit-Policy ignored: its quota unit is none of requests, "
                          "content-bytes, concurrent-requests");
}

TEST_CASE("unknown parameters are comments") {
    const auto q = quotas(
        {{"RateLimit-Policy", "\"p\";q=10;w=1;acme-burst=5;comment=\"x\""}, {"RateLimit", "\"p\";r=3;t=1;acme;c=1"}});
    REQUIRE(q.size() == 1);
    CHECK(q[0].reported.remaining == 3);
}

TEST_CASE("a malformed policy field is dropped whole") {
    for (const std::string_view text : {"",
                                        "burst;q=100;w=60",
                                        "\"a\";q=1, b;q=2",
                                        "\"a\"",
                                        "\"a\";w=60",
                                        "\"a\";q=-1",
                                        "\"a\";q=1.0",
                                        "\"a\";q=\"1\"",
                                        "\"a\";q",
                                        "\"a\";q=1;w=0",
                                        "\"a\";q=1;w=-1",
                                        "\"a\";q=1;w=1.5",
                                        "\"a\";q=1;qu=requests",
                                        "\"a\";q=1;pk=\"x\"",
                                        "\"a\";q=1,",
                                        "(\"a\" \"b\");q=1",
                                        "\"a\";q=1, 5;w=1",
                                        "-5;w=1",
                                        "\"a\";q=1000000000000000",
                                        "\"a\";q=1\t;w=1"}) {
        CAPTURE(text);
        const auto why = dropped({{"RateLimit-Policy", std::string{text}}});
        CHECK(why.starts_with("RateLimit-Policy ignored: "));
    }
    CHECK(dropped({{"RateLimit-Policy", "\"a\";w=60"}}) ==
          "RateLimit-Policy ignored: a policy needs its quota, a whole number: q=100");
    CHECK(dropped({{"RateLimit-Policy", "\"a\";q="}}) ==
          "RateLimit-Policy ignored: structured field \"\\\"a\\\";q=\": byte 7 (its end): a value must stand here");
    std::string many = "\"a\";q=1";
    for (int i = 0; i < 64; ++i)
        many += ", \"a\";q=1";
    CHECK(dropped({{"RateLimit-Policy", many}}) == "RateLimit-Policy ignored: it has more than 64 policies");
}

TEST_CASE("a malformed state field is dropped whole and the policies stay") {
    for (const std::string_view text :
         {"", "default;r=50;t=30", "\"a\";t=30", "\"a\";r=-1", "\"a\";r=1.5", "\"a\";r=5;t=-1", "\"a\";r=5;t=1.5",
          "\"a\";r=5;pk=x", "\"a\";r=5, \"b\"", "limit=1, remaining", "limit=1, reset=2", "limit=-1, remaining=1",
          "limit=(1), remaining=1", "50", "remaining=50 reset=3", "problemPolicy;r=0, t=10"}) {
        CAPTURE(text);
        const auto r = read({{"RateLimit-Policy", "\"a\";q=100;w=60"}, {"RateLimit", std::string{text}}});
        REQUIRE(r.quotas.size() == 1);
        CHECK(r.quotas[0].reported.limit == 100);
        CHECK_FALSE(r.quotas[0].reported.remaining);
        REQUIRE(r.dropped.size() == 1);
        CHECK(r.dropped[0].starts_with("RateLimit ignored: "));
    }
    CHECK(dropped({{"RateLimit", "default;r=50"}}) ==
          "RateLimit ignored: it begins with its policy's name in quotes: \"default\";r=50;t=30");
}

TEST_CASE("a dictionary, as draft 7 has it, takes the window of the policy with its limit") {
    const auto express =
        quotas({{"RateLimit-Policy", "10;w=1, 50;w=60"}, {"RateLimit", "limit=50, remaining=49, reset=58"}});
    REQUIRE(express.size() == 2);
    CHECK(express[0] == quota{.reported = {.limit = 10, .window = 1s}, .from = "RateLimit-Policy"});
    CHECK(express[1] ==
          quota{.reported = {.limit = 50, .window = 60s, .remaining = 49, .reset = 58s}, .from = "RateLimit-Policy"});
    const auto close = quotas({{"RateLimit", "limit=100, remaining=50, reset=4.25"}});
    CHECK(close ==
          std::vector<quota>{{.reported = {.limit = 100, .remaining = 50, .reset = 4250ms}, .from = "RateLimit"}});
}

TEST_CASE("the older three fields are one quota with its policies") {
    // Draft 6, as express-rate-limit sends it.
    const auto six = quotas({{"RateLimit-Policy", "100;w=900"},
                             {"RateLimit-Limit", "100"},
                             {"RateLimit-Remaining", "99"},
                             {"RateLimit-Reset", "900"}});
    CHECK(six == std::vector<quota>{{.reported = {.limit = 100, .window = 900s, .remaining = 99, .reset = 900s},
                                     .from = "RateLimit-Policy"}});
    // Draft 3, where the policies stand behind the limit.
    const auto three = quotas({{"RateLimit-Limit", "100, 100;w=60;burst=1000, 5000;w=3600"},
                               {"RateLimit-Remaining", "50"},
                               {"RateLimit-Reset", "50"}});
    CHECK(three == std::vector<quota>{{.reported = {.limit = 100, .window = 60s, .remaining = 50, .reset = 50s},
                                       .from = "RateLimit-Limit"},
                                      {.reported = {.limit = 5000, .window = 3600s}, .from = "RateLimit-Limit"}});
    // GitLab: the draft's names, and a Reset that is a point in time.
    const auto gitlab = quotas({{"RateLimit-Limit", "60"},
                                {"RateLimit-Name", "throttle_authenticated_web"},
                                {"RateLimit-Observed", "67"},
                                {"RateLimit-Remaining", "0"},
                                {"RateLimit-Reset", "1795176024"}});
    CHECK(gitlab == std::vector<quota>{{.reported = {.limit = 60, .remaining = 0, .reset = 24s},
                                        .resource = "throttle_authenticated_web",
                                        .from = "RateLimit-Limit"}});
}

TEST_CASE("fields before any draft, as services send them") {
    const auto github = quotas({{"x-ratelimit-limit", "5000"},
                                {"x-ratelimit-remaining", "4999"},
                                {"x-ratelimit-reset", "1795179600"},
                                {"x-ratelimit-used", "1"},
                                {"x-ratelimit-resource", "core"}});
    CHECK(github == std::vector<quota>{{.reported = {.limit = 5000, .remaining = 4999, .reset = 1h},
                                        .resource = "core",
                                        .from = "X-RateLimit-Limit"}});
    const auto reddit =
        quotas({{"x-ratelimit-used", "2"}, {"x-ratelimit-remaining", "98.0"}, {"x-ratelimit-reset", "423"}});
    CHECK(reddit ==
          std::vector<quota>{{.reported = {.remaining = 98, .reset = 423s}, .from = "X-RateLimit-Remaining"}});
    const auto discord = quotas({{"X-RateLimit-Limit", "5"},
                                 {"X-RateLimit-Remaining", "0"},
                                 {"X-RateLimit-Reset", "1795176000.643"},
                                 {"X-RateLimit-Reset-After", "0.643"}});
    CHECK(discord ==
          std::vector<quota>{{.reported = {.limit = 5, .remaining = 0, .reset = 643ms}, .from = "X-RateLimit-Limit"}});
    const auto envoy = quotas({{"x-ratelimit-limit", "10, 10;w=60;name=\"foo\""},
                               {"x-ratelimit-remaining", "5"},
                               {"x-ratelimit-reset", "12"}});
    CHECK(envoy == std::vector<quota>{{.reported = {.limit = 10, .window = 60s, .remaining = 5, .reset = 12s},
                                       .from = "X-RateLimit-Limit"}});
    const auto twitter = quotas(
        {{"x-rate-limit-limit", "900"}, {"x-rate-limit-remaining", "899"}, {"x-rate-limit-reset", "1795176900"}});
    CHECK(twitter == std::vector<quota>{
                         {.reported = {.limit = 900, .remaining = 899, .reset = 900s}, .from = "X-Rate-Limit-Limit"}});
}

TEST_CASE("a span, a parameter and a field that says when to retry, as services send them") {
    CHECK(quotas({{"ratelimit-limit", "100;w=21600"}, {"ratelimit-remaining", "0;w=21600"}}) ==
          std::vector<quota>{{.reported = {.limit = 100, .window = 21600s, .remaining = 0},
                              .from = "RateLimit-Limit"}});  // Docker Hub
    CHECK(quotas({{"x-ratelimit-limit-requests", "60"},
                  {"x-ratelimit-remaining-requests", "0"},
                  {"x-ratelimit-reset-requests", "6m0s"},
                  {"x-ratelimit-remaining-tokens", "149984"},
                  {"x-ratelimit-reset-tokens", "76ms"}}) ==
          std::vector<quota>{{.reported = {.limit = 60, .remaining = 0, .reset = 360s},
                              .from = "X-RateLimit-Limit-Requests"}});  // OpenAI
    CHECK(
        quotas({{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Retry-After", "1795176042"}}) ==
        std::vector<quota>{{.reported = {.remaining = 0, .reset = 42s}, .from = "X-RateLimit-Remaining"}});  // Symfony
    CHECK(quotas({{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", "2026-11-20T12:05Z"}})[0].reported.reset ==
          300s);  // Jira
}

TEST_CASE("Crossref's limit, interval and concurrency") {
    const auto q = quotas({{"x-rate-limit-limit", "3"},
                           {"x-rate-limit-interval", "1s"},
                           {"x-concurrency-limit", "3"},
                           {"x-api-pool", "polite-array"}});
    CHECK(q == std::vector<quota>{
                   {.reported = {.limit = 3, .window = 1s}, .from = "X-Rate-Limit-Limit"},
                   {.reported = {.unit = limit_unit::concurrent_requests, .limit = 3}, .from = "X-Concurrency-Limit"}});
    for (const std::string_view text : {"1", "", "0s", "-1s", "1.5s", "s", "1 fortnight", "99999999999999999999s"}) {
        CAPTURE(text);
        const auto r = read({{"x-rate-limit-limit", "3"}, {"x-rate-limit-interval", std::string{text}}});
        REQUIRE(r.quotas.size() == 1);
        CHECK_FALSE(r.quotas[0].reported.window);
        CHECK(r.dropped.size() == 1);
    }
    CHECK(quotas({{"x-rate-limit-limit", "3"}, {"x-rate-limit-interval", "9223372036854775807w"}})[0].reported.window ==
          weir::rate::longest);
}

TEST_CASE("the newest form that is present and well formed gives the remaining units") {
    const headers x{{"X-RateLimit-Limit", "60"}, {"X-RateLimit-Remaining", "7"}, {"X-RateLimit-Reset", "9"}};
    headers both = x;
    both.add("RateLimit", "\"default\";r=50;t=30");
    const auto newest = quotas(both);
    REQUIRE(newest.size() == 1);
    CHECK(newest[0].reported.remaining == 50);

    headers broken = x;
    broken.add("RateLimit", "default");
    const auto r = read(broken);
    REQUIRE(r.quotas.size() == 1);
    CHECK(r.quotas[0].reported.remaining == 7);
    CHECK(r.dropped.size() == 1);

    headers triple = x;
    triple.add("RateLimit-Remaining", "40");
    CHECK(quotas(triple)[0].reported.remaining == 40);
}

TEST_CASE("of the older fields each malformed one is dropped alone") {
    for (const std::string_view text :
         {"", "-1", "+1", "unlimited", "1e3", "5 6", "5, x", "0x10", "1.", ".5", "1.x", "1000000000000000"}) {
        CAPTURE(text);
        const auto r = read({{"X-RateLimit-Limit", "60"}, {"X-RateLimit-Remaining", std::string{text}}});
        REQUIRE(r.quotas.size() == 1);
        CHECK(r.quotas[0].reported.limit == 60);
        CHECK_FALSE(r.quotas[0].reported.remaining);
        REQUIRE(r.dropped.size() == 1);
        CHECK(r.dropped[0].starts_with("X-RateLimit-Remaining ignored: "));
    }
    for (const std::string_view text : {"", "-1", "60, 100", "60;w=0", "60;w=a", "a", "60, 60;w=60;qu=\"points\"",
                                        "\"a\";q=5", "60, (60)", "60.5, 60;w=1"}) {
        CAPTURE(text);
        CHECK(dropped({{"X-RateLimit-Limit", std::string{text}}}).starts_with("X-RateLimit-Limit ignored: "));
    }
    CHECK(dropped({{"X-RateLimit-Remaining", "unlimited"}}) ==
          "X-RateLimit-Remaining ignored: \"unlimited\" is not a number from 0");
    CHECK(dropped({{"X-Concurrency-Limit", "few"}}) == "X-Concurrency-Limit ignored: \"few\" is not a number from 0");
    CHECK(dropped({{"X-RateLimit-Reset", "soon"}}) ==
          "X-RateLimit-Reset ignored: \"soon\" is neither a time nor a date");
}

TEST_CASE("of a repeated field the least remaining and the longest reset count") {
    CHECK(quotas({{"X-RateLimit-Remaining", "5"}, {"x-ratelimit-remaining", "5"}})[0].reported.remaining == 5);
    CHECK(quotas({{"X-RateLimit-Remaining", "5"}, {"X-RateLimit-Remaining", "6"}})[0].reported.remaining == 5);
    CHECK(quotas({{"X-RateLimit-Remaining", "57, 0"}})[0].reported.remaining == 0);
    CHECK(reset_of("30, 60") == 60s);
    CHECK(read({{"X-RateLimit-Limit", "60"}, {"X-RateLimit-Limit", "5000"}}).quotas.empty());
}

TEST_CASE("the unit of a Reset is guessed from its size") {
    CHECK(reset_of("0") == 0s);
    CHECK(reset_of("30") == 30s);
    CHECK(reset_of("0.0001") == 1ms);
    CHECK(reset_of("1000000000") == longest_retry_after);  // from now, in 31 years: cut
    CHECK(reset_of("1000000001") == 0s);                   // in 2001
    CHECK(reset_of("1795176030") == 30s);
    CHECK(reset_of("1795176030.5") == 30500ms);
    CHECK_FALSE(reset_of("1000000000000"));  // seconds, in the year 33658: no time
    CHECK(reset_of("1000000000001") == 0s);
    CHECK(reset_of("1795176030250") == 30250ms);
    CHECK(reset_of("1795176030250.1") == 30251ms);
    CHECK_FALSE(reset_of("999999999999999"));
    CHECK_FALSE(reset_of("1000000000000000"));
}

TEST_CASE("a Reset whose unit the caller knows is not guessed at") {
    CHECK(reset_of("1795176030", reset_unit::seconds) == longest_retry_after);
    CHECK(reset_of("1795176030", reset_unit::epoch_seconds) == 30s);
    CHECK(reset_of("30", reset_unit::epoch_seconds) == 0s);
    CHECK(reset_of("1795176030250", reset_unit::epoch_seconds) == longest_retry_after);
    CHECK(reset_of("1795176030250", reset_unit::epoch_milliseconds) == 30250ms);
    CHECK(reset_of("1795176030", reset_unit::epoch_milliseconds) == 0s);
}

TEST_CASE("a Reset may be a date") {
    for (const std::string_view text :
         {"Fri, 20 Nov 2026 12:00:30 GMT", "2026-11-20T12:00:30Z", "2026-11-20 12:00:30Z", "2026-11-20t12:00:29.001z",
          "2026-11-20T12:00:30", "30s", "0m30s", "2026-11-20T12:00:30.000Z", "2026-11-20T13:30:30+01:30",
          "2026-11-20T04:00:30-08:00"}) {
        CAPTURE(text);
        CHECK(reset_of(text) == 30s);
    }
    for (const std::string_view text :
         {"2026-11-20T12:00:30.Z", "2026-11-20", "2026-13-20T12:00:30Z", "2026-11-31T12:00:30Z", "2026-11-20T24:00:30Z",
          "2026-11-20T12:00:30+1:00", "2026-11-20T12:00:30Zx", "2026-11-20_12:00:30Z", "Fri, 20 Nov"}) {
        CAPTURE(text);
        CHECK_FALSE(reset_of(text));
    }
}

TEST_CASE("a point in time is measured against the response's own Date") {
    CHECK(quotas({{"Date", "Fri, 20 Nov 2026 10:00:00 GMT"}, {"X-RateLimit-Reset", "1795168830"}})[0].reported.reset ==
          30s);
    CHECK(quotas({{"Date", "Fri, 20 Nov 2026 10:00:00 GMT"}, {"X-RateLimit-Reset", "30"}})[0].reported.reset == 30s);
}

TEST_CASE("absurd spans are cut") {
    const auto q = quotas({{"RateLimit-Policy", "\"a\";q=999999999999999;w=999999999999999"},
                           {"RateLimit", "\"a\";r=999999999999999;t=999999999999999"}});
    CHECK(q[0].reported.limit == 999'999'999'999'999);
    CHECK(q[0].reported.window == weir::rate::longest);
    CHECK_FALSE(q[0].reported.reset);  // no point in time of this millennium
    CHECK_FALSE(quotas({{"RateLimit", "remaining=0, reset=999999999999999"}})[0].reported.reset);
    CHECK(quotas({{"RateLimit", "remaining=0, reset=31622401"}})[0].reported.reset == longest_retry_after);
    CHECK(quotas({{"RateLimit", "\"a\";r=0;t=1795176030"}})[0].reported.reset == 30s);
    CHECK(quotas({{"RateLimit", "remaining=0, reset=31622399.999"}})[0].reported.reset == longest_retry_after - 1ms);
}

TEST_CASE("a response from a cache is ignored") {
    const headers fresh{{"RateLimit", "\"a\";r=0;t=30"}, {"X-Concurrency-Limit", "3"}};
    for (const std::string_view age : {"1", " 7 ", "12, 0", "99999999999999999999"}) {
        CAPTURE(age);
        headers stale = fresh;
        stale.add("Age", age);
        const auto r = read(stale);
        CHECK(r.quotas.empty());
        REQUIRE(r.dropped.size() == 1);
        CHECK(r.dropped[0].starts_with("rate limit fields ignored: a cache has held them for "));
    }
    for (const std::string_view age : {"0", "00", "0, 12", "", "-1", "soon"}) {
        CAPTURE(age);
        headers direct = fresh;
        direct.add("Age", age);
        CHECK(read(direct).quotas.size() == 2);
    }
}
