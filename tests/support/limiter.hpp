// SPDX-License-Identifier: MIT
#pragma once

// A limiter of one key without a registry: each member is one step, with the key locked, and what follows its unlock.

#include "weir/limiter/inflight_ceiling.hpp"
#include "weir/limiter/key_core.hpp"
#include "weir/limiter/key_limiter.hpp"
#include "weir/limiter/key_rules.hpp"
#include "weir/limiter/waiter.hpp"

#include "weir/core/time.hpp"
#include "weir/storage/store.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace weir_test {

/// A waiter that notes what happens to it.
struct noting_waiter final : weir::waiter_owner, weir::waiter {
    noting_waiter() : waiter(static_cast<weir::waiter_owner&>(*this)) {}
    explicit noting_waiter(weir::instant until) : noting_waiter() { deadline = until; }
    void completed() noexcept override { is_completed = true; }
    void wake_earlier() noexcept override { ++woken; }
    bool is_completed = false;
    int woken = 0;
};

template <class Store>
struct one_key {
    using step = weir::key_step<Store>;

    one_key(Store s, const weir::policy& p, std::int64_t inflight = 0)
        : store(std::move(s)), ceiling(inflight), core(weir::key_rules::make(p, {})),
          log(core, store.make_slot("h", "r")) {}

    /// Runs `fn(step)` as one step.
    template <class F>
    auto run(weir::instant now, F&& fn) {
        step s{store, ceiling, now};
        core.lock.lock();
        auto out = fn(s);
        log.finish(s);
        core.lock.unlock();
        s.done.call();
        has_freed |= s.has_freed;
        return out;
    }
    weir::assessment decide(weir::entry& e, weir::instant now, std::int64_t cost = 1) {
        return run(now, [&](step& s) { return log.decide(s, cost, e); });
    }
    bool submit(weir::waiter& w, weir::instant now) {
        return run(now, [&](step& s) { return log.submit(s, w); });
    }
    bool cancel(weir::waiter& w, weir::instant now) {
        return run(now, [&](step& s) { return log.cancel(s, w); });
    }
    void serve(weir::instant now) {
        run(now, [&](step& s) {
            log.serve_due(s, nullptr);
            return 0;
        });
    }
    bool hold(weir::instant until, weir::instant now) {
        return run(now, [&](step& s) { return log.hold(s, until); });
    }
    bool open_gate(weir::instant now) {
        return run(now, [&](step& s) { return log.open_gate(s); });
    }
    void set_rules(const weir::policy& p, weir::instant now) {
        run(now, [&](step& s) {
            log.set_rules(s, weir::key_rules::make(p, {}));
            return 0;
        });
    }
    void tune(weir::multiplier m, weir::instant now) {
        run(now, [&](step& s) {
            log.tune(s, m);
            return 0;
        });
    }
    void settle(weir::entry& e, weir::settlement how, weir::instant now) {
        run(now, [&](step& s) {
            log.settle(s, e, how);
            return 0;
        });
    }
    /// Gives a slot back, and serves this key if it is its turn; says whether it was.
    bool free_slot(weir::instant now) {
        if (!ceiling.give_back())
            return false;
        weir::ceiling_waiter* next = ceiling.next_turn();
        if (next == nullptr)
            return false;
        run(now, [&](step& s) {
            log.serve_turn(s);
            log.finish(s);
            ceiling.end_turn(*next, core.lacks_slot);
            return 0;
        });
        return true;
    }
    weir::key_snapshot read(weir::instant now) {
        return run(now, [&](step& s) { return log.read(s); });
    }
    [[nodiscard]] weir::instant next_due() { return log.next_due(); }

    Store store;
    weir::inflight_ceiling ceiling;
    weir::key_core core;
    weir::key_limiter<Store> log;
    bool has_freed = false;
};

}  // namespace weir_test
