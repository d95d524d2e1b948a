// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/permit.hpp"

#include "weir/core/decision.hpp"
#include "weir/core/time.hpp"
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

/// A wait that no thread sleeps behind: for event loops, coroutines and virtual time. `registry::submit` starts it,
/// `registry::poll` serves it.
///
/// **Thread safety.** `done` and `cancel` from any thread; the rest once it is done. **Lifetime.** Neither moved nor
/// copied; the registry must outlive it. Destroying it gives the wait up.
template <class Engine>
class ticket final : public waiter {
public:
    /// `on_done` is called once with the answer, on whichever thread made it, with no lock held. It must not
    /// throw; it may destroy the ticket.
    explicit ticket(std::function<void(ticket&)> on_done = {}) : on_done_(std::move(on_done)) {}
    ~ticket() override {
        stop_.reset();
        cancel();
        if (teller_ == std::this_thread::get_id())
            *gone_ = true;  // in its own callback
        // Settled by another thread that is still telling: it is about to end.
        else
            while (state_.load(std::memory_order_acquire) == state::waiting ||
                   state_.load(std::memory_order_acquire) == state::done)
                std::this_thread::yield();
        if (node_ == nullptr)
            return;
        if (verdict.granted() && !taken_)
            take().refund();  // nobody used it
        engine_->unpin(*node_);
    }

    /// Whether the answer is known.
    [[nodiscard]] bool done() const noexcept { return state_.load(std::memory_order_acquire) >= state::done; }
    /// The answer. **Preconditions.** It is done.
    [[nodiscard]] const decision& why() const noexcept {
        assert(done());
        return verdict;
    }
    /// The permit, once. **Preconditions.** It is done and was granted.
    [[nodiscard]] weir::permit<Engine> take() noexcept {
        assert(done() && verdict.granted() && !taken_);
        taken_ = true;
        engine_->pin(*node_);
        weir::permit<Engine> out;
        out.entry_ = admitted;
        out.stand_for(*engine_, *node_);
        return out;
    }
    /// The answer, with the permit in it where it was granted. **Preconditions.** As `take`.
    [[nodiscard]] weir::admission<Engine> answer() noexcept {
        weir::admission<Engine> out;
        out.why_ = why();
        if (verdict.granted())
            out.permit_ = take();
        return out;
    }
    /// Gives the wait up, losing no capacity; false when it was already over.
    bool cancel() { return state_ == state::waiting && engine_->cancel(*this, Engine::read_clock); }
    bool cancel(instant now) { return state_ == state::waiting && engine_->cancel(*this, now); }

private:
    friend Engine;
    enum class state : std::uint8_t { idle, waiting, done, told };

    void settled() noexcept override {
        engine_->tell_.decided(*node_, cost, verdict, arrived, max_delay_);
        bool gone = false;
        gone_ = &gone;
        if (on_done_)
            teller_ = std::this_thread::get_id();
        const auto tell = std::move(on_done_);
        state_.store(state::done, std::memory_order_release);
        if (tell)
            tell(*this);
        if (gone)
            return;
        teller_ = std::thread::id{};
        // Release pairs with the acquire in the destructor: the callback has ended.
        state_.store(state::told, std::memory_order_release);
    }

    struct canceller {
        ticket* of;
        void operator()() const { of->cancel(); }
    };
    void stop_when(const std::stop_token& stop) { stop_.emplace(stop, canceller{this}); }

    std::function<void(ticket&)> on_done_;
    std::optional<std::stop_callback<canceller>> stop_;
    std::atomic<std::thread::id> teller_{};
    bool* gone_ = nullptr;
    Engine* engine_ = nullptr;
    typename Engine::node* node_ = nullptr;  // pinned until this is destroyed: cancel() may come at any time
    duration max_delay_{};
    bool taken_ = false;
    std::atomic<state> state_{state::idle};
};

}  // namespace weir
