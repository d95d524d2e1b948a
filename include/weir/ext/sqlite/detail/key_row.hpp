// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/remote/tuner_record.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::sqlite::detail {

/// Stamps in one row of `blocks`. The key's own row has up to twice as many, the newest ones.
inline constexpr std::size_t block_units = 64;

/// One admitted request that has not ended.
struct held_entry {
    std::uint64_t id;  ///< 0 = abandoned: it has ended, and stays open until it expires
    std::int64_t cost;
    bool open;        ///< not answered: its units count, but have no stamp
    instant stamp;    ///< of its units, once it is not open
    instant expires;  ///< when its holder counts as dead
};

/// A key's state as in its row. The times are the file's, plus `shift`.
struct key_row {
    instant newest = long_ago;
    instant seen = long_ago;  ///< the key's time at its last change
    instant gate = long_ago;
    instant dropped = long_ago;  ///< the newest stamp that was dropped
    duration shift{};            ///< how far this key's time is ahead of the file's, after stamps from the far future
    std::int64_t millionths = multiplier::one;
    std::int64_t open = 0;  ///< units of open entries
    std::uint64_t last_id = 0;
    std::int64_t first_block = 0;
    std::int64_t end_block = 0;
    instant next_expiry = far_future;  ///< not later than the first expiry of an entry
    instant last_expiry = long_ago;    ///< not earlier than the last expiry of an entry
    std::vector<held_entry> entries;
    std::vector<instant> recent;  ///< the newest stamps, oldest first

    // Not part of the row's bytes.
    std::int64_t id = 0;  ///< 0 = there is no row yet
    std::int64_t forget_at = 0;
    remote::tuner_record tuner;  ///< a separate column, which is written only if it has changed
    std::size_t entry_room = 0;
    std::size_t stamp_room = 0;
    bool changed = false;
    bool tuner_changed = false;
    const window_plan* noted = nullptr;  ///< the plan of an admission, whose windows are kept for operators

    /// The state of a key that has no row.
    void clear() {
        auto keep_entries = std::move(entries);
        auto keep_recent = std::move(recent);
        auto keep_tuner = std::move(tuner);
        *this = key_row{};
        entries = std::move(keep_entries);
        recent = std::move(keep_recent);
        tuner = std::move(keep_tuner);
        entries.clear();
        recent.clear();
        tuner.clear();
    }

    void add(const held_entry& e) {
        entries.push_back(e);
        open += e.open ? e.cost : 0;
        next_expiry = std::min(next_expiry, e.expires);
        last_expiry = std::max(last_expiry, e.expires);
    }
    /// Removes the entry, but not its stamps.
    void remove(std::vector<held_entry>::iterator e) {
        open -= e->open ? e->cost : 0;
        *e = entries.back();
        entries.pop_back();
    }

    /// How many bytes the row takes.
    [[nodiscard]] std::size_t bytes() const noexcept { return 8 * (header + entry_words * entry_room + stamp_room); }

    /// Writes the row's bytes. Their number changes only if entries or stamps need more room, or if most of it is
    /// unused. So SQLite rewrites only the page that differs.
    void encode(std::string& out) {
        entry_room = room(entries.size(), entry_room, 4);
        stamp_room = room(recent.size(), stamp_room, 8);
        out.resize(bytes());
        writer to{out.data()};
        to.put(format);
        to.put(static_cast<std::uint64_t>(entries.size()) << 32 | recent.size());
        to.put(static_cast<std::uint64_t>(entry_room) << 32 | stamp_room);
        for (const instant at : {newest, seen, gate, dropped, next_expiry, last_expiry})
            to.put(at);
        to.put(static_cast<std::uint64_t>(shift.count()));
        to.put(static_cast<std::uint64_t>(millionths));
        to.put(static_cast<std::uint64_t>(open));
        to.put(last_id);
        to.put(static_cast<std::uint64_t>(first_block));
        to.put(static_cast<std::uint64_t>(end_block));
        for (const held_entry& e : entries) {
            to.put(e.id);
            to.put(static_cast<std::uint64_t>(e.cost) << 1 | static_cast<std::uint64_t>(e.open));
            to.put(e.stamp);
            to.put(e.expires);
        }
        to.skip(entry_words * (entry_room - entries.size()));
        for (const instant at : recent)
            to.put(at);
        to.skip(stamp_room - recent.size());
    }

