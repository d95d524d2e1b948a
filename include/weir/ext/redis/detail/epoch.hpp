// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

// Whether the server still has its data: the record at `prefix:epoch`, and the fields of `INFO`. All types are values.
// Times are microseconds of the server's clock.

namespace weir::redis::detail {

/// The fields of the server's `INFO`.
struct server_facts {
    bool are_known = false;  ///< false if the user has no right to `INFO`
    std::string run_id;      ///< differs after each start
    std::string replid, previous_replid;
    std::string eviction_policy;
    std::int64_t uptime_s = 0;
    std::int64_t evicted = 0;  ///< keys since the start
    std::int64_t flushes = 0;  ///< FLUSHALL, FLUSHDB and SWAPDB since the start
    std::int64_t scripts = 0;  ///< EVALSHA since the start
    bool keeps_all = false;    ///< it has an append-only file
    bool is_sentinel = false;
    bool is_cluster = false;  ///< it is a node of a Cluster, ...
    std::string node;         ///< ... with this id, from the Cluster's map
    bool is_replica = false;
};

/// The value of `name:` in a text of `INFO`.
[[nodiscard]] inline std::string_view info_field(std::string_view text, std::string_view name) noexcept {
    for (std::size_t at = 0; (at = text.find(name, at)) != std::string_view::npos; at += name.size()) {
        const bool begins = at == 0 || text[at - 1] == '\n';
        const std::size_t value = at + name.size();
        if (!begins || value >= text.size() || text[value] != ':')
            continue;
        const std::string_view rest = text.substr(value + 1);
        return rest.substr(0, rest.find_first_of("\r\n"));
    }
    return {};
}
/// The number in such a value. Of a command's statistics it is `calls`.
[[nodiscard]] inline std::int64_t info_number(std::string_view value) noexcept {
    if (value.starts_with("calls="))
        value.remove_prefix(6);
    std::int64_t out = 0;
    std::from_chars(value.data(), value.data() + value.size(), out);
    return std::clamp<std::int64_t>(out, 0, std::int64_t{1} << 52);
}
/// Whether a text can be a word of an epoch's text.
[[nodiscard]] inline bool is_plain_word(std::string_view s) noexcept {
    return s.size() <= 64 &&
           std::ranges::all_of(s, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-'; });
}
[[nodiscard]] inline server_facts facts_of(std::string_view info, std::string_view commands) {
    server_facts out;
    const auto word = [&](std::string_view name) {
        const std::string_view value = info_field(info, name);
        return is_plain_word(value) && value != "-" ? value : std::string_view{};
    };
    out.run_id = word("run_id");
    out.are_known = !out.run_id.empty();
    out.replid = word("master_replid");
    out.previous_replid = word("master_replid2");
    out.eviction_policy = info_field(info, "maxmemory_policy");
    out.uptime_s = info_number(info_field(info, "uptime_in_seconds"));
    out.evicted = info_number(info_field(info, "evicted_keys"));
    out.keeps_all = info_field(info, "aof_enabled") == "1";
    // Valkey 9 has another name for the mode.
    for (const std::string_view name : {"redis_mode", "server_mode"})
        out.is_sentinel = out.is_sentinel || info_field(info, name) == "sentinel";
    out.is_cluster = info_field(info, "redis_mode") == "cluster" || info_field(info, "cluster_enabled") == "1";
    out.is_replica = info_field(info, "role") == "slave";
    out.scripts = info_number(info_field(commands, "cmdstat_evalsha"));
    for (const std::string_view name : {"cmdstat_flushall", "cmdstat_flushdb", "cmdstat_swapdb"})
        out.flushes += info_number(info_field(commands, name));
    return out;
}

/// The value at `prefix:epoch`.
struct epoch_record {
    std::string id;  ///< 32 hexadecimal digits; a new id means that history was lost
    std::int64_t made = 0;
    std::int64_t lost = 0;  ///< the latest time at which history may have been lost; 0 = no loss
    std::string run_id;
    std::string replid;
    std::int64_t evicted = 0;     ///< the number of evicted keys when it was last read
    std::int64_t evicted_at = 0;  ///< when that number was last seen to grow; 0 = never
    std::string node{};           ///< the server's id in its Cluster, 40 digits; empty without one

    friend bool operator==(const epoch_record&, const epoch_record&) = default;
};
[[nodiscard]] inline std::string text_of(const epoch_record& e) {
    const auto word = [](const std::string& s) { return s.empty() ? std::string{"-"} : s; };
    return fmt::format("weir-epoch 1 {} {} {} {} {} {} {}{}{}", e.id, e.made, e.lost, word(e.run_id), word(e.replid),
                       e.evicted, e.evicted_at, e.node.empty() ? "" : " ", e.node);
}
/// Reads the text of `text_of`. Returns nothing for any other text.
[[nodiscard]] inline std::optional<epoch_record> epoch_of(std::string_view text) {
    std::array<std::string_view, 9> words;
    std::string_view node;
    if (std::ranges::count(text, ' ') == 9) {
        node = text.substr(text.rfind(' ') + 1);
        text.remove_suffix(node.size() + 1);
        if (node.size() != 40 || !is_plain_word(node))
            return std::nullopt;
    }
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::size_t end = i + 1 < words.size() ? text.find(' ') : text.size();
        if (end == std::string_view::npos || end == 0)
            return std::nullopt;
        words[i] = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (words[0] != "weir-epoch" || words[1] != "1" || words[2].size() != 32 || !is_plain_word(words[2]) ||
        !is_plain_word(words[5]) || !is_plain_word(words[6]))
        return std::nullopt;
    epoch_record out;
    const auto number = [&](std::string_view s, std::int64_t& to) {
        const auto [end, fault] = std::from_chars(s.data(), s.data() + s.size(), to);
        return fault == std::errc{} && end == s.data() + s.size() && to >= 0 && to < (std::int64_t{1} << 53);
    };
    if (!number(words[3], out.made) || !number(words[4], out.lost) || !number(words[7], out.evicted) ||
        !number(words[8], out.evicted_at))
        return std::nullopt;
    out.id = words[2];
    out.run_id = words[5] == "-" ? std::string_view{} : words[5];
    out.replid = words[6] == "-" ? std::string_view{} : words[6];
    out.node = node;
    return out;
}

/// The next epoch, and the reason of the loss if there was one.
struct epoch_step {
    epoch_record record;
    std::string_view reason;
};
/// `found` is the server's epoch. `known` is the id that this process read last, or empty. `fresh` is an id for a new
/// epoch.
///
/// A server without an epoch that has run no script since its start is new: it shows no loss. A restarted server has
/// lost everything after its last snapshot, unless it has an append-only file. A replica that took over has lost the
/// writes that had not arrived.
[[nodiscard]] inline epoch_step next_epoch(const std::optional<epoch_record>& found, const server_facts& facts,
                                           std::int64_t now, const std::string& known, const std::string& fresh) {
    const auto anew = [&](std::int64_t lost, std::string_view reason) {
        return epoch_step{{fresh, now, lost, facts.run_id, facts.replid, facts.evicted, 0}, reason};
    };
    if (!found) {
        if (facts.evicted > 0 && (facts.scripts > 0 || !known.empty()))
            return anew(now, "keys were evicted, the epoch among them");
        if (facts.flushes > 0 && (facts.scripts > 0 || !known.empty()))
            return anew(now, "the data was deleted");
        if (!known.empty())
            return anew(now, "the data was deleted, or the server was restarted without it");
        return anew(0, {});
    }
    epoch_step out{*found, {}};
    if (!facts.are_known)
        return out;
    if (!found->run_id.empty() && found->run_id != facts.run_id) {
        const bool took_over = !found->replid.empty() && found->replid == facts.previous_replid;
        // A process that knew the server may have lost admissions until now, the others only until its start.
        const std::int64_t started =
            std::max(found->made, now - std::min<std::int64_t>(facts.uptime_s, 4'000'000'000) * 1'000'000);
        if (took_over)
            return anew(now, "a replica took over, which may not have had all");
        if (!facts.keeps_all)
            return anew(known.empty() ? started : now, "the server was restarted from a snapshot");
    }
    if (found->run_id == facts.run_id && facts.evicted > found->evicted)
        out.record.evicted_at = now;
    out.record.run_id = facts.run_id;
    out.record.replid = facts.replid;
    out.record.evicted = facts.evicted;
    return out;
}

/// What a process found when it last looked at a server.
struct last_look {
    epoch_record record;  ///< without an id before the first look
    std::string key;      ///< the name of the epoch then
    std::string run_id;
    std::int64_t evicted = 0;
    std::int64_t flushes = 0;

    /// Whether the server has lost nothing since then. So only the name of its epoch can have changed.
    [[nodiscard]] bool has_all(const server_facts& now) const noexcept {
        return !record.id.empty() && now.are_known && run_id == now.run_id && evicted == now.evicted &&
               flushes == now.flushes;
    }
};
/// The same for a node of a Cluster, whose epoch is now at `key`. Its epoch moves away with its hash slot, and the
/// epoch of another server may be in the slot that is its first now. Neither is a loss.
[[nodiscard]] inline epoch_step next_node_epoch(std::optional<epoch_record> found, const server_facts& facts,
                                                std::int64_t now, const last_look& last, std::string_view key,
                                                const std::string& fresh) {
    const bool took_over = found && !found->replid.empty() && found->replid == facts.previous_replid;
    const bool is_foreign = found && !facts.node.empty() && found->node != facts.node && !took_over;
    if (is_foreign)
        found.reset();
    epoch_step out;
    if (!found && (is_foreign || last.key != key) && last.has_all(facts))
        out.record = last.record;
    else
        out = next_epoch(found, facts, now, last.record.id, fresh);
    out.record.node = facts.node;
    return out;
}

}  // namespace weir::redis::detail
