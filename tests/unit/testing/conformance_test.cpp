// SPDX-License-Identifier: MIT
#include "weir/testing/conformance.hpp"

#include "support/catch.hpp"
#include "support/seed.hpp"

#include "weir/storage/memory_store.hpp"
#include "weir/testing/manual_clock.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using model = weir::memory_store<weir::testing::manual_clock>;

template <class Store>
std::vector<std::string> run(std::uint64_t seed, int traces = 2'000) {
    weir::testing::conformance_options options;
    options.seed = seed;
    options.traces = traces;
    options.most_failures = 1;
    return weir::testing::conform([] { return Store{}; }, options);
}

// Each is wrong in one way, and only rarely visible.
struct one_too_many : model {
    template <class Place>
    weir::forecast admit(slot& s, weir::window_plan plan, std::int64_t cost, weir::instant now, Place& place,
                         weir::entry& out) {
        if (plan.windows.size() == 4)
            ++plan.windows.back().limit;
        return model::admit(s, plan, cost, now, place, out);
    }
};
struct early_by_a_nanosecond : model {
    weir::forecast count(slot& s, const weir::window_plan& plan, std::int64_t cost, weir::instant now) {
        weir::forecast f = model::count(s, plan, cost, now);
        if (f.why == weir::cause::window)
            f.at -= 1ns;
        return f;
    }
};
struct rounded_to_microseconds : model {
    template <class Place>
    weir::forecast admit(slot& s, const weir::window_plan& plan, std::int64_t cost, weir::instant now, Place& place,
                         weir::entry& out) {
        return model::admit(s, plan, cost, now - now.time_since_epoch() % 1us, place, out);
    }
};
struct gate_goes_back : model {
    bool hold(slot& s, weir::instant until) { return s.gate = until, true; }
};
struct refund_forgets_stamps : model {
    void settle(slot& s, const weir::window_plan& plan, weir::entry& e, weir::settlement how, weir::instant now) {
        if (how == weir::settlement::refunded && e.state == weir::entry_state::stamped)
            e.state = weir::entry_state::free;
        model::settle(s, plan, e, how, now);
    }
};
struct place_is_kept : model {
    template <class Place>
    weir::forecast admit(slot& s, const weir::window_plan& plan, std::int64_t cost, weir::instant now, Place& place,
                         weir::entry& out) {
        if (cost > 0 && !place.take())
            return {now, weir::cause::inflight, 0};
        return model::admit(s, plan, cost, now, weir::detail::free_place{}, out);
    }
};
struct erase_keeps_the_gate : model {
    void erase(slot& s) {
        const weir::instant gate = s.gate;
        model::erase(s);
        s.gate = gate;
    }
};

}  // namespace

TEST_CASE("conformance: the memory store does what a plain list of every stamp does") {
    const auto failures = run<model>(weir_test::seed_for("memory store"), weir_test::cases_or(3'000));
    for (const std::string& f : failures)
        FAIL_CHECK(f);
    CHECK(failures.empty());
}

TEST_CASE("conformance: a store that is wrong in one respect is caught, with the operations that show it") {
    const std::uint64_t seed = weir_test::seed_for("wrong stores");
    CHECK(run<one_too_many>(seed).size() == 1);
    CHECK(run<rounded_to_microseconds>(seed).size() == 1);
    CHECK(run<gate_goes_back>(seed).size() == 1);
    CHECK(run<refund_forgets_stamps>(seed).size() == 1);
    CHECK(run<place_is_kept>(seed).size() == 1);
    CHECK(run<erase_keeps_the_gate>(seed).size() == 1);
    const auto early = run<early_by_a_nanosecond>(seed);
    REQUIRE(early.size() == 1);
    CHECK(early[0].find("of seed " + std::to_string(seed)) != std::string::npos);
    CHECK(early[0].find("  count by 0 key ") != std::string::npos);
}

TEST_CASE("conformance: a trace can be repeated by its number") {
    weir::testing::conformance_options options;
    options.seed = 7;
    options.most_failures = 1;
    const auto make = [] { return gate_goes_back{}; };
    const auto all = weir::testing::conform(make, options);
    REQUIRE(all.size() == 1);
    options.first = std::stoi(all[0].substr(6));
    options.traces = 1;
    const auto alone = weir::testing::conform(make, options);
    REQUIRE(alone.size() == 1);
    CHECK(alone[0].substr(0, alone[0].find('\n')) == all[0].substr(0, all[0].find('\n')));
}
