// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/headers.hpp"
#include "weir/http/message.hpp"
#include "weir/http/transport_error.hpp"

#include <concepts>
#include <cstddef>
#include <string_view>
#include <utility>

namespace weir::http {

/// What a transport pushes a response into. A decorator is one on the stack that passes on to the next.
///
/// What a member throws leaves `send` unchanged, after the transfer was stopped.
class receiver {
public:
    receiver() = default;
    receiver(const receiver&) = delete;
    receiver& operator=(const receiver&) = delete;
    virtual ~receiver() = default;

    /// Called before `head` when it was not the request's own URL that answered.
    virtual void located(std::string_view url) { static_cast<void>(url); }
    /// Called once, when the final status and its header fields are in; never for an interim (1xx) response or a
    /// proxy's.
    virtual void head(int status, const headers& fields) = 0;
    /// Called for each piece of the body, in order; false stops the transfer, which is no error.
    [[nodiscard]] virtual bool body(std::string_view bytes) = 0;
};

/// Something that can carry out a request.
template <class T>
concept transport = requires(T& t, const request& what, receiver& to) {
    // Returning is the end of the body: only then may a place in flight be given back. Failure is a `transport_error`.
    { t.send(what, to) } -> std::same_as<void>;
};

/// The most bytes of a body that are collected unless the caller says otherwise.
inline constexpr std::size_t default_body_limit = std::size_t{64} << 20U;

namespace detail {
class collector final : public receiver {
public:
    collector(const request& what, std::size_t most) : what_(what), most_(most) { out.url = what.url; }

    void located(std::string_view url) override { out.url = url; }
    void head(int status, const headers& fields) override {
        out.status = status;
        out.headers = fields;
    }
    bool body(std::string_view bytes) override {
        if (bytes.size() > most_ - out.body.size())
            throw transport_error{transport_errc::body_too_large, what_.method, what_.url,
                                  "pass a receiver, or a higher limit to send", true};
        out.body.append(bytes);
        return true;
    }

    response out;

private:
    const request& what_;
    std::size_t most_;
};
}  // namespace detail

/// Sends and collects the body, up to `most` bytes.
///
/// **Errors.** What the transport throws; `transport_error` with `transport_errc::body_too_large`.
template <transport Transport>
[[nodiscard]] response fetch(Transport& through, const request& what, std::size_t most = default_body_limit) {
    detail::collector to{what, most};
    through.send(what, to);
    return std::move(to.out);
}

/// Gives a transport `send(request)`, which collects the body: derive from it and say `using
/// collecting<Derived>::send;`.
template <class Derived>
class collecting {
public:
    /// As `fetch`.
    response send(const request& what, std::size_t most = default_body_limit) {
        return fetch(static_cast<Derived&>(*this), what, most);
    }
};

}  // namespace weir::http
