// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/detail/resume_receiver.hpp"
#include "weir/http/message.hpp"
#include "weir/http/receiver.hpp"
#include "weir/http/retrying.hpp"
#include "weir/http/transport.hpp"
#include "weir/http/transport_error.hpp"
#include "weir/http/url.hpp"

#include "weir/core/error.hpp"
#include "weir/limiter/refused.hpp"
#include "weir/limiter/retry_budget.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace weir::http {

/// How far `resuming` goes.
struct resume_options {
    /// The greatest number of requests for the rest of one response; 0 = none.
    int max_resumes = 5;
    /// The budget that they are taken from: see `retry_options::share`.
    retry_share share{};
};

/// A transport that requests the rest of a body that broke off. Put it above `retrying`, so that the request for the
/// rest is retried too, with the same registry.
///
/// ```
/// auto http = weir::http::resuming(weir::http::retrying(std::move(limited), limits), limits);
/// ```
///
/// **Effects.** If a response to GET breaks off and has a strong `ETag`, it sends the request again with `Range` and
/// `If-Range`. The receiver gets one head and one body. A server that sends the whole body again is read up to the byte
/// that is missing. A response that is no part of the first one is discarded. Each request for the rest gets a permit
/// like any other, takes a unit of the key's retry budget, and is made only if the one before brought a byte. A body
/// with `Content-Encoding`, and a request with a `Range` of its own, are not resumed. `transfer_info::attempts` counts
/// all requests.
/// **Errors.** What the transport throws: the first failure, if the rest could not be had. `transport_error` with
/// `lost` if a body ends early without a failure of the transport.
/// **Thread safety.** The transport's. **Lifetime.** The registry must outlive it; a transport given as an lvalue too.
template <class Transport, retry_limits Limits>
    requires transport<std::remove_reference_t<Transport>>
class resuming : public collecting<resuming<Transport, Limits>> {
public:
    resuming(Transport&& inner, Limits& limits, resume_options options = {})
        : inner_(std::forward<Transport>(inner)), limits_(&limits), options_(options) {}

    using collecting<resuming>::send;
    void send(const request& what, receiver& to) {
        detail::resume_receiver got{what, to};
        std::exception_ptr failure;
        if (try_part(what, what, got, failure))
            return got.pass_end();
        request rest = what;
        for (int resumes = 0; resumes < options_.max_resumes && got.can_resume() && has_unit(what); ++resumes) {
            const std::uint64_t before = got.position();
            rest.resume_from = before;
            rest.headers.set("If-Range", got.validator());
            std::exception_ptr next_failure;
            try {
                if (try_part(what, rest, got, next_failure))
                    return got.pass_end();
            } catch (const refused&) {
                break;
            }
            if (got.position() == before)
                break;
            failure = next_failure;
        }
        got.pass_end();
        std::rethrow_exception(failure);
    }

    [[nodiscard]] std::remove_reference_t<Transport>& inner() noexcept { return inner_; }

private:
    /// Whether the response is complete. If not, `failure` is why.
    [[nodiscard]] bool try_part(const request& what, const request& part, detail::resume_receiver& got,
                                std::exception_ptr& failure) {
        try {
            inner_.send(part, got);
            if (got.is_complete())
                return true;
            const std::string_view why = got.fits() ? "" : ": the server sent something else for the rest";
            failure = std::make_exception_ptr(transport_error{
                transport_errc::lost, what.method, what.url,
                fmt::format("the body ended after {} of {} bytes{}", got.position(), got.total().value_or(0), why),
                true});
        } catch (const transport_error& e) {
            const bool is_worth = e.reason() == transport_errc::lost || e.reason() == transport_errc::timeout ||
                                  e.reason() == transport_errc::other || !e.sent();
            if (!got.can_resume() || !is_worth) {
                got.pass_end();
                throw;
            }
            failure = std::current_exception();
        }
        return false;
    }
    [[nodiscard]] bool has_unit(const request& what) {
        if (what.stop.stop_requested() || is_too_late(what))
            return false;
        const auto host = budget_host(what.url);
        return host && limits_->take_retry(*host, what.role, options_.share, false) != retry_grant::none;
    }

    Transport inner_;
    Limits* limits_;
    resume_options options_;
};

template <class Transport, class Limits>
resuming(Transport&&, Limits&) -> resuming<Transport, Limits>;
template <class Transport, class Limits>
resuming(Transport&&, Limits&, resume_options) -> resuming<Transport, Limits>;

}  // namespace weir::http
