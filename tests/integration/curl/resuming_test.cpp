// SPDX-License-Identifier: MIT
#include "weir/http/resuming.hpp"

#include "support/catch.hpp"

#include "weir/ext/curl/transport.hpp"
#include "weir/http/limited.hpp"
#include "weir/http/retrying.hpp"
#include "weir/registry/registry.hpp"
#include "weir/storage/memory_store.hpp"

#include "integration/curl/support/odd_server.hpp"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace std::chrono_literals;

/// Sends a file, and cuts every connection after so many bytes of it. The second request gets a 503.
struct cutting_server {
    explicit cutting_server(std::size_t size) {
        for (std::size_t i = 0; i < size; ++i)
            file += static_cast<char>('a' + i * i % 23);
    }
    std::string file;
    std::size_t cut_after = 10'000;
    std::atomic<int> requests = 0;
    weir_test::odd_server server{[this](weir_test::peer& p) {
        const std::string head = p.request();
        if (head.empty())
            return;
        if (++requests == 2)
            return p.send("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy");
        std::size_t from = 0;
        if (const auto at = head.find("\r\nRange: bytes="); at != std::string::npos)
            from = std::strtoul(head.c_str() + at + 15, nullptr, 10);
        const bool is_same = head.find("\r\nIf-Range: \"v1\"\r\n") != std::string::npos;
        const std::string part = is_same && from > 0 ? fmt::format("HTTP/1.1 206 Part\r\nContent-Range: bytes {}-{}/{}",
                                                                   from, file.size() - 1, file.size())
                                                     : "HTTP/1.1 200 OK";
        from = is_same ? from : 0;
        p.send(fmt::format("{}\r\nETag: \"v1\"\r\nContent-Length: {}\r\n\r\n", part, file.size() - from));
        p.send(std::string_view{file}.substr(from, cut_after));
    }};
};

}  // namespace

TEST_CASE("a body that is cut three times arrives as a whole, and each request has a permit") {
    cutting_server s{35'000};
    weir::policy p;
    p.rates = {{1000, 1min}};
    p.max_delay = 10s;
    p.refusal_statuses = {429};  // the 503 is only a failure here
    weir::registry limits{weir::memory_store{}, weir::configuration::builder{}.defaults("metadata", p).build().value()};
    weir::http::retry_options often;
    often.share.allowance = 10;
    often.pause = 1ms;
    weir::http::resuming http(weir::http::retrying(weir::http::limited(weir::curl::transport{}, limits), limits, often),
                              limits, {.share = {.allowance = 10}});
    const auto reply = http.send({.url = s.server.url()});
    CHECK(reply.status == 200);
    CHECK(reply.body == s.file);
    CHECK(s.requests == 5);  // four parts, and the 503
    CHECK(reply.info.attempts == 5);
    const auto host = fmt::format("127.0.0.1:{}", s.server.port());
    CHECK(limits.inspect(host, "metadata")->state.windows.front().used == 5);
    CHECK(limits.in_flight() == 0);
}
