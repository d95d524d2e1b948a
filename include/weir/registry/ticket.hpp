// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/permit.hpp"

#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/wait_queue.hpp"
#include "weir/limiter/waiter.hpp"

#include <atomic>
#include <cassert>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

namespace weir {

/// A wait without a thread: for event loops, coroutines and virtual time. `registry::submit` starts it,
/// `registry::poll` serves it.
///
/// **Thread safety.** `done` and `cancel` from any thread; the other members once it is done. **Lifetime.** It can
/// neither be moved nor copied; the registry must outlive it. Destroying it ends the wait. Its own callback may destroy
/// it.
template <class Engine>
class ticket final : public waiter_owner {
public:
    /// `on_done` is called once with the answer, on the thread that made it, with no lock held. It must not throw.
    explicit ticket(std::function<void(ticket&)> on_done = {}) : on_done_(std::move(on_done)) {}
    ticket(const ticket&) = delete;
    ticket& operator=(const ticket&) = delete;
    ~ticket() {
        on_stop_.reset();
        cancel();
        // Only the calling thread uses `destroyed_`.
        if (caller_.load() == std::this_thread::get_id() && destroyed_ != nullptr) {
            *destroyed_ = true;  // its own callback destroys it
        } else {
            // Another thread is completing it and is about to end its call.
            for (stage s = stage_.load(std::memory_order_acquire); s == stage::waiting || s == stage::calling;
                 s = stage_.load(std::memory_order_acquire))
                std::this_thread::yield();
        }
        if (node_ != nullptr) {
            if (wait_.verdict.granted() && !taken_)
                make_permit().refund();
            node_->release();
        }
        reset();
    }

    /// Whether the answer is known.
    [[nodiscard]] bool done() const noexcept { return stage_.load(std::memory_order_acquire) >= stage::calling; }
    /// The answer. **Preconditions.** It is done.
    [[nodiscard]] const weir::decision& decision() const noexcept {
        assert(done());
        return wait_.verdict;
    }
    /// The permit; call it once. **Preconditions.** It is done and was granted.
    [[nodiscard]] weir::permit<Engine> take() noexcept {
        assert(done() && wait_.verdict.granted() && !taken_);
        return make_permit();
    }
    /// The answer, and the permit if it was granted; call it once. **Preconditions.** It is done.
    [[nodiscard]] weir::admission<Engine> answer() noexcept {
        assert(done());
        weir::admission<Engine> out;
        out.decision_ = wait_.verdict;
        if (wait_.verdict.granted())
            out.permit_ = take();
        return out;
    }
    /// Ends the wait. No capacity is lost. False if it was already over.
    bool cancel() noexcept { return cancel_at(Engine::read_clock); }
    bool cancel(instant now) noexcept { return cancel_at(now); }

private:
    friend detail::acquire_step<Engine>;
    enum class stage : std::uint8_t { idle, waiting, calling, called };

    struct canceller {
        ticket* self;
        void operator()() const noexcept {
            // Both are seq_cst: either the submitting thread sees this, or this thread sees the waiting ticket.
            self->is_stopped_.store(true);
            self->cancel();
        }
    };

    /// Prepares the ticket before its key is locked. From now on a stop request has an effect.
    void prepare(Engine& engine, const std::stop_token& stop) {
        engine.wakes().make_room();
        engine_ = &engine;
        if (stop.stop_possible())
            on_stop_.emplace(stop, canceller{this});
    }
    /// **Preconditions.** `n` is locked, and the caller adds a reference for the ticket.
    void begin(typename Engine::node& n, std::int64_t units, duration max_delay, instant now) noexcept {
        wait_.cost = units;
        wait_.arrived = now;
        wait_.deadline = saturating_add(now, max_delay);
        max_delay_ = max_delay;
        node_ = &n;
        wait_queue::begin(wait_);
        stage_.store(stage::waiting);
    }
    void reset() noexcept {
        on_stop_.reset();
        if (engine_ != nullptr)
            std::exchange(engine_, nullptr)->wakes().give_room_back();
        node_ = nullptr;
        stage_.store(stage::idle);
    }

    template <class When>
    bool cancel_at(When when) noexcept {
        return stage_.load() == stage::waiting && engine_->cancel(*node_, wait_, when);
    }
    [[nodiscard]] weir::permit<Engine> make_permit() noexcept {
        taken_ = true;
        node_->refer();
        weir::permit<Engine> out;
        out.entry_ = wait_.admitted;
        out.stand_for(*engine_, *node_);
        return out;
    }

    void completed() noexcept override {
        engine_->events().decided(*node_, wait_.cost, wait_.verdict, wait_.arrived, max_delay_);
        bool destroyed = false;
        destroyed_ = &destroyed;
        caller_.store(std::this_thread::get_id());
        stage_.store(stage::calling, std::memory_order_release);
        if (on_done_) {
            const auto call = std::move(on_done_);  // the call may destroy the ticket, and so this member
            call(*this);
        }
        if (destroyed)
            return;
        destroyed_ = nullptr;
        // Release pairs with the acquire in the destructor: the callback has ended.
        stage_.store(stage::called, std::memory_order_release);
    }

    waiter wait_{*this};
    std::function<void(ticket&)> on_done_;
    Engine* engine_ = nullptr;
    typename Engine::node* node_ = nullptr;  // referenced until the end, because cancel() may come at any time
    duration max_delay_{};
    bool taken_ = false;
    bool* destroyed_ = nullptr;
    std::atomic<std::thread::id> caller_{};
    std::atomic<stage> stage_{stage::idle};
    std::atomic<bool> is_stopped_{false};
    std::optional<std::stop_callback<canceller>> on_stop_;
};

}  // namespace weir
