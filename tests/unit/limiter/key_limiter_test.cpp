// SPDX-License-Identifier: MIT
#include "weir/limiter/key_limiter.hpp"

#include "support/catch.hpp"

#include "weir/limiter/key_core.hpp"
#include "weir/limiter/key_rules.hpp"
#include "weir/storage/any_store.hpp"
#include "weir/storage/memory_store.hpp"
#include "weir/storage/shared_memory_store.hpp"
#include "weir/testing/manual_clock.hpp"

#include <chrono>
#include <type_traits>
#include <utility>

using namespace std::chrono_literals;

static_assert(std::is_same_v<weir::key_limiter<weir::memory_store<>>, weir::local_limiter<weir::memory_store<>>>);
static_assert(
    std::is_same_v<weir::key_limiter<weir::shared_memory_store<>>, weir::shared_limiter<weir::shared_memory_store<>>>);
static_assert(std::is_same_v<weir::key_limiter<weir::any_store>, weir::shared_limiter<weir::any_store>>);

namespace {

/// Two requests of one unit, with the key locked for each; says when the second one may come.
template <class Store>
weir::assessment second_of_two(Store store) {
    weir::policy p;
    p.rates = {{1, 10s}};
    p.count_from = weir::counting::admission;
    weir::key_core core{weir::key_rules::make(p, {})};
    weir::key_limiter<Store> limiter{core, store.make_slot("h.org", "metadata")};
    weir::inflight_ceiling ceiling;
    weir::entry first, second;
    const auto decide = [&](weir::entry& e) {
        weir::key_step<Store> step{store, ceiling, store.now()};
        core.lock.lock();
        const auto f = limiter.decide(step, 1, e);
        limiter.finish(step);
        core.lock.unlock();
        return f;
    };
    CHECK(decide(first).admits());
    return decide(second);
}

}  // namespace

TEST_CASE("key_limiter: wherever the log is, the interface and the answer are the same") {
    const weir::testing::manual_clock clock{weir::instant{5s}};
    for (const weir::assessment& f :
         {second_of_two(weir::memory_store{clock}), second_of_two(weir::shared_memory_store{clock}),
          second_of_two(weir::any_store{weir::shared_memory_store{clock}})}) {
        CHECK(f.cause == weir::cause::window);
        CHECK(f.at == weir::instant{15s});
    }
}
