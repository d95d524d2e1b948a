// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/curl/options.hpp"

#include "weir/core/error.hpp"
#include "weir/core/text.hpp"
#include "weir/http/request_check.hpp"
#include "weir/http/url.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace weir::curl::detail {

[[noreturn]] inline void refuse_option(std::string_view name, std::string_view why) {
    throw exception({errc::bad_configuration, fmt::format("option {} of the transport: {}", name, why)});
}

inline void check_file(std::string_view name, const std::string& path) {
    if (!path.empty() && ::access(path.c_str(), R_OK) != 0)
        refuse_option(name, fmt::format("{} cannot be read", weir::detail::in_quotes(path)));
}

inline void check_text(std::string_view name, const std::string& value) {
    if (!http::is_field_value(value))
        refuse_option(name, "it has a control character");
}

/// A proxy's URL has a scheme that libcurl knows, a host, and perhaps a port. Its password is never shown.
inline void check_proxy(const std::string& proxy) {
    check_text("proxy", proxy);
    if (proxy.empty())
        return;
    struct free_url {
        void operator()(CURLU* u) const noexcept { curl_url_cleanup(u); }
    };
    const std::unique_ptr<CURLU, free_url> url{curl_url()};
    char* scheme = nullptr;
    if (!url || curl_url_set(url.get(), CURLUPART_URL, proxy.c_str(), CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME) !=
                    CURLUE_OK)
        refuse_option("proxy", fmt::format("{} is no URL", weir::detail::in_quotes(http::printable_url(proxy))));
    curl_url_get(url.get(), CURLUPART_SCHEME, &scheme, 0);
    const std::string name = scheme != nullptr ? scheme : "";
    curl_free(scheme);
    constexpr std::array<std::string_view, 6> known{"http", "https", "socks4", "socks4a", "socks5", "socks5h"};
    if (proxy.find("://") != std::string::npos && std::find(known.begin(), known.end(), name) == known.end())
        refuse_option("proxy", fmt::format("{} is none of http, https, socks4, socks4a, socks5, socks5h",
                                           weir::detail::in_quotes(name)));
}

/// The `User-Agent` of the requests.
///
/// **Errors.** Throws `exception` with `errc::bad_configuration` for an option that no request could be sent with. So
/// it is noticed at the start, and not by each request.
[[nodiscard]] inline std::string checked_agent(const options& with) {
    check_text("user_agent", with.user_agent);
    for (const char c : with.mailto)
        if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f || c == '(' || c == ')' ||
            c == '<' || c == '>' || c == '\\')
            refuse_option("mailto", "it has a character that no address has");
    if (const auto at = with.mailto.find('@'); !with.mailto.empty() && (at == 0 || at >= with.mailto.size() - 1))
        refuse_option("mailto", fmt::format("{} is no address", weir::detail::in_quotes(with.mailto)));
    if (with.proxy)
        check_proxy(*with.proxy);
    check_text("no_proxy", with.no_proxy.value_or(""));
    check_text("proxy_user", with.proxy_user);
    check_text("proxy_password", with.proxy_password);
    check_text("interface_name", with.interface_name);
    check_text("pinned_key", with.pinned_key);
    for (const std::string& line : with.resolve)
        if (std::count(line.begin(), line.end(), ':') < 2 && !line.starts_with('-'))
            refuse_option("resolve", fmt::format("{} is not host:port:address", weir::detail::in_quotes(line)));
    for (const std::string& line : with.connect_to)
        if (std::count(line.begin(), line.end(), ':') < 3)
            refuse_option("connect_to", fmt::format("{} is not host:port:host:port", weir::detail::in_quotes(line)));
    check_file("ca_file", with.ca_file);
    check_file("ca_path", with.ca_path);
    check_file("certificate_file", with.certificate_file);
    check_file("key_file", with.key_file);
    check_file("netrc", with.netrc.value_or(""));
    if (!with.ca_pem.empty() && with.ca_pem.find("-----BEGIN CERTIFICATE-----") == std::string::npos)
        refuse_option("ca_pem", "it contains no certificate in PEM");
    if (!with.pinned_key.empty() && !with.pinned_key.starts_with("sha256//"))
        check_file("pinned_key", with.pinned_key);
    for (const auto& [name, count] :
         {std::pair{"connect_timeout", with.connect_timeout.count()},
          std::pair{"stall_timeout", with.stall_timeout.count()}, std::pair{"timeout", with.timeout.count()},
          std::pair{"max_idle_age", with.max_idle_age.count()}})
        if (count < 0)
            refuse_option(name, "a span of time is not negative");
    if (with.http3 && (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTP3) == 0)
        refuse_option("http3", "this libcurl was built without HTTP/3");
    return with.mailto.empty() ? with.user_agent : fmt::format("{} (mailto:{})", with.user_agent, with.mailto);
}

}  // namespace weir::curl::detail
