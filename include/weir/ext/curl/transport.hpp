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

/// A transport over libcurl: HTTP/1.1, and HTTP/2 over TLS; connections are kept and used again; bodies are never
/// buffered.
///
/// It follows no redirect and knows no limit: see `http::redirecting` and `http::limited`. It may repeat a request by
/// itself in one case only: a kept connection turned out to be closed before any byte of an answer came.
///
/// **Effects.** A stop request ends a transfer at once. **Errors.** `http::transport_error`; what the receiver throws
/// passes through.
/// **Thread safety.** `send` from any number of threads; each transfer has a session of its own. **Lifetime.** It may
/// be moved while nothing is sent.
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
