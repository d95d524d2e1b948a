// SPDX-License-Identifier: MIT
#include "weir/storage/remote/socket_life.hpp"

#include "support/catch.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>

TEST_CASE("socket life: an end is detected, also behind unread bytes") {
    for (const bool has_bytes : {false, true}) {
        std::array<int, 2> ends{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
        weir::remote::keep_alive(ends[0]);
        CHECK_FALSE(weir::remote::has_ended(ends[0]));
        if (has_bytes)
            REQUIRE(::write(ends[1], "x", 1) == 1);
        CHECK_FALSE(weir::remote::has_ended(ends[0]));
        ::close(ends[1]);
        CHECK(weir::remote::has_ended(ends[0]));
        ::close(ends[0]);
    }
}

TEST_CASE("socket life: a TCP connection sends its peer a probe every 15 s") {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    weir::remote::keep_alive(fd);
    int on = 0;
    socklen_t size = sizeof on;
    REQUIRE(::getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &size) == 0);
    CHECK(on != 0);
#ifdef TCP_KEEPIDLE
    int idle = 0;
    size = sizeof idle;
    REQUIRE(::getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &size) == 0);
    CHECK(idle == 15);
#endif
    ::close(fd);
}