    /// Reads the result of `encode`; false if the bytes are anything else.
    [[nodiscard]] bool decode(std::string_view bytes) {
        reader from{bytes.data()};
        if (bytes.size() < 8 * header || from.word() != format)
            return false;
        const std::uint64_t used = from.word();
        const std::uint64_t room = from.word();
        entry_room = room >> 32;
        stamp_room = room & 0xffffffff;
        if (bytes.size() != this->bytes() || used >> 32 > entry_room || (used & 0xffffffff) > stamp_room)
            return false;
        for (instant* at : {&newest, &seen, &gate, &dropped, &next_expiry, &last_expiry})
            *at = from.time();
        shift = duration{from.number()};
        millionths = from.number();
        open = from.number();
        last_id = from.word();
        first_block = from.number();
        end_block = from.number();
        entries.resize(used >> 32);
        for (held_entry& e : entries) {
            e.id = from.word();
            const std::uint64_t cost = from.word();
            e.cost = static_cast<std::int64_t>(cost >> 1);
            e.open = (cost & 1) != 0;
            e.stamp = from.time();
            e.expires = from.time();
        }
        from.skip(entry_words * (entry_room - entries.size()));
        recent.resize(used & 0xffffffff);
        for (instant& at : recent)
            at = from.time();
        return is_sound();
    }

private:
    /// Whether `encode` can have written these fields. With other bytes, arithmetic could overflow.
    [[nodiscard]] bool is_sound() const noexcept {
        constexpr std::int64_t max_units = std::int64_t{1} << 40;
        constexpr duration max_shift{std::int64_t{1} << 61};
        const auto is_time = [](instant at) { return at >= long_ago && at <= far_future; };
        std::int64_t units = 0;
        for (const held_entry& e : entries) {
            if (e.cost < 1 || e.cost > max_units || !is_time(e.stamp) || !is_time(e.expires))
                return false;
            units += e.open ? e.cost : 0;
        }
        return units == open && first_block >= 0 && first_block <= end_block && end_block < max_units &&
               millionths >= 1 && millionths <= multiplier::one && shift >= -max_shift && shift <= max_shift &&
               std::ranges::all_of(std::array{newest, seen, gate, dropped, next_expiry, last_expiry}, is_time) &&
               std::ranges::all_of(recent, is_time) && std::ranges::is_sorted(recent);
    }

    static constexpr std::uint64_t format = 1;
    static constexpr std::size_t header = 15;
    static constexpr std::size_t entry_words = 4;

    [[nodiscard]] static std::size_t room(std::size_t used, std::size_t now, std::size_t min) {
        return used <= now && now <= std::max(min, used * 8) ? now : std::bit_ceil(std::max(used, min));
    }

    /// 64-bit words, least significant byte first on every machine; compilers make one move instruction of it.
    struct writer {
        char* at;
        void put(std::uint64_t v) noexcept {
            for (int i = 0; i < 8; ++i)
                *at++ = static_cast<char>(static_cast<unsigned char>(v >> (8 * i)));
        }
        void put(instant t) noexcept { put(static_cast<std::uint64_t>(t.time_since_epoch().count())); }
        void skip(std::size_t words) noexcept { at = std::fill_n(at, 8 * words, '\0'); }
    };
    struct reader {
        const char* at;
        std::uint64_t word() noexcept {
            std::uint64_t v = 0;
            for (int i = 0; i < 8; ++i)
                v |= static_cast<std::uint64_t>(static_cast<unsigned char>(*at++)) << (8 * i);
            return v;
        }
        std::int64_t number() noexcept { return static_cast<std::int64_t>(word()); }
        instant time() noexcept { return instant{duration{number()}}; }
        void skip(std::size_t words) noexcept { at += 8 * words; }
    };
    friend class stamp_block;
};

/// The stamps of one full block, oldest first, and their bytes in a row.
class stamp_block {
public:
    std::array<instant, block_units> stamps;

    [[nodiscard]] std::string encode() const {
        std::string out(8 * block_units, '\0');
        key_row::writer to{out.data()};
        for (const instant at : stamps)
            to.put(at);
        return out;
    }
    [[nodiscard]] bool decode(std::string_view bytes) {
        if (bytes.size() != 8 * block_units)
            return false;
        key_row::reader from{bytes.data()};
        for (instant& at : stamps)
            at = from.time();
        return true;
    }
};

}  // namespace weir::sqlite::detail
