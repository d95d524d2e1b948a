// SPDX-License-Identifier: MIT
//
// Answers of real services, and variants of them: how long the key of a policy of 10 a second sends nothing after each.
// The meaning of a row is what the service documents, or what its users have found.
#include "weir/http/response_feedback.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

struct service_answer {
    const char* service;
    int status;
    weir::http::headers fields;
    weir::duration held;
    std::vector<std::int64_t> refusal_statuses{429, 503};
};

/// 12:00:00 on 28 November 2026, the `Date` of every answer. The local clock is two minutes slow.
constexpr std::int64_t epoch = 1'795'867'200;
std::string at(std::int64_t seconds) { return std::to_string(epoch + seconds); }
std::string at_ms(std::int64_t seconds) { return std::to_string((epoch + seconds) * 1000); }

weir::duration held_after(const service_answer& a, weir::http::headers fields) {
    auto p = weir_test::limited({{10, 1s}});
    p.refusal_statuses = a.refusal_statuses;
    weir_test::manual_limits w{p};
    fields.add("Date", "Sat, 28 Nov 2026 12:00:00 GMT");
    const auto local = std::chrono::system_clock::time_point{} + std::chrono::seconds{epoch - 120};
    w.limits.acquire("h", "metadata").arrived(weir::http::response_feedback{a.status, fields, local}.said());
    return std::max(w.limits.inspect("h", "metadata")->state.gate - w.clock.now(), weir::duration::zero());
}

void check_all(const std::vector<service_answer>& answers) {
    for (const service_answer& a : answers) {
        INFO(a.service << ", status " << a.status);
        CHECK(held_after(a, a.fields) / 1ms == a.held / 1ms);
    }
}

}  // namespace

