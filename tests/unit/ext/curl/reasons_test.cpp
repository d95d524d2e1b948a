// SPDX-License-Identifier: MIT
#include "weir/ext/curl/detail/errors.hpp"

#include "support/catch.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>

using namespace weir::http;
using weir::curl::detail::failure;
using weir::curl::detail::reason_of;
using weir::curl::detail::reasons;

TEST_CASE("every code of libcurl has a reason, and its row is the only one") {
    std::set<int> codes;
    for (const auto& row : reasons) {
        CHECK(codes.insert(row.code).second);
        for (const bool sent : {false, true})
            if (row.code != CURLE_PROXY)
                CHECK(reason_of({.code = static_cast<CURLcode>(row.code), .sent = sent}) ==
                      (sent ? row.sent : row.unsent));
    }
    for (int code = 1; code < 130; ++code)
        if (codes.count(code) == 0)
            CHECK(reason_of({.code = static_cast<CURLcode>(code)}) == transport_errc::other);
}

TEST_CASE("what was not sent is never lost, and what was lost has been sent") {
    for (const auto& row : reasons) {
        CAPTURE(row.code);
        const bool cannot_tell = row.code == CURLE_PARTIAL_FILE || row.code == CURLE_SEND_FAIL_REWIND ||
                                 row.code == CURLE_HTTP2_STREAM;  // they follow a request
        CHECK((row.unsent != transport_errc::lost || cannot_tell));
    }
}

TEST_CASE("a proxy's answers and libcurl's texts are told apart") {
    using enum transport_errc;
    for (const long status : {301, 403, 407, 502})
        CHECK(reason_of({.code = CURLE_RECV_ERROR, .connect_status = status}) == proxy);
    CHECK(reason_of({.code = CURLE_RECV_ERROR, .connect_status = 200, .sent = true}) == lost);
    CHECK(reason_of({.code = CURLE_SSL_CONNECT_ERROR, .connect_status = 200}) == tls);
    CHECK(reason_of({.code = CURLE_RECV_ERROR, .text = "Proxy CONNECT aborted"}) == proxy);
    CHECK(reason_of({.code = CURLE_PROXY, .proxy_code = CURLPX_RESOLVE_HOST}) == resolve);
    CHECK(reason_of({.code = CURLE_PROXY, .proxy_code = CURLPX_REPLY_HOST_UNREACHABLE}) == connect);
    CHECK(reason_of({.code = CURLE_PROXY, .proxy_code = CURLPX_REPLY_NOT_ALLOWED}) == proxy);
    CHECK(reason_of({.code = CURLE_PROXY, .proxy_code = CURLPX_USER_REJECTED}) == proxy);
    CHECK(reason_of({.code = CURLE_RECV_ERROR, .text = "Too large response headers: 307261 > 307200", .sent = true}) ==
          too_large);
    CHECK(reason_of({.code = CURLE_RECV_ERROR,
                     .text = "OpenSSL SSL_read: tlsv13 alert certificate required, errno 0",
                     .sent = true}) == tls);
    CHECK(reason_of({.code = CURLE_OUT_OF_MEMORY, .sent = true}) == too_large);
    CHECK(reason_of({.code = CURLE_OUT_OF_MEMORY}) == other);
}

TEST_CASE("the documents list every reason with its sentence") {
    std::ifstream in{WEIR_SOURCE_DIR "/docs/http.md"};
    const std::string text{std::istreambuf_iterator<char>{in}, {}};
    const auto first = static_cast<int>(transport_errc::bad_request),
               last = static_cast<int>(transport_errc::address_refused);
    constexpr std::string_view names[]{"bad_request",    "resolve",
                                       "connect",        "tls",
                                       "timeout",        "cancelled",
                                       "lost",           "protocol",
                                       "body_too_large", "too_many_redirects",
                                       "bad_redirect",   "other",
                                       "proxy",          "too_large",
                                       "address_refused"};
    for (int i = first; i <= last; ++i) {
        const auto row =
            fmt::format("| `{}` | {} |", names[i - first], make_error_code(static_cast<transport_errc>(i)).message());
        CAPTURE(row);
        CHECK(text.find(row) != std::string::npos);
    }
}
