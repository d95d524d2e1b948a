// SPDX-License-Identifier: MIT
#include "weir/observe/feedback.hpp"

#include "support/catch.hpp"

#include <chrono>

TEST_CASE("feedback: a refusal is a status of the policy, or any 4xx or 5xx that states when to come back") {
    using namespace std::chrono_literals;
    weir::policy p;
    for (const int status : {0, 200, 301, 400, 403, 404, 420, 500, 529})
        CHECK_FALSE(weir::is_refusal(p, {.status = status}));
    for (const int status : {429, 503})
        CHECK(weir::is_refusal(p, {.status = status}));
    for (const int status : {400, 401, 403, 404, 418, 420, 429, 500, 502, 503, 504, 520, 529, 999})
        CHECK(weir::is_refusal(p, {.status = status, .retry_after = 0s}));
    for (const int status : {0, 200, 202, 301, 307})
        CHECK_FALSE(weir::is_refusal(p, {.status = status, .retry_after = 60s}));
    p.refusal_statuses = {403, 420};
    for (const int status : {403, 420})
        CHECK(weir::is_refusal(p, {.status = status}));
    CHECK_FALSE(weir::is_refusal(p, {.status = 429}));
}

TEST_CASE("feedback: the default one reports nothing") {
    const weir::feedback said;
    CHECK(said.status == 0);
    CHECK_FALSE(said.retry_after);
}
