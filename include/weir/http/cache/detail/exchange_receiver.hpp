// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/cache/cache_options.hpp"
#include "weir/http/cache/cache_policy.hpp"
#include "weir/http/cache/cache_update.hpp"
#include "weir/http/cache/detail/flights.hpp"
#include "weir/http/cache/detail/reply.hpp"
#include "weir/http/cache/detail/validators.hpp"
#include "weir/http/cache/stored_response.hpp"
#include "weir/http/headers.hpp"
#include "weir/http/message.hpp"
#include "weir/http/receiver.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace weir::http::detail {

/// Passes a response on, and keeps what decides whether stored responses have become wrong.
class status_receiver final : public forwarding_receiver {
public:
    using forwarding_receiver::forwarding_receiver;

    void head(int code, const headers& said) override {
        status = code;
        fields = said;
        forwarding_receiver::head(code, said);
    }

    int status = 0;
    headers fields;
};

/// Takes a response that no caller waits for.
class discarding_receiver final : public receiver {
public:
    void head(int, const headers&) override {}
    bool body(std::string_view) override { return true; }
};

/// Whether the body that a response to HEAD describes is as long as the stored one, as far as it says.
[[nodiscard]] inline bool same_length(const headers& fields, const stored_response& stored) {
    const auto a = fields.first("Content-Length");
    const auto b = stored.headers.first("Content-Length");
    return !a || !b || *a == *b;
}

/// What is to be done with a response after its end.
enum class exchange_result : std::uint8_t {
    keep_nothing,        ///< it must not be stored, or it did not arrive as a whole
    store,               ///< it has been passed on, and is stored
    not_modified,        ///< the stored response is still right
    other_not_modified,  ///< a 304 about a version that is not stored
    use_stale,           ///< an error that the stored response may be used instead of
    update_by_head       ///< a response to HEAD that is compared with the stored one
};

/// Takes the response to one request of the cache: decides at the head, passes the body on and keeps a copy of it.
class exchange_receiver final : public forwarding_receiver {
public:
    /// `asked`: what the client wants. `validated`: the stored response that the request has conditions for, or null.
    exchange_receiver(const request& asked, const stored_response* validated, const stored_response* stored,
                      const cache_evaluation& found, const cache_options& options, flights::lead* lead, receiver& to)
        : forwarding_receiver(to), asked_(asked), validated_(validated), stored_(stored), found_(found),
          options_(options), lead_(lead), requested_(options.now()) {}

    void located(std::string_view url) override {
        // Another URL has answered, and only that one's cache entry could have the response.
        elsewhere_ = true;
        forwarding_receiver::located(url);
    }
    void head(int status, const headers& fields) override {
        received_ = options_.now();
        status_ = status;
        fields_ = fields;
        result_ = decide();
        if (result_ == exchange_result::keep_nothing && lead_ != nullptr)
            lead_->finish(flight_end::not_stored);  // the others need not wait for the body
        hidden_ = result_ == exchange_result::not_modified || result_ == exchange_result::other_not_modified ||
                  result_ == exchange_result::use_stale;
        if (hidden_)
            return;
        passed_on_ = true;
        // The client's conditions were replaced by the cache's, so they are decided here.
        const stored_response now{.status = status, .headers = fields, .received = received_};
        silent_ = validated_ != nullptr && status == 200 && client_has(asked_.headers, now);
        forwarding_receiver::head(silent_ ? 304 : status, fields);
    }
    bool body(std::string_view bytes) override {
        if (hidden_)
            return true;
        if (result_ == exchange_result::store) {
            if (bytes.size() > options_.max_body - body_.size()) {
                result_ = exchange_result::keep_nothing;
                body_.clear();
                if (lead_ != nullptr)
                    lead_->finish(flight_end::not_stored);
            } else {
                body_.append(bytes);
            }
        }
        if (silent_)
            return true;
        if (forwarding_receiver::body(bytes))
            return true;
        stopped_ = true;
        result_ = exchange_result::keep_nothing;
        return false;
    }

    // The client gets another response than a hidden one, and that comes after this transfer.
    void trailers(const headers& fields) override {
        if (!hidden_ && !silent_)
            forwarding_receiver::trailers(fields);
    }
    void finished(const transfer_info& info) override {
        if (passed_on_)
            forwarding_receiver::finished(info);
    }

    [[nodiscard]] exchange_result result() const noexcept { return result_; }
    /// Whether the client has got the head.
    [[nodiscard]] bool passed_on() const noexcept { return passed_on_; }
    /// Whether a response that is not stored is a newer answer to the same request.
    [[nodiscard]] bool replaces_stored() const noexcept {
        return !stopped_ && !elsewhere_ && is_get(asked_) && status_ != 206 && status_ != 429 && status_ < 500;
    }
    [[nodiscard]] const headers& fields() const noexcept { return fields_; }
    [[nodiscard]] wall_time requested() const noexcept { return requested_; }
    [[nodiscard]] wall_time received() const noexcept { return received_; }
    [[nodiscard]] stored_response response() && {
        return make_stored(asked_, status_, fields_, std::move(body_), requested_, received_);
    }

private:
    [[nodiscard]] exchange_result decide() const {
        if (validated_ != nullptr && status_ == 304)
            return validates(fields_, *validated_) ? exchange_result::not_modified
                                                   : exchange_result::other_not_modified;
        const bool failed = status_ == 500 || status_ == 502 || status_ == 503 || status_ == 504;
        if (stored_ != nullptr && (failed || status_ == 429) &&
            may_use_after_error(asked_, *stored_, found_.staleness,
                                failed ? options_.rules.stale_if_error : options_.rules.stale_if_refused))
            return exchange_result::use_stale;
        if (elsewhere_)
            return exchange_result::keep_nothing;
        if (is_head(asked_))
            return stored_ != nullptr && status_ == 200 ? exchange_result::update_by_head
                                                        : exchange_result::keep_nothing;
        return may_store(asked_, status_, fields_) ? exchange_result::store : exchange_result::keep_nothing;
    }

    const request& asked_;
    const stored_response* validated_;
    const stored_response* stored_;
    const cache_evaluation& found_;
    const cache_options& options_;
    flights::lead* lead_;
    wall_time requested_;
    wall_time received_{};
    int status_ = 0;
    headers fields_;
    std::string body_;
    exchange_result result_ = exchange_result::keep_nothing;
    bool elsewhere_ = false;
    bool hidden_ = false;
    bool silent_ = false;
    bool passed_on_ = false;
    bool stopped_ = false;
};

}  // namespace weir::http::detail
