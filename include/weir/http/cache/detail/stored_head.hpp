// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/cache/stored_response.hpp"
#include "weir/http/headers.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::http::detail {

/// Writes all of a stored response but its body, for storages that keep bytes: numbers of 8 bytes, lowest byte first,
/// and texts with their length before them.
class stored_head_writer {
public:
    [[nodiscard]] static std::string write(const stored_response& one) {
        stored_head_writer out;
        out.number(version);
        out.number(static_cast<std::uint64_t>(one.status));
        out.number(static_cast<std::uint64_t>(one.requested.time_since_epoch().count()));
        out.number(static_cast<std::uint64_t>(one.received.time_since_epoch().count()));
        out.number(one.range ? 1 : 0);
        const byte_range range = one.range.value_or(byte_range{});
        out.number(range.first);
        out.number(range.last);
        out.number(range.total);
        out.fields(one.headers);
        out.fields(one.selecting);
        return std::move(out.bytes_);
    }
    /// What one response of a URL differs from another in: its selecting fields and its part.
    [[nodiscard]] static std::string variant(const stored_response& one) {
        stored_head_writer out;
        out.number(one.range ? 1 : 0);
        const byte_range range = one.range.value_or(byte_range{});
        out.number(range.first);
        out.number(range.last);
        out.number(range.total);
        out.fields(one.selecting);
        return std::move(out.bytes_);
    }

    static constexpr std::uint64_t version = 1;

private:
    void number(std::uint64_t n) {
        for (int i = 0; i < 8; ++i, n >>= 8U)
            bytes_ += static_cast<char>(n & 0xff);
    }
    void text(std::string_view t) {
        number(t.size());
        bytes_ += t;
    }
    void fields(const headers& all) {
        number(all.size());
        for (const header& one : all) {
            text(one.name);
            text(one.value);
        }
    }

    std::string bytes_;
};

/// Reads what `stored_head_writer` wrote. Any other bytes are nothing.
class stored_head_reader {
public:
    [[nodiscard]] static std::optional<stored_response> read(std::string_view bytes) {
        stored_head_reader in{bytes};
        stored_response out;
        if (in.number() != stored_head_writer::version)
            return std::nullopt;
        out.status = static_cast<int>(in.number() & 0xfff);
        out.requested = in.time();
        out.received = in.time();
        const bool has_range = in.number() == 1;
        const byte_range range{in.number(), in.number(), in.number()};
        if (has_range) {
            if (range.first > range.last || range.last >= range.total)
                return std::nullopt;
            out.range = range;
        }
        in.fields(out.headers);
        in.fields(out.selecting);
        if (!in.good_ || !in.rest_.empty())
            return std::nullopt;
        return out;
    }

private:
    explicit stored_head_reader(std::string_view bytes) noexcept : rest_(bytes) {}

    [[nodiscard]] std::uint64_t number() noexcept {
        good_ = good_ && rest_.size() >= 8;
        if (!good_)
            return 0;
        std::uint64_t out = 0;
        for (std::size_t i = 8; i-- > 0;)
            out = out << 8U | static_cast<unsigned char>(rest_[i]);
        rest_.remove_prefix(8);
        return out;
    }
    [[nodiscard]] wall_time time() noexcept {
        // Years beyond the calendar would overflow when ages are computed.
        constexpr std::uint64_t max = std::uint64_t{1} << 48U;
        const std::uint64_t read = number();
        good_ = good_ && read < max;
        return wall_time{std::chrono::milliseconds{good_ ? static_cast<std::int64_t>(read) : 0}};
    }
    [[nodiscard]] std::string_view text() noexcept {
        const std::uint64_t size = number();
        good_ = good_ && size <= rest_.size();
        if (!good_)
            return {};
        const std::string_view out = rest_.substr(0, static_cast<std::size_t>(size));
        rest_.remove_prefix(out.size());
        return out;
    }
    void fields(headers& all) {
        for (std::uint64_t left = number(); good_ && left > 0; --left) {
            const std::string_view name = text();
            const std::string_view value = text();
            if (good_)
                all.add(name, value);
        }
    }

    std::string_view rest_;
    bool good_ = true;
};

}  // namespace weir::http::detail
