// SPDX-License-Identifier: MIT
//
// Any text as a URL, and as a reference from another: what is accepted is a fixed point, names one budget, and carries
// neither a user nor a line break.

#include "weir/http/url.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void require(bool holds) {
    if (!holds)
        std::abort();
}

void check(const weir::http::url& url) {
    const std::string text = url.str();
    for (const char c : text)
        require(static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f);
    require(url.scheme == "http" || url.scheme == "https");
    require(url.path.starts_with('/') && (url.query.empty() || url.query.starts_with('?')));
    require(url.host.find_first_of("/?#@\\") == std::string::npos);
    const auto again = weir::http::parse_url(text);
    require(again && *again == url);
    const auto host = weir::http::budget_host(text);
    require(host && *host == url.host);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto newline = text.find('\n');
    const std::string_view first = text.substr(0, newline);
    const std::string_view second = newline == std::string_view::npos ? std::string_view{} : text.substr(newline + 1);

    const std::string printed = weir::http::printable_url(first);
    for (const char c : printed)
        require(static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f);

    const auto url = weir::http::parse_url(first);
    const auto host = weir::http::budget_host(first);
    if (!url)
        return 0;
    // The limiter and the transport must mean the same host.
    require(host && weir::canonical_host(*host) && *weir::canonical_host(*host) == url->host);
    check(*url);
    if (const auto target = weir::http::resolve(*url, second)) {
        check(*target);
        require(target->path.find("/../") == std::string::npos || second.empty() || second.front() == '?' ||
                second.front() == '#' || target->path == url->path);
    }
    return 0;
}
