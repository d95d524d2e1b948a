// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"
#include "weir/storage/any_store.hpp"
#include "weir/storage/memory_store.hpp"
#include "weir/storage/store.hpp"
#include "weir/storage/store_error.hpp"
#include "weir/testing/manual_clock.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace weir::tools {

/// Any store as a local one, for one process on a virtual clock: so that one trace gives the same output on all.
///
/// With a shared store below, every decision is that store's, answer by answer, under injected time. Forecasts for
/// those who stand in line, which a shared store is not asked for, come from a copy of the log that is kept here. Keys
/// are under a name of this replay's own and are erased at its end, so that no budget in use is touched.
///
/// **Errors.** When the store fails, `trouble()` says so from then on, and what is decided after that means nothing.
class replay_store {
    using model = memory_store<testing::manual_clock>;

    struct everything {
        std::optional<any_store> shared;
        instant exact_until;
        std::string prefix;
        std::string trouble{};
    };

public:
    static constexpr bool is_local = true;

    class slot {
    public:
        slot() = default;
        slot(slot&&) = default;
        slot& operator=(slot&&) = delete;
        ~slot() {
            if (all_ && all_->trouble.empty()) {  // else moved from, or without a shared store
                try {
                    all_->shared->erase(*there_);
                } catch (const store_error& e) {
                    all_->trouble = e.what();
                }
            }
        }

    private:
        friend replay_store;
        key_state here_{};
        std::shared_ptr<everything> all_{};
        std::optional<any_store::slot> there_{};
    };

    /// `shared` takes injected time, and counts it exactly until `exact_until`; without one, this is the memory store.
    replay_store(testing::manual_clock clock, std::optional<any_store> shared, instant exact_until)
        : here_(std::move(clock)), all_(std::make_shared<everything>()) {
        std::random_device random;
        all_->shared = std::move(shared);
        all_->exact_until = exact_until;
        all_->prefix = fmt::format("replay-{:08x}{:08x}.", random(), random());
    }

    /// What the shared store said when it failed; empty while it has not.
    [[nodiscard]] const std::string& trouble() const noexcept { return all_->trouble; }

    [[nodiscard]] instant now() const noexcept { return here_.now(); }
    [[nodiscard]] static instant after(instant now) noexcept { return now; }
    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) const {
        slot out;
        if (all_->shared) {
            out.all_ = all_;
            out.there_ = all_->shared->make_slot(all_->prefix + std::string{host}, role);
        }
        return out;
    }

    // ---- verbs

    template <class Inflight>
    [[nodiscard]] assessment admit(slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                   Inflight&& inflight, entry& out) {
        entry made;
        assessment f;
        if (!ask(s, now, [&](any_store& there) {
                f = there.admit(*s.there_, plan, cost, now, made);
                // A local store asks for the place last.
                if (cost == 0 || f.cause != cause::none || inflight.take())
                    return;
                f.cause = cause::inflight;
                f.passed = !plan.enforce;
                if (plan.enforce)
                    there.settle(*s.there_, plan, made, settlement::refunded, now);
            }))
            return here_.admit(s.here_, plan, cost, now, inflight, out);
        if (f.admits() && cost > 0)
            follow(s, plan, [&](const window_plan& p) {
                entry mine;
                return here_.admit(s.here_, p, cost, now, detail::free_inflight{}, mine).admits();
            });
        if (f.admits())
            out = made;
        return f;
    }
    [[nodiscard]] assessment count(slot& s, const window_plan& plan, std::int64_t cost, instant now) {
        assessment f;
        if (!ask(s, now, [&](any_store& there) { f = there.count(*s.there_, plan, cost, now); }))
            return here_.count(s.here_, plan, cost, now);
        if (f.admits())
            follow(s, plan, [&](const window_plan& p) { return here_.count(s.here_, p, cost, now).admits(); });
        return f;
    }
    template <class Ahead>
    [[nodiscard]] assessment assess_behind(const slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                           const Ahead& ahead) const {
        return here_.assess_behind(s.here_, plan, cost, now, ahead);
    }
    void settle(slot& s, const window_plan& plan, entry& e, settlement how, instant now) {
        entry mine = e;
        here_.settle(s.here_, plan, mine, how, now);
        if (!ask(s, now, [&](any_store& there) { there.settle(*s.there_, plan, e, how, now); }))
            e = mine;
    }
    void reduce(slot& s, const window_plan& plan, entry& e, std::int64_t cost, instant now) {
        entry mine = e;
        here_.reduce(s.here_, plan, mine, cost, now);
        if (!ask(s, now, [&](any_store& there) { there.reduce(*s.there_, plan, e, cost, now); }))
            e = mine;
    }
    [[nodiscard]] bool hold(slot& s, instant until) {
        bool moved = here_.hold(s.here_, until);
        ask(s, now(), [&](any_store& there) { moved = there.hold(*s.there_, until); });
        return moved;
    }
    void tune(slot& s, multiplier m) {
        here_.tune(s.here_, m);
        ask(s, now(), [&](any_store& there) { there.tune(*s.there_, m); });
    }
    tuner_state learn(slot& s, tuner_step step) {
        tuner_state out;
        if (!ask(s, now(), [&](any_store& there) { out = there.learn(*s.there_, step); }))
            return here_.learn(s.here_, step);
        return here_.learn(s.here_, [&](const tuner_state&) { return out; });
    }
    [[nodiscard]] multiplier factor(const slot& s) const { return here_.factor(s.here_); }
    [[nodiscard]] key_snapshot read(slot& s, const window_plan& plan, instant now) {
        key_snapshot out = here_.read(s.here_, plan, now);
        ask(s, now, [&](any_store& there) { out = there.read(*s.there_, plan, now); });
        return out;
    }
    void erase(slot& s) {
        here_.erase(s.here_);
        ask(s, now(), [&](any_store& there) { there.erase(*s.there_); });
    }
    [[nodiscard]] bool idle(const slot& s, const window_plan& plan, instant now) const {
        return here_.idle(s.here_, plan, now);
    }

private:
    /// Has the shared store do a step; says whether it did.
    template <class F>
    bool ask(slot& s, instant now, F&& step) {
        if (!s.there_ || !all_->trouble.empty())
            return false;
        if (now > all_->exact_until) {
            all_->trouble =
                fmt::format("t is beyond {} days, after which this store's time is not exact",
                            std::chrono::duration_cast<std::chrono::hours>(all_->exact_until - instant{}).count() / 24);
            return false;
        }
        try {
            step(*all_->shared);
            return true;
        } catch (const store_error& e) {
            all_->trouble = e.what();
            return false;
        }
    }
    /// Does here what was done there, whatever would have been decided here.
    template <class F>
    static void follow(slot&, const window_plan& plan, F&& step) {
        if (step(plan))
            return;
        window_plan forced = plan;
        forced.enforce = false;
        static_cast<void>(step(forced));
    }

    model here_;
    std::shared_ptr<everything> all_;
};

static_assert(store<replay_store>);

}  // namespace weir::tools
