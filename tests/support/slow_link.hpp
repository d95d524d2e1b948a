// SPDX-License-Identifier: MIT
#pragma once

#include "support/seed.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace weir_test {

/// How far a server is, and how much of what is sent there and back is lost on the way.
struct link_quality {
    std::chrono::milliseconds latency{0};  ///< one way
    int loss_percent = 0;
    std::optional<std::chrono::milliseconds> back{};  ///< the way to the client, if it differs

    [[nodiscard]] std::chrono::milliseconds way(std::size_t direction) const noexcept {
        return direction == 0 ? latency : back.value_or(latency);
    }
    [[nodiscard]] std::chrono::milliseconds round_trip() const noexcept { return way(0) + way(1); }
};

/// A loopback port whose connections lead to a server as over a bad network: the kernel's own means for that, netem,
/// are not there wherever tests run.
///
/// A packet, at most 1448 bytes here, comes one way's latency later. One that is lost comes as late as TCP sends it
/// again, by Linux's reckoning: after 200 ms and a round trip, twice as long each time, and all behind it waits for it.
/// Opening a connection takes a round trip more, and what it loses takes a second. A side that resets its connection
/// takes back what was to be sent again; one that closes it does not, and that comes however late.
///
/// **Thread safety.** All members may be called from any thread.
class slow_link {
public:
    slow_link(std::uint16_t port, link_quality q, std::uint64_t seed) : quality_(q), dice_(seed) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons(port);
        begin(to);
    }
    slow_link(const std::string& unix_socket, link_quality q, std::uint64_t seed) : quality_(q), dice_(seed) {
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        if (unix_socket.size() >= sizeof to.sun_path)
            throw std::runtime_error{"the socket's path is too long"};
        std::memcpy(to.sun_path, unix_socket.c_str(), unix_socket.size() + 1);
        begin(to);
    }
    slow_link(const slow_link&) = delete;
    slow_link& operator=(const slow_link&) = delete;
    ~slow_link() {
        change([&] { over_ = true; });
        thread_.join();
        for (const int fd : {listener_, wake_})
            ::close(fd);
    }

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

    void set(link_quality q) {
        change([&] { quality_ = q; });
    }
    /// Of every connection's next reply half is forwarded, and then both its sides are reset.
    void reset_mid_reply() {
        change([&] {
            for (auto& c : connections_)
                c->cut = true;
        });
    }
    /// Nothing comes through any more, and nobody is told.
    void stop() {
        change([&] {
            stopped_ = true;
            stopped_at_ = clock::now();
        });
    }
    /// It does again: what was lost when TCP sends it the next time.
    void go() {
        change([&] {
            stopped_ = false;
            const auto now = clock::now();
            for (auto& c : connections_) {
                if (c->opened >= stopped_at_)
                    c->opened = next_try(c->opened, second, now);
                for (std::size_t direction = 0; direction < 2; ++direction) {
                    flow& f = c->flows[direction];
                    const auto way = quality_.way(direction);
                    f.last_due = c->opened + quality_.round_trip() + way;
                    for (packet& p : f.waiting)
                        p.due = f.last_due = std::max(f.last_due, next_try(p.sent, timeout(), now) + way);
                }
            }
        });
    }

    struct figures {
        std::size_t connections = 0, packets = 0, lost = 0, cut = 0;
    };
    [[nodiscard]] figures seen() const {
        const std::lock_guard guard{mutex_};
        return figures_;
    }

