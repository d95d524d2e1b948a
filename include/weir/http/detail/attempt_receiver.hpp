// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/headers.hpp"
#include "weir/http/receiver.hpp"
#include "weir/http/transfer_info.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::http::detail {

/// Takes the responses to the attempts of one request. Passes the final one on, and holds a failed one back.
///
/// `Run::repeats(status, fields)` says whether there will be another attempt after a response.
template <class Run>
class attempt_receiver final : public forwarding_receiver {
public:
    attempt_receiver(receiver& to, Run& run, std::size_t max_held) noexcept
        : forwarding_receiver(to), run_(run), max_kept_(max_held) {}

    void located(std::string_view url) override { url_ = url; }
    void head(int status, const headers& fields) override {
        kept_.reset();  // that of the attempt before
        is_complete_ = true;
        if (run_.repeats(status, fields)) {
            kept_ = held{.status = status, .fields = fields, .url = std::move(url_)};
            is_held_ = true;
            return;
        }
        pass_head(url_, status, fields);
    }
    bool body(std::string_view bytes) override {
        if (!is_held_)
            return forwarding_receiver::body(bytes);
        if (bytes.size() <= max_kept_ - kept_->body.size()) {
            kept_->body.append(bytes);
            return true;
        }
        // A connection can be used again once its body is read. A large body costs more than a new connection.
        is_complete_ = false;
        return false;
    }
    void trailers(const headers& fields) override {
        if (is_held_)
            kept_->trailers = fields;
        else
            forwarding_receiver::trailers(fields);
    }
    void finished(const transfer_info& info) override {
        info_ = info;
        info_->attempts += attempts_before_;
        if (is_passed_on_)
            forwarding_receiver::finished(*info_);
        else if (is_held_)
            kept_->info = info_;
    }

    /// Whether the response of this attempt is held back.
    [[nodiscard]] bool holds() const noexcept { return is_held_; }
    [[nodiscard]] bool is_passed_on() const noexcept { return is_passed_on_; }
    /// Makes ready for the next attempt.
    void begin_next() {
        if (info_) {
            attempts_before_ = info_->attempts;
            last_info_ = std::exchange(info_, std::nullopt);
        }
        url_.clear();
        is_held_ = false;
    }
    /// Forgets the response of an attempt before.
    void drop() noexcept { kept_.reset(); }
    /// Passes the response on that was held back. False if there is none, or not all of it.
    [[nodiscard]] bool pass_held() {
        if (!kept_ || !is_complete_)
            return false;
        const held last = *std::exchange(kept_, std::nullopt);
        pass_head(last.url, last.status, last.fields);
        if (last.body.empty() || forwarding_receiver::body(last.body))
            if (!last.trailers.empty())
                forwarding_receiver::trailers(last.trailers);
        if (last.info)
            forwarding_receiver::finished(*last.info);
        return true;
    }
    /// Passes on how the last attempt went, if it ended without a response.
    void pass_end() {
        if (is_passed_on_)
            return;
        if (const auto& last = info_ ? info_ : last_info_)
            forwarding_receiver::finished(*last);
    }

private:
    struct held {
        int status = 0;
        headers fields{};
        std::string url{};
        std::string body{};
        headers trailers{};
        std::optional<transfer_info> info{};
    };

    void pass_head(std::string_view url, int status, const headers& fields) {
        is_passed_on_ = true;
        if (!url.empty())
            forwarding_receiver::located(url);
        forwarding_receiver::head(status, fields);
    }

    Run& run_;
    std::size_t max_kept_;
    int attempts_before_ = 0;
    std::optional<transfer_info> last_info_;
    // This attempt.
    std::string url_;
    std::optional<transfer_info> info_;
    bool is_held_ = false;
    bool is_passed_on_ = false;
    // The last attempt with a response, which may be an earlier one.
    std::optional<held> kept_;
    bool is_complete_ = true;
};

}  // namespace weir::http::detail
