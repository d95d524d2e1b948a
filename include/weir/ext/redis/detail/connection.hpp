// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/wire.hpp"
#include "weir/ext/redis/options.hpp"

#include "weir/core/clock.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/remote/socket_life.hpp"
#include "weir/storage/store_error.hpp"

#include <hiredis/hiredis.h>
#if __has_include(<hiredis/hiredis_ssl.h>) && __has_include(<openssl/ssl.h>)
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#define WEIR_REDIS_TLS 1
#else
#define WEIR_REDIS_TLS 0
#endif

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
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

/// The server's address, for messages: without user, password or database.
[[nodiscard]] inline std::string server_of(const redis_options& o) {
    return o.unix_socket.empty() ? fmt::format("{}:{}", o.host, o.port) : o.unix_socket;
}

#if WEIR_REDIS_TLS
inline constexpr bool has_tls = true;

/// Blocks SIGPIPE in this thread while OpenSSL writes, because OpenSSL has no flag for that.
class no_sigpipe {
public:
    no_sigpipe() {
        sigemptyset(&pipe_);
        sigaddset(&pipe_, SIGPIPE);
        sigset_t pending;
        sigpending(&pending);
        was_pending_ = sigismember(&pending, SIGPIPE) == 1;
        ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    no_sigpipe(const no_sigpipe&) = delete;
    no_sigpipe& operator=(const no_sigpipe&) = delete;
    ~no_sigpipe() {
        const timespec now{};
        if (!was_pending_)
            while (::sigtimedwait(&pipe_, nullptr, &now) < 0 && errno == EINTR) {
            }
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

private:
    sigset_t pipe_{};
    sigset_t before_{};
    bool was_pending_ = false;
};
#else
inline constexpr bool has_tls = false;
#endif

/// One socket to the server, and hiredis's reader.
///
/// Without TLS, this class itself writes and reads. hiredis writes without MSG_NOSIGNAL, so a server that closes the
/// connection would kill the process. Its time limit is for each piece, not for each reply.
///
/// **Thread safety.** None. **Errors.** Members throw `store_error`; then the connection is closed.
class connection {
public:
    [[nodiscard]] bool is_open() const noexcept { return context_ != nullptr; }

    void open(const redis_options& o) {
        close();
        server_ = server_of(o);
        const timeval limit = timeval_of(o.connect_timeout);
        context_.reset(o.unix_socket.empty() ? redisConnectWithTimeout(o.host.c_str(), o.port, limit)
                                             : redisConnectUnixWithTimeout(o.unix_socket.c_str(), limit));
        if (context_ == nullptr)
            throw store_error{fmt::format("redis: out of memory for a connection to {}", server_)};
        if (context_->err != 0)
            fail("cannot connect", context_->errstr, "is the server running there?");
        // A child that runs another program does not need it.
        ::fcntl(context_->fd, F_SETFD, FD_CLOEXEC);
        remote::keep_alive(context_->fd);
        if (o.tls)
            start_tls(o);
        set_timeout(o.command_timeout);
    }
    void close() noexcept {
        context_.reset();
#if WEIR_REDIS_TLS
        tls_.reset();
#endif
        unsent_.clear();
        held_back_ = false;
    }

    /// Whether the server has not closed the connection. It may still close it at any moment.
    [[nodiscard]] bool seems_alive() const noexcept { return !remote::has_ended(context_->fd); }

    /// The buffer of what will be written.
    [[nodiscard]] std::string& out() noexcept { return unsent_; }

    /// Writes everything in the buffer, and everything that the kernel holds back.
    void write() {
        if (encrypted())
            return write_tls();
        if (unsent_.empty()) {
            push();
            return;
        }
        std::size_t sent = 0;
        while (sent < unsent_.size()) {
            const auto n = ::send(context_->fd, unsent_.data() + sent, unsent_.size() - sent, MSG_NOSIGNAL);
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
            return write_tls();
        const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (may_rest ? MSG_MORE : 0);
        const auto n = ::send(context_->fd, unsent_.data(), unsent_.size(), flags);
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
        if (encrypted())
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
        if (encrypted()) {
            if (redisBufferRead(context_.get()) != REDIS_OK) {
                if (context_->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK))
                    fail_late();
                fail("the connection broke", context_->errstr, "whether the last step was carried out is not known");
            }
            return;
        }
        std::array<char, 4096> piece;
        const auto n = ::recv(context_->fd, piece.data(), piece.size(), flags);
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
    struct tls_deleter {
        void operator()(SSL_CTX* c) const noexcept { SSL_CTX_free(c); }
        void operator()(SSL* s) const noexcept { SSL_free(s); }
    };
    [[nodiscard]] bool encrypted() const noexcept { return tls_ != nullptr; }

    /// Made here and not by hiredis, which checks the signature of the server's certificate but not the name in it.
    void start_tls(const redis_options& o) {
        std::unique_ptr<SSL_CTX, tls_deleter> made{SSL_CTX_new(TLS_client_method())};
        const auto require = [&](bool done, std::string_view what) {
            if (!done)
                fail(fmt::format("cannot {}", what), tls_error(), "check ca_file, cert_file and key_file");
        };
        require(made != nullptr, "set TLS up");
        SSL_CTX_set_min_proto_version(made.get(), TLS1_2_VERSION);
        SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER, nullptr);
        require(o.ca_file.empty() ? SSL_CTX_set_default_verify_paths(made.get()) == 1
                                  : SSL_CTX_load_verify_locations(made.get(), o.ca_file.c_str(), nullptr) == 1,
                "read ca_file");
        if (!o.cert_file.empty())
            require(SSL_CTX_use_certificate_chain_file(made.get(), o.cert_file.c_str()) == 1, "read cert_file");
        if (!o.key_file.empty())
            require(SSL_CTX_use_PrivateKey_file(made.get(), o.key_file.c_str(), SSL_FILETYPE_PEM) == 1,
                    "read key_file");
        std::unique_ptr<SSL, tls_deleter> ssl{SSL_new(made.get())};
        require(ssl != nullptr, "set TLS up");
        // A certificate contains an address in another form than a host name.
        if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), o.host.c_str()) != 1) {
            ERR_clear_error();
            require(SSL_set1_host(ssl.get(), o.host.c_str()) == 1 &&
                        SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                                 const_cast<char*>(o.host.c_str())) == 1,
                    "set TLS up");
        }
        set_timeout(o.connect_timeout);
        const no_sigpipe guard;
        if (redisInitiateSSL(context_.get(), ssl.get()) != REDIS_OK)
            fail("cannot begin TLS", context_->errstr,
                 "is it a TLS port, is its certificate signed by ca_file, and does it name this host?");
        static_cast<void>(ssl.release());  // hiredis owns it now
        tls_ = std::move(made);
    }
    [[nodiscard]] static std::string tls_error() {
        const unsigned long code = ERR_get_error();
        ERR_clear_error();
        const char* why = code == 0 ? nullptr : ERR_reason_error_string(code);
        return why == nullptr ? "OpenSSL does not say why" : why;
    }
    void write_tls() {
        const no_sigpipe guard;
        if (unsent_.empty())
            return;
        int done = 0;
        if (redisAppendFormattedCommand(context_.get(), unsent_.data(), unsent_.size()) != REDIS_OK)
            fail("cannot write", context_->errstr, "nothing was sent");
        unsent_.clear();
        while (done == 0)
            if (redisBufferWrite(context_.get(), &done) != REDIS_OK)
                fail("cannot write", context_->errstr, "whether the last step was carried out is not known");
    }

    std::unique_ptr<SSL_CTX, tls_deleter> tls_;
#else
    [[nodiscard]] static constexpr bool encrypted() noexcept { return false; }
    void start_tls(const redis_options&) {
        fail("cannot begin TLS", "the hiredis this was built with has none", "build with hiredis 1.0 or later");
    }
    void write_tls() noexcept {}
#endif

    std::unique_ptr<redisContext, context_deleter> context_;
    std::string server_;
    std::string unsent_;
    bool held_back_ = false;
};

}  // namespace weir::redis::detail
