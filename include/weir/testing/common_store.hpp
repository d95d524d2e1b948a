// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/clock.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/memory_store.hpp"
#include "weir/storage/store.hpp"
#include "weir/storage/store_error.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace weir::testing {

/// A shared store without a server: registries that hold copies of one stand for processes.
///
/// Everything a real one may do to the limiter it does on demand: `before` is called ahead of every verb, outside any
/// lock, and may block, or throw `store_error`.
///
/// **Thread safety.** As the store concept asks; `before` is set while no verb is under way.
template <clock_source Clock = steady_clock>
class common_store {
    using model = memory_store<Clock>;

public:
    static constexpr bool is_local = false;

    class slot {
    public:
        explicit slot(std::shared_ptr<key_state> truth) : truth_(std::move(truth)) {}

    private:
        friend common_store;
        std::shared_ptr<key_state> truth_;
        multiplier factor_{};
    };

    explicit common_store(Clock clock = {}) : all_(std::make_shared<everything>(std::move(clock))) {}

    /// Called ahead of every verb with its name.
    void before(std::function<void(std::string_view verb)> what) { all_->before = std::move(what); }
    /// How many verbs were called.
    [[nodiscard]] std::int64_t calls() const noexcept { return all_->calls.load(); }

    [[nodiscard]] instant now() const noexcept { return all_->store.now(); }
    [[nodiscard]] instant after(instant) const noexcept { return now(); }
    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) {
        const std::lock_guard guard{all_->mutex};
        auto& truth = all_->keys[{std::string{host}, std::string{role}}];
        if (truth == nullptr)
            truth = std::make_shared<key_state>();
        return slot{truth};
    }

    template <class Place>
    [[nodiscard]] forecast admit(slot& s, const window_plan& plan, std::int64_t cost, instant now, Place&& place,
                                 entry& out) {
        const bool has_place = cost == 0 || place.take();
        if (!has_place && plan.enforce)
            return {now, cause::inflight, 0};
        const bool holds_place = cost > 0 && has_place;
        try {
            const forecast f = step("admit", s, [&](key_state& k) {
                return all_->store.admit(k, plan, cost, after(now), given{has_place}, out);
            });
            if (holds_place && !f.admits())
                place.give_back();
            return f;
        } catch (...) {
            if (holds_place)
                place.give_back();
            throw;
        }
    }
    [[nodiscard]] forecast count(slot& s, const window_plan& plan, std::int64_t cost, instant now) {
        return step("count", s, [&](key_state& k) { return all_->store.count(k, plan, cost, after(now)); });
    }
    void settle(slot& s, const window_plan& plan, entry& e, settlement how, instant now) {
        // Beside a call on the same slot: only what does not change in it is looked at.
        call("settle");
        const std::lock_guard guard{all_->mutex};
        all_->store.settle(*s.truth_, plan, e, how, after(now));
    }
    [[nodiscard]] bool hold(slot& s, instant until) {
        return step("hold", s, [&](key_state& k) { return all_->store.hold(k, until); });
    }
    void tune(slot& s, multiplier m) {
        step("tune", s, [&](key_state& k) { return all_->store.tune(k, m), 0; });
    }
    [[nodiscard]] multiplier factor(const slot& s) const { return s.factor_; }
    [[nodiscard]] reading read(slot& s, const window_plan& plan, instant now) {
        return step("read", s, [&](key_state& k) { return all_->store.read(k, plan, after(now)); });
    }
    void erase(slot& s) {
        step("erase", s, [&](key_state& k) { return all_->store.erase(k), 0; });
    }
    [[nodiscard]] bool idle(const slot&, const window_plan&, instant) const noexcept { return true; }

private:
    /// The answer that the place gave, for the model underneath.
    struct given {
        bool has_place;
        [[nodiscard]] bool take() const noexcept { return has_place; }
    };

    struct everything {
        explicit everything(Clock clock) : store(std::move(clock)) {}
        model store;
        std::mutex mutex;
        std::map<std::pair<std::string, std::string>, std::shared_ptr<key_state>> keys;
        std::function<void(std::string_view)> before;
        std::atomic<std::int64_t> calls{0};
    };

    void call(std::string_view verb) {
        all_->calls.fetch_add(1);
        if (all_->before)
            all_->before(verb);
    }
    template <class F>
    auto step(std::string_view verb, slot& s, F&& what) {
        call(verb);
        const std::lock_guard guard{all_->mutex};
        auto out = what(*s.truth_);
        s.factor_ = s.truth_->factor;
        return out;
    }

    std::shared_ptr<everything> all_;
};

static_assert(store<common_store<>>);

}  // namespace weir::testing
