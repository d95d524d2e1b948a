// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/content_range.hpp"
#include "weir/http/headers.hpp"
#include "weir/http/message.hpp"
#include "weir/http/receiver.hpp"
#include "weir/http/transfer_info.hpp"

#include "weir/core/text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::http::detail {

/// Takes one response in parts: passes the head of the first part on, and the bodies of all of them.
class resume_receiver final : public forwarding_receiver {
public:
    resume_receiver(const request& what, receiver& to) noexcept : forwarding_receiver(to), what_(what) {}

    void located(std::string_view url) override {
        if (!has_head_)
            forwarding_receiver::located(url);
    }
    void interim(int status, const headers& fields) override {
        if (!has_head_)
            forwarding_receiver::interim(status, fields);
    }
    void head(int status, const headers& fields) override {
        if (has_head_) {
            fits_ = joins(status, fields);
            return;
        }
        has_head_ = true;
        read_first(status, fields);
        forwarding_receiver::head(status, fields);
    }
    bool body(std::string_view bytes) override {
        if (!fits_)
            return false;
        if (skip_ > 0) {
            const auto known = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size()));
            bytes.remove_prefix(known);
            skip_ -= known;
            if (bytes.empty())
                return true;
        }
        position_ += bytes.size();
        is_stopped_ = !forwarding_receiver::body(bytes);
        return !is_stopped_;
    }
    void trailers(const headers& fields) override {
        if (fits_ && is_complete())
            forwarding_receiver::trailers(fields);
    }
    void finished(const transfer_info& info) override {
        const int before = info_ ? info_->attempts : 0;
        info_ = info;
        info_->attempts += before;
    }

    /// Passes on how it went: nothing follows.
    void pass_end() {
        if (info_)
            forwarding_receiver::finished(*info_);
    }
    /// Whether the rest of the response can be requested.
    [[nodiscard]] bool can_resume() const noexcept { return !validator_.empty() && fits_ && !is_stopped_; }
    /// Whether nothing is known to be missing, or the receiver wants no more.
    [[nodiscard]] bool is_complete() const noexcept {
        return is_stopped_ || (fits_ && (validator_.empty() || !total_ || position_ >= *total_));
    }
    /// Whether the last response was a part of the first one.
    [[nodiscard]] bool fits() const noexcept { return fits_; }
    /// The number of the next byte.
    [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
    [[nodiscard]] const std::optional<std::uint64_t>& total() const noexcept { return total_; }
    /// The strong entity tag of the response.
    [[nodiscard]] const std::string& validator() const noexcept { return validator_; }

private:
    /// A weak tag is for the meaning, not for the bytes: parts cannot be joined by it.
    [[nodiscard]] static bool is_strong(std::string_view tag) noexcept {
        return tag.size() > 1 && tag.front() == '"' && tag.back() == '"';
    }

    void read_first(int status, const headers& fields) {
        // Parts are parts of what is on the wire. What the transport has unpacked cannot be counted.
        if (!weir::detail::same_ignoring_case(what_.method, "GET") || what_.headers.contains("Range") ||
            fields.contains("Content-Encoding") ||
            weir::detail::same_ignoring_case(fields.first("Accept-Ranges").value_or(""), "none"))
            return;
        std::string_view tag = fields.first("ETag").value_or("");
        if (status == 206) {
            const auto range = parse_content_range(fields.first("Content-Range").value_or(""));
            if (!range || range->first != what_.resume_from.value_or(0))
                return;
            if (tag.empty())  // the server has compared it
                tag = what_.headers.first("If-Range").value_or("");
            position_ = range->first;
            total_ = range->total;
        } else if (status == 200) {
            if (const auto length = fields.first("Content-Length"))
                total_ = parse_length(*length);
        } else {
            return;
        }
        if (is_strong(tag))
            validator_ = tag;
    }
    [[nodiscard]] bool joins(int status, const headers& fields) {
        const auto tag = fields.first("ETag");
        if (fields.contains("Content-Encoding") || (tag && *tag != validator_))
            return false;
        skip_ = 0;
        if (status == 200 && tag) {
            // The server sends no parts, but it is the same body.
            skip_ = position_;
            return true;
        }
        const auto range = parse_content_range(fields.first("Content-Range").value_or(""));
        if (status != 206 || !range || range->first != position_ ||
            (total_ && range->total && *total_ != *range->total))
            return false;
        if (!total_)
            total_ = range->total;
        return true;
    }

    const request& what_;
    std::string validator_;
    std::optional<std::uint64_t> total_;
    std::uint64_t position_ = 0;
    std::uint64_t skip_ = 0;
    bool has_head_ = false;
    bool fits_ = true;
    bool is_stopped_ = false;
    std::optional<transfer_info> info_;
};

}  // namespace weir::http::detail
