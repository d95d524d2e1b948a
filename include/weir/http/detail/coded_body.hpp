// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::http::detail {

/// Takes the framing off a chunked body (RFC 9112 §7.1).
class chunk_reader {
public:
    /// Calls `out` with each piece of content in `bytes`.
    template <class Out>
    void feed(std::string_view bytes, Out&& out) {
        while (!bytes.empty() && at_ != part::end) {
            if (at_ == part::data) {
                const std::size_t n = std::min<std::uint64_t>(left_, bytes.size());
                out(bytes.substr(0, n));
                bytes.remove_prefix(n);
                left_ -= n;
                if (left_ == 0)
                    at_ = part::data_end;
                continue;
            }
            step(bytes.front());
            bytes.remove_prefix(1);
        }
    }

private:
    enum class part : std::uint8_t { size, extension, data, data_end, end };

    void step(char c) noexcept {
        if (at_ == part::data_end) {
            if (c == '\n')
                at_ = part::size;
            return;
        }
        if (c == '\n') {
            at_ = left_ == 0 ? part::end : part::data;  // the last chunk is empty; only trailers follow
            return;
        }
        if (at_ == part::extension)
            return;
        const char low = weir::detail::to_lower(c);
        if (weir::detail::is_digit(c))
            left_ = left_ * 16 + static_cast<std::uint64_t>(c - '0');
        else if (low >= 'a' && low <= 'f')
            left_ = left_ * 16 + static_cast<std::uint64_t>(low - 'a' + 10);
        else
            at_ = part::extension;
    }

    part at_ = part::size;
    std::uint64_t left_ = 0;
};

/// Whether a Zstandard stream ends where a frame ends. It reads the frames' headers and skips their content.
class zstd_frames {
public:
    void feed(std::string_view bytes) {
        while (!bytes.empty()) {
            if (skip_ > 0) {
                const auto n = std::min<std::uint64_t>(skip_, bytes.size());
                skip_ -= n;
                bytes.remove_prefix(static_cast<std::size_t>(n));
            } else {
                const std::size_t n = std::min(needs_ - have_.size(), bytes.size());
                have_.append(bytes.substr(0, n));
                bytes.remove_prefix(n);
                if (have_.size() == needs_)
                    field();
            }
            if (skip_ == 0 && ends_after_skip_) {
                ends_after_skip_ = false;
                expect(part::magic, 4);
            }
        }
    }
    [[nodiscard]] bool at_end() const noexcept { return at_ == part::magic && have_.empty() && skip_ == 0; }

private:
    enum class part : std::uint8_t { magic, skippable_size, descriptor, block, broken };

    void expect(part next, std::size_t bytes) {
        at_ = next;
        needs_ = bytes;
        have_.clear();
    }
    [[nodiscard]] std::uint32_t number() const noexcept {
        std::uint32_t out = 0;
        for (std::size_t i = have_.size(); i-- > 0;)
            out = out << 8U | static_cast<unsigned char>(have_[i]);
        return out;
    }
    void field() {
        const std::uint32_t value = number();
        switch (at_) {
        case part::magic:
            if (value == 0xfd2fb528U)
                return expect(part::descriptor, 1);
            return expect((value & 0xfffffff0U) == 0x184d2a50U ? part::skippable_size : part::broken, 4);
        case part::skippable_size:
            expect(part::magic, 4);
            skip_ = value;
            return;
        case part::descriptor: {
            static constexpr std::array<std::uint8_t, 4> dictionary{0, 1, 2, 4}, content{0, 2, 4, 8};
            const bool single = (value & 0x20U) != 0;
            has_checksum_ = (value & 4U) != 0;
            const std::size_t size_bytes = value >> 6U == 0 && single ? 1U : content[value >> 6U];
            expect(part::block, 3);
            skip_ = (single ? 0U : 1U) + dictionary[value & 3U] + size_bytes;
            return;
        }
        case part::block: {
            const bool last = (value & 1U) != 0, repeats_one_byte = (value >> 1U & 3U) == 1;
            expect(part::block, 3);
            skip_ = (repeats_one_byte ? 1U : value >> 3U) + (last && has_checksum_ ? 4U : 0U);
            ends_after_skip_ = last;
            return;
        }
        case part::broken:
            return expect(part::broken, 4);
        }
    }

