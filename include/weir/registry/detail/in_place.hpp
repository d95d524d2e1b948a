// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <cstddef>
#include <new>
#include <utility>

namespace weir::detail {

/// One object of a class derived from `Model`, or none. It is stored in this object and not on the heap.
///
/// `Model` has a virtual destructor and `Model* move_to(void* where) noexcept`, which moves it to a new object at
/// `where`.
template <class Model, std::size_t Size, std::size_t Alignment = alignof(void*)>
class in_place {
public:
    in_place() = default;
    in_place(in_place&& other) noexcept { take(other); }
    in_place& operator=(in_place&& other) noexcept {
        if (this != &other) {
            reset();
            take(other);
        }
        return *this;
    }
    ~in_place() { reset(); }

    /// **Preconditions.** It is empty.
    template <class T, class... Args>
    void emplace(Args&&... args) {
        static_assert(sizeof(T) <= Size && alignof(T) <= Alignment, "the space is too small for this type");
        impl_ = ::new (static_cast<void*>(space_)) T{std::forward<Args>(args)...};
    }
    void reset() noexcept {
        // Emptied first, so that code called by the destructor finds no object.
        if (impl_ != nullptr)
            std::exchange(impl_, nullptr)->~Model();
    }

    [[nodiscard]] explicit operator bool() const noexcept { return impl_ != nullptr; }
    [[nodiscard]] Model* operator->() const noexcept { return impl_; }

private:
    void take(in_place& other) noexcept {
        if (other.impl_ == nullptr)
            return;
        impl_ = other.impl_->move_to(space_);
        other.reset();
    }

    Model* impl_ = nullptr;
    alignas(Alignment) std::byte space_[Size];
};

}  // namespace weir::detail
