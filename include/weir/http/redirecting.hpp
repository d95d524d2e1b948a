// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/headers.hpp"
#include "weir/http/message.hpp"
#include "weir/http/receiver.hpp"
#include "weir/http/retry_after.hpp"
#include "weir/http/transfer_info.hpp"
#include "weir/http/transport.hpp"
#include "weir/http/transport_error.hpp"
#include "weir/http/url.hpp"

#include "weir/core/key.hpp"
#include "weir/core/result.hpp"
#include "weir/core/text.hpp"
#include "weir/core/time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace weir::http {

namespace detail {

/// Waits, unless a stop is requested; says whether it waited to the end.
inline bool wait_for(duration span, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock{mutex};
    never.wait_for(lock, stop, span, [] { return false; });
    return !stop.stop_requested();
}

}  // namespace detail

/// How far `redirecting` goes.
struct redirect_options {
    /// The greatest number of redirects of one request; 0 = any redirect is an error.
    int max = 10;
    /// Whether a redirect may lead from `https` to `http`.
    bool allow_downgrade = false;
    /// The longest wait that a redirect may ask for with `Retry-After`, in ns. One that asks for more, or for a time
    /// beyond the request's deadline, is not followed: it is the response, and the caller decides.
    duration max_wait = std::chrono::minutes{1};
    /// Turns a host with letters outside ASCII into A-labels; null = a redirect to such a host is an error.
    idna_function idna = nullptr;
    /// How to wait; returns false if a stop was requested. A test puts a clock of its own here.
    bool (*wait)(duration, const std::stop_token&) = detail::wait_for;
};

namespace detail {

[[nodiscard]] constexpr bool is_redirect(int status) noexcept {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// Changes the request into the one to send after a redirect with `status` from `from` to `to`.
inline void follow(request& what, int status, const url& from, const url& to) {
    using weir::detail::same_ignoring_case;
    const bool is_head = same_ignoring_case(what.method, "HEAD");
    // 301 and 302 change POST to GET, because all browsers do. 303 demands it. 307 and 308 were made to forbid it.
    if ((status == 303 && !is_head) || ((status == 301 || status == 302) && same_ignoring_case(what.method, "POST"))) {
        if (what.method != "GET")
            what.method = "GET";
        what.body.clear();
        what.upload = {};
        for (const std::string_view name :
             {"Content-Type", "Content-Length", "Content-Encoding", "Content-Language", "Content-Location",
              "Content-Digest", "Digest", "Transfer-Encoding", "Expect"})
            what.headers.erase(name);
    }
    if (!from.same_origin(to))
        for (const std::string_view name : {"Authorization", "Cookie", "Proxy-Authorization", "Host"})
            what.headers.erase(name);
    what.url = to.str();
}

}  // namespace detail

/// A transport that follows redirects. Put it above `limited`, so that each hop counts for its own host, in the role of
/// the request.
///
/// **Effects.** It follows 301, 302, 303, 307 and 308 with a `Location`, and passes every other response on. It reads a
/// redirect's body and discards it. It does not send credentials (`Authorization`, `Cookie`, `Proxy-Authorization`) to
/// another origin. `located` reports the URL of the last hop, with the fragment of its `Location` or, if that has none,
/// of the URL before. `max_delay` and `timeout` apply to each hop, `deadline` to all of them. If a redirect has a
/// `Retry-After`, it waits for that time before it goes on, to whichever host (RFC 9110 §10.2.3).
/// **Errors.** `transport_error` with `too_many_redirects` (also for a circle) or `bad_redirect` (a `Location` that is
/// no URL, another scheme, https to http, a body that cannot be sent again); what the transport throws.
/// **Thread safety.** The transport's. **Lifetime.** A transport given as an lvalue must outlive it.
/// **Complexity.** Nothing is copied unless there is a redirect.
template <class Transport>
    requires transport<std::remove_reference_t<Transport>>
class redirecting : public collecting<redirecting<Transport>> {
public:
    explicit redirecting(Transport&& inner, redirect_options options = {})
        : inner_(std::forward<Transport>(inner)), options_(options) {}

    using collecting<redirecting>::send;
    void send(const request& what, receiver& to) {
        hop first{to, {}, what, options_};
        inner_.send(what, first);
        if (first.location)
            follow_all(what, to, first);
    }

