// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/headers.hpp"
#include "weir/http/transfer_info.hpp"

#include <string_view>

namespace weir::http {

/// Takes a response, piece by piece, from a transport. A decorator puts its own receiver on the stack, which passes
/// each call on to the next one: derive it from `forwarding_receiver`.
///
/// An exception from a member stops the transfer, and `send` throws it on.
class receiver {
public:
    receiver() = default;
    receiver(const receiver&) = delete;
    receiver& operator=(const receiver&) = delete;
    virtual ~receiver() = default;

    /// Called before a transport sends the same request once more by itself, for example because a kept connection
    /// turned out to be closed. Returns whether it may. If not, `send` fails with `transport_errc::lost`.
    ///
    /// The server may have received the request before. So it counts twice: `limited` takes another permit here, and
    /// waits for it. The default is no, because without a limiter nothing else counts the repeat.
    [[nodiscard]] virtual bool again() { return false; }
    /// Called before `head` if another URL than the request's own answered, after a redirect.
    virtual void located(std::string_view url) { static_cast<void>(url); }
    /// Called for each interim (1xx) response, before `head`.
    virtual void interim(int status, const headers& fields) {
        static_cast<void>(status);
        static_cast<void>(fields);
    }
    /// Called once, when the final status and its header fields have arrived. It is not called for an interim (1xx)
    /// response, nor for a proxy's response.
    virtual void head(int status, const headers& fields) = 0;
    /// Called for each piece of the body, in order, and never before `head`. False stops the transfer; that is no
    /// error.
    [[nodiscard]] virtual bool body(std::string_view bytes) = 0;
    /// Called after the body if fields follow it.
    virtual void trailers(const headers& fields) { static_cast<void>(fields); }
    /// Called at the end of a transfer, also of one that failed, by transports that know how it went. After it nothing
    /// is called.
    virtual void finished(const transfer_info& info) { static_cast<void>(info); }
};

/// A receiver that passes every call on to another one. A decorator overrides what it wants to see, and calls the
/// member of this class in it.
///
/// **Lifetime.** The other receiver must outlive it.
class forwarding_receiver : public receiver {
public:
    explicit forwarding_receiver(receiver& to) noexcept : to_(to) {}

    [[nodiscard]] bool again() override { return to_.again(); }
    void located(std::string_view url) override { to_.located(url); }
    void interim(int status, const headers& fields) override { to_.interim(status, fields); }
    void head(int status, const headers& fields) override { to_.head(status, fields); }
    [[nodiscard]] bool body(std::string_view bytes) override { return to_.body(bytes); }
    void trailers(const headers& fields) override { to_.trailers(fields); }
    void finished(const transfer_info& info) override { to_.finished(info); }

private:
    receiver& to_;
};

}  // namespace weir::http
