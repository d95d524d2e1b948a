// SPDX-License-Identifier: MIT
#include "weir/config/layer.hpp"

#include "support/catch.hpp"

TEST_CASE("a source location is written as a compiler writes it", "[config]") {
    CHECK(weir::source_location{"ratelimits.yaml"}.at(14, 7).text() == "ratelimits.yaml:14:7");
    CHECK(weir::source_location{"$DOCSTOKG_RLIMIT_BACKEND"}.text() == "$DOCSTOKG_RLIMIT_BACKEND");
    CHECK(weir::source_location{}.text() == "built-in");
}

TEST_CASE("a fault is written as source location, path, message", "[config]") {
    const weir::fault f{weir::source_location{"a.yaml"}.at(1, 2), "version", "it must be 1"};
    CHECK(f.text() == "a.yaml:1:2: version: it must be 1");
    CHECK(weir::fault{weir::source_location{"--rat"}, "", "unknown flag"}.text() == "--rat: unknown flag");
}

TEST_CASE("a source location has its source, and a layer its kind", "[config]") {
    CHECK(weir::source_location{"a.yaml"}.at(3, 4).source() == "a.yaml");
    CHECK(weir::source_location{}.source().empty());
    CHECK(weir::to_string(weir::layer{}.kind) == "file");
    CHECK(weir::to_string(weir::layer_kind::command_line) == "command line");
    CHECK(weir::to_string(weir::layer_kind::builtin) == "built-in");
}