private:
    using clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds second{1000};

    enum class ending : std::uint8_t { none, close, reset };
    struct packet {
        clock::time_point sent, due;
        std::string bytes;
        ending then = ending::none;
    };
    struct flow {
        int from = -1, to = -1;
        std::deque<packet> waiting{};
        clock::time_point last_due{};
        bool ended = false;    ///< nothing more comes
        bool blocked = false;  ///< the receiver takes nothing more for now
    };
    struct connection {
        std::array<flow, 2> flows{};  ///< to the server, to the client
        clock::time_point opened{};
        bool cut = false, dead = false;
    };

    template <class Address>
    void begin(const Address& to) {
        static_assert(sizeof to <= sizeof target_);
        std::memcpy(&target_, &to, sizeof to);
        target_size_ = sizeof to;
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        if (::bind(listener_, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(listener_, 64) != 0 ||
            ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) != 0)
            throw std::runtime_error{"no port for a slow link"};
        port_ = ntohs(at.sin_port);
        thread_ = std::thread{[this] { run(); }};
    }

    template <class F>
    void change(F&& f) {
        {
            const std::lock_guard guard{mutex_};
            f();
        }
        const std::uint64_t one = 1;
        static_cast<void>(::write(wake_, &one, sizeof one));
    }

    void run() {
        for (;;) {
            std::vector<pollfd> all{{listener_, POLLIN, 0}, {wake_, POLLIN, 0}};
            auto next = clock::now() + second;
            {
                const std::lock_guard guard{mutex_};
                if (over_)
                    break;
                for (const auto& c : connections_)
                    for (std::size_t i = 0; i < 2; ++i) {
                        const flow& out = c->flows[i];
                        const flow& back = c->flows[1 - i];
                        all.push_back(
                            {out.from, static_cast<short>((out.ended ? 0 : POLLIN) | (back.blocked ? POLLOUT : 0)), 0});
                        if (all.back().events == 0)
                            all.back().fd = -1;  // it would report its end again and again
                        if (!stopped_ && !out.waiting.empty() && !out.blocked)
                            next = std::min(next, out.waiting.front().due);
                    }
            }
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - clock::now()).count();
            ::poll(all.data(), all.size(), static_cast<int>(std::max<std::int64_t>(left, 0)));
            const std::lock_guard guard{mutex_};
            std::uint64_t count = 0;
            static_cast<void>(::read(wake_, &count, sizeof count));
            for (std::size_t i = 2; i < all.size(); ++i) {
                connection& c = *connections_[i / 2 - 1];
                if ((all[i].revents & POLLOUT) != 0)
                    c.flows[1 - i % 2].blocked = false;
                if ((all[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
                    receive(c, i % 2);
            }
            if ((all[0].revents & POLLIN) != 0)
                accept();
            if (!stopped_)
                for (auto& c : connections_)
                    for (flow& f : c->flows)
                        deliver(*c, f);
            std::erase_if(connections_, [](const auto& c) { return c->dead; });
        }
        for (auto& c : connections_)
            end(*c);
    }

    void accept() {
        const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0)
            return;
        const int server = ::socket(target_.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        auto c = std::make_unique<connection>();
        c->flows[0].from = c->flows[1].to = client;
        c->flows[1].from = c->flows[0].to = server;
        if (::connect(server, reinterpret_cast<const sockaddr*>(&target_), target_size_) != 0)
            return end(*c);
        const int on = 1;
        for (const int fd : {client, server})
            static_cast<void>(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
        c->opened = clock::now();
        for (auto pause = second; dice_.chance(quality_.loss_percent); pause *= 2)
            c->opened += pause;
        ++figures_.connections;
        connections_.push_back(std::move(c));
    }

    void receive(connection& c, std::size_t direction) {
        flow& f = c.flows[direction];
        const auto way = quality_.way(direction);
        while (!f.ended && !c.dead) {
            std::array<char, 1448> piece;
            const auto n = ::recv(f.from, piece.data(), piece.size(), MSG_DONTWAIT);
            if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
            const auto now = clock::now();
            if (n < 0) {
                // What is on its way comes; what would have to be sent again does not.
                std::erase_if(f.waiting, [&](const packet& p) {
                    return stopped_ || p.due > p.sent + quality_.round_trip() + way;
                });
                f.ended = true;
                const auto before = f.waiting.empty() ? now : f.waiting.back().due;
                f.waiting.push_back({now, std::max(before, now + way), {}, ending::reset});
                return;
            }
            packet p{now,
                     std::max(now, c.opened + quality_.round_trip()) + way,
                     {piece.data(), static_cast<std::size_t>(n)}};
            if (n == 0) {
                f.ended = true;
                p.then = ending::close;
            } else if (c.cut && direction == 1) {
                ++figures_.cut;
                c.cut = false;
                f.ended = true;
                p.bytes.resize(p.bytes.size() / 2);
                p.then = ending::reset;
            }
            ++figures_.packets;
            auto again = timeout();
            for (bool lost = loses_next(); lost; lost = dice_.chance(quality_.loss_percent), again *= 2) {
                ++figures_.lost;
                p.due += again;
            }
            p.due = f.last_due = std::max(p.due, f.last_due);
            f.waiting.push_back(std::move(p));
        }
    }

    void deliver(connection& c, flow& f) {
        while (!c.dead && !f.blocked && !f.waiting.empty() && f.waiting.front().due <= clock::now()) {
            packet& p = f.waiting.front();
            while (!p.bytes.empty()) {
                const auto n = ::send(f.to, p.bytes.data(), p.bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
                    f.blocked = true;
                    return;
                }
                if (n < 0)
                    break;  // nobody is there any more: reading from them will say so
                p.bytes.erase(0, static_cast<std::size_t>(n));
            }
            const ending then = p.then;
            f.waiting.pop_front();
            if (then == ending::close)
                ::shutdown(f.to, SHUT_WR);
            const bool both_closed =
                std::ranges::all_of(c.flows, [](const flow& x) { return x.ended && x.waiting.empty(); });
            if (then == ending::reset || (then == ending::close && both_closed))
                end(c, then == ending::reset);
        }
    }

    static void end(connection& c, bool by_reset = true) {
        for (const flow& f : c.flows) {
            const linger now{1, 0};
            if (by_reset)
                static_cast<void>(::setsockopt(f.from, SOL_SOCKET, SO_LINGER, &now, sizeof now));
            ::close(f.from);
        }
        c.dead = true;
    }

    /// One packet of so many, so that none is too lucky.
    [[nodiscard]] bool loses_next() {
        if (quality_.loss_percent == 0)
            return false;
        if (left_ == 0) {
            left_ = 100 / quality_.loss_percent;
            unlucky_ = dice_.from(1, left_);
        }
        return left_-- == unlucky_;
    }

    /// After how long TCP sends again what was not acknowledged.
    [[nodiscard]] std::chrono::milliseconds timeout() const noexcept {
        return std::chrono::milliseconds{200} + quality_.round_trip();
    }
    /// When what was sent at `at`, and is sent again after `pause`, then after twice that, is sent next.
    [[nodiscard]] static clock::time_point next_try(clock::time_point at, clock::duration pause,
                                                    clock::time_point now) noexcept {
        for (; at < now; pause *= 2)
            at += pause;
        return at;
    }

    link_quality quality_;
    dice dice_;
    sockaddr_storage target_{};
    socklen_t target_size_ = 0;
    int listener_ = -1, wake_ = -1;
    std::uint16_t port_ = 0;
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<connection>> connections_;
    figures figures_{};
    bool stopped_ = false, over_ = false;
    clock::time_point stopped_at_{};
    std::int64_t left_ = 0, unlucky_ = 0;
    std::thread thread_;
};

}  // namespace weir_test
