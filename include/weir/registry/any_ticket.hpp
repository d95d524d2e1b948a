// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/any_permit.hpp"
#include "weir/registry/permit.hpp"
#include "weir/registry/ticket.hpp"

#include "weir/core/decision.hpp"

#include <atomic>
#include <cassert>
#include <cstddef>
#include <functional>
#include <new>
#include <utility>

namespace weir {

namespace detail {

struct ticket_model {
    ticket_model() = default;
    ticket_model(const ticket_model&) = delete;
    ticket_model& operator=(const ticket_model&) = delete;
    virtual ~ticket_model() = default;
    [[nodiscard]] virtual bool done() const noexcept = 0;
    [[nodiscard]] virtual const weir::decision& decision() const noexcept = 0;
    [[nodiscard]] virtual any_permit take() noexcept = 0;
    [[nodiscard]] virtual any_admission answer() noexcept = 0;
    virtual bool cancel() = 0;
};

template <class Ticket>
struct ticket_of final : ticket_model {
    template <class OnDone>
    explicit ticket_of(OnDone on_done) : held(std::move(on_done)) {}
    [[nodiscard]] bool done() const noexcept override { return held.done(); }
    [[nodiscard]] const weir::decision& decision() const noexcept override { return held.decision(); }
    [[nodiscard]] any_permit take() noexcept override { return held.take(); }
    [[nodiscard]] any_admission answer() noexcept override { return held.answer(); }
    bool cancel() override { return held.cancel(); }

    Ticket held;
};

/// Replaces any registry's engine where only the size of a ticket matters.
struct some_engine {
    struct node;
};

}  // namespace detail

/// A wait for which no thread sleeps, in any registry: the ticket of `weir::limits`.
///
/// **Thread safety.** `done` and `cancel` from any thread; the other members once it is done. **Lifetime.** It can
/// neither be moved nor copied; the registry must outlive it. Destroying it ends the wait. **Complexity.** Only
/// `on_done` may allocate, for its captures.
class any_ticket {
public:
    /// `on_done` is called once with the answer, on the thread that made it, with no lock held. It must not throw; it
    /// may destroy the ticket.
    explicit any_ticket(std::function<void(any_ticket&)> on_done = {}) : on_done_(std::move(on_done)) {}
    any_ticket(const any_ticket&) = delete;
    any_ticket& operator=(const any_ticket&) = delete;
    ~any_ticket() {
        if (detail::ticket_model* t = held())
            t->~ticket_model();
    }

    /// Whether the answer is known.
    [[nodiscard]] bool done() const noexcept {
        const detail::ticket_model* t = held();
        return t != nullptr && t->done();
    }
    /// The answer. **Preconditions.** It is done.
    [[nodiscard]] const weir::decision& decision() const noexcept {
        assert(done());
        return held()->decision();
    }
    /// The permit; call it once. **Preconditions.** It is done and was granted.
    [[nodiscard]] any_permit take() noexcept {
        assert(done());
        return held()->take();
    }
    /// The answer, and the permit if it was granted; call it once. **Preconditions.** It is done.
    [[nodiscard]] any_admission answer() noexcept {
        assert(done());
        return held()->answer();
    }
    /// Ends the wait. No capacity is lost. False if it was already over.
    bool cancel() {
        detail::ticket_model* t = held();
        return t != nullptr && t->cancel();
    }

    /// Submits it as a ticket of some registry: `submit(ticket)` is called once, and its answer returned. If it throws,
    /// this ticket was not submitted. **Preconditions.** Not submitted before.
    template <class Ticket, class Submit>
    bool submit_as(Submit&& submit) {
        using model = detail::ticket_of<Ticket>;
        static_assert(sizeof(model) <= sizeof space_ && alignof(model) <= alignof(std::max_align_t));
        assert(held() == nullptr);
        auto* made = ::new (static_cast<void*>(space_)) model{[this](Ticket&) { tell(); }};
        // Release pairs with the acquire in `held`: another thread may cancel during the call of `submit`.
        impl_.store(made, std::memory_order_release);
        try {
            return submit(made->held);
        } catch (...) {
            impl_.store(nullptr, std::memory_order_relaxed);
            made->~model();
            throw;
        }
    }

private:
    void tell() {
        const auto on_done = std::move(on_done_);  // its call may destroy this ticket
        if (on_done)
            on_done(*this);
    }
    [[nodiscard]] detail::ticket_model* held() const noexcept { return impl_.load(std::memory_order_acquire); }

    std::function<void(any_ticket&)> on_done_;
    std::atomic<detail::ticket_model*> impl_{nullptr};
    // Tickets of all registries have the same size: they differ only in the types that two pointers refer to.
    alignas(std::max_align_t) std::byte space_[sizeof(void*) + sizeof(ticket<detail::some_engine>)];
};

}  // namespace weir
