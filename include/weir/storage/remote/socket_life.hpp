// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace weir::remote {

/// Whether the peer has ended the connection of `fd`, as far as this is known without a round trip. Bytes that were not
/// read yet do not hide the end.
[[nodiscard]] inline bool has_ended(int fd) noexcept {
#ifdef POLLRDHUP
    pollfd p{fd, POLLRDHUP, 0};
    return ::poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
#else
    char byte = 0;
    const auto got = ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
#endif
}

/// Makes the kernel send a probe to an idle peer every 15 s. NATs and load balancers drop an idle connection without
/// probes, and the kernel reports a vanished peer after half a minute. A socket that is not TCP stays unchanged.
inline void keep_alive(int fd) noexcept {
    const auto set = [fd](int level, int name, int value) {
        static_cast<void>(::setsockopt(fd, level, name, &value, sizeof value));
    };
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
#ifdef TCP_KEEPIDLE
    set(IPPROTO_TCP, TCP_KEEPIDLE, 15);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
    set(IPPROTO_TCP, TCP_KEEPCNT, 3);
#endif
}

}  // namespace weir::remote
