// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/curl/detail/check_options.hpp"
#include "weir/ext/curl/detail/exchange.hpp"
#include "weir/ext/curl/detail/session.hpp"
#include "weir/ext/curl/options.hpp"

#include "weir/http/message.hpp"
#include "weir/http/receiver.hpp"
#include "weir/http/request_check.hpp"
#include "weir/http/transport.hpp"
#include "weir/http/transport_error.hpp"
#include "weir/http/url.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace weir::curl {

/// A transport that uses libcurl: HTTP/1.1, and HTTP/2 over TLS. It keeps connections and uses them again. It never
/// buffers bodies.
///
/// It follows no redirect and has no limit: see `http::redirecting` and `http::limited`. It sends a request once more
/// only if the receiver agrees (`receiver::again`, as that of `limited` does): if a kept connection was already closed
/// before any byte of an answer, or an HTTP/2 server refused the stream or demanded HTTP/1.1.
///
/// **Effects.** A stop request ends a transfer at once.
/// **Errors.** `http::transport_error`; exceptions of the receiver pass through.
/// **Thread safety.** Several threads may call `send`; each transfer has its own session.
/// **Lifetime.** It may be moved while no transfer is in progress.
class transport : public http::collecting<transport> {
public:
    /// **Errors.** Throws `exception` with `errc::bad_configuration` for an option that no request could be sent with:
    /// a file that cannot be read, a proxy of an unknown kind, a line break in a text.
    explicit transport(options with = {}) : with_(std::move(with)) {
        detail::start_library();
        agent_ = detail::checked_agent(with_);
        sessions_ = std::make_unique<detail::pool>(with_.max_idle, with_.max_idle_age, with_.cookies);
    }

    using http::collecting<transport>::send;
    void send(const http::request& what, http::receiver& to) {
        using enum http::transport_errc;
        const auto fail = [&](http::transport_errc why, std::string_view text) {
            throw http::transport_error{why, what.method, what.url, text, false};
        };
        if (const auto fault = http::request_fault(what); !fault.empty())
            fail(bad_request, fault);
        const auto url = http::parse_url(what.url, with_.idna);
        if (!url)
            fail(bad_request, url.error().message);
        if (what.stop.stop_requested())
            fail(cancelled, "");
        if (http::is_too_late(what))
            fail(timeout, "no time was left to send it");
        const std::string origin = fmt::format("{}://{}", url->scheme, url->host);
        const borrowed session{*sessions_, origin};
        detail::exchange{*session, with_, what, url->str(), agent_, to}.run();
    }

    /// Closes the connections that have been idle for at least `age`; 0 = all. Those that the server has closed, and
    /// those older than `max_idle_age`, are closed by the way, but only when the transport is used.
    void close_idle(std::chrono::nanoseconds age = std::chrono::nanoseconds{0}) { sessions_->close_idle(age); }
    /// How many connections are open and not in use.
    [[nodiscard]] std::size_t idle_connections() const { return sessions_->idle_connections(); }

private:
    class borrowed {
    public:
        borrowed(detail::pool& from, const std::string& origin) : owner_(from), it_(from.take(origin)) {
            it_->origin = origin;
        }
        borrowed(const borrowed&) = delete;
        borrowed& operator=(const borrowed&) = delete;
        ~borrowed() { owner_.give_back(std::move(it_)); }
        [[nodiscard]] detail::session& operator*() const noexcept { return *it_; }

    private:
        detail::pool& owner_;
        std::unique_ptr<detail::session> it_;
    };

    options with_;
    std::string agent_;
    std::unique_ptr<detail::pool> sessions_;
};

static_assert(http::transport<transport>);

}  // namespace weir::curl
