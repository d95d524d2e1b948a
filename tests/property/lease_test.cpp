// SPDX-License-Identifier: MIT
#include "weir/registry/registry.hpp"

#include "support/catch.hpp"
#include "support/seed.hpp"

#include "weir/testing/manual_clock.hpp"
#include "weir/testing/shared_store.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <list>
#include <memory>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir::instant;
using clock_type = weir::testing::manual_clock;
using store_type = weir::testing::shared_store<clock_type>;
using process = weir::registry<store_type>;

/// A request as its server might see it: at any moment from its admission to its answer.
struct request {
    instant admitted;
    instant answered = weir::far_future;
    std::int64_t cost;
};

}  // namespace

TEST_CASE("lease: whatever processes do with their leases, no window contains more than its rate") {
    const std::uint64_t seed = weir_test::seed_for("leases of several processes");
    weir_test::dice dice{seed};
    std::size_t granted = 0, denied = 0;
    for (int trace = 0; trace < weir_test::cases_or(1'500); ++trace) {
        weir::policy p;
        for (std::int64_t i = dice.from(1, 3); i > 0; --i)
            p.rates.push_back({dice.from(1, 40), dice.from(1, 80) * 5ms});
        p.lease = dice.from(2, 30);
        p.count_from = dice.chance(60) ? weir::counting::response : weir::counting::admission;
        const bool from_response = p.count_from == weir::counting::response;
        const auto config = weir::configuration::builder{}.defaults("metadata", p).build().value();
        clock_type clock{instant{1h}};
        store_type common{clock};
        const auto kept = common.make_slot("h.org", "metadata");  // the key outlives its processes
        std::vector<std::unique_ptr<process>> all;
        for (int i = 0; i < 3; ++i)
            all.push_back(std::make_unique<process>(common, config));
        struct held {
            std::size_t by;
            weir::registry<store_type>::permit permit;
            request* what;
        };
        std::vector<held> open;
        std::list<request> sent;
        const auto finish = [&](std::size_t i, bool refund) {
            held h = std::move(open[i]);
            open.erase(open.begin() + static_cast<std::ptrdiff_t>(i));
            if (refund) {
                h.permit.refund();
                std::erase_if(sent, [&](const request& r) { return &r == h.what; });
            } else if (h.what != nullptr) {
                h.permit.arrived();
                h.what->answered = from_response ? clock.now() : h.what->admitted;
            }
        };
        for (int step = 0; step < 300; ++step) {
            clock.advance(dice.chance(40) ? 0ms : dice.from(1, dice.chance(90) ? 8 : 150) * 1ms);
            const auto by = static_cast<std::size_t>(dice.from(0, 2));
            const auto what = dice.from(1, 100);
            if (what <= 60) {
                const std::int64_t cost = dice.chance(80) ? 1 : dice.from(1, 4);
                auto got = all[by]->try_acquire("h.org", "metadata", {.cost = cost});
                if (!got) {
                    ++denied;
                    continue;
                }
                ++granted;
                sent.push_back({clock.now(), from_response ? weir::far_future : clock.now(), cost});
                open.push_back({by, std::move(got).take(), &sent.back()});
                for (const weir::rate& r : p.rates) {
                    std::int64_t inside = 0;
                    for (const request& one : sent)
                        if (one.answered > clock.now() - r.period)
                            inside += one.cost;
                    INFO("trace " << trace << " step " << step << " seed " << seed << " lease " << p.lease << ": "
                                  << inside << " of " << r.limit);
                    REQUIRE(inside <= r.limit);
                }
            } else if (what <= 90) {
                if (!open.empty())
                    finish(static_cast<std::size_t>(dice.from(0, static_cast<std::int64_t>(open.size()) - 1)),
                           dice.chance(15));
            } else if (what <= 95) {
                all[by]->poll();
            } else if (what == 96) {  // one ends, and another begins
                for (std::size_t i = open.size(); i-- > 0;)
                    if (open[i].by == by)
                        finish(i, false);
                all[by] = std::make_unique<process>(common, config);
            }
        }
        // All units are back at the end: what is open when all has ended was lost.
        while (!open.empty())
            finish(0, false);
        clock.advance(100ms);
        for (auto& one : all)
            one->poll();
        const auto left = all[0]->at("h.org", "metadata");
        REQUIRE(all[0]->inspect("h.org", "metadata")->state.open == 0);
        REQUIRE(all[0]->in_flight() == 0);
    }
    std::cout << "leases: " << granted << " granted, " << denied << " denied" << std::endl;
    CHECK(granted > denied / 4);
    CHECK(denied > granted / 10);
}
