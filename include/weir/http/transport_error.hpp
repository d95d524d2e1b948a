// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/detail/url_text.hpp"
#include "weir/http/url.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace weir::http {

/// Why a request got no complete response.
enum class transport_errc : std::uint8_t {
    bad_request = 1,     ///< its URL, its method, a header field or an option cannot be sent
    resolve,             ///< the host's name has no address
    connect,             ///< no server answers at that address
    tls,                 ///< no secure channel: a certificate that is not trusted, no common version
    timeout,             ///< a time limit or the deadline passed
    cancelled,           ///< its stop token requested a stop
    lost,                ///< the connection ended before the response did
    protocol,            ///< the response is not HTTP, or its body is not what its head says
    body_too_large,      ///< the body is larger than the caller's limit
    too_many_redirects,  ///< more redirects than the limit, or a circle
    bad_redirect,        ///< a redirect that the options do not allow
    other,               ///< any other failure
    proxy,               ///< a proxy refused the request
    too_large,           ///< the head is larger than the limit
    address_refused,     ///< the host's address is one that the options do not allow
};

namespace detail {
class transport_category_type final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "weir.http"; }
    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<transport_errc>(value)) {
        case transport_errc::bad_request:
            return "not a request that can be sent";
        case transport_errc::resolve:
            return "the host was not found";
        case transport_errc::connect:
            return "no connection";
        case transport_errc::tls:
            return "no secure connection";
        case transport_errc::timeout:
            return "timed out";
        case transport_errc::cancelled:
            return "cancelled";
        case transport_errc::lost:
            return "the connection was lost";
        case transport_errc::protocol:
            return "not a valid HTTP response";
        case transport_errc::body_too_large:
            return "the body is larger than the limit";
        case transport_errc::too_many_redirects:
            return "too many redirects";
        case transport_errc::bad_redirect:
            return "a redirect that is not followed";
        case transport_errc::other:
            return "the transfer failed";
        case transport_errc::proxy:
            return "the proxy refused it";
        case transport_errc::too_large:
            return "the head is larger than the limit";
        case transport_errc::address_refused:
            return "an address that is not allowed";
        }
        return "unknown error";
    }
};
}  // namespace detail

/// The category of every `transport_errc`.
[[nodiscard]] inline const std::error_category& transport_category() noexcept {
    static const detail::transport_category_type instance;
    return instance;
}

[[nodiscard]] inline std::error_code make_error_code(transport_errc code) noexcept {
    return {static_cast<int>(code), transport_category()};
}

/// A request that got no complete response. `what()` has the method, the URL without user and query, the detail and the
/// reason.
class transport_error : public std::system_error {
public:
    transport_error(transport_errc why, std::string_view method, std::string_view url, std::string_view details,
                    bool sent)
        : std::system_error(make_error_code(why),
                            fmt::format("{} {}{}{}", detail::printable(method), printable_url(url),
                                        details.empty() ? "" : ": ", details)),
          sent_(sent) {}

    [[nodiscard]] transport_errc reason() const noexcept { return static_cast<transport_errc>(code().value()); }
    /// False if the server cannot have received the request. Then the request does not count.
    [[nodiscard]] bool sent() const noexcept { return sent_; }
    /// The same error of a request of which a part was sent: for decorators that send several requests for one.
    [[nodiscard]] transport_error as_sent() const {
        transport_error out = *this;
        out.sent_ = true;
        return out;
    }

private:
    bool sent_;
};

}  // namespace weir::http

template <>
struct std::is_error_code_enum<weir::http::transport_errc> : std::true_type {};
