// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/detail/in_place.hpp"
#include "weir/registry/permit.hpp"

#include "weir/core/decision.hpp"
#include "weir/observe/feedback.hpp"
#include "weir/storage/store.hpp"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace weir {

namespace detail {

struct permit_model {
    permit_model() = default;
    permit_model(const permit_model&) = delete;
    permit_model& operator=(const permit_model&) = delete;
    virtual ~permit_model() = default;
    virtual void arrived(const feedback& said) noexcept = 0;
    virtual void refund() noexcept = 0;
    virtual void adjust_cost(std::int64_t actual) = 0;
    /// Moves its content to a new object at `where`.
    [[nodiscard]] virtual permit_model* move_to(void* where) noexcept = 0;
};

template <class Engine>
struct permit_of final : permit_model {
    explicit permit_of(permit<Engine>&& p) noexcept : held(std::move(p)) {}
    void arrived(const feedback& said) noexcept override { held.arrived(said); }
    void refund() noexcept override { held.refund(); }
    void adjust_cost(std::int64_t actual) override { held.adjust_cost(actual); }
    [[nodiscard]] permit_model* move_to(void* where) noexcept override {
        return ::new (where) permit_of{std::move(held)};
    }

    permit<Engine> held;
};

}  // namespace detail

/// One admitted request of any registry: the permit of `weir::limits`, for signatures and members that must not depend
/// on a store. Any registry's permit converts to it.
///
/// **Thread safety.** One permit belongs to one thread at a time; different permits are independent. **Lifetime.** The
/// registry must outlive it. **Exception safety.** Nothing here throws. **Complexity.** No allocation; a virtual call a
/// verb.
class [[nodiscard]] any_permit {
public:
    any_permit() = default;
    template <class Engine>
    any_permit(permit<Engine>&& p) noexcept {
        if (p)
            impl_.template emplace<detail::permit_of<Engine>>(std::move(p));
    }

    // ---- the end of the request: as in `permit`

    void arrived() noexcept { arrived(feedback{}); }
    void arrived(const feedback& said) noexcept {
        if (impl_)
            impl_->arrived(said);
    }
    void adjust_cost(std::int64_t actual) {
        if (impl_)
            impl_->adjust_cost(actual);
    }
    void release() noexcept { impl_.reset(); }
    void refund() noexcept {
        if (impl_)
            impl_->refund();
        impl_.reset();
    }

    /// Whether it still has a request.
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(impl_); }

private:
    // Permits of all registries have the same size: they differ only in the types that two pointers refer to.
    static constexpr std::size_t size = 4 * sizeof(void*) + sizeof(entry);
    detail::in_place<detail::permit_model, size, alignof(entry)> impl_;
};

/// The answer to a request for admission, of any registry: a permit, or the decision that says why there is none.
class [[nodiscard]] any_admission {
public:
    template <class Engine>
    any_admission(admission<Engine>&& a) noexcept
        : decision_(a.decision()), permit_(a ? std::move(a).take() : weir::permit<Engine>{}) {}

    [[nodiscard]] explicit operator bool() const noexcept { return decision_.granted(); }
    [[nodiscard]] const weir::decision& decision() const noexcept { return decision_; }

    /// Returns the permit. **Preconditions.** It was granted, and not taken before.
    [[nodiscard]] any_permit take() && noexcept {
        assert(decision_.granted());
        return std::move(permit_);
    }
    /// The permit, without taking it. **Preconditions.** It was granted.
    [[nodiscard]] any_permit& permit() noexcept { return permit_; }

private:
    weir::decision decision_;
    any_permit permit_;
};

}  // namespace weir
