// SPDX-License-Identifier: MIT
#include "weir/core/version.hpp"

#include "support/catch.hpp"

#include <string>

static_assert(WEIR_VERSION == WEIR_VERSION_MAJOR * 10000 + WEIR_VERSION_MINOR * 100 + WEIR_VERSION_PATCH);

TEST_CASE("the version as text has the numbers of the macros") {
    CHECK(std::string{weir::version} == std::to_string(WEIR_VERSION_MAJOR) + "." + std::to_string(WEIR_VERSION_MINOR) +
                                            "." + std::to_string(WEIR_VERSION_PATCH));
}
