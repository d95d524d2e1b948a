// SPDX-License-Identifier: MIT
#include "weir/core/detail/ip_text.hpp"

#include "support/catch.hpp"

#include "support/seed.hpp"

#include "weir/core/key.hpp"

#include <arpa/inet.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace {

std::string canonical(std::string_view host) {
    const auto out = weir::canonical_host(host);
    return out ? *out : "error: " + out.error().message;
}

/// What the system's functions make of an address.
std::optional<std::string> by_system(const std::string& text) {
    in6_addr ip{};
    std::array<char, INET6_ADDRSTRLEN> out{};
    if (text.find('\0') != std::string::npos || ::inet_pton(AF_INET6, text.c_str(), &ip) != 1)
        return std::nullopt;
    return std::string{::inet_ntop(AF_INET6, &ip, out.data(), out.size())};
}

}  // namespace

TEST_CASE("an IPv4 address has one spelling, whatever form of the URL Standard it had") {
    for (const char* host : {"127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f.1", "0x7F000001", "0177.0.0.01",
                             "127.0.0.1.", "017700000001", "0x7f.0x0.0x0.0x1", "127.0x000000001"})
        CHECK(canonical(host) == "127.0.0.1");
    CHECK(canonical("0") == "0.0.0.0");
    CHECK(canonical("4294967295") == "255.255.255.255");
    CHECK(canonical("127.1:080") == "127.0.0.1:80");
    CHECK(canonical("8.8.8.8:00443") == "8.8.8.8:443");
}

TEST_CASE("a host that ends in a number and is no IPv4 address is an error") {
    for (const char* host :
         {"256.0.0.1", "1.2.3.4.5", "127.0.0.256", "4294967296", "0x100000000", "08", "1.2.3.0x", "example.1",
          "example.0xff", "1..2", "0x", "1.256.1", "1.2.65536", "999999999999999999999"}) {
        CAPTURE(host);
        CHECK(canonical(host).starts_with("error"));
    }
    for (const char* host : {"1a", "example.1a", "0xyz", "127.0.0.1.example", "1.2.3.4x", "3com", "0x1g"})
        CHECK(canonical(host) == host);
}

TEST_CASE("an IPv6 address has one spelling") {
    for (const char* host : {"[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::0.0.0.1]", "[0::0:1]"})
        CHECK(canonical(host) == "[::1]");
    CHECK(canonical("[2001:DB8:0:0:1:0:0:1]:0443") == "[2001:db8::1:0:0:1]:443");
    CHECK(canonical("[::FFFF:7f00:1]") == "[::ffff:127.0.0.1]");
    for (const char* host :
         {"[::1::1]", "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]", "[12345::]", "[:1]", "[1:]", "[::1%25lo]", "[::g]",
          "[1.2.3.4]", "[::1.2.3]", "[::1.2.3.04]", "[::1]:0", "[::1]x", "[]"}) {
        CAPTURE(host);
        CHECK(canonical(host).starts_with("error"));
    }
}

TEST_CASE("IPv6 addresses are read and written as the system does") {
    weir_test::dice random{weir_test::seed_for("IPv6 texts")};
    const auto below = [&](int n) { return static_cast<int>(random.from(0, n - 1)); };
    constexpr std::string_view pieces[]{":",       "::",      "0",  "1",     "ffff", "FfF", "db8",
                                        "1.2.3.4", "0.0.0.0", "00", "12345", ".",    "g"};
    int valid = 0;
    for (int i = 0; i < weir_test::cases_or(200'000); ++i) {
        std::string text;
        for (int n = below(16); n > 0; --n) {
            text += pieces[static_cast<std::size_t>(below(i % 2 == 0 ? 9 : 13))];
            if (below(3) > 0 && n > 1)
                text += ':';
        }
        const auto expected = by_system(text);
        const auto got = weir::detail::ipv6_bytes(text);
        if (got.has_value() != expected.has_value() || (got && weir::detail::ipv6_text(*got) != *expected)) {
            CAPTURE(text, expected.value_or("none"));
            CHECK((got ? weir::detail::ipv6_text(*got) : "none") == expected.value_or("none"));
            return;
        }
        valid += expected ? 1 : 0;
    }
    CHECK(valid > 100);
    for (int i = 0; i < weir_test::cases_or(100'000); ++i) {
        weir::detail::ipv6_address ip{};
        for (auto& byte : ip)
            byte = static_cast<std::uint8_t>(below(3) == 0 ? below(256) : 0);
        if (below(4) == 0)
            ip[10] = ip[11] = 255;
        const std::string text = weir::detail::ipv6_text(ip);
        if (by_system(text) != text || weir::detail::ipv6_bytes(text) != ip) {
            CHECK(by_system(text) == text);
            return;
        }
    }
}
