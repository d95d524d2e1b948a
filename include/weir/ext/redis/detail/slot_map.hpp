// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/options.hpp"

#include <hiredis/hiredis.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The hash slots of a Cluster, as values: the slot of a key, the replies that name another server, and the map.

namespace weir::redis::detail {

inline constexpr std::size_t hash_slots = 16'384;

/// CRC-16/XMODEM, as the Cluster specification says.
[[nodiscard]] constexpr std::uint16_t crc16(std::string_view text) noexcept {
    unsigned crc = 0;
    for (const char c : text) {
        crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc & 0x8000U) != 0 ? (crc << 1) ^ 0x1021U : crc << 1;
    }
    return static_cast<std::uint16_t>(crc & 0xffffU);
}
/// The hash slot of a key. If it has a hash tag, only the tag counts.
[[nodiscard]] constexpr std::uint16_t hash_slot(std::string_view key) noexcept {
    const auto open = key.find('{');
    const auto close = open == std::string_view::npos ? open : key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1)
        key = key.substr(open + 1, close - open - 1);
    return crc16(key) % hash_slots;
}
/// The smallest number whose text is in a hash slot. All processes make the same.
///
/// **Complexity.** Some ten thousand checksums of a few bytes.
[[nodiscard]] inline std::string tag_of(std::uint16_t slot) {
    for (unsigned i = 0;; ++i)
        if (std::string text = fmt::format_int{i}.str(); hash_slot(text) == slot)
            return text;
}

/// What a reply says about where, or when, a verb can be done. Such a verb was not carried out.
enum class detour : std::uint8_t {
    none,
    cluster,      ///< the server is a node of a Cluster, whose map is not known yet
    moved,        ///< another server has the slot
    ask,          ///< another server has this key already, while the slot moves
    later,        ///< the slot moves, and the keys are in two places
    not_primary,  ///< it is a replica now
    down,         ///< the Cluster takes no writes at present
};
struct redirection {
    detour kind = detour::none;
    std::uint16_t slot = 0;
    server_address to{};
};
/// The host of a server that a reply names without a host: the host of the server that replied.
[[nodiscard]] inline std::string host_or(std::string_view named, const server_address& asked) {
    if (!named.empty() && named != "?")
        return std::string{named};
    return asked.port == 0 ? "127.0.0.1" : asked.host;
}
/// Reads an error reply. `asked` is the server that replied: a reply without a host means the same host.
[[nodiscard]] inline redirection redirection_of(std::string_view error, const server_address& asked) {
    const auto says = [error](std::string_view word) { return error.starts_with(word); };
    if (says("TRYAGAIN "))
        return {detour::later, 0, {}};
    if (says("CLUSTERDOWN ") || says("MASTERDOWN "))
        return {detour::down, 0, {}};
    // Redis 6 says it inside the error of a script.
    if (says("READONLY ") || error.find("-READONLY ") != std::string_view::npos)
        return {detour::not_primary, 0, {}};
    if (!says("MOVED ") && !says("ASK "))
        return {};
    redirection out{says("MOVED ") ? detour::moved : detour::ask, 0, {}};
    error.remove_prefix(error.find(' ') + 1);
    const auto space = error.find(' ');
    const auto colon = error.rfind(':');
    if (space == std::string_view::npos || colon == std::string_view::npos || colon < space)
        return {};
    const auto slot = whole_number(error.substr(0, space), hash_slots - 1);
    const auto port = whole_number(error.substr(colon + 1), 65'535);
    if (!slot || !port || *port == 0)
        return {};
    std::string_view host = error.substr(space + 1, colon - space - 1);
    if (host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    out.slot = static_cast<std::uint16_t>(*slot);
    out.to = {host_or(host, asked), static_cast<std::uint16_t>(*port)};
    return out;
}

/// Hash slots that follow each other, and the primary server that has them.
struct slot_range {
    std::uint16_t first = 0, last = 0;
    server_address primary;
    std::string id;  ///< of that server in the Cluster
};
/// Reads the reply of `CLUSTER SLOTS` by the server `asked`. Returns nothing if it is none, or has no slot.
[[nodiscard]] inline std::optional<std::vector<slot_range>> slot_ranges_of(const redisReply& r,
                                                                           const server_address& asked) {
    const auto text = [](const redisReply& e) {
        return e.str == nullptr ? std::string{} : std::string{e.str, static_cast<std::size_t>(e.len)};
    };
    if (r.type != REDIS_REPLY_ARRAY || r.elements == 0)
        return std::nullopt;
    std::vector<slot_range> out;
    for (std::size_t i = 0; i < r.elements; ++i) {
        const redisReply& one = *r.element[i];
        if (one.type != REDIS_REPLY_ARRAY || one.elements < 3 || one.element[0]->type != REDIS_REPLY_INTEGER ||
            one.element[1]->type != REDIS_REPLY_INTEGER || one.element[2]->type != REDIS_REPLY_ARRAY ||
            one.element[2]->elements < 2)
            return std::nullopt;
        const long long first = one.element[0]->integer, last = one.element[1]->integer;
        const redisReply& server = *one.element[2];
        const long long port = server.element[1]->integer;
        if (first < 0 || last < first || last >= static_cast<long long>(hash_slots) || port < 1 || port > 65'535)
            return std::nullopt;
        slot_range range{static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last), {}, {}};
        range.primary = {host_or(text(*server.element[0]), asked), static_cast<std::uint16_t>(port)};
        if (server.elements > 2)
            range.id = text(*server.element[2]);
        out.push_back(std::move(range));
    }
    return out;
}

}  // namespace weir::redis::detail
