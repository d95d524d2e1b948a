// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/error.hpp"

#include <cassert>
#include <optional>
#include <utility>
#include <variant>

namespace weir {

/// A value, or the error that says why there is none.
///
/// **Preconditions.** `*` and `->` need a value; `error()` needs an error. `value()` throws `weir::exception` if there
/// is no value.
template <class T>
class [[nodiscard]] result {
public:
    result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    result(weir::error e) : state_(std::in_place_index<1>, std::move(e)) {}

    [[nodiscard]] explicit operator bool() const noexcept { return state_.index() == 0; }
    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }

    [[nodiscard]] T& operator*() & { return *get(); }
    [[nodiscard]] const T& operator*() const& { return *const_cast<result*>(this)->get(); }
    [[nodiscard]] T&& operator*() && { return std::move(*get()); }
    [[nodiscard]] T* operator->() { return get(); }
    [[nodiscard]] const T* operator->() const { return const_cast<result*>(this)->get(); }

    [[nodiscard]] T& value() & { return throw_unless_value(), *get(); }
    [[nodiscard]] const T& value() const& { return throw_unless_value(), **this; }
    [[nodiscard]] T&& value() && { return throw_unless_value(), std::move(*get()); }

    [[nodiscard]] const weir::error& error() const {
        assert(!has_value());
        return *std::get_if<1>(&state_);
    }

private:
    T* get() {
        assert(has_value());
        return std::get_if<0>(&state_);
    }
    void throw_unless_value() const {
        if (!has_value())
            throw exception(error());
    }

    std::variant<T, weir::error> state_;
};

/// Success, or the error that says why not.
template <>
class [[nodiscard]] result<void> {
public:
    result() = default;
    result(weir::error e) : error_(std::move(e)) {}

    [[nodiscard]] explicit operator bool() const noexcept { return !error_; }
    [[nodiscard]] bool has_value() const noexcept { return !error_; }
    /// Throws `weir::exception` if there is an error.
    void value() const {
        if (error_)
            throw exception(*error_);
    }
    [[nodiscard]] const weir::error& error() const {
        assert(error_);
        return *error_;
    }

private:
    std::optional<weir::error> error_;
};

}  // namespace weir