TEST_CASE("service answers: every form of Retry-After") {
    check_all({
        {"seconds", 429, {{"Retry-After", "3"}}, 3s},
        {"SpaceTraders", 429, {{"Retry-After", "1.493"}}, 1493ms},
        {"Sentry", 429, {{"Retry-After", "292.052427053"}}, 292053ms},
        {"a fraction", 429, {{"Retry-After", "30.5"}}, 30500ms},
        {"Discord behind Cloudflare", 429, {{"Retry-After", "2814, 2"}}, 2814s},
        {"two values", 429, {{"Retry-After", "5, 30"}}, 30s},
        {"a unit", 429, {{"Retry-After", "120s"}}, 120s},
        {"kubescape, Shodan", 429, {{"Retry-After", "0"}}, 1s},
        {"a date in the past", 429, {{"Retry-After", "Sat, 28 Nov 2026 11:59:00 GMT"}}, 1s},
        {"ISO 8601", 429, {{"Retry-After", "2026-11-28T12:05:00Z"}}, 300s},
        {"UTC", 429, {{"Retry-After", "Sat, 28 Nov 2026 12:05:00 UTC"}}, 300s},
        {"+0000", 429, {{"Retry-After", "Sat, 28 Nov 2026 12:05:00 +0000"}}, 300s},
        {"clawhub", 429, {{"Retry-After", at(300)}}, 300s},
        {"milliseconds since 1970", 429, {{"Retry-After", at_ms(300)}}, 300s},
        {"a sign", 429, {{"Retry-After", "-1"}}, 1s},
        {"nothing", 429, {{"Retry-After", ""}}, 1s},
        {"null", 429, {{"Retry-After", "null"}}, 1s},
        {"Discord's old API: milliseconds without a word", 429, {{"Retry-After", "64570"}}, 64570s},
        {"Azure OpenAI", 429, {{"retry-after-ms", "4500"}}, 4500ms},
        {"Cosmos DB", 429, {{"x-ms-retry-after-ms", "9000"}}, 9s},
        {"X-Retry-After", 429, {{"X-Retry-After", "30"}}, 30s},
        {"X-RateLimit-Retry-After", 429, {{"X-RateLimit-Retry-After", "30"}}, 30s},
        {"bucket4j", 429, {{"X-Rate-Limit-Retry-After-Seconds", "30"}, {"X-Rate-Limit-Remaining", "0"}}, 30s},
        {"Symfony", 429, {{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Retry-After", at(42)}}, 42s},
        {"CORE", 429, {{"X-RateLimitRemaining", "0"}, {"X-RateLimit-Retry-After", "2026-11-28T12:01:00+0000"}}, 60s},
        {"an integer's maximum", 429, {{"Retry-After", "4294967295"}}, 1s},
        {"an absurd number", 429, {{"Retry-After", "999999999999"}}, 1s},
        {"Cloudflare 1015", 429, {{"Retry-After", "86400"}}, 24h},
        {"Slack", 429, {{"Retry-After", "30"}}, 30s},
        {"Binance", 429, {{"X-MBX-USED-WEIGHT-1M", "6001"}, {"Retry-After", "17"}}, 17s},
        {"Riot", 429, {{"X-App-Rate-Limit", "20:1,100:120"}, {"Retry-After", "87"}}, 87s},
        {"Shopify", 429, {{"X-Shopify-Shop-Api-Call-Limit", "40/40"}, {"Retry-After", "2.0"}}, 2s},
        {"Anthropic",
         429,
         {{"anthropic-ratelimit-requests-reset", "2026-11-28T12:00:10Z"}, {"retry-after", "12"}},
         12s},
    });
}

TEST_CASE("service answers: Retry-After by status") {
    for (const int status : {400, 401, 403, 418, 420, 429, 500, 502, 503, 504, 520, 529})
        check_all({{"a stated time", status, {{"Retry-After", "60"}}, 60s}, {"0", status, {{"Retry-After", "0"}}, 1s}});
    for (const int status : {301, 307})
        check_all({{"a redirect", status, {{"Retry-After", "60"}}, 60s}, {"0", status, {{"Retry-After", "0"}}, 0s}});
    for (const int status : {200, 202, 206})  // Zenodo, GitHub's statistics
        check_all({{"a success", status, {{"Retry-After", "60"}}, 0s}});
    for (const int status : {429, 503})
        check_all({{"no field", status, {}, 1s}});
    for (const int status : {400, 403, 404, 420, 500, 502, 504, 509, 529}) {
        check_all({{"no field", status, {}, 0s}});
        check_all({{"a status of the policy", status, {}, 1s, {status, 429}}});
    }
    check_all({{"Mashery", 403, {{"X-Mashery-Error-Code", "ERR_403_DEVELOPER_OVER_RATE"}, {"Retry-After", "1"}}, 1s},
               {"Internet Archive", 503, {{"Retry-After", "1800"}}, 1800s}});
}

TEST_CASE("service answers: resets, in the form of each service") {
    check_all({
        {"GitHub, primary",
         403,
         {{"x-ratelimit-limit", "60"}, {"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", at(2400)}},
         2400s},
        {"GitHub, secondary",
         403,
         {{"x-ratelimit-limit", "5000"}, {"x-ratelimit-remaining", "4820"}, {"x-ratelimit-reset", at(2400)}},
         1s,
         {403, 429, 503}},
        {"GitHub, secondary with a time",
         403,
         {{"retry-after", "60"},
          {"x-ratelimit-limit", "5000"},
          {"x-ratelimit-remaining", "4820"},
          {"x-ratelimit-reset", at(2400)}},
         60s},
        {"GitHub, both",
         429,
         {{"retry-after", "1"},
          {"x-ratelimit-limit", "5000"},
          {"x-ratelimit-remaining", "0"},
          {"x-ratelimit-reset", at(2400)}},
         2400s},
        {"redis-cell",
         429,
         {{"X-RateLimit-Limit", "16"},
          {"X-RateLimit-Remaining", "0"},
          {"X-RateLimit-Reset", "36"},
          {"Retry-After", "0"}},
         36s},
        {"Reddit", 200, {{"x-ratelimit-remaining", "0.0"}, {"x-ratelimit-reset", "300"}}, 300s},
        {"Reddit, a second rounded down", 200, {{"x-ratelimit-remaining", "0.0"}, {"x-ratelimit-reset", "0"}}, 1s},
        {"Discord, nothing left",
         200,
         {{"X-RateLimit-Limit", "5"}, {"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset-After", "1.470"}},
         1470ms},
        {"Discord, some left",
         200,
         {{"X-RateLimit-Limit", "5"}, {"X-RateLimit-Remaining", "4"}, {"X-RateLimit-Reset-After", "1.470"}},
         0s},
        {"Twitter", 429, {{"x-rate-limit-remaining", "0"}, {"x-rate-limit-reset", at(612)}}, 612s},
        {"GitLab", 429, {{"RateLimit-Limit", "60"}, {"RateLimit-Remaining", "0"}, {"RateLimit-Reset", at(30)}}, 30s},
        {"Jira", 429, {{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", "2026-11-28T12:05Z"}}, 300s},
        {"Vimeo", 429, {{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", "2026-11-28T12:05:00+00:00"}}, 300s},
        {"no colon", 429, {{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", "2026-11-28T12:05:00+0000"}}, 300s},
        {"Docker Hub", 429, {{"ratelimit-limit", "100;w=21600"}, {"ratelimit-remaining", "0;w=21600"}}, 216s},
        {"OpenAI",
         429,
         {{"x-ratelimit-remaining-requests", "0"},
          {"x-ratelimit-reset-requests", "6m0s"},
          {"x-ratelimit-remaining-tokens", "149984"},
          {"x-ratelimit-reset-tokens", "76ms"}},
         360s},
        {"a span", 429, {{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", "6m0s"}}, 360s},
        {"a unit", 429, {{"RateLimit-Remaining", "0"}, {"RateLimit-Reset", "30s"}}, 30s},
        {"Kong",
         200,
         {{"X-RateLimit-Remaining-Minute", "0"}, {"RateLimit-Remaining", "0"}, {"RateLimit-Reset", "32"}},
         32s},
        {"Okta",
         429,
         {{"X-Rate-Limit-Limit", "0"}, {"X-Rate-Limit-Remaining", "0"}, {"X-Rate-Limit-Reset", at(60)}},
         60s},
        {"Azure API Management",
         200,
         {{"RateLimit-Limit", "100, 100;w=60"}, {"RateLimit-Remaining", "0"}, {"RateLimit-Reset", "12"}},
         12s},
        {"Cloudflare",
         429,
         {{"RateLimit", "\"default\";r=0;t=30"}, {"RateLimit-Policy", "\"default\";q=1200;w=300"}},
         30s},
        {"express-rate-limit, draft 7", 200, {{"RateLimit", "limit=100, remaining=0, reset=871"}}, 871s},
        {"draft 3",
         200,
         {{"RateLimit-Limit", "10, 10;w=1;burst=1000, 1000;w=3600"},
          {"RateLimit-Remaining", "0"},
          {"RateLimit-Reset", "5"}},
         5s},
        {"two policies, one exhausted",
         429,
         {{"RateLimit-Policy", "\"burst\";q=10;w=5, \"daily\";q=1000;w=86400"},
          {"RateLimit", "\"burst\";r=0;t=3, \"daily\";r=900;t=80000"}},
         3s},
        {"SharePoint",
         200,
         {{"RateLimit-Limit", "1200"}, {"RateLimit-Remaining", "0"}, {"RateLimit-Reset", "31"}},
         31s},
        {"NCBI", 429, {{"X-RateLimit-Limit", "3"}, {"X-RateLimit-Remaining", "0"}, {"Retry-After", "2"}}, 2s},
        {"NCBI, no reset", 200, {{"X-RateLimit-Limit", "3"}, {"X-RateLimit-Remaining", "0"}}, 0s},
        {"Elsevier", 429, {{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", at_ms(3600)}}, 1h},
        {"Elsevier, much left",
         200,
         {{"X-RateLimit-Limit", "20000"}, {"X-RateLimit-Remaining", "19000"}, {"X-RateLimit-Reset", at_ms(360'000)}},
         0s},
        {"Laravel",
         429,
         {{"X-RateLimit-Limit", "60"},
          {"X-RateLimit-Remaining", "0"},
          {"Retry-After", "42"},
          {"X-RateLimit-Reset", at(42)}},
         42s},
        {"Intercom", 429, {{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", at(7)}}, 7s},
        {"Zendesk", 429, {{"ratelimit-remaining", "0"}, {"ratelimit-reset", "41"}, {"Retry-After", "41"}}, 41s},
        {"Mapbox",
         429,
         {{"X-Rate-Limit-Interval", "60"}, {"X-Rate-Limit-Limit", "600"}, {"X-Rate-Limit-Reset", at(23)}},
         23s},
        {"Mapbox, served", 200, {{"X-Rate-Limit-Limit", "600"}, {"X-Rate-Limit-Reset", at(23)}}, 0s},
        {"a reset alone", 429, {{"X-RateLimit-Reset", at(23)}}, 23s},
        {"below 0", 429, {{"X-RateLimit-Remaining", "-5"}, {"X-RateLimit-Reset", "60"}}, 60s},
        {"two proxies", 200, {{"X-RateLimit-Remaining", "0, 57"}, {"X-RateLimit-Reset", "60"}}, 60s},
        {"unreadable", 429, {{"X-RateLimit-Remaining", "none"}, {"X-RateLimit-Reset", "60"}}, 60s},
        {"ESI, a cost above what is left",
         429,
         {{"X-RateLimit-Limit", "100"}, {"X-RateLimit-Remaining", "5"}, {"X-RateLimit-Reset", at(600)}},
         600s},
        {"a fraction of an epoch",
         429,
         {{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", at(30) + ".123456"}},
         30124ms},
    });
}

TEST_CASE("service answers: limits in fields of the service's own") {
    check_all({
        {"Kong, a minute of 60", 200, {{"X-RateLimit-Limit-Minute", "60"}, {"X-RateLimit-Remaining-Minute", "0"}}, 1s},
        {"Kong, some left", 200, {{"X-RateLimit-Limit-Hour", "600"}, {"X-RateLimit-Remaining-Hour", "599"}}, 0s},
        {"Kong, an hour of 60", 429, {{"X-RateLimit-Limit-Hour", "60"}, {"X-RateLimit-Remaining-Hour", "0"}}, 60s},
        {"HubSpot",
         200,
         {{"X-HubSpot-RateLimit-Daily", "250000"},
          {"X-HubSpot-RateLimit-Daily-Remaining", "200000"},
          {"X-HubSpot-RateLimit-Interval-Milliseconds", "10000"},
          {"X-HubSpot-RateLimit-Max", "100"},
          {"X-HubSpot-RateLimit-Remaining", "0"}},
         10s},
        {"HubSpot, without its interval", 429, {{"X-HubSpot-RateLimit-Remaining", "0"}}, 10s},
        {"Trello",
         429,
         {{"X-RATE-LIMIT-API-KEY-INTERVAL-MS", "10000"},
          {"X-RATE-LIMIT-API-KEY-MAX", "300"},
          {"X-RATE-LIMIT-API-KEY-REMAINING", "0"}},
         10s},
        {"Linear",
         400,
         {{"X-RateLimit-Requests-Limit", "1500"},
          {"X-RateLimit-Requests-Remaining", "0"},
          {"X-RateLimit-Requests-Reset", at_ms(60)}},
         60s},
        {"Anthropic",
         429,
         {{"anthropic-ratelimit-requests-limit", "50"},
          {"anthropic-ratelimit-requests-remaining", "0"},
          {"anthropic-ratelimit-requests-reset", "2026-11-28T12:01:00Z"},
          {"retry-after", "12"}},
         60s},
        {"Shopify, full", 200, {{"X-Shopify-Shop-Api-Call-Limit", "40/40"}}, 500ms},
        {"Shopify, not full", 200, {{"X-Shopify-Shop-Api-Call-Limit", "32/40"}}, 0s},
        {"Riot, one window used up",
         200,
         {{"X-App-Rate-Limit", "20:1,100:120"}, {"X-App-Rate-Limit-Count", "3:1,100:120"}},
         1200ms},
        {"ESI",
         429,
         {{"X-Ratelimit-Limit", "600/15m"}, {"X-Ratelimit-Remaining", "0"}, {"X-Ratelimit-Group", "alliance"}},
         1500ms},
        {"CORE", 200, {{"X-RateLimitRemaining", "0"}, {"X-RateLimit-Retry-After", "2026-11-28T12:01:00+0000"}}, 60s},
        {"MediaWiki, maxlag", 200, {{"Retry-After", "5"}, {"MediaWiki-API-Error", "maxlag"}}, 5s},
        {"MediaWiki, another error", 200, {{"Retry-After", "5"}, {"MediaWiki-API-Error", "badtoken"}}, 0s},
        {"GitHub, secondary", 403, {{"x-ratelimit-remaining", "4820"}, {"x-ratelimit-reset", at(2400)}}, 0s},
        {"Jira Data Center",
         200,
         {{"X-RateLimit-Limit", "50"}, {"X-RateLimit-Remaining", "49"}, {"Retry-After", "0"}},
         0s},
        {"Spring Cloud Gateway",
         429,
         {{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Burst-Capacity", "20"}, {"X-RateLimit-Replenish-Rate", "10"}},
         1s},
    });
    // Malformed values of theirs are dropped.
    check_all({
        {"Shopify", 200, {{"X-Shopify-Shop-Api-Call-Limit", "41/40"}}, 0s},
        {"Shopify", 429, {{"X-Shopify-Shop-Api-Call-Limit", "full"}}, 1s},
        {"Riot", 200, {{"X-App-Rate-Limit", "20:0,x"}, {"X-App-Rate-Limit-Count", "20:0"}}, 0s},
        {"Kong", 200, {{"X-RateLimit-Remaining-Minute", "-"}}, 0s},
    });
}

TEST_CASE("service answers: forms that are not read pause like a refusal without a time") {
    check_all({
        {"Strava", 429, {{"X-RateLimit-Limit", "200,2000"}, {"X-RateLimit-Usage", "200,1200"}}, 1s},
        {"Kong's old fields", 429, {{"X-RateLimit-Remaining-Minute", "0"}}, 1s},
        {"Stripe", 429, {{"Stripe-Rate-Limited-Reason", "global-rate"}}, 1s},
    });
}

TEST_CASE("service answers: by default no caller waits for a time beyond an hour, however long it would wait") {
    auto p = weir_test::limited({{10, 1s}});
    p.max_delay = weir::forever;
    const auto waits = [&p](const char* retry_after) {
        weir_test::manual_limits w{p};
        const weir::http::headers fields{{"Retry-After", retry_after}};
        w.limits.acquire("h", "metadata").arrived(weir::http::response_feedback{429, fields}.said());
        decltype(w.limits)::ticket t;
        w.limits.submit(t, "h", "metadata", {}, w.clock.now());
        if (t.done())
            CHECK(t.decision().retry_at == w.limits.inspect("h", "metadata")->state.gate);
        return !t.done();
    };
    CHECK(waits("3600"));
    CHECK_FALSE(waits("3601"));
    CHECK_FALSE(waits("86400"));
    p.max_hold = weir::forever;
    CHECK(waits("86400"));
}
