// SPDX-License-Identifier: MIT
#include "weir/core/clock.hpp"
#include "weir/observe/observer.hpp"
#include "weir/storage/any_store.hpp"
#include "weir/storage/memory_store.hpp"
#include "weir/storage/shared_memory_store.hpp"
#include "weir/storage/store.hpp"
#include "weir/testing/manual_clock.hpp"
#include "weir/testing/shared_store.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>

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

// What is missing or wrong in a store, one thing each.
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
struct undecided_store : model {
    template <class Place>
    bool admit(slot&, const weir::window_plan&, std::int64_t, weir::instant, Place&&, weir::entry&);
};
struct blind_store : model {  // a local one has to foresee
    template <class Ahead>
    weir::assessment assess_behind(const slot&, const weir::window_plan&, std::int64_t, weir::instant,
                                   const Ahead&) = delete;
};
static_assert(weir::store<weir::memory_store<>>);
static_assert(weir::store<model>);
static_assert(!weir::store<clockless_store>);
static_assert(!weir::store<throwing_store>);
static_assert(!weir::store<silent_gate_store>);
static_assert(!weir::store<forgetless_store>);
static_assert(!weir::store<undecided_store>);
static_assert(!weir::store<blind_store>);
static_assert(!weir::store<int>);

// A store elsewhere has the place in flight taken by the limiter; one that asks for it is none.
using shared_model = weir::shared_memory_store<weir::testing::manual_clock>;
struct place_asking_store : shared_model {
    template <class Place>
    weir::assessment admit(slot&, const weir::window_plan&, std::int64_t, weir::instant, Place&&, weir::entry&);
};
static_assert(weir::store<shared_model> && !shared_model::is_local);
static_assert(weir::store<weir::testing::shared_store<>> && weir::store<weir::any_store>);
static_assert(!weir::store<place_asking_store>);

// The refined concepts are apart: each may be missing alone.
struct uncounting_store : shared_model {
    void count(slot&, const weir::window_plan&, std::int64_t, weir::instant) = delete;
};
struct unlending_store : shared_model {
    void reduce(slot&, const weir::window_plan&, weir::entry&, std::int64_t, weir::instant) = delete;
};
struct unlearning_store : shared_model {
    void learn(slot&, weir::tuner_step) = delete;
};
struct factorless_store : shared_model {
    void factor(const slot&) const;
};
struct unopening_store : shared_model {
    void open_gate(slot&) = delete;
};
static_assert(weir::counting_store<shared_model> && weir::reducible_store<shared_model> &&
              weir::tunable_store<shared_model> && weir::openable_store<shared_model>);
static_assert(weir::store<unopening_store> && !weir::openable_store<unopening_store> &&
              weir::tunable_store<unopening_store>);
static_assert(weir::store<uncounting_store> && !weir::counting_store<uncounting_store> &&
              weir::reducible_store<uncounting_store> && weir::tunable_store<uncounting_store>);
static_assert(weir::store<unlending_store> && !weir::reducible_store<unlending_store> &&
              weir::counting_store<unlending_store>);
static_assert(weir::store<unlearning_store> && !weir::tunable_store<unlearning_store>);
static_assert(weir::store<factorless_store> && !weir::tunable_store<factorless_store>);

}  // namespace

TEST_CASE("concepts: clock_source, observer and store accept models and refuse non-models") {
    SUCCEED("by the compiler");
}
