// SPDX-License-Identifier: MIT
#include "weir/ext/curl/transport.hpp"

#include "support/catch.hpp"
#include "support/slow_link.hpp"

#include "weir/config/configuration.hpp"
#include "weir/ext/sqlite/sqlite_store.hpp"
#include "weir/http/limited.hpp"
#include "weir/registry/registry.hpp"

#include "integration/curl/support/odd_server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

/// A server that accepts a number of requests within any period, by when they arrive, and refuses the others.
class exact_server {
public:
    using clock = std::chrono::steady_clock;
    exact_server(std::size_t limit, clock::duration period)
        : limit_(limit), period_(period), server_([this](weir_test::peer& client) {
              while (!client.request().empty())
                  client.send(accepts() ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                                        : "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n");
          }) {}
    [[nodiscard]] std::uint16_t port() const noexcept { return server_.port(); }

private:
    bool accepts() {
        const std::lock_guard guard{mutex_};
        const auto now = clock::now();
        while (!log_.empty() && log_.front() + period_ <= now)
            log_.pop_front();
        if (log_.size() >= limit_)
            return false;
        log_.push_back(now);
        return true;
    }

    std::size_t limit_;
    clock::duration period_;
    std::mutex mutex_;
    std::deque<clock::time_point> log_;
    weir_test::odd_server server_;
};

}  // namespace

// The way to the server is long for one machine, and the way back for the other. So requests of one arrive late, and
// answers to the other come late.
TEST_CASE("two machines that share a budget over opposite ways are not refused by an exact server") {
    using clock = exact_server::clock;
    constexpr std::size_t limit = 12;
    constexpr auto period = 400ms;
    exact_server server{limit, period};
    const weir_test::scratch here;
    weir::policy p;
    p.rates = {{limit, period}};
    const auto config = weir::configuration::builder{}.defaults("metadata", p).build().value();
    struct machine {
        std::atomic<int> accepted = 0, refused = 0;
    };
    std::array<machine, 2> machines;
    const std::array links{weir_test::link_quality{90ms, 0, 10ms}, weir_test::link_quality{10ms, 0, 90ms}};
    const auto end = clock::now() + 4s;
    const auto work = [&](std::size_t m) {
        weir_test::slow_link link{server.port(), links.at(m), 1};
        weir::sqlite::sqlite_options shared;
        shared.path = here / "limits.db";
        weir::registry limits{weir::sqlite::sqlite_store{shared}, config};
        weir::curl::options options;
        options.proxy = fmt::format("http://127.0.0.1:{}", link.port());
        weir::http::limited http{weir::curl::transport{options}, limits};
        std::vector<std::jthread> workers;
        for (int w = 0; w < 8; ++w)
            workers.emplace_back([&] {
                while (clock::now() < end) {
                    const int status = http.send({.url = "http://exact.test/", .max_delay = 60s}).status;
                    ++(status == 200 ? machines.at(m).accepted : machines.at(m).refused);
                }
            });
    };
    {
        const std::jthread one{work, 0};
        const std::jthread other{work, 1};
    }
    for (const machine& m : machines) {
        CHECK(m.refused == 0);
        CHECK(m.accepted >= 10);
    }
}
