// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::yaml::detail {

/// The keys of one mapping and where they stand. Kept flat, because a hostile file has a million of them.
class key_set {
public:
    struct entry {
        std::uint32_t begin = 0;
        std::uint32_t size = 0;
        std::uint32_t line = 0;
        std::uint32_t column = 0;
        std::uint32_t hash = 0;
    };
    struct found {
        const entry* first = nullptr;  ///< the key is not new: where it stood before; until the next call
        bool crowded = false;          ///< so many keys meet in one place of the table that it is by intent
    };

    /// Remembers a key.
    ///
    /// **Complexity.** O(1) whatever the keys are; nobody's choice of keys makes it slow, because a crowd is refused.
    found add(std::string_view key, std::uint32_t line, std::uint32_t column) {
        constexpr std::size_t most_looks = 256;
        const auto hash = static_cast<std::uint32_t>(std::hash<std::string_view>{}(key));
        if (entries_.size() < few) {
            for (const entry& e : entries_)
                if (e.hash == hash && text(e) == key)
                    return {&e};
        } else {
            if (2 * entries_.size() >= table_.size())
                grow();
            std::size_t at = hash & (table_.size() - 1);
            for (std::size_t looks = 0; table_[at] != 0; at = (at + 1) & (table_.size() - 1)) {
                const entry& e = entries_[table_[at] - 1];
                if (e.hash == hash && text(e) == key)
                    return {&e};
                if (++looks > most_looks)
                    return {nullptr, true};
            }
            table_[at] = static_cast<std::uint32_t>(entries_.size() + 1);
        }
        entries_.push_back(
            {static_cast<std::uint32_t>(texts_.size()), static_cast<std::uint32_t>(key.size()), line, column, hash});
        texts_ += key;
        return {};
    }

    /// Forgets all and keeps the memory of a small one.
    void clear() {
        entries_.clear();
        texts_.clear();
        table_ = {};
    }

private:
    static constexpr std::size_t few = 16;  // so many are compared one by one

    [[nodiscard]] std::string_view text(const entry& e) const noexcept {
        return std::string_view{texts_}.substr(e.begin, e.size);
    }
    void grow() {
        table_.assign(std::max<std::size_t>(table_.size() * 2, 4 * few), 0);
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            std::size_t at = entries_[i].hash & (table_.size() - 1);
            while (table_[at] != 0)
                at = (at + 1) & (table_.size() - 1);
            table_[at] = static_cast<std::uint32_t>(i + 1);
        }
    }

    std::string texts_;
    std::vector<entry> entries_;
    std::vector<std::uint32_t> table_;  // of two to the power of something; 0 = free, else one more than an index
};

}  // namespace weir::yaml::detail
