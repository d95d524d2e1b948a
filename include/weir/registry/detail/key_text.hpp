// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace weir::detail {

// Hosts and roles are short: the call of a general function would cost more than its work. So these functions are
// inlined. They take eight bytes at a time; the last step overlaps the one before it.

template <class Word>
[[nodiscard, gnu::always_inline]] inline std::uint64_t word_at(const char* p) noexcept {
    Word w;
    std::memcpy(&w, p, sizeof w);
    return w;
}

/// The bytes of a text of less than eight as one word.
[[nodiscard, gnu::always_inline]] inline std::uint64_t short_word(std::string_view text) noexcept {
    const char* const p = text.data();
    const std::size_t n = text.size();
    if (n >= 4)
        return word_at<std::uint32_t>(p) | word_at<std::uint32_t>(p + n - 4) << 32;
    if (n == 0)
        return 0;
    return word_at<std::uint8_t>(p) | word_at<std::uint8_t>(p + n / 2) << 8 | word_at<std::uint8_t>(p + n - 1) << 16;
}

[[nodiscard, gnu::always_inline]] inline bool is_same_text(std::string_view a, std::string_view b) noexcept {
    const std::size_t n = a.size();
    if (n != b.size())
        return false;
    if (n < 8)
        return short_word(a) == short_word(b);
    for (std::size_t i = 0; i + 8 < n; i += 8)
        if (word_at<std::uint64_t>(a.data() + i) != word_at<std::uint64_t>(b.data() + i))
            return false;
    return word_at<std::uint64_t>(a.data() + n - 8) == word_at<std::uint64_t>(b.data() + n - 8);
}

/// The xor of both halves of the product. Each bit of the result depends on all bits of both.
[[nodiscard, gnu::always_inline]] inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using double_word = unsigned __int128;
    const auto product = static_cast<double_word>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

[[nodiscard, gnu::always_inline]] inline std::uint64_t hash_of(std::string_view text, std::uint64_t seed) noexcept {
    constexpr std::uint64_t odd = 0x9E3779B97F4A7C15ULL;
    const char* const p = text.data();
    const std::size_t n = text.size();
    std::uint64_t h = seed ^ n;
    if (n < 8)
        return fold(h ^ short_word(text), odd);
    for (std::size_t i = 0; i + 16 < n; i += 16)
        h ^= fold(h ^ word_at<std::uint64_t>(p + i), odd ^ word_at<std::uint64_t>(p + i + 8));
    if (n > 16)  // side by side with the above
        h += fold(seed ^ word_at<std::uint64_t>(p + n - 16), word_at<std::uint64_t>(p + n - 8) ^ odd);
    else
        h = fold(h ^ word_at<std::uint64_t>(p), odd ^ word_at<std::uint64_t>(p + n - 8));
    return h;
}

/// The hash of a key: the two texts are hashed side by side, and then mixed.
[[nodiscard, gnu::always_inline]] inline std::uint64_t hash_of(std::string_view host, std::string_view role) noexcept {
    return fold(hash_of(host, 0xA0761D6478BD642FULL), hash_of(role, 0xE7037ED1A0B428DBULL) | 1);
}

}  // namespace weir::detail
