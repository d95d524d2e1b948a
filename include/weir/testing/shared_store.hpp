// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/clock.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"
#include "weir/storage/shared_memory_store.hpp"
#include "weir/storage/store.hpp"
#include "weir/storage/store_error.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

namespace weir::testing {

/// A shared store without a server: each registry with a copy of it stands for a process.
///
/// It can behave like a real store with faults: `before` is called before every verb, outside any lock. It may block,
/// or throw `store_error`.
///
/// **Thread safety.** As the store concept requires. `before` is set while no verb is running.
template <clock_source Clock = steady_clock>
class shared_store {
public:
    using slot = typename shared_memory_store<Clock>::slot;
    static constexpr bool is_local = false;

    explicit shared_store(Clock clock = {}) : store_(std::move(clock)), calls_(std::make_shared<calls_ahead>()) {}

    /// Called before every verb with its name.
    void before(std::function<void(std::string_view verb)> what) { calls_->before = std::move(what); }
    /// How many verbs were called.
    [[nodiscard]] std::int64_t calls() const noexcept { return calls_->count.load(); }

    [[nodiscard]] instant now() const noexcept { return store_.now(); }
    [[nodiscard]] instant after(instant now) const noexcept { return store_.after(now); }
    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) { return store_.make_slot(host, role); }
    [[nodiscard]] bool idle(const slot& s, const window_plan& plan, instant now) const {
        return store_.idle(s, plan, now);
    }

    // ---- verbs

    [[nodiscard]] assessment admit(slot& s, const window_plan& plan, std::int64_t cost, instant now, entry& out) {
        return called("admit").admit(s, plan, cost, now, out);
    }
    [[nodiscard]] assessment count(slot& s, const window_plan& plan, std::int64_t cost, instant now) {
        return called("count").count(s, plan, cost, now);
    }
    void settle(slot& s, const window_plan& plan, entry& e, settlement how, instant now) {
        called("settle").settle(s, plan, e, how, now);
    }
    void reduce(slot& s, const window_plan& plan, entry& e, std::int64_t cost, instant now) {
        called("reduce").reduce(s, plan, e, cost, now);
    }
    [[nodiscard]] bool hold(slot& s, instant until) { return called("hold").hold(s, until); }
    void open_gate(slot& s) { called("open_gate").open_gate(s); }
    void tune(slot& s, multiplier m) { called("tune").tune(s, m); }
    tuner_state learn(slot& s, tuner_step how) { return called("learn").learn(s, how); }
    [[nodiscard]] multiplier factor(const slot& s) const { return store_.factor(s); }
    [[nodiscard]] key_snapshot read(slot& s, const window_plan& plan, instant now) {
        return called("read").read(s, plan, now);
    }
    void erase(slot& s) { called("erase").erase(s); }

private:
    struct calls_ahead {
        std::function<void(std::string_view)> before;
        std::atomic<std::int64_t> count{0};
    };

    [[nodiscard]] shared_memory_store<Clock>& called(std::string_view verb) {
        calls_->count.fetch_add(1);
        if (calls_->before)
            calls_->before(verb);
        return store_;
    }

    shared_memory_store<Clock> store_;
    std::shared_ptr<calls_ahead> calls_;
};

static_assert(counting_store<shared_store<>> && reducible_store<shared_store<>> && tunable_store<shared_store<>> &&
              openable_store<shared_store<>>);

}  // namespace weir::testing
