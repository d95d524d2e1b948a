// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/headers.hpp"
#include "weir/http/message.hpp"
#include "weir/http/receiver.hpp"
#include "weir/http/send_result.hpp"
#include "weir/http/transport_error.hpp"

#include "weir/core/error.hpp"
#include "weir/limiter/refused.hpp"

#include <concepts>
#include <cstddef>
#include <exception>
#include <string_view>
#include <utility>

namespace weir::http {

/// Something that can carry out a request.
template <class T>
concept transport = requires(T& t, const request& what, receiver& to) {
    // `send` returns at the end of the body, because the in-flight slot is freed then. It throws `transport_error` if
    // it fails.
    { t.send(what, to) } -> std::same_as<void>;
};

/// The greatest body, in bytes, that is collected if the caller gives no other limit.
inline constexpr std::size_t default_body_limit = std::size_t{64} << 20U;

namespace detail {
class collector final : public receiver {
public:
    collector(const request& what, std::size_t max) : what_(what), max_(max) { out.url = what.url; }

    void located(std::string_view url) override { out.url = url; }
    void head(int status, const headers& fields) override {
        out.status = status;
        out.headers = fields;
    }
    bool body(std::string_view bytes) override {
        if (bytes.size() > max_ - out.body.size())
            throw transport_error{transport_errc::body_too_large, what_.method, what_.url,
                                  "pass a receiver, or a higher limit to send", true};
        out.body.append(bytes);
        return true;
    }
    void trailers(const headers& fields) override { out.trailers = fields; }
    void finished(const transfer_info& info) override { out.info = info; }

    response out;

private:
    const request& what_;
    std::size_t max_;
};
}  // namespace detail

/// Sends and collects the body, up to `max` bytes.
///
/// **Errors.** What the transport throws; `transport_error` with `transport_errc::body_too_large`.
template <transport Transport>
[[nodiscard]] response fetch(Transport& through, const request& what, std::size_t max = default_body_limit) {
    detail::collector to{what, max};
    through.send(what, to);
    return std::move(to.out);
}

/// As `fetch`, but a failure is a value: no permit, no connection, no answer.
///
/// **Errors.** Throws only what is none of these, such as `std::bad_alloc`.
template <transport Transport>
[[nodiscard]] send_result try_fetch(Transport& through, const request& what, std::size_t max = default_body_limit) {
    try {
        return fetch(through, what, max);
    } catch (const transport_error& e) {
        return send_failure{e.code(), e.what(), e.sent(), {}, std::current_exception()};
    } catch (const refused& e) {
        return send_failure{e.code(), e.what(), false, e.retry_after(), std::current_exception()};
    } catch (const exception& e) {
        return send_failure{e.code(), e.what(), false, {}, std::current_exception()};
    }
}

/// Adds `send(request)`, which collects the body, and `try_send` to a transport. Derive from it and write `using
/// collecting<Derived>::send;`.
template <class Derived>
class collecting {
public:
    /// As `fetch`.
    response send(const request& what, std::size_t max = default_body_limit) {
        return fetch(static_cast<Derived&>(*this), what, max);
    }
    /// As `try_fetch`.
    [[nodiscard]] send_result try_send(const request& what, std::size_t max = default_body_limit) {
        return try_fetch(static_cast<Derived&>(*this), what, max);
    }
};

}  // namespace weir::http
