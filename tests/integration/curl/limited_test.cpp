// SPDX-License-Identifier: MIT
#include "weir/ext/curl/transport.hpp"

#include "support/catch.hpp"

#include "weir/http/limited.hpp"
#include "weir/registry/registry.hpp"

#include "integration/curl/support/nginx.hpp"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using weir_test::free_port;
using weir_test::nginx;
using weir_test::scratch;

namespace {

/// An nginx that lets 20 requests a second through, and no more at once.
struct strict_server {
    strict_server() {
        server.emplace(
            files,
            fmt::format("limit_req_zone $server_name zone=z:1m rate=20r/s; limit_req_status 429;\n"
                        "server {{ listen 127.0.0.1:{}; server_name all;\n"
                        "location / {{ limit_req zone=z burst=19 nodelay; root {}; try_files /page =404; }} }}",
                        port, files / ""),
            port);
        files.write("page", "page");
    }
    [[nodiscard]] std::string url() const { return fmt::format("http://127.0.0.1:{}/", port); }

    scratch files;
    std::uint16_t port = free_port();
    std::optional<nginx> server;
};

/// How many of 100 requests from eight threads were answered with 200 and with 429.
template <class Transport>
std::array<int, 2> crowd(Transport& http, const std::string& url) {
    std::atomic<int> left = 100, good = 0, refused = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t)
        threads.emplace_back([&] {
            while (left.fetch_sub(1) > 0) {
                const int status = http.send({.url = url, .max_delay = std::chrono::seconds{60}}).status;
                good += status == 200;
                refused += status == 429;
            }
        });
    for (auto& t : threads)
        t.join();
    return {good, refused};
}

}  // namespace

TEST_CASE("a server's limit is never met with the limiter, and at once without it") {
    if (!nginx::is_here())
        WEIR_SKIP("nginx is not installed (apt-get install nginx-light)");
    const strict_server s;
    weir::policy p;
    p.rates = {{20, 1s}};
    weir::registry limits{weir::memory_store{}, weir::configuration::builder{}.defaults("metadata", p).build().value()};
    weir::http::limited http(weir::curl::transport{}, limits);
    CHECK(crowd(http, s.url()) == std::array<int, 2>{100, 0});
    CHECK(limits.in_flight() == 0);

    weir::curl::transport bare;
    const auto [good, refused] = crowd(bare, s.url());
    CHECK(good + refused == 100);
    CHECK(refused > 50);
}

TEST_CASE("a refused connection costs nothing") {
    weir::policy p;
    p.rates = {{1, 24h}};
    p.max_delay = weir::duration::zero();
    weir::registry limits{weir::memory_store{}, weir::configuration::builder{}.defaults("metadata", p).build().value()};
    weir::http::limited http(weir::curl::transport{}, limits);
    const std::string url = fmt::format("http://127.0.0.1:{}/", free_port());
    for (int i = 0; i < 3; ++i)
        CHECK_THROWS_AS(http.send({.url = url}), weir::http::transport_error);
}
