// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/transport_error.hpp"

#include <curl/curl.h>

#include <array>
#include <string_view>

namespace weir::curl::detail {

/// What libcurl says about a transfer that failed.
struct failure {
    CURLcode code = CURLE_OK;
    std::string_view text{};  ///< its error text
    long connect_status = 0;  ///< a proxy's answer to CONNECT; 0 = none
    long proxy_code = 0;      ///< a `CURLproxycode`
    bool sent = false;        ///< a byte of the request may have left for the server

    [[nodiscard]] bool says(std::string_view what) const noexcept { return text.find(what) != std::string_view::npos; }
};

/// One row: what a code means before the request was sent, and after.
struct reason_row {
    int code;
    http::transport_errc unsent;
    http::transport_errc sent;

    constexpr reason_row(int c, http::transport_errc always) noexcept : reason_row(c, always, always) {}
    constexpr reason_row(int c, http::transport_errc before, http::transport_errc after) noexcept
        : code(c), unsent(before), sent(after) {}
};

/// Every code that has a reason of its own; any other is `other`. Numbers are codes of later versions of libcurl.
inline constexpr auto reasons = [] {
    using enum http::transport_errc;
    return std::array{
        reason_row{CURLE_UNSUPPORTED_PROTOCOL, bad_request, protocol},  // HTTP/0.9: the URL's scheme was checked before
        reason_row{CURLE_URL_MALFORMAT, bad_request}, reason_row{CURLE_NOT_BUILT_IN, bad_request},
        reason_row{CURLE_BAD_FUNCTION_ARGUMENT, bad_request, other}, reason_row{CURLE_COULDNT_RESOLVE_PROXY, resolve},
        reason_row{CURLE_COULDNT_RESOLVE_HOST, resolve}, reason_row{CURLE_COULDNT_CONNECT, connect},
        reason_row{CURLE_INTERFACE_FAILED, connect}, reason_row{96, connect},  // CURLE_QUIC_CONNECT_ERROR
        reason_row{CURLE_SSL_CONNECT_ERROR, tls}, reason_row{CURLE_SSL_ENGINE_NOTFOUND, tls},
        reason_row{CURLE_SSL_ENGINE_SETFAILED, tls}, reason_row{CURLE_SSL_CERTPROBLEM, tls},
        reason_row{CURLE_SSL_CIPHER, tls}, reason_row{CURLE_PEER_FAILED_VERIFICATION, tls},
        reason_row{CURLE_USE_SSL_FAILED, tls}, reason_row{CURLE_SSL_ENGINE_INITFAILED, tls},
        reason_row{CURLE_SSL_CACERT_BADFILE, tls}, reason_row{CURLE_SSL_SHUTDOWN_FAILED, tls, lost},
        reason_row{CURLE_SSL_CRL_BADFILE, tls}, reason_row{CURLE_SSL_ISSUER_ERROR, tls},
        reason_row{CURLE_SSL_PINNEDPUBKEYNOTMATCH, tls}, reason_row{CURLE_SSL_INVALIDCERTSTATUS, tls},
        reason_row{98, tls},   // CURLE_SSL_CLIENTCERT
        reason_row{101, tls},  // CURLE_ECH_REQUIRED
        reason_row{CURLE_OPERATION_TIMEDOUT, timeout}, reason_row{CURLE_ABORTED_BY_CALLBACK, cancelled},
        // A connection that ends before the request is sent has not been made.
        reason_row{CURLE_GOT_NOTHING, connect, lost}, reason_row{CURLE_SEND_ERROR, connect, lost},
        reason_row{CURLE_RECV_ERROR, connect, lost}, reason_row{CURLE_PARTIAL_FILE, lost},
        reason_row{CURLE_SEND_FAIL_REWIND, lost}, reason_row{CURLE_HTTP2_STREAM, lost},
        reason_row{CURLE_HTTP2, connect, lost},  // also a connection that the server ended with GOAWAY
        reason_row{95, connect, lost},           // CURLE_HTTP3
        reason_row{CURLE_WEIRD_SERVER_REPLY, protocol}, reason_row{CURLE_BAD_CONTENT_ENCODING, protocol},
        reason_row{CURLE_WRITE_ERROR, protocol},  // of libcurl's own, in the coding of the body
        reason_row{CURLE_FILESIZE_EXCEEDED, body_too_large},
        // libcurl reports a line or a head above its limits as lack of memory. In real lack of memory a retry helps.
        reason_row{CURLE_OUT_OF_MEMORY, other, too_large}, reason_row{100, bad_request, too_large},  // CURLE_TOO_LARGE
        reason_row{97, proxy},  // CURLE_PROXY: see reason_of
    };
}();

/// The reason of a failure.
[[nodiscard]] inline http::transport_errc reason_of(const failure& f) noexcept {
    using enum http::transport_errc;
    if (!f.sent && f.connect_status != 0 && f.connect_status / 100 != 2)
        return proxy;
    if (f.code == CURLE_PROXY)
        switch (static_cast<CURLproxycode>(f.proxy_code)) {
        case CURLPX_RESOLVE_HOST:
            return resolve;
        case CURLPX_REPLY_CONNECTION_REFUSED:
        case CURLPX_REPLY_HOST_UNREACHABLE:
        case CURLPX_REPLY_NETWORK_UNREACHABLE:
        case CURLPX_REPLY_TTL_EXPIRED:
        case CURLPX_REQUEST_FAILED:
            return connect;
        default:
            return proxy;
        }
    if (!f.sent && (f.code == CURLE_RECV_ERROR || f.code == CURLE_COULDNT_CONNECT) && f.says("CONNECT"))
        return proxy;  // it ended the connection instead of an answer
    // By libcurl's own limits. Its HTTP/2 code has no other reason to fail in its own callbacks.
    if (f.sent && (f.says("response headers") || f.says("nghttp2_session_mem_recv() returned -902")))
        return too_large;
    // In TLS 1.3 the server refuses a client's certificate after the client has begun to send.
    if ((f.code == CURLE_RECV_ERROR || f.code == CURLE_SEND_ERROR) && f.says("alert"))
        return tls;
    for (const reason_row& row : reasons)
        if (row.code == static_cast<int>(f.code))
            return f.sent ? row.sent : row.unsent;
    return other;
}

/// What helps, if the text of libcurl does not say it; empty = nothing is known.
[[nodiscard]] inline std::string_view advice_for(const failure& f) noexcept {
    if (f.code == CURLE_UNSUPPORTED_PROTOCOL && f.sent)
        return "the port may speak TLS or HTTP/2: try an https URL, or the option h2c";
    return {};
}

}  // namespace weir::curl::detail
