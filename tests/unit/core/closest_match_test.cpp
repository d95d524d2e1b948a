// SPDX-License-Identifier: MIT
#include "weir/core/closest_match.hpp"

#include "support/catch.hpp"

#include <string>
#include <string_view>
#include <vector>

TEST_CASE("closest_match: distance counts inserts, drops, changes and swapped neighbours") {
    CHECK(weir::edit_distance("", "") == 0);
    CHECK(weir::edit_distance("second", "second") == 0);
    CHECK(weir::edit_distance("secnd", "second") == 1);
    CHECK(weir::edit_distance("seconds", "second") == 1);
    CHECK(weir::edit_distance("metadta", "metadata") == 1);
    CHECK(weir::edit_distance("metadaat", "metadata") == 1);
    CHECK(weir::edit_distance("", "abc") == 3);
    CHECK(weir::edit_distance(std::string(70, 'a'), "a") == 70);
}

TEST_CASE("closest_match: the closest candidate, or none when all are far") {
    const std::vector<std::string_view> roles{"metadata", "landing", "artifact"};
    CHECK(weir::closest_match("metdata", roles) == "metadata");
    CHECK(weir::closest_match("artefact", roles) == "artifact");
    CHECK(weir::closest_match("zzzzzz", roles).empty());
    CHECK(weir::closest_match("x", std::vector<std::string>{}).empty());
}
