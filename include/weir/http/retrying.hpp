// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/detail/attempt_receiver.hpp"
#include "weir/http/detail/retry_run.hpp"
#include "weir/http/detail/url_text.hpp"
#include "weir/http/message.hpp"
#include "weir/http/receiver.hpp"
#include "weir/http/retry_options.hpp"
#include "weir/http/transport.hpp"
#include "weir/http/transport_error.hpp"
#include "weir/http/url.hpp"

#include "weir/core/error.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/refused.hpp"
#include "weir/limiter/retry_budget.hpp"

#include <concepts>
#include <exception>
#include <memory>
#include <stop_token>
#include <string_view>
#include <type_traits>
#include <utility>

namespace weir::http {

/// What `retrying` needs of a registry; `weir::registry` and `weir::limits` are such.
template <class L>
concept retry_limits = requires(L& l, std::string_view text, const retry_share& share, bool yes, duration span,
                                const std::stop_token& stop) {
    // The budget follows from the first attempts.
    l.count_first(text, text, yes);
    // One atomic step over all processes: else each of them would take the same unit.
    { l.take_retry(text, text, share, yes) } -> std::same_as<retry_grant>;
    // The pause is the limiter's, so that a stop ends it and the shared store gets its signs of life.
    { l.wait_for(span, stop) } -> std::same_as<bool>;
};

/// A transport that sends a failed request again. Put it above `limited`, with the same registry.
///
/// ```
/// auto http = weir::http::retrying(weir::http::limited(weir::curl::transport{}, limits), limits);
/// ```
///
/// **Effects.** A response or failure that is worth another attempt (`retry_options`) is not passed on, if the request
/// may be repeated (`may_repeat`) or was not sent, if there is time before its deadline, and if the key has a retry
/// left: see `retry_budget`. Each attempt gets a permit like any other request, so none leaves before the gate. The
/// receiver gets the head of the last attempt only. A body that breaks off after its head is not repaired: see
/// `resuming`. If the next attempt gets no permit in time, the failed response is the response, or the failure before
/// is thrown. `transfer_info::attempts` counts the attempts of all. `deadline` is for all attempts together,
/// `max_delay` and `timeout` for each.
/// **Errors.** What the transport throws; `transport_error` with `cancelled` if a stop ends the pause.
/// **Thread safety.** The transport's. **Lifetime.** The registry must outlive it; a transport given as an lvalue too.
template <class Transport, retry_limits Limits>
    requires transport<std::remove_reference_t<Transport>>
class retrying : public collecting<retrying<Transport, Limits>> {
public:
    retrying(Transport&& inner, Limits& limits, retry_options options = {})
        : inner_(std::forward<Transport>(inner)), limits_(&limits), options_(std::move(options)) {}

    using collecting<retrying>::send;
    void send(const request& what, receiver& to) {
        detail::url_parts parts;
        if (detail::split_url(what.url, parts) != detail::url_fault::none) [[unlikely]]
            throw exception(budget_host(what.url).error());
        run all{*limits_, options_, *counts_, what, parts.host};
        detail::attempt_receiver<run> got{to, all, options_.max_held_body};
        std::exception_ptr failure;
        for (;;) {
            try {
                inner_.send(what, got);
                if (!got.holds())
                    return;
                failure = nullptr;
            } catch (const transport_error& e) {
                if (all.attempt() > 1 && !e.sent() && e.reason() == transport_errc::timeout &&
                    end_with_last(got, failure))
                    return;
                if (got.is_passed_on() || (!got.holds() && !all.repeats(e))) {
                    got.pass_end();
                    throw;
                }
                got.drop();  // what is held of a response is not all of it
                failure = std::current_exception();
            } catch (const refused& e) {
                if (all.attempt() > 1 && e.code() != errc::cancelled && end_with_last(got, failure))
                    return;
                throw;
            }
            if (!all.pause())
                throw transport_error{transport_errc::cancelled, what.method, what.url, "before it was sent again",
                                      true};
            got.begin_next();
        }
    }

    [[nodiscard]] retry_counts counts() const noexcept { return counts_->read(); }
    [[nodiscard]] std::remove_reference_t<Transport>& inner() noexcept { return inner_; }

private:
    using run = detail::retry_run<Limits>;

    /// The next attempt did not leave in time: the last one is the result. False if there is nothing left of it.
    [[nodiscard]] static bool end_with_last(detail::attempt_receiver<run>& got, const std::exception_ptr& failure) {
        if (failure) {
            got.pass_end();
            std::rethrow_exception(failure);
        }
        return got.pass_held();
    }

    Transport inner_;
    Limits* limits_;
    retry_options options_;
    std::unique_ptr<detail::retry_counters> counts_ = std::make_unique<detail::retry_counters>();
};

template <class Transport, class Limits>
retrying(Transport&&, Limits&) -> retrying<Transport, Limits>;
template <class Transport, class Limits>
retrying(Transport&&, Limits&, retry_options) -> retrying<Transport, Limits>;

}  // namespace weir::http
