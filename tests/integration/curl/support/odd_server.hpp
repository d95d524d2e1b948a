// SPDX-License-Identifier: MIT
#pragma once

#include "integration/curl/support/nginx.hpp"

#include <fmt/format.h>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace weir_test {

/// One connection of an `odd_server`.
class peer {
public:
    explicit peer(int fd) noexcept : fd_(fd) {}

    /// Adds what has arrived to `in`; false at the end of the connection.
    bool receive() {
        std::array<char, 16384> piece{};
        const auto got = ::recv(fd_, piece.data(), piece.size(), 0);
        if (got <= 0)
            return false;
        in.append(piece.data(), static_cast<std::size_t>(got));
        return true;
    }
    bool receive(std::size_t bytes) {
        while (in.size() < bytes)
            if (!receive())
                return false;
        return true;
    }
    /// Takes so many bytes, all of which have arrived.
    std::string take(std::size_t bytes) {
        std::string out = in.substr(0, bytes);
        in.erase(0, bytes);
        return out;
    }
    /// The next HTTP/1 request, head and body; empty at the end of the connection.
    std::string request() {
        std::size_t end = 0;
        while ((end = in.find("\r\n\r\n")) == std::string::npos)
            if (!receive())
                return {};
        std::size_t size = end + 4;
        if (const auto at = in.find("Content-Length: "); at < end)
            size += std::strtoul(in.c_str() + at + 16, nullptr, 10);
        return receive(size) ? take(size) : std::string{};
    }
    void send(std::string_view bytes) const {
        while (!bytes.empty()) {
            const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0)
                return;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    void shut() const { ::shutdown(fd_, SHUT_RDWR); }

    std::string in;

private:
    int fd_;
};

/// A loopback server of which a function handles each connection, on a thread of its own. The connection is closed when
/// the function returns.
class odd_server {
public:
    using handler = std::function<void(peer&)>;

    explicit odd_server(handler handle) : handle_(std::move(handle)), port_(listener_.bind()) {
        ::listen(listener_.fd(), 64);
        thread_ = std::jthread{[this](const std::stop_token& stop) { serve(stop); }};
    }
    ~odd_server() {
        thread_.request_stop();
        static_cast<void>(loopback{}.connects(port_));  // out of accept
        thread_.join();
        {
            const std::lock_guard guard{mutex_};
            for (const int fd : open_)
                ::shutdown(fd, SHUT_RDWR);
        }
        threads_.clear();
    }

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] int connections() const noexcept { return connections_; }
    [[nodiscard]] std::string url(std::string_view path = "/") const {
        return fmt::format("http://127.0.0.1:{}{}", port_, path);
    }

private:
    void serve(const std::stop_token& stop) {
        for (;;) {
            const int fd = ::accept(listener_.fd(), nullptr, nullptr);
            if (stop.stop_requested()) {
                ::close(fd);
                return;
            }
            if (fd < 0)
                continue;
            ++connections_;
            const std::lock_guard guard{mutex_};
            open_.push_back(fd);
            threads_.emplace_back([this, fd] {
                peer p{fd};
                handle_(p);
                const std::lock_guard close_guard{mutex_};
                std::erase(open_, fd);
                ::close(fd);
            });
        }
    }

    handler handle_;
    loopback listener_;
    std::uint16_t port_;
    std::atomic<int> connections_ = 0;
    std::mutex mutex_;
    std::vector<int> open_;
    std::vector<std::jthread> threads_;
    std::jthread thread_;
};

/// The server's side of HTTP/2 without TLS, for one connection, as far as a test needs it: it reads no fields.
class h2_peer {
public:
    static constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    enum code : std::uint32_t { internal_error = 2, refused_stream = 7, http_1_1_required = 13 };

    /// **Preconditions.** The client's preface has been taken.
    explicit h2_peer(peer& on) : on_(on) { frame(4, 0, 0, ""); }

    /// The stream of the next request; 0 at the end of the connection.
    std::uint32_t request() {
        for (;;) {
            if (!on_.receive(9))
                return 0;
            const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(on_.in[i]); };
            const std::size_t size = static_cast<std::size_t>(byte(0) << 16 | byte(1) << 8 | byte(2));
            const int type = byte(3), flags = byte(4);
            const auto stream =
                static_cast<std::uint32_t>((byte(5) & 0x7f) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8));
            if (!on_.receive(9 + size))
                return 0;
            on_.take(9 + size);
            if (type == 4 && (flags & 1) == 0)
                frame(4, 1, 0, "");  // their settings are acknowledged
            else if (type == 1)
                return stream;
        }
    }
    /// Status 200 and a body.
    void answer(std::uint32_t stream, std::string_view body) {
        frame(1, 4, stream, "\x88");
        frame(0, 1, stream, body);
    }
    void reset(std::uint32_t stream, code why) { frame(3, 0, stream, word(why)); }
    /// "Goes away": no stream above `last` was or will be processed.
    void go_away(std::uint32_t last) { frame(7, 0, 0, word(last) + word(0)); }
    void frame(int type, int flags, std::uint32_t stream, std::string_view payload) {
        std::string out = word(static_cast<std::uint32_t>(payload.size()));
        out.erase(0, 1);
        out += static_cast<char>(type);
        out += static_cast<char>(flags);
        on_.send(out + word(stream) + std::string{payload});
    }

private:
    static std::string word(std::uint32_t value) {
        std::string out;
        for (int shift = 24; shift >= 0; shift -= 8)
            out += static_cast<char>(value >> shift & 0xffU);
        return out;
    }
    peer& on_;
};

/// A proxy for tunnels (CONNECT) to loopback ports.
class tunnel_proxy {
public:
    tunnel_proxy()
        : server_([](peer& client) {
              const std::string head = client.request();
              const auto colon = head.find(':');
              loopback there;
              if (!head.starts_with("CONNECT ") || colon == std::string::npos ||
                  !there.connects(static_cast<std::uint16_t>(std::strtoul(head.c_str() + colon + 1, nullptr, 10))))
                  return client.send("HTTP/1.1 502 No way\r\nContent-Length: 0\r\n\r\n");
              client.send("HTTP/1.1 200 Here you are\r\n\r\n");
              peer target{there.fd()};
              std::jthread back{[&] {
                  while (target.receive())
                      client.send(target.take(target.in.size()));
                  client.shut();
              }};
              do
                  target.send(client.take(client.in.size()));
              while (client.receive());
              target.shut();
          }) {}
    [[nodiscard]] std::string url() const { return server_.url(); }
    [[nodiscard]] int connections() const noexcept { return server_.connections(); }

private:
    odd_server server_;
};

}  // namespace weir_test
