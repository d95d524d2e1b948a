// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/tls.hpp"
#include "weir/ext/redis/detail/wire.hpp"
#include "weir/ext/redis/options.hpp"

#include "weir/core/clock.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/remote/socket_life.hpp"
#include "weir/storage/store_error.hpp"

#include <hiredis/hiredis.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace weir::redis::detail {

struct reply_deleter {
    void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
};
using reply = std::unique_ptr<redisReply, reply_deleter>;

/// The text of a reply, if it has one.
[[nodiscard]] inline std::string_view text_of(const redisReply& r) noexcept {
    return r.str == nullptr ? std::string_view{} : std::string_view{r.str, static_cast<std::size_t>(r.len)};
}

/// The server's address, for messages. A socket's host is its path.
[[nodiscard]] inline std::string text_of(const server_address& at) {
    if (at.port == 0)
        return at.host;
    const bool is_bare = at.host.find(':') == std::string::npos;
    return is_bare ? fmt::format("{}:{}", at.host, at.port) : fmt::format("[{}]:{}", at.host, at.port);
}
/// The server's address, or all of them, for messages: without user, password or database.
[[nodiscard]] inline std::string server_of(const redis_options& o) {
    std::string out;
    for (const server_address& at : addresses_of(o))
        out.append(out.empty() ? "" : ",").append(text_of(at));
    return out;
}

/// One socket to the server, and hiredis's reader.
///
/// This class itself writes and reads. hiredis writes without MSG_NOSIGNAL, so a server that closes the connection
/// would kill the process. Its time limit is for each piece, not for each reply.
///
/// **Thread safety.** None. **Errors.** Members throw `store_error`; then the connection is closed.
class connection {
public:
    [[nodiscard]] bool is_open() const noexcept { return context_ != nullptr; }

    void open(const server_address& at, const redis_options& o) {
        close();
        server_ = text_of(at);
        const timeval limit = timeval_of(o.connect_timeout);
        context_.reset(at.port != 0 ? redisConnectWithTimeout(at.host.c_str(), at.port, limit)
                                    : redisConnectUnixWithTimeout(at.host.c_str(), limit));
        if (context_ == nullptr)
            throw store_error{fmt::format("redis: out of memory for a connection to {}", server_)};
        if (context_->err != 0)
            fail("cannot connect", context_->errstr, "is the server running there?");
        // A child that runs another program does not need it.
        ::fcntl(context_->fd, F_SETFD, FD_CLOEXEC);
        remote::keep_alive(context_->fd);
        if (o.tls)
            start_tls(at, o);
        set_timeout(o.command_timeout);
    }
    void close() noexcept {
#if WEIR_REDIS_TLS
        tls_.reset();
#endif
        context_.reset();
        unsent_.clear();
        held_back_ = false;
    }

    /// Whether the server has not closed the connection. It may still close it at any moment.
    [[nodiscard]] bool seems_alive() const noexcept { return !remote::has_ended(context_->fd); }

    /// The buffer of what will be written.
    [[nodiscard]] std::string& out() noexcept { return unsent_; }

    /// The server's address, for messages.
    [[nodiscard]] const std::string& server() const noexcept { return server_; }

    /// Writes everything in the buffer, and everything that the kernel holds back.
    void write() {
        if (unsent_.empty()) {
            push();
            return;
        }
        std::size_t sent = 0;
        while (sent < unsent_.size()) {
            const auto n = put(std::string_view{unsent_}.substr(sent), MSG_NOSIGNAL);
            if (n > 0)
                sent += static_cast<std::size_t>(n);
            else if (n < 0 && errno != EINTR)
                fail_with_errno("cannot write");
        }
        unsent_.clear();
        held_back_ = false;
    }
    /// Writes as much as the socket takes at once; the next write sends the rest. If `may_rest`, the kernel holds the
    /// data back for the next message, 200 ms at most. A separate segment, and waking the server for it, costs more
    /// than everything else.
    void write_without_waiting(bool may_rest) {
        if (encrypted())
            return write();
        const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (may_rest ? MSG_MORE : 0);
        const auto n = put(unsent_, flags);
        if (n > 0) {
            unsent_.erase(0, static_cast<std::size_t>(n));
            held_back_ = may_rest;
        } else if (n < 0 && errno != EINTR && errno != EAGAIN) {
            fail_with_errno("cannot write");
        }
    }

    /// The next reply.
    [[nodiscard]] reply read(instant deadline) {
        for (;;) {
            if (reply r = next())
                return r;
            receive(0);
            if (reply r = next())
                return r;
            if (steady_clock{}.now() >= deadline)
                fail_late();
        }
    }
    /// The next reply, if it has arrived already.
    [[nodiscard]] reply read_without_waiting() {
        if (reply r = next())
            return r;
        if (encrypted() && !has_arrived())
            return {};
        receive(MSG_DONTWAIT);
        return next();
    }

