// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/curl/detail/field_list.hpp"
#include "weir/ext/curl/options.hpp"

#include "weir/core/text.hpp"
#include "weir/http/message.hpp"
#include "weir/http/transport_error.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::curl::detail {

/// A transfer's settings on its handle, all but the callbacks. It owns the lists that the handle points to.
class setup {
public:
    setup(CURL* easy, const options& with, const http::request& what, const std::string& url, std::string_view agent)
        : easy_(easy), with_(with), what_(what), is_head_(weir::detail::same_ignoring_case(what.method, "HEAD")) {
        set_target(url);
        set_route();
        set_trust();
        set_times();
        set_message(agent);
    }
    setup(const setup&) = delete;
    setup& operator=(const setup&) = delete;

    [[nodiscard]] bool is_head() const noexcept { return is_head_; }
    /// Whether the body's coding is to be taken off.
    [[nodiscard]] bool unpacks() const noexcept { return unpacks_; }

    template <class T>
    void set(CURLoption option, T value) {
        const CURLcode code = try_set(option, value);
        if (code == CURLE_OK)
            return;
        const auto why = code == CURLE_OUT_OF_MEMORY ? http::transport_errc::other : http::transport_errc::bad_request;
        throw http::transport_error{
            why, what_.method, what_.url,
            fmt::format("libcurl refuses option {}: {}", static_cast<int>(option), curl_easy_strerror(code)), false};
    }
    template <class T>
    CURLcode try_set(CURLoption option, T value) noexcept {
        return curl_easy_setopt(easy_, option, value);
    }

private:
    /// libcurl's HTTP/2 sends no larger head. It tries five times, and then says that the connection was lost.
    static constexpr std::size_t max_http2_head = 60'000;

    [[nodiscard]] std::size_t head_size() const noexcept {
        std::size_t out = what_.url.size() + with_.user_agent.size();
        for (const http::header& h : what_.headers)
            out += h.name.size() + h.value.size() + 4;
        return out;
    }

    void set_text(CURLoption option, const std::string& value) {
        if (!value.empty())
            set(option, value.c_str());
    }

