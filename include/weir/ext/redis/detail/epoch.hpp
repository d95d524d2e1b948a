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

// Whether the server still has what was stored: what stands at `prefix:epoch`, and what the server says of itself. All
// values; times are microseconds of the server's clock.

namespace weir::redis::detail {

/// What the server says of itself in `INFO`.
struct server_facts {
    bool are_known = false;  ///< false where the user may not ask
    std::string run_id;      ///< another one after each start
    std::string replid, previous_replid;
    std::string eviction_policy;
    std::int64_t uptime_s = 0;
    std::int64_t evicted = 0;  ///< keys since the start
    std::int64_t flushes = 0;  ///< FLUSHALL, FLUSHDB and SWAPDB since the start
    std::int64_t scripts = 0;  ///< EVALSHA since the start
    bool keeps_all = false;    ///< it has an append-only file
    bool is_sentinel = false;
};

/// The value of `name:` in a text of `INFO`; of a command's statistics its `calls`.
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
[[nodiscard]] inline std::int64_t info_number(std::string_view value) noexcept {
    if (value.starts_with("calls="))
        value.remove_prefix(6);
    std::int64_t out = 0;
    std::from_chars(value.data(), value.data() + value.size(), out);
    return std::clamp<std::int64_t>(out, 0, std::int64_t{1} << 52);
}
/// Whether a text can stand in an epoch as a word of its own.
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
    out.is_sentinel = info_field(info, "redis_mode") == "sentinel";
    out.scripts = info_number(info_field(commands, "cmdstat_evalsha"));
    for (const std::string_view name : {"cmdstat_flushall", "cmdstat_flushdb", "cmdstat_swapdb"})
        out.flushes += info_number(info_field(commands, name));
    return out;
}

/// What stands at `prefix:epoch`.
struct epoch_record {
    std::string id;  ///< 32 hexadecimal digits; another one knows nothing of what this one knew
    std::int64_t made = 0;
    std::int64_t lost = 0;  ///< when history was lost at the latest; 0 = it was not
    std::string run_id;
    std::string replid;
    std::int64_t evicted = 0;     ///< keys, as was last seen
    std::int64_t evicted_at = 0;  ///< when that was seen to have grown; 0 = never

    friend bool operator==(const epoch_record&, const epoch_record&) = default;
};
[[nodiscard]] inline std::string text_of(const epoch_record& e) {
    const auto word = [](const std::string& s) { return s.empty() ? std::string{"-"} : s; };
    return fmt::format("weir-epoch 1 {} {} {} {} {} {} {}", e.id, e.made, e.lost, word(e.run_id), word(e.replid),
                       e.evicted, e.evicted_at);
}
/// Nothing where the text is anything else than `text_of` writes.
[[nodiscard]] inline std::optional<epoch_record> epoch_of(std::string_view text) {
    std::array<std::string_view, 9> words;
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
    return out;
}

/// What the epoch is from now on, and why history was lost if it was.
struct epoch_step {
    epoch_record record;
    std::string_view reason;
};
/// `found` is what the server has; `known` the id that this process saw last, or empty; `fresh` an id for a new epoch.
///
/// A server that never ran a script since its start and has no epoch is a new one: there, nothing was lost that it
/// could tell of. One that was restarted has lost what its last snapshot lacks, unless it has an append-only file; and
/// a replica that took over, what had not reached it.
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
        // Whoever knew the server may have been admitted until now; others until its start at the latest.
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

}  // namespace weir::redis::detail
