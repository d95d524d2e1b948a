// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/transport_error.hpp"

#include <curl/curl.h>

namespace weir::curl::detail {

/// The reason that libcurl's code stands for.
[[nodiscard]] inline http::transport_errc reason_of(CURLcode code) noexcept {
    using enum http::transport_errc;
    switch (code) {
    case CURLE_URL_MALFORMAT:
        return bad_request;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return resolve;
    case CURLE_COULDNT_CONNECT:
        return connect;
    case CURLE_OPERATION_TIMEDOUT:
        return timeout;
    case CURLE_ABORTED_BY_CALLBACK:
        return cancelled;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_USE_SSL_FAILED:
        return tls;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2_STREAM:
    case CURLE_HTTP2:  // also a connection that the server ended with GOAWAY
        return lost;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:  // HTTP/0.9: the URL's scheme was checked before
    case CURLE_BAD_CONTENT_ENCODING:
        return protocol;
    default:
        return other;
    }
}

}  // namespace weir::curl::detail
