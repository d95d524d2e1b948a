// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/memory_store.hpp"
#include "weir/storage/store.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/clock.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

/// Keeps every key's state in this process and shares it: registries with copies of one store share one budget.
///
/// A `memory_store` uses the lock of its one registry and is faster; this store has its own lock. A key exists as long
/// as one of its slots.
///
/// **Thread safety.** As the store concept requires. **Complexity.** O(windows) a verb; only one verb runs at a time.
template <clock_source Clock = steady_clock>
class shared_memory_store {
public:
    static constexpr bool is_local = false;

    class slot {
    public:
        explicit slot(std::shared_ptr<key_state> truth) : truth_(std::move(truth)) {}

    private:
        friend shared_memory_store;
        std::shared_ptr<key_state> truth_;
        multiplier factor_{};
    };

    explicit shared_memory_store(Clock clock = {}, store_time time = store_time::own)
        : all_(std::make_shared<everything>(std::move(clock), time)) {}

    /// The clock's time; under injected time, the latest instant that was injected.
    [[nodiscard]] instant now() const noexcept {
        return is_injected() ? std::max(all_->last.load(), instant{}) : all_->store.now();
    }
    [[nodiscard]] instant after(instant now) const noexcept { return is_injected() ? now : this->now(); }
    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) {
        // Made outside the lock. If it is not needed, it is also destroyed outside the lock, which its destructor
        // takes.
        names key{host, role};
        std::shared_ptr<key_state> fresh{new key_state, leave{all_, key}};
        const std::lock_guard guard{all_->mutex};
        auto& known = all_->keys[std::move(key)];
        if (auto truth = known.lock())
            return slot{std::move(truth)};
        known = fresh;
        return slot{std::move(fresh)};
    }

    // ---- verbs

    [[nodiscard]] assessment admit(slot& s, const window_plan& plan, std::int64_t cost, instant now, entry& out) {
        return step(s, [&](key_state& k) {
            return all_->store.admit(k, plan, cost, moment(now), detail::free_inflight{}, out);
        });
    }
    [[nodiscard]] assessment count(slot& s, const window_plan& plan, std::int64_t cost, instant now) {
        return step(s, [&](key_state& k) { return all_->store.count(k, plan, cost, moment(now)); });
    }
    void settle(slot& s, const window_plan& plan, entry& e, settlement how, instant now) {
        // Another verb may run on the same slot, so nothing that changes in it is used here.
        const std::lock_guard guard{all_->mutex};
        all_->store.settle(*s.truth_, plan, e, how, moment(now));
    }
    void reduce(slot& s, const window_plan& plan, entry& e, std::int64_t cost, instant now) {
        const std::lock_guard guard{all_->mutex};
        all_->store.reduce(*s.truth_, plan, e, cost, moment(now));
    }
    [[nodiscard]] bool hold(slot& s, instant until) {
        return step(s, [&](key_state& k) { return all_->store.hold(k, until); });
    }
    void open_gate(slot& s) {
        step(s, [&](key_state& k) { all_->store.open_gate(k); });
    }
    void tune(slot& s, multiplier m) {
        step(s, [&](key_state& k) { all_->store.tune(k, m); });
    }
    tuner_state learn(slot& s, tuner_step how) {
        return step(s, [&](key_state& k) { return all_->store.learn(k, how); });
    }
    /// The factor as of the slot's last verb.
    [[nodiscard]] multiplier factor(const slot& s) const { return s.factor_; }
    [[nodiscard]] key_snapshot read(slot& s, const window_plan& plan, instant now) {
        return step(s, [&](key_state& k) { return all_->store.read(k, plan, moment(now)); });
    }
    void erase(slot& s) {
        step(s, [&](key_state& k) { all_->store.erase(k); });
    }
    [[nodiscard]] bool idle(const slot& s, const window_plan& plan, instant now) const {
        const std::lock_guard guard{all_->mutex};
        return all_->store.idle(*s.truth_, plan, now);
    }

private:
    using names = std::pair<std::string, std::string>;

    struct everything {
        everything(Clock clock, store_time t) : store(std::move(clock)), time(t) {}
        memory_store<Clock> store;
        const store_time time;
        std::atomic<instant> last{long_ago};  // the latest injected time
        std::mutex mutex;
        std::map<names, std::weak_ptr<key_state>> keys;
    };

    /// Forgets a key when its last slot is destroyed.
    struct leave {
        std::shared_ptr<everything> all;
        names key;

        void operator()(key_state* state) const noexcept {
            delete state;
            const std::lock_guard guard{all->mutex};
            // Another slot may have made the key again since this one expired.
            if (const auto at = all->keys.find(key); at != all->keys.end() && at->second.expired())
                all->keys.erase(at);
        }
    };

    [[nodiscard]] bool is_injected() const noexcept { return all_->time == store_time::injected; }
    /// The time of a verb that was called at `now`. **Preconditions.** The lock is held.
    [[nodiscard]] instant moment(instant now) const noexcept {
        if (!is_injected())
            return this->now();
        all_->last.store(std::max(all_->last.load(), now));
        return now;
    }
    template <class F>
    auto step(slot& s, F&& what) {
        const std::lock_guard guard{all_->mutex};
        struct refresh {
            slot& s;
            ~refresh() { s.factor_ = s.truth_->factor; }
        } const seen{s};
        return what(*s.truth_);
    }

    std::shared_ptr<everything> all_;
};

static_assert(store<shared_memory_store<>>);

}  // namespace weir
