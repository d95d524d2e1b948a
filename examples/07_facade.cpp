// SPDX-License-Identifier: MIT
//
// weir::limits: any store, any observer, and no template argument in the program that uses it.

#include "weir/registry/limits.hpp"
#include "weir/registry/open_store.hpp"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

// What a program has of its own: it names no store and no observer.
class crawler {
public:
    explicit crawler(weir::limits& limits) : limits_(limits) {}

    void request(std::string_view host) {
        weir::limits::admission got = limits_.try_acquire(host, "landing");
        if (got)
            under_way_.push_back(std::move(got).take());
    }
    void answers() {
        for (weir::limits::permit& permit : under_way_)
            permit.arrived({.status = 200});
        under_way_.clear();
    }

private:
    weir::limits& limits_;
    std::vector<weir::limits::permit> under_way_;
};

int main() {
    weir::policy policy;
    policy.rates = {{2, 1min}};
    policy.max_delay = 0s;
    const auto config = weir::configuration::builder{}.defaults("landing", policy).build().value();

    const auto watch = [](const weir::event& e) { fmt::print("  {} {}\n", weir::to_string(e.type), e.host); };

    for (const bool is_shared : {false, true}) {
        fmt::print("{}\n", is_shared ? "the store that the configuration names" : "the memory of this process");
        weir::limits limits =
            is_shared ? weir::limits{weir::open_store(config.backend(), {}).value(), config, {.on_event = watch}}
                      : weir::limits{config, {.on_event = watch}};
        crawler one{limits};
        for (int i = 0; i < 3; ++i)
            one.request("example.org");
        one.request("example.net");
        fmt::print("{} keys, {} in flight\n", limits.size(), limits.in_flight());
        one.answers();
        if (const auto changed = limits.reload(weir::configuration{}); !changed)
            fmt::print("{}\n", changed.error().message);
    }
}
