// SPDX-License-Identifier: MIT
#include "weir/http/retry_options.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

using namespace weir::http;

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

TEST_CASE("retry options: the random share of a pause is from 0 to 1") {
    for (int i = 0; i < 1000; ++i) {
        const double share = retry_options{}.random();
        REQUIRE(share >= 0);
        REQUIRE(share <= 1);
    }
}
