// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/any_handle.hpp"
#include "weir/registry/any_permit.hpp"
#include "weir/registry/any_ticket.hpp"
#include "weir/registry/key_report.hpp"
#include "weir/registry/registry.hpp"

#include "weir/config/configuration.hpp"
#include "weir/config/resolution.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/result.hpp"
#include "weir/core/time.hpp"
#include "weir/limiter/acquire_options.hpp"
#include "weir/limiter/retry_budget.hpp"
#include "weir/observe/observer.hpp"
#include "weir/storage/holder.hpp"
#include "weir/storage/store.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::detail {

/// Calls a function if there is one; if there is none, `notify` makes no event.
struct event_function {
    std::function<void(const event&)> tell;
    [[nodiscard]] bool is_listening() const noexcept { return static_cast<bool>(tell); }
    void on_event(const event& e) const { tell(e); }
};

/// The verbs that `weir::limits` needs of the registry in it.
struct limits_model {
    limits_model() = default;
    limits_model(const limits_model&) = delete;
    limits_model& operator=(const limits_model&) = delete;
    virtual ~limits_model() = default;

    [[nodiscard]] virtual any_permit acquire(std::string_view host, std::string_view role,
                                             const acquire_options& a) = 0;
    [[nodiscard]] virtual any_admission wait_acquire(std::string_view host, std::string_view role,
                                                     const acquire_options& a) = 0;
    [[nodiscard]] virtual any_admission try_acquire(std::string_view host, std::string_view role,
                                                    const acquire_options& a) = 0;
    [[nodiscard]] virtual any_handle at(std::string_view host, std::string_view role) = 0;

    virtual bool submit(any_ticket& t, std::string_view host, std::string_view role, const acquire_options& a) = 0;
    virtual instant poll() = 0;
    [[nodiscard]] virtual instant next_wake() = 0;
    [[nodiscard]] virtual instant now() const noexcept = 0;

    virtual void count_first(std::string_view host, std::string_view role, bool is_good) = 0;
    [[nodiscard]] virtual retry_grant take_retry(std::string_view host, std::string_view role, const retry_share& share,
                                                 bool was_refused) = 0;
    [[nodiscard]] virtual bool wait_for(duration span, const std::stop_token& stop) = 0;

    [[nodiscard]] virtual result<void> reload(configuration c) = 0;
    [[nodiscard]] virtual result<void> reload(const resolution& r) = 0;
    [[nodiscard]] virtual result<void> set_policy(std::string_view host, std::string_view role, policy p) = 0;
    virtual void erase(std::string_view host, std::string_view role, open_entries what) = 0;
    virtual void renew() noexcept = 0;
    virtual void pause(std::string_view host, std::string_view role) = 0;
    virtual void resume(std::string_view host, std::string_view role) = 0;
    virtual void close() = 0;
    [[nodiscard]] virtual bool drain(duration timeout) = 0;

    [[nodiscard]] virtual decision peek(std::string_view host, std::string_view role, const acquire_options& a) = 0;
    [[nodiscard]] virtual std::optional<key_report> inspect(std::string_view host, std::string_view role) = 0;
    [[nodiscard]] virtual std::vector<key_report> inspect() = 0;
    [[nodiscard]] virtual std::vector<holder_info> holders() = 0;
    [[nodiscard]] virtual std::size_t size() = 0;
    [[nodiscard]] virtual std::int64_t in_flight() const noexcept = 0;
    [[nodiscard]] virtual weir::configuration configuration() = 0;
};

/// `weir::limits` over one kind of store.
template <store Store>
struct limits_over final : limits_model {
    using registry = weir::registry<Store, event_function>;

    limits_over(Store store, weir::configuration c, event_function tell, typename registry::options o)
        : held(std::move(store), std::move(c), std::move(tell), std::move(o)) {}

    [[nodiscard]] any_permit acquire(std::string_view host, std::string_view role, const acquire_options& a) override {
        return held.acquire(host, role, a);
    }
    [[nodiscard]] any_admission wait_acquire(std::string_view host, std::string_view role,
                                             const acquire_options& a) override {
        return held.wait_acquire(host, role, a);
    }
    [[nodiscard]] any_admission try_acquire(std::string_view host, std::string_view role,
                                            const acquire_options& a) override {
        return held.try_acquire(host, role, a);
    }
    [[nodiscard]] any_handle at(std::string_view host, std::string_view role) override { return held.at(host, role); }

    bool submit(any_ticket& t, std::string_view host, std::string_view role, const acquire_options& a) override {
        using native = typename registry::ticket;
        return t.submit_as<native>([&](native& n) { return held.submit(n, host, role, a); });
    }
    instant poll() override { return held.poll(); }
    [[nodiscard]] instant next_wake() override { return held.next_wake(); }
    [[nodiscard]] instant now() const noexcept override { return held.store().now(); }

    void count_first(std::string_view host, std::string_view role, bool is_good) override {
        held.count_first(host, role, is_good);
    }
    [[nodiscard]] retry_grant take_retry(std::string_view host, std::string_view role, const retry_share& share,
                                         bool was_refused) override {
        return held.take_retry(host, role, share, was_refused);
    }
    [[nodiscard]] bool wait_for(duration span, const std::stop_token& stop) override {
        return held.wait_for(span, stop);
    }

    [[nodiscard]] result<void> reload(weir::configuration c) override { return held.reload(std::move(c)); }
    [[nodiscard]] result<void> reload(const resolution& r) override { return held.reload(r); }
    [[nodiscard]] result<void> set_policy(std::string_view host, std::string_view role, policy p) override {
        return held.set_policy(host, role, std::move(p));
    }
    void erase(std::string_view host, std::string_view role, open_entries what) override {
        held.erase(host, role, what);
    }
    void renew() noexcept override { held.renew(); }
    void pause(std::string_view host, std::string_view role) override { held.pause(host, role); }
    void resume(std::string_view host, std::string_view role) override { held.resume(host, role); }
    void close() override { held.close(); }
    [[nodiscard]] bool drain(duration timeout) override { return held.drain(timeout); }

    [[nodiscard]] decision peek(std::string_view host, std::string_view role, const acquire_options& a) override {
        return held.peek(host, role, a);
    }
    [[nodiscard]] std::optional<key_report> inspect(std::string_view host, std::string_view role) override {
        return held.inspect(host, role);
    }
    [[nodiscard]] std::vector<key_report> inspect() override { return held.inspect(); }
    [[nodiscard]] std::vector<holder_info> holders() override { return held.holders(); }
    [[nodiscard]] std::size_t size() override { return held.size(); }
    [[nodiscard]] std::int64_t in_flight() const noexcept override { return held.in_flight(); }
    [[nodiscard]] weir::configuration configuration() override { return held.configuration(); }

    mutable registry held;  // mutable: `registry::store` returns a non-const reference
};

}  // namespace weir::detail
