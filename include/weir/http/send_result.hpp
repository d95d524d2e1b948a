// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/message.hpp"

#include "weir/core/time.hpp"

#include <cassert>
#include <exception>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

namespace weir::http {

/// Why a request got no response, as a value.
struct send_failure {
    /// A `transport_errc`, or an `errc`: `refused` or `cancelled` if there was no permit, `bad_url`, `unknown_role`.
    std::error_code code{};
    /// What the exception would have said.
    std::string message{};
    /// Whether the server may have received the request. Then it counts.
    bool sent = false;
    /// After a refusal: the shortest time at which it could have been admitted.
    std::optional<duration> retry_after{};
    /// The exception itself, for `send_result::value`.
    std::exception_ptr thrown{};
};

/// A response, or the reason why there is none.
///
/// **Preconditions.** `*` and `->` need a response, `error()` needs a failure. `value()` throws what `send` would have
/// thrown if there is no response.
class [[nodiscard]] send_result {
public:
    send_result(response r) : state_(std::move(r)) {}
    send_result(send_failure f) : state_(std::move(f)) {}

    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }

    [[nodiscard]] response& operator*() & { return *get(); }
    [[nodiscard]] const response& operator*() const& { return *const_cast<send_result*>(this)->get(); }
    [[nodiscard]] response&& operator*() && { return std::move(*get()); }
    [[nodiscard]] response* operator->() { return get(); }
    [[nodiscard]] const response* operator->() const { return const_cast<send_result*>(this)->get(); }
    [[nodiscard]] response& value() & {
        if (!has_value())
            std::rethrow_exception(error().thrown);
        return *get();
    }
    [[nodiscard]] response&& value() && { return std::move(value()); }
    [[nodiscard]] const send_failure& error() const {
        assert(!has_value());
        return *std::get_if<send_failure>(&state_);
    }

private:
    [[nodiscard]] response* get() {
        assert(has_value());
        return std::get_if<response>(&state_);
    }
    std::variant<response, send_failure> state_;
};

}  // namespace weir::http
