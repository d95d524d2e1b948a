// SPDX-License-Identifier: MIT
//
// Waiting without a thread: tickets are told when their turn comes, and poll() says when to come back.

#include "weir/testing/manual_clock.hpp"
#include "weir/weir.hpp"

#include <fmt/format.h>

#include <chrono>
#include <deque>

int main() {
    using namespace std::chrono_literals;

    weir::policy one_per_three_seconds;
    one_per_three_seconds.rates = {{1, 3s}};
    one_per_three_seconds.max_delay = 8s;
    const auto config =
        weir::configuration::builder{}.host("export.arxiv.org", "metadata", one_per_three_seconds).build().value();

    weir::testing::manual_clock clock;
    weir::registry limits{weir::memory_store{clock}, config};
    using ticket = decltype(limits)::ticket;

    std::deque<ticket> tickets;
    for (int i = 0; i < 4; ++i) {
        tickets.emplace_back([i, &clock](ticket& t) {
            fmt::print("{} s: request {} {}\n", clock.now().time_since_epoch() / 1s, i,
                       weir::to_string(t.decision().outcome));
            if (t.decision().granted())
                t.take().arrived();
        });
        limits.submit(tickets.back(), "export.arxiv.org", "metadata");
    }
    for (auto next = limits.poll(); next != weir::far_future; next = limits.poll())
        clock.set(next);
}
