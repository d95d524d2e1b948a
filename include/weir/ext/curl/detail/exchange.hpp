// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/curl/detail/errors.hpp"
#include "weir/ext/curl/detail/session.hpp"
#include "weir/ext/curl/detail/setup.hpp"
#include "weir/ext/curl/options.hpp"

#include "weir/core/text.hpp"
#include "weir/http/body_source.hpp"
#include "weir/http/detail/coded_body.hpp"
#include "weir/http/head_reader.hpp"
#include "weir/http/message.hpp"
#include "weir/http/receiver.hpp"
#include "weir/http/transfer_info.hpp"
#include "weir/http/transport_error.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
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
    exchange(session& on, const options& with, const http::request& what, const std::string& url,
             std::string_view agent, http::receiver& to)
        : on_(on), with_(with), what_(what), to_(to), head_(with.max_head_bytes), forget_(&on),
          setup_(on.easy.get(), with, what, url, agent) {
        setup_.set(CURLOPT_ERRORBUFFER, error_text_.data());
        setup_.set(CURLOPT_HEADERFUNCTION, on_header);
        setup_.set(CURLOPT_HEADERDATA, this);
        setup_.set(CURLOPT_WRITEFUNCTION, on_body);
        setup_.set(CURLOPT_WRITEDATA, this);
        setup_.set(CURLOPT_PREREQFUNCTION, on_ready);
        setup_.set(CURLOPT_PREREQDATA, this);
        if (what.upload) {
            setup_.set(CURLOPT_READFUNCTION, on_read);
            setup_.set(CURLOPT_READDATA, this);
            setup_.set(CURLOPT_SEEKFUNCTION, on_seek);
            setup_.set(CURLOPT_SEEKDATA, this);
        }
        if (with.allow_address) {
            setup_.set(CURLOPT_OPENSOCKETFUNCTION, on_socket);
            setup_.set(CURLOPT_OPENSOCKETDATA, this);
        }
        if (with.prepare)
            with.prepare(on.easy.get(), what);
    }
    exchange(const exchange&) = delete;
    exchange& operator=(const exchange&) = delete;

    /// Transfers, and returns at the end of the body. **Errors.** `transport_error`, and what the receiver throws.
    void run() {
        failure end{.code = transfer()};
        if (end.code == CURLE_OK) {
            deliver_head();
            if (!head_.trailers().empty())
                to_.trailers(head_.trailers());
        }
        if (!thrown_)
            to_.finished(info());
        if (thrown_)
            std::rethrow_exception(thrown_);
        if (ended_by_receiver_)
            return;
        end.sent = times_sent_ > 0;
        if (fault_ != fault::none)
            fail(reason_of(fault_), text_of(fault_), end.sent);
        if (stopped_)
            fail(http::transport_errc::cancelled, "", end.sent);
        if (end.code != CURLE_OK)
            fail(end);
        if (!head_.complete())
            fail(http::transport_errc::protocol, "it has no final head", true);
        if (coded_ && !coded_->whole())
            fail(http::transport_errc::protocol, "its packed body ends too early", true);
    }

