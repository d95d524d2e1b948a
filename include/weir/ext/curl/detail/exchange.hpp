// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/curl/detail/errors.hpp"
#include "weir/ext/curl/detail/field_list.hpp"
#include "weir/ext/curl/detail/session.hpp"
#include "weir/ext/curl/options.hpp"

#include "weir/core/text.hpp"
#include "weir/http/head_reader.hpp"
#include "weir/http/message.hpp"
#include "weir/http/transport.hpp"
#include "weir/http/transport_error.hpp"
#include "weir/http/url.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <stop_token>
#include <string>
#include <string_view>

#if LIBCURL_VERSION_NUM < 0x075000
#error "weir needs libcurl 7.80 or newer: an older one repeats requests without a word"
#endif

namespace weir::curl::detail {

/// One request and its response on one session.
class exchange {
public:
    exchange(session& on, const options& with, const http::request& what, const std::string& url, http::receiver& to)
        : on_(on), with_(with), what_(what), to_(to), head_only_(weir::detail::same_ignoring_case(what.method, "HEAD")),
          forget_(on.easy.get()) {
        set_target(url);
        set_security();
        set_times();
        set_message();
        set(CURLOPT_ERRORBUFFER, error_text_.data());
        set(CURLOPT_HEADERFUNCTION, on_header);
        set(CURLOPT_HEADERDATA, this);
        set(CURLOPT_WRITEFUNCTION, on_body);
        set(CURLOPT_WRITEDATA, this);
        set(CURLOPT_PREREQFUNCTION, on_ready);
        set(CURLOPT_PREREQDATA, this);
    }
    exchange(const exchange&) = delete;
    exchange& operator=(const exchange&) = delete;

    /// Transfers, and returns at the end of the body. **Errors.** `transport_error`, and what the receiver throws.
    void run() {
        const CURLcode code = transfer();
        const bool sent = times_sent_ > 0;
        if (thrown_)
            std::rethrow_exception(thrown_);
        if (ended_by_receiver_)
            return;
        if (malformed_)
            fail(http::transport_errc::protocol, "its head cannot be read", true);
        if (stopped_)
            fail(http::transport_errc::cancelled, "", sent);
        if (repeat_refused_)
            fail(http::transport_errc::lost, "no answer came, and it may not be sent again by itself", true);
        if (code == CURLE_OUT_OF_MEMORY)
            throw std::bad_alloc{};
        if (code != CURLE_OK) {
            const std::string_view text{error_text_.data()};
            fail(reason_of(code), text.empty() ? std::string_view{curl_easy_strerror(code)} : text, sent);
        }
        if (!head_.complete())
            fail(http::transport_errc::protocol, "it has no final head", true);
    }

private:
    // ---- the transfer

    [[nodiscard]] CURLcode transfer() {
        CURL* const easy = on_.easy.get();
        CURLM* const multi = on_.multi.get();
        if (curl_multi_add_handle(multi, easy) != CURLM_OK)
            throw std::bad_alloc{};
        CURLcode code = CURLE_ABORTED_BY_CALLBACK;
        {
            // This wakes a poll that waits for the server at once. The progress callback is called only once a second.
            const std::stop_callback on_stop{what_.stop, [this, multi] {
                                                 stopped_ = true;
                                                 curl_multi_wakeup(multi);
                                             }};
            for (int running = 1; !stopped_;) {
                if (curl_multi_perform(multi, &running) != CURLM_OK) {
                    code = CURLE_FAILED_INIT;
                    break;
                }
                if (running == 0)
                    break;
                if (curl_multi_poll(multi, nullptr, 0, 1000, nullptr) != CURLM_OK) {
                    code = CURLE_FAILED_INIT;
                    break;
                }
            }
        }
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
            if (message->msg != CURLMSG_DONE)
                continue;
            code = message->data.result;
            if (code == CURLE_OK)
                stopped_ = false;  // the transfer was faster than the stop
        }
        curl_multi_remove_handle(multi, easy);
        return code;
    }

