// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/script_texts.hpp"

#include <array>
#include <cstddef>
#include <string_view>

namespace weir::redis::detail {

/// The store's steps, each a script (`ext/redis/script/`). `keep` has the verbs of `key_verb`; `reap` ends
/// the entries of dead holders; `presence` is not about a key.
enum class script : std::size_t { admit, keep, learn, presence, reap };
inline constexpr std::size_t script_count = 5;

/// An opcode of `script_texts.hpp` as an argument.
template <class Opcode>
[[nodiscard]] constexpr double number(Opcode what) noexcept {
    return static_cast<double>(static_cast<int>(what));
}

/// The scripts' texts, by `script`.
[[nodiscard]] inline const std::array<std::string_view, script_count>& script_texts() noexcept {
    static constexpr std::array<std::string_view, script_count> all{lua::admit, lua::keep, lua::learn, lua::presence,
                                                                    lua::reap};
    return all;
}

}  // namespace weir::redis::detail
