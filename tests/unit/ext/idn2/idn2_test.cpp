// SPDX-License-Identifier: MIT
#include "weir/ext/idn2/idn2.hpp"

#include "support/catch.hpp"

#include "weir/core/key.hpp"

#include <string>
#include <string_view>

using weir::canonical_host;
using weir::idn2::to_ascii;

TEST_CASE("a host outside ASCII has A-labels") {
    CHECK(to_ascii("bücher.example") == "xn--bcher-kva.example");
    CHECK(to_ascii("BÜCHER.Example") == "xn--bcher-kva.example");
    CHECK(to_ascii("bu\u0308cher.example") == "xn--bcher-kva.example");
    CHECK(to_ascii("日本語.jp") == "xn--wgv71a119e.jp");
    CHECK(to_ascii("example.org") == "example.org");
}

TEST_CASE("the sharp s is kept, as UTS 46 has it without its transition") {
    CHECK(to_ascii("straße.de") == "xn--strae-oqa.de");
    CHECK(to_ascii("faß.de") != to_ascii("fass.de"));
}

TEST_CASE("the dots of other scripts are dots") {
    CHECK(to_ascii("日本語。jp") == "xn--wgv71a119e.jp");
    CHECK(to_ascii("日本語.jp。") == "xn--wgv71a119e.jp");
}

TEST_CASE("a host without an A-label gives nothing") {
    CHECK_FALSE(to_ascii(""));
    CHECK_FALSE(to_ascii("\xff\xfe.org"));
    CHECK_FALSE(to_ascii(std::string_view{"a\0b.org", 7}));
    CHECK_FALSE(to_ascii("ü" + std::string(80, 'a') + ".org"));
}

TEST_CASE("a host that could be two hosts is refused by the canonical form") {
    // U+2100 maps to "a/c": the host would end there.
    const auto split = canonical_host("example.com\u2100.evil.org", to_ascii);
    CHECK_FALSE(split);
    CHECK(canonical_host("Bücher.Example:8080", to_ascii).value() == "xn--bcher-kva.example:8080");
    CHECK(canonical_host("bücher.example.", to_ascii).value() == "xn--bcher-kva.example");
}
