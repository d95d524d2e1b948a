// SPDX-License-Identifier: MIT
#include "weir/http/retry_options.hpp"

#include "support/catch.hpp"

#include "weir/http/limited.hpp"
#include "weir/http/retrying.hpp"
#include "weir/registry/registry.hpp"
#include "weir/storage/memory_store.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

using namespace weir::http;

namespace {

struct good_server {
    static void send(const request&, receiver& to) { to.head(200, {}); }
};

/// The use that docs/retrying.md shows.
response get_through_retries(good_server transport, weir::registry<>& limits) {
    weir::http::retrying http(weir::http::limited(std::move(transport), limits), limits);
    auto reply = http.send({.url = "https://api.crossref.org/works/10.1038/nature12373", .role = "metadata"});
    return reply;
}

}  // namespace

TEST_CASE("retry options: what docs/http.md says may work later is what is retried") {
    std::ifstream in{WEIR_SOURCE_DIR "/docs/http.md"};
    const std::string text{std::istreambuf_iterator<char>{in}, {}};
    const retry_options options;
    for (int i = 1; i <= static_cast<int>(transport_errc::address_refused); ++i) {
        const auto why = static_cast<transport_errc>(i);
        const std::string sentence = "` | " + make_error_code(why).message() + " | ";
        const auto at = text.find(sentence);
        REQUIRE(at != std::string::npos);
        const std::string row = text.substr(at, text.find('\n', at) - at);
        CAPTURE(row);
        const bool may_work = row.find("may work") != std::string::npos || row.find("unless") != std::string::npos;
        CHECK((std::ranges::find(options.reasons, why) != options.reasons.end()) == may_work);
    }
}

TEST_CASE("retry options: a stack with retries in two lines") {
    weir::policy p;
    p.rates = {{10, std::chrono::seconds{1}}};
    weir::registry limits{weir::memory_store{}, weir::configuration::builder{}.defaults("metadata", p).build().value()};
    CHECK(get_through_retries({}, limits).status == 200);
}

TEST_CASE("retry options: the random share of a pause is from 0 to 1") {
    for (int i = 0; i < 1000; ++i) {
        const double share = retry_options{}.random();
        REQUIRE(share >= 0);
        REQUIRE(share <= 1);
    }
}
