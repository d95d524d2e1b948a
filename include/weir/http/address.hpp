// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/detail/ip_text.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::http {

/// Whether an IP address, in its usual text form, belongs to the public network. Loopback, private, link-local, shared,
/// multicast, documentation and reserved addresses do not, nor do those that carry such an address inside (IPv4-mapped,
/// NAT64, 6to4). A text that is not an address does not.
///
/// ```
/// weir::curl::transport http{{.allow_address = [](auto ip, auto) { return weir::http::is_public_address(ip); }}};
/// ```
[[nodiscard]] inline bool is_public_address(std::string_view text) {
    struct block {
        std::uint32_t net;
        int bits;
    };
    const auto v4_is_public = [](std::uint32_t ip) {
        // The IANA registry of special-purpose addresses, with multicast and class E.
        constexpr std::array blocks{
            block{0x00000000, 8},  block{0x0a000000, 8},  block{0x64400000, 10}, block{0x7f000000, 8},
            block{0xa9fe0000, 16}, block{0xac100000, 12}, block{0xc0000000, 24}, block{0xc0000200, 24},
            block{0xc0586300, 24}, block{0xc0a80000, 16}, block{0xc6120000, 15}, block{0xc6336400, 24},
            block{0xcb007100, 24}, block{0xe0000000, 4},  block{0xf0000000, 4},
        };
        for (const block& b : blocks)
            if ((ip ^ b.net) >> (32 - b.bits) == 0)
                return false;
        return true;
    };
    if (const auto ip = weir::detail::dotted_quad(text))
        return v4_is_public(*ip);
    const auto ip = weir::detail::ipv6_bytes(text);
    if (!ip)
        return false;
    const auto word = [&](std::size_t i) { return static_cast<std::uint32_t>((*ip)[2 * i]) << 8U | (*ip)[2 * i + 1]; };
    const auto v4_at = [&](std::size_t i) { return word(i) << 16U | word(i + 1); };
    const bool starts_with_zeros = word(0) == 0 && word(1) == 0 && word(2) == 0 && word(3) == 0;
    if (starts_with_zeros && word(4) == 0)  // ::, ::1, IPv4-mapped, IPv4-compatible
        return word(5) == 0xffff && v4_is_public(v4_at(6));
    if (word(0) == 0x64 && word(1) == 0xff9b)  // NAT64; 64:ff9b:1::/48 is local
        return word(2) == 0 && word(3) == 0 && word(4) == 0 && word(5) == 0 && v4_is_public(v4_at(6));
    if (word(0) == 0x2002)  // 6to4
        return v4_is_public(v4_at(1));
    if (word(0) == 0x2001 && (word(1) < 0x200 || word(1) == 0xdb8))  // protocols, Teredo, documentation
        return false;
    if (word(0) == 0x3fff && word(1) < 0x1000)  // documentation
        return false;
    return word(0) >> 13U == 1;  // 2000::/3, all that is given out
}

}  // namespace weir::http
