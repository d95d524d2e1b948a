// SPDX-License-Identifier: MIT
#include "weir/ext/yaml/parse_limits.hpp"

#include "weir/ext/yaml/yaml.hpp"

#include "support/catch.hpp"

#include <string>
#include <string_view>

namespace {
std::string first_fault(std::string_view text, const weir::yaml::parse_limits& bounds) {
    const auto l = weir::yaml::load_text(text, "f.yaml", bounds);
    return l.faults.empty() ? "" : l.faults[0].text();
}
}  // namespace

TEST_CASE("each limit on a file's size is in the message, and a file of exactly that size is accepted", "[yaml]") {
    CHECK(first_fault("version: 1\n", {.bytes = 11}).empty());
    CHECK(first_fault("version: 1\n", {.bytes = 10}) == "f.yaml: it is larger than 10 bytes");
    CHECK(first_fault("a: {b: 1}", {.depth = 2}).empty());
    CHECK(first_fault("a: {b: 1}", {.depth = 1}) == "f.yaml:1:4: a: it is nested more than 1 deep");
    CHECK(first_fault("ab: 1", {.key = 2}).empty());
    CHECK(first_fault("abc: 1", {.key = 2}) == "f.yaml:1:1: found a key of 3 bytes; none has more than 2");
    CHECK(first_fault("a: 1\nb: 2\n", {.leaves = 2}).empty());
    CHECK(first_fault("a: 1\nb: 2\n", {.leaves = 1}) ==
          "f.yaml:2:1: b: the file has more than 1 keys and lists' items");
    CHECK(first_fault("a: [1, 2]", {.items = 2}).empty());
    CHECK(first_fault("a: [1, 2, 3]", {.items = 2}) == "f.yaml:1:11: a: it has more than 2 items");
    CHECK(first_fault("a: 1\nb: 2\nc: 3\n", {.items = 2}) ==
          "f.yaml:3:1: c: it has more than 2 keys, as only hosts and host_groups may");
}

TEST_CASE("the hosts may be more than any other mapping's keys", "[yaml]") {
    CHECK(first_fault("hosts: {a.org: {}, b.org: {}, c.org: {}}", {.items = 2}).empty());
    CHECK(first_fault("host_groups: {a: [], b: [], c: []}", {.items = 2}).empty());
    CHECK_FALSE(first_fault("hosts: {a.org: {x: 1, y: 1, z: 1}}", {.items = 2}).empty());
}
