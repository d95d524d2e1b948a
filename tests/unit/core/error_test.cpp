// SPDX-License-Identifier: MIT
#include "weir/core/error.hpp"

#include "support/catch.hpp"

#include <set>
#include <string>
#include <system_error>

TEST_CASE("error: every code has a message of its own in the library's category") {
    std::set<std::string> messages;
    for (int value = 1; value <= static_cast<int>(weir::errc::cancelled); ++value) {
        const std::error_code code = static_cast<weir::errc>(value);
        CHECK(std::string{code.category().name()} == "weir");
        messages.insert(code.message());
    }
    CHECK(messages.size() == static_cast<std::size_t>(weir::errc::cancelled));
    CHECK(weir::category().message(4711) == "unknown error");
}

TEST_CASE("error: an exception has the sentence and the code") {
    const weir::exception thrown{weir::error{weir::errc::bad_rate, "rate \"x\": no"}};
    CHECK(std::string{thrown.what()} == "rate \"x\": no");
    CHECK(thrown.code() == weir::errc::bad_rate);
}
