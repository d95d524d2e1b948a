// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/window_plan.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::postgres::detail {

/// Parameters of a prepared statement in binary form. Values are copied, names are not.
///
/// **Lifetime.** Names must outlive it. **Complexity.** No heap up to eight windows.
class parameter_list {
public:
    static constexpr int max = 10;

    void number(std::int64_t value) {
        const std::size_t at = bytes_.size();
        append(static_cast<std::uint64_t>(value), 8);
        add(nullptr, at, 8);
    }
    void nothing() { add(nullptr, absent, 0); }
    void bytes(std::string_view value) { add(value.data() == nullptr ? "" : value.data(), 0, value.size()); }
    /// Begins a bigint[] of `count` elements. Call `element` for each directly after this.
    void numbers(std::size_t count) {
        const std::size_t at = bytes_.size();
        append(count == 0 ? 0 : 1, 4);
        append(0, 4);
        append(20, 4);
        if (count > 0) {
            append(count, 4);
            append(1, 4);
        }
        add(nullptr, at, bytes_.size() - at + 12 * count);
    }
    void element(std::int64_t value) {
        append(8, 4);
        append(static_cast<std::uint64_t>(value), 8);
    }
    void numbers(const std::vector<std::int64_t>& all) {
        numbers(all.size());
        for (const std::int64_t value : all)
            element(value);
    }

    [[nodiscard]] int count() const noexcept { return count_; }
    /// Valid until the next parameter is added.
    [[nodiscard]] const char* const* values() noexcept {
        for (int i = 0; i < count_; ++i) {
            const auto n = static_cast<std::size_t>(i);
            values_[n] = outside_[n] != nullptr ? outside_[n]
                         : offset_[n] == absent ? nullptr
                                                : bytes_.data() + offset_[n];
        }
        return values_.data();
    }
    [[nodiscard]] const int* lengths() const noexcept { return lengths_.data(); }
    [[nodiscard]] static const int* formats() noexcept {
        static constexpr auto binary = [] {
            std::array<int, max> all{};
            all.fill(1);
            return all;
        }();
        return binary.data();
    }

private:
    static constexpr std::size_t absent = SIZE_MAX;

    void append(std::uint64_t value, int width) {
        for (int shift = 8 * (width - 1); shift >= 0; shift -= 8)
            bytes_.push_back(static_cast<char>(value >> shift));
    }
    void add(const char* outside, std::size_t offset, std::size_t length) {
        const auto n = static_cast<std::size_t>(count_++);
        outside_.at(n) = outside;
        offset_[n] = offset;
        lengths_[n] = static_cast<int>(length);
    }

    std::string bytes_ = [] {
        std::string room;
        room.reserve(400);
        return room;
    }();
    std::array<const char*, max> outside_{};
    std::array<std::size_t, max> offset_{};
    std::array<const char*, max> values_{};
    std::array<int, max> lengths_{};
    int count_ = 0;
};

/// A bigint[] in the server's binary form; nothing if it is anything else.
[[nodiscard]] inline std::optional<std::vector<std::int64_t>> parse_numbers(std::string_view bytes) {
    const auto take = [&bytes](std::size_t width) {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < width; ++i)
            value = value << 8 | static_cast<unsigned char>(bytes[i]);
        bytes.remove_prefix(width);
        return value;
    };
    if (bytes.size() < 12)
        return std::nullopt;
    const std::uint64_t dimensions = take(4);
    take(4);
    if (take(4) != 20)
        return std::nullopt;
    if (dimensions == 0)
        return std::vector<std::int64_t>{};
    if (dimensions != 1 || bytes.size() < 8)
        return std::nullopt;
    const std::uint64_t count = take(4);
    take(4);
    if (bytes.size() != count * 12)
        return std::nullopt;
    std::vector<std::int64_t> out;
    out.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        if (take(4) != 8)
            return std::nullopt;
        out.push_back(static_cast<std::int64_t>(take(8)));
    }
    return out;
}

}  // namespace weir::postgres::detail