    part at_ = part::magic;
    std::string have_;
    std::size_t needs_ = 4;
    std::uint64_t skip_ = 0;
    bool has_checksum_ = false;
    bool ends_after_skip_ = false;
};

/// Finds out whether a coded body is whole, from what was received and from what another one has unpacked: libraries
/// for transfers do not report a stream that was cut.
///
/// A gzip or zlib stream ends with a check sum of its content. A Zstandard stream is a list of frames. Brotli has
/// neither, and a coding that is not known cannot be checked: such a body counts as whole.
class coded_body {
public:
    explicit coded_body(std::string_view coding) {
        using weir::detail::same_ignoring_case;
        if (same_ignoring_case(coding, "gzip") || same_ignoring_case(coding, "x-gzip"))
            coding_ = kind::gzip;
        else if (same_ignoring_case(coding, "deflate"))
            coding_ = kind::deflate;
        else if (same_ignoring_case(coding, "zstd"))
            coding_ = kind::zstd;
    }

    [[nodiscard]] bool can_check() const noexcept { return coding_ != kind::unknown; }

    void received(std::string_view bytes) {
        if (size_in_ < 2)
            start_.append(bytes.substr(0, 2 - start_.size()));
        size_in_ += bytes.size();
        if (coding_ == kind::zstd)
            frames_.feed(bytes);
        tail_.append(bytes.substr(bytes.size() - std::min(bytes.size(), max_tail)));
        if (tail_.size() > max_tail)
            tail_.erase(0, tail_.size() - max_tail);
    }
    void unpacked(std::string_view bytes) noexcept {
        size_out_ += bytes.size();
        if (coding_ == kind::gzip)
            for (const char c : bytes)
                crc_ = crc_table[(crc_ ^ static_cast<unsigned char>(c)) & 0xffU] ^ (crc_ >> 8U);
        else if (coding_ == kind::deflate)
            for (const char c : bytes) {
                adler_low_ = (adler_low_ + static_cast<unsigned char>(c)) % 65521U;
                adler_high_ = (adler_high_ + adler_low_) % 65521U;
            }
    }

    [[nodiscard]] bool whole() const noexcept {
        if (size_in_ == 0)
            return size_out_ == 0;  // an empty body has no coding
        switch (coding_) {
        case kind::gzip:
            return size_in_ >= 18 && number_from_end(8, false) == (crc_ ^ 0xffffffffU) &&
                   number_from_end(4, false) == static_cast<std::uint32_t>(size_out_);
        case kind::deflate:
            return !is_zlib() || (size_in_ >= 6 && number_from_end(4, true) == (adler_high_ << 16U | adler_low_));
        case kind::zstd:
            return frames_.at_end();
        case kind::unknown:
            break;
        }
        return true;
    }

private:
    enum class kind : std::uint8_t { unknown, gzip, deflate, zstd };
    static constexpr std::size_t max_tail = 8;
    static constexpr auto crc_table = [] {
        std::array<std::uint32_t, 256> out{};
        for (std::uint32_t i = 0; i < 256; ++i) {
            std::uint32_t c = i;
            for (int bit = 0; bit < 8; ++bit)
                c = (c & 1U) != 0 ? 0xedb88320U ^ (c >> 1U) : c >> 1U;
            out[i] = c;
        }
        return out;
    }();

    /// Some servers send a deflate stream without the zlib format around it. Such a one has no check sum.
    [[nodiscard]] bool is_zlib() const noexcept {
        if (start_.size() < 2)
            return true;
        const auto first = static_cast<unsigned char>(start_[0]), second = static_cast<unsigned char>(start_[1]);
        return (first & 0xfU) == 8 && (first * 256U + second) % 31U == 0;
    }
    [[nodiscard]] std::uint32_t number_from_end(std::size_t from, bool big_endian) const noexcept {
        std::uint32_t out = 0;
        for (std::size_t i = 0; i < 4; ++i)
            out = out << 8U | static_cast<unsigned char>(tail_[tail_.size() - from + (big_endian ? i : 3 - i)]);
        return out;
    }

    kind coding_ = kind::unknown;
    std::string start_;
    std::string tail_;
    std::uint64_t size_in_ = 0;
    std::uint64_t size_out_ = 0;
    std::uint32_t crc_ = 0xffffffffU;
    std::uint32_t adler_low_ = 1;
    std::uint32_t adler_high_ = 0;
    zstd_frames frames_;
};

}  // namespace weir::http::detail