    [[noreturn]] void fail(http::transport_errc why, std::string_view detail, bool sent) const {
        throw http::transport_error{why, what_.method, what_.url, detail, sent};
    }

    // ---- callbacks: C calls them, so they must not throw

    /// libcurl calls it each time it has a connection and is about to send the request. It does so by itself more than
    /// once: if a kept connection turns out to be closed, or an HTTP/2 server refuses the stream or demands HTTP/1.1.
    static int on_ready(void* self, char*, char*, int, int) noexcept {
        exchange& me = *static_cast<exchange*>(self);
        try {
            me.repeat_refused_ = me.times_sent_ > 0 && !me.to_.again();
        } catch (...) {
            me.thrown_ = std::current_exception();
        }
        if (me.repeat_refused_ || me.thrown_)
            return CURL_PREREQFUNC_ABORT;
        ++me.times_sent_;
        return CURL_PREREQFUNC_OK;
    }
    static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) noexcept {
        return static_cast<exchange*>(self)->guarded(size, [&](exchange& me) { return me.take_line({data, size}); });
    }
    static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) noexcept {
        return static_cast<exchange*>(self)->guarded(size, [&](exchange& me) {
            // Checked here too: if data arrives without a pause, the loop's check is not reached.
            if (me.stopped_)
                return false;
            me.ended_by_receiver_ = !me.to_.body({data, size});
            return !me.ended_by_receiver_;
        });
    }

    /// Returns `size` to go on, any other value to stop. An exception of `step` is kept for `run`.
    template <class Step>
    std::size_t guarded(std::size_t size, Step&& step) noexcept {
        constexpr std::size_t stop = static_cast<std::size_t>(-1);
        try {
            return step(*this) ? size : stop;
        } catch (...) {
            thrown_ = std::current_exception();
            return stop;
        }
    }

    bool take_line(std::string_view line) {
        switch (head_.line(line)) {
        case http::head_reader::step::more:
            return true;
        case http::head_reader::step::malformed:
            malformed_ = true;
            return false;
        case http::head_reader::step::complete:
            break;
        }
        // The body will be unpacked. Then these two fields do not describe it.
        if (unpacks_ && !head_only_ && head_.fields().erase("Content-Encoding") > 0)
            head_.fields().erase("Content-Length");
        to_.head(head_.status(), head_.fields());
        return true;
    }

    // ---- set-up

    template <class T>
    void set(CURLoption option, T value) {
        const CURLcode code = try_set(option, value);
        if (code == CURLE_OUT_OF_MEMORY)
            throw std::bad_alloc{};
        if (code != CURLE_OK)
            fail(http::transport_errc::bad_request,
                 fmt::format("libcurl refuses option {}: {}", static_cast<int>(option), curl_easy_strerror(code)),
                 false);
    }
    template <class T>
    CURLcode try_set(CURLoption option, T value) noexcept {
        return curl_easy_setopt(on_.easy.get(), option, value);
    }

    void set_target(const std::string& url) {
        set(CURLOPT_URL, url.c_str());
        set(CURLOPT_PATH_AS_IS, 1L);  // the server gets the path as the caller wrote it
        set(CURLOPT_FOLLOWLOCATION, 0L);
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        if (with_.proxy)
            set(CURLOPT_PROXY, with_.proxy->c_str());
        if (with_.proxy_tunnel)
            set(CURLOPT_HTTPPROXYTUNNEL, 1L);
        const long version = http_version();
        try_set(CURLOPT_HTTP_VERSION, version);
        // libcurl 7.88 sends nothing but an error on a kept connection of this kind.
        if (version == CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE &&
            curl_version_info(CURLVERSION_NOW)->version_num >> 8U == 0x0758)
            set(CURLOPT_FRESH_CONNECT, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
        try_set(CURLOPT_QUICK_EXIT, 1L);  // a cancelled transfer does not wait for the resolver's thread
#endif
    }

    [[nodiscard]] long http_version() const noexcept {
        if (with_.h2c && weir::detail::same_ignoring_case(std::string_view{what_.url}.substr(0, 5), "http:"))
            return CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
        return with_.http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
    }

    void set_security() {
#if LIBCURL_VERSION_NUM >= 0x075500
        set(CURLOPT_PROTOCOLS_STR, "http,https");
#else
        set(CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
        set(CURLOPT_SSL_VERIFYPEER, 1L);
        set(CURLOPT_SSL_VERIFYHOST, 2L);
        set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
        if (!with_.ca_file.empty())
            set(CURLOPT_CAINFO, with_.ca_file.c_str());
        if (!with_.ca_path.empty())
            set(CURLOPT_CAPATH, with_.ca_path.c_str());
    }

    void set_times() {
        set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(with_.connect_timeout.count()));
        set(CURLOPT_TIMEOUT_MS, static_cast<long>(what_.timeout.value_or(with_.timeout).count()));
        if (with_.stall_timeout.count() > 0) {
            set(CURLOPT_LOW_SPEED_LIMIT, 1L);
            set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(with_.stall_timeout.count()));
        }
    }

    void set_message() {
        if (!is_token(what_.method))
            fail(http::transport_errc::bad_request, "the method is not a token", false);
        if (head_only_) {
            set(CURLOPT_NOBODY, 1L);
        } else if (what_.method == "GET" && what_.body.empty()) {
            set(CURLOPT_HTTPGET, 1L);
        } else {
            // POST, PUT and PATCH state the length of their body even if there is none; other methods only if there is
            // one.
            if (!what_.body.empty() || what_.method == "POST" || what_.method == "PUT" || what_.method == "PATCH") {
                set(CURLOPT_POST, 1L);
                set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(what_.body.size()));
                set(CURLOPT_POSTFIELDS, what_.body.data());
            }
            set(CURLOPT_CUSTOMREQUEST, what_.method.c_str());
        }
        set(CURLOPT_USERAGENT, with_.user_agent.c_str());
        if (what_.resume_from) {
            range_ = fmt::format("{}-", *what_.resume_from);
            set(CURLOPT_RANGE, range_.c_str());
        }
        unpacks_ = with_.gzip && !what_.resume_from && !what_.headers.contains("Range") &&
                   !what_.headers.contains("Accept-Encoding") && try_set(CURLOPT_ACCEPT_ENCODING, "gzip") == CURLE_OK;
        for (const http::header& h : what_.headers) {
            if (!is_token(h.name) || !is_field_value(h.value))
                fail(http::transport_errc::bad_request, "a header field has a bad name or a line break in its value",
                     false);
            fields_.add(h);
        }
        // libcurl would add these fields by itself. After "417" it would repeat the request without a permit.
        if (!what_.headers.contains("Expect"))
            fields_.suppress("Expect");
        if (!what_.headers.contains("Content-Type"))
            fields_.suppress("Content-Type");
        set(CURLOPT_HTTPHEADER, fields_.get());
    }

    struct reset {
        void operator()(CURL* h) const noexcept { curl_easy_reset(h); }
    };

    session& on_;
    const options& with_;
    const http::request& what_;
    http::receiver& to_;
    bool head_only_;
    bool unpacks_ = false;
    bool ended_by_receiver_ = false;
    bool malformed_ = false;
    bool repeat_refused_ = false;
    int times_sent_ = 0;
    std::atomic<bool> stopped_ = false;
    std::exception_ptr thrown_;
    http::head_reader head_;
    std::string range_;
    field_list fields_;
    std::array<char, CURL_ERROR_SIZE> error_text_{};
    std::unique_ptr<CURL, reset> forget_;  // last member: the handle must not point into a destroyed exchange
};

}  // namespace weir::curl::detail