    void set_target(const std::string& url) {
        set(CURLOPT_URL, url.c_str());
        set(CURLOPT_PATH_AS_IS, 1L);  // the server gets the path as the caller wrote it
        set(CURLOPT_FOLLOWLOCATION, 0L);
        set(CURLOPT_NOSIGNAL, 1L);
        // An HTTP/2 head that does not fit into the buffer stalls in libcurl 7.88: the reader has to stop it before.
        try_set(CURLOPT_BUFFERSIZE,
                static_cast<long>(std::clamp<std::size_t>(with_.max_head_bytes + 16'384, 16'384, 524'288)));
#if LIBCURL_VERSION_NUM >= 0x075500
        set(CURLOPT_PROTOCOLS_STR, "http,https");
#else
        set(CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
        try_set(CURLOPT_QUICK_EXIT, 1L);  // a cancelled transfer does not wait for the resolver's thread
#endif
        const bool plain = url.starts_with("http:");
        const bool too_long = head_size() > max_http2_head;
        if (too_long && plain && with_.h2c)
            throw http::transport_error{http::transport_errc::bad_request, what_.method, what_.url,
                                        "its URL and fields are larger than 60 KB, the limit of HTTP/2", false};
        const long version = plain && with_.h2c      ? static_cast<long>(CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE)
                             : too_long              ? static_cast<long>(CURL_HTTP_VERSION_1_1)
                             : !plain && with_.http3 ? static_cast<long>(CURL_HTTP_VERSION_3)
                             : with_.http2           ? static_cast<long>(CURL_HTTP_VERSION_2TLS)
                                                     : static_cast<long>(CURL_HTTP_VERSION_1_1);
        try_set(CURLOPT_HTTP_VERSION, version);
        // libcurl 7.88 sends nothing but an error on a kept connection of this kind.
        if (version == CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE &&
            curl_version_info(CURLVERSION_NOW)->version_num >> 8U == 0x0758)
            set(CURLOPT_FRESH_CONNECT, 1L);
    }

    void set_route() {
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        if (with_.proxy)
            set(CURLOPT_PROXY, with_.proxy->c_str());
        if (with_.proxy_tunnel)
            set(CURLOPT_HTTPPROXYTUNNEL, 1L);
        set_text(CURLOPT_PROXYUSERNAME, with_.proxy_user);
        set_text(CURLOPT_PROXYPASSWORD, with_.proxy_password);
        if (with_.no_proxy)
            set(CURLOPT_NOPROXY, with_.no_proxy->c_str());
        set_text(CURLOPT_INTERFACE, with_.interface_name);
        set_text(CURLOPT_UNIX_SOCKET_PATH, with_.unix_socket);
        if (with_.family != ip_family::any)
            set(CURLOPT_IPRESOLVE,
                static_cast<long>(with_.family == ip_family::v4 ? CURL_IPRESOLVE_V4 : CURL_IPRESOLVE_V6));
        set_list(CURLOPT_RESOLVE, with_.resolve, resolve_);
        set_list(CURLOPT_CONNECT_TO, with_.connect_to, connect_to_);
    }
    void set_list(CURLoption option, const std::vector<std::string>& lines, text_list& list) {
        for (const std::string& line : lines)
            list.append(line);
        if (!lines.empty())
            set(option, list.get());
    }

    void set_trust() {
        set(CURLOPT_SSL_VERIFYPEER, 1L);
        set(CURLOPT_SSL_VERIFYHOST, 2L);
        set(CURLOPT_SSLVERSION,
            static_cast<long>(with_.min_tls == tls_version::v1_3 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2));
        set_text(CURLOPT_CAINFO, with_.ca_file);
        set_text(CURLOPT_CAPATH, with_.ca_path);
        if (!with_.ca_pem.empty()) {
            curl_blob pem{const_cast<char*>(with_.ca_pem.data()), with_.ca_pem.size(), CURL_BLOB_NOCOPY};
            set(CURLOPT_CAINFO_BLOB, &pem);
        }
        set_text(CURLOPT_SSLCERT, with_.certificate_file);
        set_text(CURLOPT_SSLKEY, with_.key_file.empty() ? with_.certificate_file : with_.key_file);
        set_text(CURLOPT_KEYPASSWD, with_.key_password);
        set_text(CURLOPT_PINNEDPUBLICKEY, with_.pinned_key);
        if (with_.cookies)
            set(CURLOPT_COOKIEFILE, "");  // the jar itself is shared
        if (with_.netrc) {
            set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_OPTIONAL));
            set_text(CURLOPT_NETRC_FILE, *with_.netrc);
        }
    }

    void set_times() {
        using std::chrono::milliseconds;
        const auto limit = [](milliseconds span) {
            return static_cast<long>(std::clamp<std::int64_t>(span.count(), 0, INT_MAX));
        };
        set(CURLOPT_CONNECTTIMEOUT_MS, limit(with_.connect_timeout));
        milliseconds longest = what_.timeout.value_or(with_.timeout);
        if (what_.deadline) {
            const auto left = std::chrono::ceil<milliseconds>(*what_.deadline - std::chrono::steady_clock::now());
            longest = std::max(milliseconds{1}, longest.count() == 0 ? left : std::min(longest, left));
        }
        set(CURLOPT_TIMEOUT_MS, limit(longest));
        if (with_.stall_timeout.count() > 0) {
            set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(with_.stall_speed));
            set(CURLOPT_LOW_SPEED_TIME, limit(milliseconds{with_.stall_timeout.count()}));
        }
        if (with_.max_receive_speed > 0)
            set(CURLOPT_MAX_RECV_SPEED_LARGE, static_cast<curl_off_t>(with_.max_receive_speed));
        if (with_.max_send_speed > 0)
            set(CURLOPT_MAX_SEND_SPEED_LARGE, static_cast<curl_off_t>(with_.max_send_speed));
    }

    void set_body() {
        if (what_.upload) {
            set(CURLOPT_UPLOAD, 1L);
            set(CURLOPT_INFILESIZE_LARGE,
                what_.upload.size ? static_cast<curl_off_t>(*what_.upload.size) : curl_off_t{-1});
        } else if (!what_.body.empty() || what_.method == "POST" || what_.method == "PUT" || what_.method == "PATCH") {
            // POST, PUT and PATCH state the length of their body even if there is none; other methods only if there is
            // one.
            set(CURLOPT_POST, 1L);
            set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(what_.body.size()));
            set(CURLOPT_POSTFIELDS, what_.body.data());
        }
    }

    void set_message(std::string_view agent) {
        if (is_head_) {
            set(CURLOPT_NOBODY, 1L);
        } else if (what_.method == "GET" && what_.body.empty() && !what_.upload) {
            set(CURLOPT_HTTPGET, 1L);
        } else {
            set_body();
            set(CURLOPT_CUSTOMREQUEST, what_.method.c_str());
        }
        if (!what_.headers.contains("User-Agent") && !agent.empty())
            fields_.add("User-Agent", agent);
        // A field, and not libcurl's option, which writes Content-Range beside a body.
        if (what_.resume_from)
            fields_.add("Range", fmt::format("bytes={}-", *what_.resume_from));
        set_codings();
        for (const http::header& h : what_.headers)
            fields_.add(h.name, h.value);
        // libcurl would add these fields by itself. After "417" it would repeat the request without them.
        for (const std::string_view name : {"Expect", "Content-Type"})
            if (!what_.headers.contains(name))
                fields_.suppress(name);
        set(CURLOPT_HTTPHEADER, fields_.get());
    }

    void set_codings() {
        if (what_.resume_from || what_.headers.contains("Range") || what_.headers.contains("Accept-Encoding"))
            return;
        std::string codings;
        const auto add = [&](bool wanted, long feature, std::string_view name) {
            if (wanted && (curl_version_info(CURLVERSION_NOW)->features & feature) != 0)
                codings.append(codings.empty() ? "" : ", ").append(name);
        };
        add(with_.gzip, CURL_VERSION_LIBZ, "gzip");
        add(with_.zstd, CURL_VERSION_ZSTD, "zstd");
        add(with_.brotli, CURL_VERSION_BROTLI, "br");
        unpacks_ = !codings.empty() && try_set(CURLOPT_ACCEPT_ENCODING, codings.c_str()) == CURLE_OK;
    }

    CURL* easy_;
    const options& with_;
    const http::request& what_;
    bool is_head_;
    bool unpacks_ = false;
    field_list fields_;
    text_list resolve_;
    text_list connect_to_;
};

}  // namespace weir::curl::detail
