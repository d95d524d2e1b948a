// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/detail/locked_step.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/error.hpp"
#include "weir/core/key.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/acquire_options.hpp"
#include "weir/limiter/blocking_waiter.hpp"
#include "weir/limiter/refused.hpp"
#include "weir/limiter/wait_queue.hpp"
#include "weir/limiter/waiter.hpp"
#include "weir/storage/entry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <stop_token>
#include <string_view>
#include <utility>

namespace weir::detail {

[[noreturn, gnu::noinline, gnu::cold]] inline void throw_bad_cost(std::string_view host, std::string_view role,
                                                                  std::int64_t cost) {
    throw exception({errc::bad_request, fmt::format("{}/{}: a cost of {} is outside 1 to {}; give the units that the "
                                                    "request takes",
                                                    host, role, cost, rate::max)});
}
/// Refuses a cost that is none. A caller checks before it locks a key.
[[gnu::always_inline]] inline void check_cost(std::string_view host, std::string_view role, std::int64_t cost) {
    if (cost < 1 || cost > rate::max) [[unlikely]]
        throw_bad_cost(host, role, cost);
}

/// A request for admission to one key, which is locked. Each verb decides once and unlocks the key.
///
/// Answers are written where the caller will have them: copying one costs more than making it.
template <class Engine>
class acquire_step {
public:
    using node = typename Engine::node;

    [[gnu::always_inline]] acquire_step(Engine& engine, const typename Engine::locked_node& on,
                                        const acquire_options& a) noexcept
        : engine_(engine), node_(on.at), now_(on.now), options_(a) {}

    /// Where an answer goes.
    [[nodiscard, gnu::always_inline]] static typename Engine::admission undecided() noexcept { return {}; }

    [[gnu::always_inline]] void try_acquire(typename Engine::admission& out) {
        const std::int64_t units = cost();
        const duration wait_at_most = max_delay();
        {
            locked_step<Engine> step{engine_, node_, now_};
            step_reference stays{node_};
            if (engine_.is_closed()) [[unlikely]]
                refuse_closed(out.decision_);
            else
                node_.key.to_decision(node_.log.decide(step.at, units, out.permit_.entry_), out.decision_);
            if (out.decision_.granted())
                out.permit_.stand_for(engine_, node_);
            if (out.decision_.granted() || Engine::is_observed)
                stays.keep();
        }
        engine_.events().decided(node_, units, out.decision_, now_, wait_at_most);
        if (Engine::is_observed && !out.decision_.granted())
            node_.release();
    }

    /// Counts units without a permit.
    [[gnu::always_inline]] void count(decision& out) {
        const std::int64_t units = cost();
        [[maybe_unused]] const duration wait_at_most = node_.key.plan().max_delay;
        {
            locked_step<Engine> step{engine_, node_, now_};
            step_reference stays{node_};
            if (engine_.is_closed()) [[unlikely]]
                refuse_closed(out);
            else
                node_.key.to_decision(node_.log.count(step.at, units), out);
            if (Engine::is_observed)
                stays.keep();
        }
        engine_.events().decided(node_, units, out, now_, wait_at_most);
        if (Engine::is_observed)
            node_.release();
    }

    void peek(decision& out) {
        locked_step<Engine> step{engine_, node_, now_};
        const step_reference stays{node_};
        if (engine_.is_closed())
            refuse_closed(out);
        else
            node_.key.to_decision(node_.log.peek(step.at, cost()), out);
    }

    void wait_acquire(typename Engine::admission& out) {
        if (wait(out.permit_.entry_, out.decision_))
            out.permit_.stand_for(engine_, node_);
        else
            node_.release();
    }

    [[gnu::always_inline]] void acquire(typename Engine::permit& out) {
        decision d;
        if (wait(out.entry_, d)) [[likely]]
            out.stand_for(engine_, node_);
        else
            refuse(d);
    }

    /// Starts the wait of `t`; says whether it was decided at once. `find` gives the locked key.
    template <class Find>
    static bool submit(Engine& engine, typename Engine::ticket& t, const acquire_options& a, Find&& find) {
        t.prepare(engine, a.stop);
        try {
            return acquire_step{engine, find(), a}.enqueue(t);
        } catch (...) {
            t.reset();
            throw;
        }
    }

private:
    bool enqueue(typename Engine::ticket& t) {
        locked_step<Engine> step{engine_, node_, now_};
        step_reference stays{node_};
        t.begin(node_, cost(), max_delay(), now_);
        bool is_queued = false;
        if (engine_.is_closed())
            refuse_closed(t.wait_.verdict);
        else if (t.is_stopped_.load())
            t.wait_.verdict = {outcome::cancelled, cause::none, now_, {}, {}};
        else
            is_queued = node_.log.submit(step.at, t.wait_);
        if (!is_queued)
            step.at.done.add(t.wait_);
        stays.keep();
        return !is_queued;
    }

