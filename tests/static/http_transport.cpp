// SPDX-License-Identifier: MIT
#include "weir/http/transport.hpp"

#include "weir/http/limited.hpp"
#include "weir/http/redirecting.hpp"

#include "weir/registry/registry.hpp"

#include <functional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace {

using weir::http::receiver;
using weir::http::request;
using weir::http::response;
using weir::http::transport;

// Models.
struct plain {
    void send(const request&, receiver&);
};
struct constant {
    void send(const request&, receiver&) const;
};
struct by_value {
    void send(request, receiver&);
};
static_assert(transport<plain>);
static_assert(transport<const constant>);
static_assert(transport<by_value>);
static_assert(transport<plain&>);

// Non-models.
struct nothing {};
struct pulls {
    response send(const request&);
};
struct returns {
    response send(const request&, receiver&);
};
struct wants_url {
    void send(std::string_view, receiver&);
};
struct wants_no_receiver {
    void send(const request&);
};
struct changes_request {
    void send(request&, receiver&);
};
static_assert(!transport<nothing>);
static_assert(!transport<pulls>);
static_assert(!transport<returns>);
static_assert(!transport<wants_url>);
static_assert(!transport<wants_no_receiver>);
static_assert(!transport<changes_request>);
static_assert(!transport<const plain>);
static_assert(!transport<std::function<void(const request&, receiver&)>>);

// Decorators are transports, and hold what they were given by value or refer to it.
using registry = weir::registry<>;
using limited = decltype(weir::http::limited(plain{}, std::declval<registry&>()));
using limited_reference = decltype(weir::http::limited(std::declval<plain&>(), std::declval<registry&>()));
static_assert(transport<limited>);
static_assert(transport<limited_reference>);
static_assert(std::is_same_v<limited, weir::http::limited<plain, registry>>);
static_assert(std::is_same_v<limited_reference, weir::http::limited<plain&, registry>>);
static_assert(transport<decltype(weir::http::redirecting(std::declval<limited>()))>);
static_assert(
    std::is_same_v<decltype(weir::http::redirecting(std::declval<limited>())), weir::http::redirecting<limited>>);

// Not every registry-like type can limit.
struct permit_without_refund {
    void arrived(const weir::feedback&);
};
struct cannot_refund {
    using permit = permit_without_refund;
    permit acquire(std::string_view, std::string_view, const weir::acquire_options&);
};
static_assert(weir::http::limiting_registry<registry>);
static_assert(!weir::http::limiting_registry<cannot_refund>);
static_assert(!weir::http::limiting_registry<nothing>);

}  // namespace
