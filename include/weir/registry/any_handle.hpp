// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/any_permit.hpp"
#include "weir/registry/any_ticket.hpp"
#include "weir/registry/async_acquire.hpp"
#include "weir/registry/detail/in_place.hpp"
#include "weir/registry/handle.hpp"
#include "weir/registry/key_report.hpp"

#include "weir/core/decision.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/acquire_options.hpp"

#include <new>
#include <stop_token>
#include <string_view>
#include <utility>

namespace weir {

namespace detail {

struct handle_model {
    handle_model() = default;
    handle_model(const handle_model&) = delete;
    handle_model& operator=(const handle_model&) = delete;
    virtual ~handle_model() = default;
    [[nodiscard]] virtual any_permit acquire(const acquire_options& a) = 0;
    [[nodiscard]] virtual any_admission wait_acquire(const acquire_options& a) = 0;
    [[nodiscard]] virtual any_admission try_acquire(const acquire_options& a) = 0;
    [[nodiscard]] virtual decision admit(const acquire_options& a) = 0;
    virtual bool submit(any_ticket& t, const acquire_options& a) = 0;
    [[nodiscard]] virtual decision peek(const acquire_options& a) = 0;
    virtual bool hold_until(instant until) = 0;
    virtual bool open_gate() = 0;
    virtual void tune(multiplier m) = 0;
    [[nodiscard]] virtual key_report inspect() = 0;
    [[nodiscard]] virtual std::string_view host() const noexcept = 0;
    [[nodiscard]] virtual std::string_view role() const noexcept = 0;
    [[nodiscard]] virtual handle_model* move_to(void* where) noexcept = 0;
};

template <class Engine>
struct handle_of final : handle_model {
    explicit handle_of(handle<Engine>&& h) noexcept : held(std::move(h)) {}
    [[nodiscard]] any_permit acquire(const acquire_options& a) override { return held.acquire(a); }
    [[nodiscard]] any_admission wait_acquire(const acquire_options& a) override { return held.wait_acquire(a); }
    [[nodiscard]] any_admission try_acquire(const acquire_options& a) override { return held.try_acquire(a); }
    [[nodiscard]] decision admit(const acquire_options& a) override { return held.admit(a); }
    bool submit(any_ticket& t, const acquire_options& a) override {
        using native = typename handle<Engine>::ticket;
        return t.submit_as<native>([&](native& n) { return held.submit(n, a); });
    }
    [[nodiscard]] decision peek(const acquire_options& a) override { return held.peek(a); }
    bool hold_until(instant until) override { return held.hold_until(until); }
    bool open_gate() override { return held.open_gate(); }
    void tune(multiplier m) override { held.tune(m); }
    [[nodiscard]] key_report inspect() override { return held.inspect(); }
    [[nodiscard]] std::string_view host() const noexcept override { return held.host(); }
    [[nodiscard]] std::string_view role() const noexcept override { return held.role(); }
    [[nodiscard]] handle_model* move_to(void* where) noexcept override {
        return ::new (where) handle_of{std::move(held)};
    }

    handle<Engine> held;
};

}  // namespace detail

/// One key, found once, of any registry: the handle of `weir::limits`. Its verbs are those of `handle`.
///
/// **Preconditions.** A default-constructed handle has no key: only `operator bool` may be called. **Thread safety.**
/// Several threads may use one handle. **Lifetime.** The registry must outlive it. The key is not forgotten while the
/// handle exists. **Complexity.** No allocation; a virtual call a verb.
class any_handle {
public:
    using permit = any_permit;
    using admission = any_admission;
    using ticket = any_ticket;

    any_handle() = default;
    template <class Engine>
    any_handle(handle<Engine>&& h) noexcept {
        if (h)
            impl_.template emplace<detail::handle_of<Engine>>(std::move(h));
    }

    // ---- the main verb: as in `limits`

    [[nodiscard]] permit acquire(const acquire_options& a = {}) { return impl_->acquire(a); }
    [[nodiscard]] admission wait_acquire(const acquire_options& a = {}) { return impl_->wait_acquire(a); }
    [[nodiscard]] admission try_acquire(const acquire_options& a = {}) { return impl_->try_acquire(a); }
    /// Decides at once about units without a permit: they count from now on, and take no in-flight slot.
    [[nodiscard]] decision admit(const acquire_options& a = {}) { return impl_->admit(a); }

    // ---- waits that do not block

    bool submit(ticket& t, const acquire_options& a = {}) { return impl_->submit(t, a); }
    /// **Lifetime.** The handle outlives the await.
    [[nodiscard]] acquisition<any_handle&> async_acquire(const async_options& o = {}, std::stop_token stop = {},
                                                         resumer resume = {}) {
        return {*this, o, std::move(stop), std::move(resume)};
    }

    // ---- changes

    /// Admits nothing before `until`. Returns whether the gate moved; it only moves forward.
    bool hold_until(instant until) { return impl_->hold_until(until); }
    /// Opens the key's gate by hand; its history stays. False if the store cannot do that, or failed. Other processes
    /// see it a second later at most, as `weir::handle::open_gate` says.
    bool open_gate() { return impl_->open_gate(); }
    /// Scales the key's rates by `m`. It takes effect at once, also for history.
    void tune(multiplier m) { impl_->tune(m); }

    // ---- queries

    /// What `try_acquire` would decide now. Nothing changes.
    [[nodiscard]] decision peek(const acquire_options& a = {}) { return impl_->peek(a); }
    [[nodiscard]] key_report inspect() { return impl_->inspect(); }
    [[nodiscard]] std::string_view host() const noexcept { return impl_->host(); }
    [[nodiscard]] std::string_view role() const noexcept { return impl_->role(); }
    /// Whether it has a key.
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(impl_); }

private:
    // Handles of all registries have the same size: two pointers.
    detail::in_place<detail::handle_model, 3 * sizeof(void*)> impl_;
};

}  // namespace weir
