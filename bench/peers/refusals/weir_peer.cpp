// SPDX-License-Identifier: MIT
//
// weir_peer COUNT_FROM BURST URL DOCUMENTS WORKERS SECONDS: weir over libcurl, by the contract of peer.go. COUNT_FROM
// and BURST are the policy's: `response` and 0 are what it has by itself, and `tuned` is `response` with `aimd`.
#include "weir/ext/curl/transport.hpp"
#include "weir/http/limited.hpp"
#include "weir/weir.hpp"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

void run(const weir::policy& p, const std::string& url, std::int64_t documents, int workers, std::chrono::seconds max) {
    weir::registry limits{weir::memory_store{}, weir::configuration::builder{}.defaults("metadata", p).build().value()};
    auto http = weir::http::limited(weir::curl::transport{}, limits);

    std::atomic<std::int64_t> left{documents};
    std::atomic<std::int64_t> requests{0};
    std::atomic<std::int64_t> refused{0};
    const auto began = clock_type::now();
    std::vector<std::thread> threads;
    for (int i = 0; i < workers; ++i)
        threads.emplace_back([&] {
            while (left.fetch_sub(1) > 0) {
                for (int status = 0; status != 200; ++requests) {
                    if (clock_type::now() > began + max)
                        return;
                    status = http.send({.url = url, .role = "metadata"}).status;
                    if (status == 429)
                        ++refused;
                    else if (status != 200)
                        throw std::runtime_error{fmt::format("the server answered {}", status)};
                }
            }
        });
    for (std::thread& t : threads)
        t.join();
    const std::chrono::duration<double> took = clock_type::now() - began;
    fmt::print("{} {} {}\n", requests.load(), refused.load(), took.count());
}

}  // namespace

int main(int argc, char** argv) try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    weir::policy p;
    p.rates = {weir::parse_rate("10/SECOND").value()};
    p.count_from = words.at(0) == "admission" ? weir::counting::admission : weir::counting::response;
    p.aimd.enabled = words.at(0) == "tuned";
    p.burst = std::stoll(words.at(1));
    p.max_delay = std::chrono::hours{1};
    run(p, words.at(2), std::stoll(words.at(3)), std::stoi(words.at(4)), std::chrono::seconds{std::stoll(words.at(5))});
} catch (const std::exception& e) {
    fmt::print(stderr, "weir_peer: {}\n", e.what());
    return 1;
}
