// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/answer_reader.hpp"
#include "weir/http/detail/url_text.hpp"
#include "weir/http/headers.hpp"
#include "weir/http/message.hpp"
#include "weir/http/receiver.hpp"
#include "weir/http/response_feedback.hpp"
#include "weir/http/transport.hpp"
#include "weir/http/transport_error.hpp"
#include "weir/http/url.hpp"

#include "weir/core/error.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/acquire_options.hpp"
#include "weir/observe/feedback.hpp"

#include <chrono>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace weir::http {

/// What `limited` needs of a registry; `weir::registry` is one.
template <class R>
concept limiting_registry = requires(R& r, std::string_view text, const acquire_options& a, const feedback& said) {
    // Each request needs a permit. It waits for one, and throws `refused` if there is none in time.
    { r.acquire(text, text, a) } -> std::same_as<typename R::permit>;
    // The response headers stamp the entry: from then on it counts for T.
    requires requires(typename R::permit& p) { p.arrived(said); };
    // A request that reached no server must not count.
    requires requires(typename R::permit& p) { p.refund(); };
};

/// A transport in which every request first gets its permit.
///
/// ```
/// auto http = weir::http::limited(weir::curl::transport{}, limits);
/// auto reply = http.send({.url = "https://api.crossref.org/works/10.1038/nature12373", .role = "metadata"});
/// ```
///
/// **Effects.** The request is counted for the URL's host and its role. It waits for its permit for at most
/// `max_delay`, and not beyond its deadline. The response's head stamps the entry. A `Retry-After`, or a refusal
/// without one, moves the key's gate (see `permit::arrived`) before the receiver gets the head. The end of the body
/// frees the in-flight slot. A request that never left the machine is refunded; a request that failed in any other way
/// counts. A transport that sends a request once more by itself first gets another permit, if the request may be
/// repeated (`may_repeat`) and a permit is there within `max_delay`; else the request fails as `lost`.
///
/// A service may say in its own way that it refuses: in the body, or in other fields. Then give an `answer_reader`,
/// such as `known_bodies`. The entry is stamped when that has read the head and the first bytes of the body.
///
/// A receiver that sends another request in `head` or `body` waits for a second in-flight place while it has the first.
/// Under a ceiling of 1 it waits for itself until `max_delay`: send the second request after the first has returned.
/// **Errors.** Throws `refused` if there is no permit in time, `exception` for a URL or role that has no key, and what
/// the transport throws.
/// **Thread safety.** The transport's. **Lifetime.** The registry must outlive it; a transport given as an lvalue too.
template <class Transport, limiting_registry Registry, answer_reader Reader = no_answer_reader>
    requires transport<std::remove_reference_t<Transport>>
class limited : public collecting<limited<Transport, Registry, Reader>> {
public:
    limited(Transport&& inner, Registry& limits, Reader reader = {})
        : inner_(std::forward<Transport>(inner)), limits_(&limits), reader_(std::move(reader)) {}

    using collecting<limited>::send;
    void send(const request& what, receiver& to) {
        detail::url_parts parts;
        if (detail::split_url(what.url, parts) != detail::url_fault::none) [[unlikely]]
            throw exception(budget_host(what.url).error());
        if (is_too_late(what))
            throw transport_error{transport_errc::timeout, what.method, what.url, "no time was left to send it", false};
        watching watch{*limits_, parts.host, what, to, reader_};
        try {
            inner_.send(what, watch);
            watch.end();
        } catch (const transport_error& e) {
            if (!e.sent())
                watch.refund();
            else
                watch.end();  // the head was its answer
            throw;
        }
    }

    [[nodiscard]] std::remove_reference_t<Transport>& inner() noexcept { return inner_; }

private:
    using permit_type = typename Registry::permit;
    static constexpr bool reads_body = !std::is_same_v<Reader, no_answer_reader>;

    /// Has the permit of one request, and of each repeat of it.
    class watching final : public forwarding_receiver {
    public:
        watching(Registry& limits, std::string_view host, const request& what, receiver& to, Reader& reader)
            : forwarding_receiver(to), limits_(limits), host_(host), what_(what), reader_(reader) {
            take_permit();
        }

        bool again() override {
            if (!may_repeat(what_))
                return false;
            // First: the old permit's in-flight place may be the only one. Without an answer it counts as abandoned.
            permit_.reset();
            waits_for_body_ = false;
            try {
                take_permit();
            } catch (const exception&) {
                return false;  // refused, or a reload removed the role: the request has failed before, as lost
            }
            return true;
        }
        void head(int status, const headers& fields) override {
            if constexpr (reads_body) {
                status_ = status;
                fields_ = fields;
                first_bytes_.clear();
                waits_for_body_ = true;
            } else {
                permit_->arrived(response_feedback{status, fields}.said());
            }
            forwarding_receiver::head(status, fields);
        }
        bool body(std::string_view bytes) override {
            if (waits_for_body_) {
                first_bytes_.append(bytes.substr(0, max_answer_body - first_bytes_.size()));
                if (first_bytes_.size() == max_answer_body)
                    end();
            }
            return forwarding_receiver::body(bytes);
        }
        /// The response is over, or as much of its body is there as the reader gets.
        void end() {
            if (!std::exchange(waits_for_body_, false))
                return;
            response_feedback read{status_, fields_};
            read.add(reader_(answer_view{status_, fields_, first_bytes_}));
            permit_->arrived(read.said());
        }

        void refund() {
            if (permit_)
                permit_->refund();
        }

    private:
        void take_permit() {
            const duration left = what_.deadline ? *what_.deadline - std::chrono::steady_clock::now() : forever;
            permit_.emplace(limits_.acquire(host_, what_.role,
                                            {.cost = what_.cost,
                                             .method = what_.method,
                                             .max_delay = what_.max_delay,
                                             .stop = what_.stop,
                                             .time_left = left}));
        }

        Registry& limits_;
        std::string_view host_;
        const request& what_;
        Reader& reader_;
        std::optional<permit_type> permit_;
        // The response while the reader waits for its body.
        bool waits_for_body_ = false;
        int status_ = 0;
        headers fields_;
        std::string first_bytes_;
    };

    Transport inner_;
    Registry* limits_;
    [[no_unique_address]] Reader reader_;
};

template <class Transport, class Registry>
limited(Transport&&, Registry&) -> limited<Transport, Registry>;
template <class Transport, class Registry, class Reader>
limited(Transport&&, Registry&, Reader) -> limited<Transport, Registry, Reader>;

}  // namespace weir::http