    /// Closes, and throws `store_error`.
    [[noreturn]] void fail(std::string_view what, std::string_view why, std::string_view advice) {
        std::string sentence = fmt::format("redis: {} at {}: {}; {}", what, server_, why, advice);
        discard_unsent();
        close();
        throw store_error{std::move(sentence)};
    }
    void set_timeout(duration limit) {
        if (redisSetTimeout(context_.get(), timeval_of(limit)) != REDIS_OK)
            fail("cannot set a time limit on the connection", context_->errstr, "report this");
    }

private:
    struct context_deleter {
        void operator()(redisContext* c) const noexcept { redisFree(c); }
    };

    [[nodiscard]] static timeval timeval_of(duration span) noexcept {
        const auto micro = std::chrono::duration_cast<std::chrono::microseconds>(span).count();
        return {static_cast<time_t>(micro / 1'000'000), static_cast<suseconds_t>(micro % 1'000'000)};
    }

    [[nodiscard]] reply next() {
        void* raw = nullptr;
        if (redisGetReplyFromReader(context_.get(), &raw) != REDIS_OK)
            fail("cannot read a reply", context_->errstr, "does a Redis server listen there?");
        return reply{static_cast<redisReply*>(raw)};
    }
    void receive(int flags) {
        std::array<char, 4096> piece;
        const auto n = get(piece, flags);
        if (n > 0) {
            redisReaderFeed(context_->reader, piece.data(), static_cast<std::size_t>(n));
        } else if (n == 0) {
            fail("the connection broke", "the server closed it", "whether the last step was carried out is not known");
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (flags == 0)
                fail_late();
        } else if (errno != EINTR) {
            fail_with_errno("the connection broke");
        }
    }
    /// Drops what the server has not acknowledged. Otherwise TCP would go on sending it. Then an admission whose caller
    /// has given up would arrive after it was taken back.
    void discard_unsent() noexcept {
        const linger none{1, 0};
        if (context_ != nullptr)
            static_cast<void>(::setsockopt(context_->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none));
    }
    void push() noexcept {
        const int on = 1;
        // Setting the option again sends what is held back. A Unix socket holds nothing back and refuses the option.
        if (std::exchange(held_back_, false))
            static_cast<void>(::setsockopt(context_->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    }
    [[noreturn]] void fail_late() {
        fail("no reply in time", "the server is stopped, paused or overloaded, or the network is",
             "whether the last step was carried out is not known; see command_timeout_ms");
    }
    [[noreturn]] void fail_with_errno(std::string_view what) {
        const std::string why = std::generic_category().message(errno);
        fail(what, why, "whether the last step was carried out is not known");
    }

#if WEIR_REDIS_TLS
    [[nodiscard]] bool encrypted() const noexcept { return tls_.is_on(); }
    void start_tls(const server_address& at, const redis_options& o) {
        set_timeout(o.connect_timeout);
        if (const std::string fault = tls_.begin(context_->fd, o, at.host); !fault.empty())
            fail("cannot begin TLS", fault,
                 "is it a TLS port, is its certificate signed by ca_file, does it name this host, and does it ask for "
                 "cert_file and key_file?");
    }
    [[nodiscard]] long put(std::string_view bytes, int flags) {
        return encrypted() ? tls_.write(bytes) : ::send(context_->fd, bytes.data(), bytes.size(), flags);
    }
    [[nodiscard]] long get(std::array<char, 4096>& piece, int flags) {
        return encrypted() ? tls_.read(piece.data(), static_cast<int>(piece.size()))
                           : ::recv(context_->fd, piece.data(), piece.size(), flags);
    }
    /// Whether something has arrived. Part of a record may be all of it; then a read waits for the rest.
    [[nodiscard]] bool has_arrived() const noexcept {
        pollfd p{context_->fd, POLLIN, 0};
        return tls_.has_buffered() || ::poll(&p, 1, 0) > 0;
    }

    tls_stream tls_;
#else
    [[nodiscard]] static constexpr bool encrypted() noexcept { return false; }
    void start_tls(const server_address&, const redis_options&) {
        fail("cannot begin TLS", "this program was built without OpenSSL", "build with libssl-dev");
    }
    [[nodiscard]] long put(std::string_view bytes, int flags) const noexcept {
        return ::send(context_->fd, bytes.data(), bytes.size(), flags);
    }
    [[nodiscard]] long get(std::array<char, 4096>& piece, int flags) const noexcept {
        return ::recv(context_->fd, piece.data(), piece.size(), flags);
    }
    [[nodiscard]] static constexpr bool has_arrived() noexcept { return true; }
#endif

    std::unique_ptr<redisContext, context_deleter> context_;
    std::string server_;
    std::string unsent_;
    bool held_back_ = false;
};

}  // namespace weir::redis::detail