    [[nodiscard]] std::remove_reference_t<Transport>& inner() noexcept { return inner_; }

private:
    /// Passes a response on, or stores the `Location` of a redirect.
    class hop final : public forwarding_receiver {
    public:
        hop(receiver& to, std::string_view where, const request& what, const redirect_options& options) noexcept
            : forwarding_receiver(to), where_(where), what_(what), options_(options) {}

        void head(int code, const headers& fields) override {
            const auto at = detail::is_redirect(code) ? fields.first("Location") : std::nullopt;
            if (at && may_follow(fields)) {
                location = std::string{*at};
                status = code;
                return;
            }
            if (!where_.empty())
                located(where_);
            forwarding_receiver::head(code, fields);
        }
        void trailers(const headers& fields) override {
            if (!location)
                forwarding_receiver::trailers(fields);
        }
        void finished(const transfer_info& info) override {
            if (!location)
                forwarding_receiver::finished(info);
        }
        bool body(std::string_view bytes) override {
            if (!location)
                return forwarding_receiver::body(bytes);
            // A connection can be used again once its body is read. A large body costs more than a new connection.
            thrown_away_ += bytes.size();
            return thrown_away_ <= max_thrown_away;
        }

        std::optional<std::string> location;
        int status = 0;
        duration wait{};

    private:
        [[nodiscard]] bool may_follow(const headers& fields) {
            wait = duration::zero();
            if (!has_retry_after(fields))
                return true;
            wait = retry_after(fields, std::chrono::system_clock::now()).value_or(duration::zero());
            const duration left = what_.deadline ? *what_.deadline - std::chrono::steady_clock::now() : forever;
            return wait <= options_.max_wait && wait < left;
        }

        static constexpr std::size_t max_thrown_away = std::size_t{64} << 10U;
        std::string_view where_;
        const request& what_;
        const redirect_options& options_;
        std::size_t thrown_away_ = 0;
    };

    void follow_all(const request& what, receiver& to, const hop& first) {
        request next = what;
        std::string fragment = fragment_of(what.url);
        std::string location = *first.location;
        int status = first.status;
        duration wait = first.wait;
        std::vector<std::string> seen;
        for (int hops = 0;;) {
            const auto fail = [&](transport_errc why, std::string_view text) {
                throw transport_error{why, next.method, next.url, text, true};
            };
            auto from = parse_url(next.url, options_.idna);
            if (!from)
                fail(transport_errc::bad_redirect, from.error().message);
            auto target = resolve(*from, location, options_.idna);
            if (!target)
                fail(transport_errc::bad_redirect, target.error().message);
            if (hops++ >= options_.max)
                fail(transport_errc::too_many_redirects,
                     fmt::format("{} is redirect number {}", printable_url(target->str()), hops));
            if (from->scheme == "https" && target->scheme == "http" && !options_.allow_downgrade)
                fail(transport_errc::bad_redirect, fmt::format("{} is not encrypted", printable_url(target->str())));
            // The method is part of the comparison: a POST answered with 303 may lead to its own URL.
            seen.push_back(fmt::format("{} {}", next.method, from->str()));
            detail::follow(next, status, *from, *target);
            if (std::find(seen.begin(), seen.end(), fmt::format("{} {}", next.method, next.url)) != seen.end())
                fail(transport_errc::too_many_redirects, "it leads in a circle");

            if (next.upload && !next.upload.repeatable)
                fail(transport_errc::bad_redirect, "its body cannot be sent again");
            if (auto own = fragment_of(location); !own.empty())
                fragment = std::move(own);
            if (wait > duration::zero() && !options_.wait(wait, what.stop))
                fail(transport_errc::cancelled, "");

            const std::string where = next.url + fragment;
            hop step{to, where, next, options_};
            try {
                inner_.send(next, step);
            } catch (const transport_error& e) {
                // The first hop has reached its server, whatever became of this one.
                if (!e.sent())
                    throw e.as_sent();
                throw;
            }
            if (!step.location)
                return;
            location = std::move(*step.location);
            status = step.status;
            wait = step.wait;
        }
    }
    /// With its `#`; empty if there is none.
    [[nodiscard]] static std::string fragment_of(std::string_view url) {
        const auto at = url.find('#');
        return at == std::string_view::npos ? std::string{} : detail::encoded_fragment(url.substr(at));
    }

    Transport inner_;
    redirect_options options_;
};

template <class Transport>
redirecting(Transport&&) -> redirecting<Transport>;
template <class Transport>
redirecting(Transport&&, redirect_options) -> redirecting<Transport>;

}  // namespace weir::http
