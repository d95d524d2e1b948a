// SPDX-License-Identifier: MIT
#include "weir/core/result.hpp"

#include "support/catch.hpp"

#include <memory>
#include <string>
#include <utility>

TEST_CASE("result: it is a value, or says why there is none") {
    weir::result<std::string> good{std::string{"a"}};
    REQUIRE(good);
    CHECK(*good == "a");
    CHECK(good->size() == 1);
    CHECK(good.value() == "a");
    const weir::result<std::string> bad{weir::error{weir::errc::bad_host, "no"}};
    REQUIRE_FALSE(bad);
    CHECK_FALSE(bad.has_value());
    CHECK(bad.error().message == "no");
    CHECK_THROWS_AS(bad.value(), weir::exception);
}

TEST_CASE("result: a value that only moves can be moved out") {
    weir::result<std::unique_ptr<int>> r{std::make_unique<int>(7)};
    const auto out = std::move(r).value();
    CHECK(*out == 7);
}
