// SPDX-License-Identifier: MIT
#include "weir/core/clock.hpp"
#include "weir/limiter/observer.hpp"
#include "weir/storage/memory_store.hpp"
#include "weir/storage/store.hpp"
#include "weir/testing/manual_clock.hpp"

#include "support/catch.hpp"

#include <chrono>

// What is a model of each concept and what is not: a change that lets in less or more fails to compile.
namespace {

static_assert(weir::clock_source<weir::steady_clock>);
static_assert(weir::clock_source<weir::fast_clock>);
static_assert(weir::clock_source<weir::testing::manual_clock>);
struct throwing_clock {
    weir::instant now() const;
};
struct wrong_timeline_clock {
    std::chrono::steady_clock::time_point now() const noexcept;
};
struct mutable_clock {
    weir::instant now() noexcept;
};
static_assert(!weir::clock_source<throwing_clock>);
static_assert(!weir::clock_source<wrong_timeline_clock>);
static_assert(!weir::clock_source<mutable_clock>);
static_assert(!weir::clock_source<int>);

struct silent_observer {
    void on_event(const weir::event&) {}
};
struct greedy_observer {
    void on_event(weir::event&) {}  // would change what it sees
};
struct two_faced_observer {
    void emit(const weir::event&) {}
};
static_assert(weir::observer<weir::no_observer>);
static_assert(weir::observer<silent_observer>);
static_assert(!weir::observer<greedy_observer>);
static_assert(!weir::observer<two_faced_observer>);
static_assert(!weir::observer<int>);

using model = weir::memory_store<weir::testing::manual_clock>;
struct clockless_store : model {
    weir::instant now() const = delete;
};
struct throwing_store : model {
    weir::instant now() const;
};
struct silent_gate_store : model {
    void hold(slot&, weir::instant);  // does not say whether the gate moved
};
struct forgetless_store : model {
    void erase(slot&) = delete;
};
static_assert(weir::store<weir::memory_store<>>);
static_assert(weir::store<model>);
static_assert(!weir::store<clockless_store>);
static_assert(!weir::store<throwing_store>);
static_assert(!weir::store<silent_gate_store>);
static_assert(!weir::store<forgetless_store>);
static_assert(!weir::store<int>);

}  // namespace

TEST_CASE("concepts: models and non-models of clock_source, observer and store are told apart") {
    SUCCEED("by the compiler");
}