private:
    /// What stopped a transfer from within a callback.
    enum class fault : std::uint8_t { none, head, head_size, early_body, repeat, upload };

    [[nodiscard]] static http::transport_errc reason_of(fault what) noexcept {
        using enum http::transport_errc;
        switch (what) {
        case fault::head_size:
            return too_large;
        case fault::repeat:
            return lost;
        case fault::upload:
            return bad_request;
        default:
            return protocol;
        }
    }
    [[nodiscard]] std::string_view text_of(fault what) const noexcept {
        switch (what) {
        case fault::head:
            return head_.fault();
        case fault::early_body:
            return "its body comes before its head";
        case fault::repeat:
            return "no answer came, and it may not be sent again by itself";
        case fault::upload:
            return "its body ended before the size that it states";
        default:
            return {};
        }
    }

    // ---- the transfer

    [[nodiscard]] CURLcode transfer() {
        CURL* const easy = on_.easy.get();
        CURLM* const multi = on_.multi.get();
        if (curl_multi_add_handle(multi, easy) != CURLM_OK)
            return CURLE_FAILED_INIT;
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
        on_.note_connection();
        curl_multi_remove_handle(multi, easy);
        return code;
    }

    [[nodiscard]] http::transfer_info info() const {
        http::transfer_info out;
        CURL* const easy = on_.easy.get();
        const auto number = [easy](CURLINFO what) {
            long value = 0;
            curl_easy_getinfo(easy, what, &value);
            return value;
        };
        const auto big = [easy](CURLINFO what) {
            curl_off_t value = 0;
            curl_easy_getinfo(easy, what, &value);
            return value;
        };
        const auto span = [&](CURLINFO what) { return duration{std::chrono::microseconds{big(what)}}; };
        switch (number(CURLINFO_HTTP_VERSION)) {
        case CURL_HTTP_VERSION_1_0:
            out.version = "1.0";
            break;
        case CURL_HTTP_VERSION_1_1:
            out.version = "1.1";
            break;
        case CURL_HTTP_VERSION_2_0:
            out.version = "2";
            break;
        case CURL_HTTP_VERSION_3:
            out.version = "3";
            break;
        default:
            break;
        }
        const char* peer = nullptr;
        curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &peer);
        out.peer = peer != nullptr ? peer : "";
        out.peer_port = static_cast<std::uint16_t>(number(CURLINFO_PRIMARY_PORT));
        out.attempts = times_sent_;
        out.reused = times_sent_ > 0 && number(CURLINFO_NUM_CONNECTS) == 0;
        out.resolved = span(CURLINFO_NAMELOOKUP_TIME_T);
        out.connected = span(CURLINFO_CONNECT_TIME_T);
        out.secured = span(CURLINFO_APPCONNECT_TIME_T);
        out.ready = span(CURLINFO_PRETRANSFER_TIME_T);
        out.first_byte = span(CURLINFO_STARTTRANSFER_TIME_T);
        out.total = span(CURLINFO_TOTAL_TIME_T);
        out.bytes_sent = static_cast<std::uint64_t>(number(CURLINFO_REQUEST_SIZE)) +
                         static_cast<std::uint64_t>(big(CURLINFO_SIZE_UPLOAD_T));
        out.bytes_received = static_cast<std::uint64_t>(number(CURLINFO_HEADER_SIZE)) +
                             static_cast<std::uint64_t>(big(CURLINFO_SIZE_DOWNLOAD_T));
        return out;
    }

    [[noreturn]] void fail(http::transport_errc why, std::string_view detail, bool sent) const {
        throw http::transport_error{why, what_.method, what_.url, detail, sent};
    }
    [[noreturn]] void fail(failure& end) const {
        end.text = error_text_.data();
        if (address_refused_ && !end.sent && end.code == CURLE_COULDNT_CONNECT)
            fail(http::transport_errc::address_refused, end.text, false);
        curl_easy_getinfo(on_.easy.get(), CURLINFO_HTTP_CONNECTCODE, &end.connect_status);
        curl_easy_getinfo(on_.easy.get(), CURLINFO_PROXY_ERROR, &end.proxy_code);
        const std::string_view text = end.text.empty() ? std::string_view{curl_easy_strerror(end.code)} : end.text;
        const std::string_view advice = advice_for(end);
        fail(detail::reason_of(end), advice.empty() ? std::string{text} : fmt::format("{}; {}", text, advice),
             end.sent);
    }

    // ---- callbacks: C calls them, so they must not throw

    /// libcurl calls it each time it has a connection and is about to send the request. It does so by itself more than
    /// once: if a kept connection turns out to be closed, or an HTTP/2 server refuses the stream or demands HTTP/1.1.
    static int on_ready(void* self, char*, char*, int, int) noexcept {
        const std::size_t done = static_cast<exchange*>(self)->guarded(0, [](exchange& me) {
            if (me.times_sent_ > 0 && !me.to_.again())
                return me.stop_for(fault::repeat);
            if (me.times_sent_ > 0)
                me.head_.restart();
            ++me.times_sent_;
            return true;
        });
        return done == 0 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
    }
    static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) noexcept {
        return static_cast<exchange*>(self)->guarded(size, [&](exchange& me) { return me.take_line({data, size}); });
    }
    static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) noexcept {
        return static_cast<exchange*>(self)->guarded(size, [&](exchange& me) {
            // Checked here too: if data arrives without a pause, the loop's check is not reached.
            if (me.stopped_)
                return false;
            if (!me.head_.complete())
                return me.stop_for(fault::early_body);
            me.deliver_head();
            if (me.coded_)
                me.coded_->unpacked({data, size});
            me.ended_by_receiver_ = !me.to_.body({data, size});
            return !me.ended_by_receiver_;
        });
    }
    static std::size_t on_read(char* into, std::size_t, std::size_t room, void* self) noexcept {
        std::size_t got = 0;
        const std::size_t done = static_cast<exchange*>(self)->guarded(0, [&](exchange& me) {
            if (!me.read_)
                me.read_ = me.what_.upload.open();
            got = me.read_ ? me.read_({into, room}) : 0;
            me.uploaded_ += got;
            return got > 0 || !me.what_.upload.size || me.uploaded_ >= *me.what_.upload.size ||
                   me.stop_for(fault::upload);
        });
        return done == 0 ? got : std::size_t{CURL_READFUNC_ABORT};
    }
    static int on_seek(void* self, curl_off_t offset, int origin) noexcept {
        exchange& me = *static_cast<exchange*>(self);
        if (offset != 0 || origin != SEEK_SET || !me.what_.upload.repeatable)
            return CURL_SEEKFUNC_FAIL;
        me.read_ = nullptr;
        me.uploaded_ = 0;
        return CURL_SEEKFUNC_OK;
    }
    static curl_socket_t on_socket(void* self, curlsocktype, curl_sockaddr* to) noexcept {
        const std::size_t done = static_cast<exchange*>(self)->guarded(0, [to](exchange& me) {
            std::array<char, INET6_ADDRSTRLEN> text{};
            std::uint16_t port = 0;
            if (to->family == AF_INET) {
                const auto& v4 = reinterpret_cast<const sockaddr_in&>(to->addr);
                ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
                port = ntohs(v4.sin_port);
            } else if (to->family == AF_INET6) {
                const auto& v6 = reinterpret_cast<const sockaddr_in6&>(to->addr);
                ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
                port = ntohs(v6.sin6_port);
            } else {
                return true;  // a unix socket, which the options name
            }
            if (me.with_.allow_address(text.data(), port))
                return true;
            me.address_refused_ = true;
            return false;
        });
        return done == 0 ? ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol) : CURL_SOCKET_BAD;
    }
    static int on_debug(CURL*, curl_infotype type, char* data, std::size_t size, void* self) noexcept {
        if (type == CURLINFO_DATA_IN)
            static_cast<exchange*>(self)->guarded(0, [&](exchange& me) {
                const auto take = [&](std::string_view bytes) { me.coded_->received(bytes); };
                if (me.chunks_)
                    me.chunks_->feed({data, size}, take);
                else
                    take({data, size});
                return true;
            });
        return 0;
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
    bool stop_for(fault why) noexcept {
        fault_ = why;
        return false;
    }

    // ---- the response

    bool take_line(std::string_view line) {
        switch (head_.line(line)) {
        case http::head_reader::step::more:
            break;
        case http::head_reader::step::interim:
            to_.interim(head_.status(), head_.fields());
            break;
        case http::head_reader::step::malformed:
            return stop_for(fault::head);
        case http::head_reader::step::too_large:
            return stop_for(fault::head_size);
        case http::head_reader::step::complete:
            watch_coding();
            is_head_due_ = true;
            // libcurl may answer a demand for credentials by itself, if `prepare` gave it some. Then this head leads
            // only to the next request.
            if (head_.status() != 401 && head_.status() != 407)
                deliver_head();
            break;
        }
        return true;
    }

    void deliver_head() {
        if (!is_head_due_ || !head_.complete())
            return;
        is_head_due_ = false;
        to_.head(head_.status(), head_.fields());
    }

    /// If the body is to be unpacked, it is checked whether it is whole, and the two fields do not describe it.
    void watch_coding() {
        const auto coding = head_.fields().joined("Content-Encoding");
        coded_.reset();
        chunks_.reset();
        if (!setup_.unpacks() || setup_.is_head() || !coding)
            return;
        coded_.emplace(weir::detail::trim(*coding));
        if (head_.fields().contains("Transfer-Encoding"))
            chunks_.emplace();
        if (coded_->can_check()) {
            // The only way to the bytes as they came.
            setup_.set(CURLOPT_DEBUGFUNCTION, on_debug);
            setup_.set(CURLOPT_DEBUGDATA, this);
            setup_.set(CURLOPT_VERBOSE, 1L);
        } else {
            coded_.reset();
        }
        head_.fields().erase("Content-Encoding");
        head_.fields().erase("Content-Length");
    }

    struct reset {
        void operator()(session* s) const noexcept { s->reset(); }
    };

    session& on_;
    const options& with_;
    const http::request& what_;
    http::receiver& to_;
    bool ended_by_receiver_ = false;
    bool is_head_due_ = false;
    bool address_refused_ = false;
    fault fault_ = fault::none;
    int times_sent_ = 0;
    std::atomic<bool> stopped_ = false;
    std::exception_ptr thrown_;
    http::head_reader head_;
    std::optional<http::detail::coded_body> coded_;
    std::optional<http::detail::chunk_reader> chunks_;
    http::body_source::reader read_;
    std::uint64_t uploaded_ = 0;
    std::array<char, CURL_ERROR_SIZE> error_text_{};
    std::unique_ptr<session, reset> forget_;  // it is destroyed after `setup_`, and before what the handle points to
    setup setup_;
};

}  // namespace weir::curl::detail
