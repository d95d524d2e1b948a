// SPDX-License-Identifier: MIT
#include "weir/http/cache/vary.hpp"

#include "support/catch.hpp"

using namespace weir::http;

namespace {

bool vary_selects(const headers& response, const headers& first, const headers& second) {
    stored_response one{.status = 200, .headers = response, .selecting = selecting_fields(response, first)};
    return selected_by(one, second);
}

}  // namespace

TEST_CASE("a response answers requests with equal selecting fields") {
    const headers vary{{"Vary", "Accept, X-Tenant"}};
    CHECK(vary_selects(vary, {{"Accept", "a"}, {"X-Tenant", "t"}}, {{"x-tenant", "t"}, {"accept", "A"}}));
    CHECK_FALSE(vary_selects(vary, {{"Accept", "a"}, {"X-Tenant", "t"}}, {{"Accept", "a"}, {"X-Tenant", "T"}}));
    CHECK_FALSE(vary_selects(vary, {{"Accept", "a"}}, {{"Accept", "a"}, {"X-Tenant", ""}}));
    CHECK(vary_selects(vary, {{"X-Other", "1"}}, {{"X-Other", "2"}}));
    CHECK(vary_selects(vary, {{"Accept", "a"}, {"Accept", "b"}}, {{"Accept", " a ,b "}}));
    CHECK_FALSE(vary_selects({{"Vary", "X-Quoted"}}, {{"X-Quoted", "\"a  b\""}}, {{"X-Quoted", "\"a b\""}}));
    CHECK_FALSE(vary_selects({{"Vary", "accept, *"}}, {}, {}));
}

TEST_CASE("accounts are kept apart, unless a response is public") {
    const headers a{{"Authorization", "Bearer a"}};
    const headers b{{"Authorization", "Bearer b"}};
    CHECK(vary_selects({}, a, a));
    CHECK_FALSE(vary_selects({}, a, b));
    CHECK_FALSE(vary_selects({}, a, {}));
    CHECK(vary_selects({{"Cache-Control", "public"}}, a, b));
    CHECK_FALSE(vary_selects({{"Cache-Control", "public"}, {"Vary", "Authorization"}}, a, b));
    // The secret itself is not stored.
    CHECK(selecting_fields({}, a).first("authorization")->find("Bearer") == std::string_view::npos);
}
