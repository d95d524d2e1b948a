// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/curl/detail/exchange.hpp"
#include "weir/ext/curl/detail/session.hpp"
#include "weir/ext/curl/options.hpp"

#include "weir/http/message.hpp"
#include "weir/http/transport.hpp"
#include "weir/http/transport_error.hpp"
#include "weir/http/url.hpp"

#include <fmt/format.h>

#include <memory>
#include <string>
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
    explicit transport(options with = {}) : with_(std::move(with)) {
        detail::start_library();
        sessions_ = std::make_unique<detail::pool>(with_.max_idle);
    }

    using http::collecting<transport>::send;
    void send(const http::request& what, http::receiver& to) {
        const auto url = http::parse_url(what.url, with_.idna);
        if (!url)
            throw http::transport_error{http::transport_errc::bad_request, what.method, what.url, url.error().message,
                                        false};
        if (what.stop.stop_requested())
            throw http::transport_error{http::transport_errc::cancelled, what.method, what.url, "", false};
        const std::string origin = fmt::format("{}://{}", url->scheme, url->host);
        const borrowed session{*sessions_, origin};
        detail::exchange{*session, with_, what, url->str(), to}.run();
    }

private:
    class borrowed {
    public:
        borrowed(detail::pool& from, const std::string& origin) : owner_(from), it_(from.take(origin)) {
            it_->remember(origin);
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
    std::unique_ptr<detail::pool> sessions_;
};

static_assert(http::transport<transport>);

}  // namespace weir::curl
