// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/connection.hpp"
#include "weir/ext/redis/detail/session.hpp"
#include "weir/ext/redis/detail/slot_state.hpp"
#include "weir/ext/redis/detail/wire.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/remote/window_record.hpp"
#include "weir/storage/store_error.hpp"
#include "weir/storage/stored_key.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

// Listing keys, and the windows that are kept for that purpose.

namespace weir::redis::detail {

/// The name of the string with the windows of a key's last plan, beside its head: numbers with spaces between
/// (`remote::window_record`). No script reads it.
[[nodiscard]] inline std::string windows_name(std::string_view prefix, std::string_view host, std::string_view role) {
    return names_of(prefix, host, role).head + ":w";
}

/// Writes the windows of an admission's plan, if this process has not written them to this key in the last `life`. They
/// live twice as long. That is one round trip, and no decision depends on it.
inline void note_windows(session& in, slot_state& key, const window_plan& plan, duration life, instant now) {
    const std::int64_t name = remote::name_of(plan);
    if (key.noted_plan == name && now < key.noted_until) [[likely]]
        return;
    key.noted_plan = name;
    key.noted_until = saturating_add(now, life);
    const std::string numbers = fmt::format("{}", fmt::join(remote::to_record(plan), " "));
    const std::string ms = std::to_string(2 * std::chrono::ceil<std::chrono::milliseconds>(life).count());
    try {
        static_cast<void>(in.ask({"SET", key.address.windows, numbers, "PX", ms}));
    } catch (const store_error&) {
        // The admission is done; the next connection writes them when they are due again.
    }
}

/// The pattern of SCAN for all heads of a prefix.
[[nodiscard]] inline std::string head_pattern(std::string_view prefix) {
    std::string out;
    for (const char c : prefix) {
        if (std::string_view{"*?[]\\^-"}.find(c) != std::string_view::npos)
            out += '\\';
        out += c;
    }
    return out + ":1:{*}";
}

/// Reads back what `append_escaped` made.
[[nodiscard]] inline std::string unescaped(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        unsigned byte = 0;
        if (text.size() >= 3 && text.front() == '%' &&
            std::from_chars(text.data() + 1, text.data() + 3, byte, 16).ptr == text.data() + 3) {
            out += static_cast<char>(static_cast<unsigned char>(byte));
            text.remove_prefix(3);
        } else {
            out += text.front();
            text.remove_prefix(1);
        }
    }
    return out;
}

/// Host and role of a head's name; nothing for another name.
[[nodiscard]] inline std::optional<std::pair<std::string, std::string>> names_in(std::string_view prefix,
                                                                                 std::string_view head) {
    constexpr std::string_view begin = ":1:{";
    if (!head.starts_with(prefix) || !head.substr(prefix.size()).starts_with(begin) || !head.ends_with('}'))
        return std::nullopt;
    head.remove_prefix(prefix.size() + begin.size());
    head.remove_suffix(1);
    const auto bar = head.find('|');
    if (bar == std::string_view::npos)
        return std::nullopt;
    return std::pair{unescaped(head.substr(0, bar)), unescaped(head.substr(bar + 1))};
}

/// All keys below `prefix` of the server that `in` is connected to. SCAN finds every key that exists during the whole
/// call, and some of them twice. So names are collected in a set.
[[nodiscard]] inline std::vector<stored_key> list_keys(session& in, std::string_view prefix) {
    const std::string pattern = head_pattern(prefix);
    std::set<std::pair<std::string, std::string>> names;
    std::string cursor = "0";
    do {
        const reply page = in.ask({"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"}, "list keys",
                                  "give the user of this program the command SCAN");
        if (page->type != REDIS_REPLY_ARRAY || page->elements != 2)
            throw store_error{"redis: cannot list keys: the reply to SCAN is not a page; is a proxy between?"};
        cursor = text_of(*page->element[0]);
        for (std::size_t i = 0; i < page->element[1]->elements; ++i)
            if (auto found = names_in(prefix, text_of(*page->element[1]->element[i])))
                names.insert(*std::move(found));
    } while (cursor != "0");
    std::vector<stored_key> out;
    for (const auto& [host, role] : names) {
        stored_key& key = out.emplace_back(stored_key{host, role});
        const reply windows = in.ask({"GET", windows_name(prefix, host, role)});
        remote::read_windows(remote::numbers_of(text_of(*windows)), key);
    }
    return out;
}

}  // namespace weir::redis::detail
