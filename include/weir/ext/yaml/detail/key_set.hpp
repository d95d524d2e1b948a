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

/// The keys of one mapping, by the leaves they made. Kept flat, because a hostile file has half a million of them.
class key_set {
public:
    struct found {
        const leaf* first = nullptr;  ///< the key is not new: the leaf that has it; until the layer grows
        bool crowded = false;         ///< so many keys meet in one place of the table that it is by intent
    };

    /// Looks for a key; if it is new, `index` is remembered as the leaf that will have it.
    ///
    /// **Complexity.** O(1) whatever the keys are; nobody's choice of keys makes it slow, because a crowd is refused.
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

    /// Forgets all and keeps the memory of a small one.
    void clear() {
        leaves_.clear();
        if (!table_.empty())
            table_ = {};
    }

private:
    static constexpr std::size_t few = 16;  // so many are compared one by one

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
    std::vector<std::uint32_t> table_;  // of two to the power of something; 0 = free, else one more than a leaf's index
};

}  // namespace weir::yaml::detail
