// SPDX-License-Identifier: MIT
#pragma once

// TLS by OpenSSL itself. hiredis 0.14 has none, and later ones check the signature of the server's certificate but not
// the name in it. CMake defines the macro for weir::redis where it finds OpenSSL; without CMake the program defines it.
#ifndef WEIR_REDIS_TLS
#define WEIR_REDIS_TLS 0
#endif

#if WEIR_REDIS_TLS

#include "weir/ext/redis/options.hpp"

#include <fmt/format.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#endif

namespace weir::redis::detail {

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

/// What became of a step of TLS. Its values are those of a socket's call: bytes, 0 at the end, -1 with `errno` for a
/// failure. `errno` is `EAGAIN` after the time limit of the socket, and `EPROTO` if OpenSSL refused.
///
/// **Thread safety.** None.
class tls_stream {
public:
    /// The fault of the certificates, or of the handshake; empty if the stream is encrypted and the server is the one
    /// that its certificate names.
    [[nodiscard]] std::string begin(int fd, const redis_options& o, const std::string& host) {
        ERR_clear_error();
        context_.reset(SSL_CTX_new(TLS_client_method()));
        if (context_ == nullptr)
            return "OpenSSL could not be set up: " + reason();
        SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
        SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
        if ((o.ca_file.empty() ? SSL_CTX_set_default_verify_paths(context_.get())
                               : SSL_CTX_load_verify_locations(context_.get(), o.ca_file.c_str(), nullptr)) != 1)
            return "ca_file cannot be read: " + reason();
        if (!o.cert_file.empty() && SSL_CTX_use_certificate_chain_file(context_.get(), o.cert_file.c_str()) != 1)
            return "cert_file cannot be read: " + reason();
        if (!o.key_file.empty() &&
            SSL_CTX_use_PrivateKey_file(context_.get(), o.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
            return "key_file cannot be read, or does not belong to cert_file: " + reason();
        ssl_.reset(SSL_new(context_.get()));
        if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), fd) != 1)
            return "OpenSSL could not be set up: " + reason();
        // A certificate contains an address in another form than a host name.
        if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str()) != 1) {
            ERR_clear_error();
            if (SSL_set1_host(ssl_.get(), host.c_str()) != 1 ||
                SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                         const_cast<char*>(host.c_str())) != 1)
                return "OpenSSL does not take the host name: " + reason();
        }
        const no_sigpipe guard;
        errno = 0;
        if (SSL_connect(ssl_.get()) == 1)
            return {};
        if (const long verdict = SSL_get_verify_result(ssl_.get()); verdict != X509_V_OK)
            return fmt::format("the server's certificate is refused: {}", X509_verify_cert_error_string(verdict));
        return "the handshake failed: " + reason();
    }
    [[nodiscard]] bool is_on() const noexcept { return ssl_ != nullptr; }
    void reset() noexcept {
        ssl_.reset();
        context_.reset();
    }

    [[nodiscard]] long write(std::string_view bytes) {
        const no_sigpipe guard;
        ERR_clear_error();
        errno = 0;
        const long got = outcome(SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())));
        if (got == 0)
            errno = EPIPE;
        return got == 0 ? -1 : got;
    }
    [[nodiscard]] long read(char* to, int size) {
        const no_sigpipe guard;  // an answer to a new key is written too
        ERR_clear_error();
        errno = 0;
        return outcome(SSL_read(ssl_.get(), to, size));
    }
    /// Whether a read would return bytes without the socket.
    [[nodiscard]] bool has_buffered() const noexcept { return SSL_pending(ssl_.get()) > 0; }

private:
    struct deleter {
        void operator()(SSL_CTX* c) const noexcept { SSL_CTX_free(c); }
        void operator()(SSL* s) const noexcept { SSL_free(s); }
    };

    [[nodiscard]] long outcome(int got) const noexcept {
        if (got > 0)
            return got;
        const int socket_error = errno;
        switch (SSL_get_error(ssl_.get(), got)) {
        case SSL_ERROR_ZERO_RETURN:
            return 0;
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE:
            errno = socket_error == EINTR ? EINTR : EAGAIN;
            return -1;
        case SSL_ERROR_SYSCALL:
            errno = socket_error;
            return socket_error == 0 ? 0 : -1;
        default:
            // OpenSSL 3 calls an end without a farewell an error of its own.
            const unsigned long code = ERR_peek_error();
            ERR_clear_error();
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
            if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
                return 0;
#endif
            static_cast<void>(code);
            errno = EPROTO;
            return -1;
        }
    }
    [[nodiscard]] static std::string reason() {
        const unsigned long code = ERR_get_error();
        ERR_clear_error();
        if (code == 0)
            return errno == 0 ? "the server closed the connection" : std::generic_category().message(errno);
        const char* why = ERR_reason_error_string(code);
        return why == nullptr ? "OpenSSL does not say why" : why;
    }

    std::unique_ptr<SSL_CTX, deleter> context_;
    std::unique_ptr<SSL, deleter> ssl_;
};
#else
inline constexpr bool has_tls = false;
#endif

}  // namespace weir::redis::detail
