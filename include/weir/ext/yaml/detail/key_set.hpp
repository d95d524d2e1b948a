// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/layer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace weir::yaml::detail {

/// The keys of one mapping, by the leaves that they made. It is a flat table, because a hostile file has half a million
/// of them.
class key_set {
public:
    struct found {
        const leaf* first = nullptr;  ///< the leaf that already has this key, if any; valid until the layer grows
        bool crowded = false;         ///< so many keys are in one part of the table that the file must be hostile
    };

    /// Looks for a key. If it is new, `index` is stored as the leaf that will have it.
    ///
    /// **Complexity.** O(1) for any keys: if a file chooses keys that are slow to find, `crowded` refuses them.
    found add(const layer& in, std::string_view key, std::uint32_t index) {
        constexpr std::size_t max_looks = 256;
        if (leaves_.size() < few) {
            for (const std::uint32_t i : leaves_)
                if (in.key(in.leaves()[i]) == key)
                    return {&in.leaves()[i]};
        } else {
            if (2 * leaves_.size() >= table_.size())
                grow(in);
            std::size_t at = place_of(key);
            for (std::size_t looks = 0; table_[at] != 0; at = next(at)) {
                const leaf& other = in.leaves()[table_[at] - 1];
                if (in.key(other) == key)
                    return {&other};
                if (++looks > max_looks)
                    return {nullptr, true};
            }
            table_[at] = index + 1;
        }
        leaves_.push_back(index);
        return {};
    }

    /// Removes all keys, and keeps the memory if it is small.
    void clear() {
        leaves_.clear();
        if (!table_.empty())
            table_ = {};
    }

private:
    static constexpr std::size_t few = 16;  // up to this number, keys are compared one by one

    [[nodiscard]] std::size_t place_of(std::string_view key) const noexcept {
        return std::hash<std::string_view>{}(key) & (table_.size() - 1);
    }
    [[nodiscard]] std::size_t next(std::size_t at) const noexcept { return (at + 1) & (table_.size() - 1); }
    void grow(const layer& in) {
        table_.assign(std::max<std::size_t>(table_.size() * 2, 4 * few), 0);
        for (const std::uint32_t i : leaves_) {
            std::size_t at = place_of(in.key(in.leaves()[i]));
            while (table_[at] != 0)
                at = next(at);
            table_[at] = i + 1;
        }
    }

    std::vector<std::uint32_t> leaves_;
    std::vector<std::uint32_t> table_;  // its size is a power of two; 0 = free, else a leaf's index plus one
};

}  // namespace weir::yaml::detail