    /// The units that count: none of a HEAD request where the policy says so.
    [[nodiscard]] std::int64_t cost() const noexcept {
        return node_.key.plan().count_head || !is_head(options_.method) ? options_.cost : 0;
    }
    [[nodiscard]] duration max_delay() const noexcept {
        const duration longest = options_.max_delay.value_or(node_.key.plan().max_delay);
        return options_.time_left < longest ? std::max(options_.time_left, duration::zero()) : longest;
    }

    static void refuse_closed(decision& out) noexcept {
        out.outcome = outcome::denied;
        out.cause = cause::closed;
        out.retry_at = far_future;
    }

    /// Waits, and leaves the key unlocked and referenced; says whether it was granted, and the reason in `d`.
    [[nodiscard, gnu::always_inline]] bool wait(entry& e, decision& d) {
        const std::int64_t units = cost();
        const duration wait_at_most = max_delay();
        {
            locked_step<Engine> step{engine_, node_, now_};
            step_reference stays{node_};
            if (engine_.is_closed()) [[unlikely]] {
                refuse_closed(d);
            } else if (options_.stop.stop_requested()) [[unlikely]] {
                d.outcome = outcome::cancelled;
                d.retry_at = now_;
            } else if constexpr (Engine::is_local) {
                // Most requests are granted at once, and need no waiter.
                const assessment f = node_.log.decide(step.at, units, e);
                node_.key.to_decision(f, d);
                if (d.outcome == outcome::denied && wait_at_most > duration::zero()) [[unlikely]] {
                    const assessment copy = f;  // only the copy has an address, so the original stays in registers
                    sleep_in_queue(step, units, wait_at_most, &copy, e, d);
                }
            } else {
                sleep_in_queue(step, units, wait_at_most, nullptr, e, d);
            }
            stays.keep();
        }
        engine_.events().decided(node_, units, d, now_, wait_at_most);
        return d.granted();
    }

    [[noreturn, gnu::noinline, gnu::cold]] void refuse(const decision& d) {
        // Released at the end, also where there is no memory for what is thrown.
        struct released {
            node& n;
            ~released() { n.release(); }
        } const at_end{node_};
        throw refused{Engine::name_of(node_), d, engine_.time(Engine::read_clock)};
    }

    /// **Preconditions.** The key is locked and referenced. **Effects.** Ends the step.
    [[gnu::noinline, gnu::cold]] void sleep_in_queue(locked_step<Engine>& step, std::int64_t units,
                                                     duration wait_at_most, const assessment* denied, entry& e,
                                                     decision& d) {
        blocking_waiter sleeper;
        waiter& w = sleeper.wait;
        w.cost = units;
        w.deadline = saturating_add(step.at.now, wait_at_most);
        const bool is_queued =
            denied != nullptr ? node_.log.enqueue(step.at, w, *denied) : node_.log.submit(step.at, w);
        step.end();
        if (is_queued) {
            const std::stop_callback on_stop{options_.stop, [&] { engine_.cancel(node_, w, Engine::read_clock); }};
            for (bool is_done = false; !is_done;) {
                node_.lock();
                if (const auto again = engine_.serve_due(node_, engine_.time(Engine::read_clock), &w)) {
                    engine_.tend(true);
                    is_done = sleeper.sleep(engine_.sleep_at_most(*again - engine_.time(Engine::read_clock)));
                    engine_.renew();
                } else {
                    engine_.tend(true);
                    sleeper.sleep_until_completed();
                    is_done = true;
                }
            }
        }
        e = w.admitted;
        d = w.verdict;
    }

    Engine& engine_;
    node& node_;
    const instant now_;
    const acquire_options& options_;
};

/// Whether a request is denied by what can be read without the lock of a referenced `n`.
template <class Engine, class When>
[[nodiscard, gnu::always_inline]] inline bool known_denial(const Engine& engine, const typename Engine::node& n,
                                                           const acquire_options& a, When when,
                                                           decision& out) noexcept {
    // An observer gets what only the lock lets us read.
    return !Engine::is_observed && n.key.denial.is_set() && a.cost == 1 && !is_head(a.method) &&
           n.key.denial.read(engine.time(when), out);
}

}  // namespace weir::detail
