// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/cache/cache_options.hpp"
#include "weir/http/cache/cache_policy.hpp"
#include "weir/http/cache/cache_update.hpp"
#include "weir/http/cache/detail/exchange_receiver.hpp"
#include "weir/http/cache/detail/flights.hpp"
#include "weir/http/cache/detail/reply.hpp"
#include "weir/http/cache/stored_response.hpp"
#include "weir/http/message.hpp"
#include "weir/http/receiver.hpp"
#include "weir/http/transport.hpp"
#include "weir/http/transport_error.hpp"
#include "weir/http/url.hpp"
#include "weir/limiter/refused.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::http {

/// What a cache has done since it was made.
struct cache_counts {
    std::uint64_t hits = 0;       ///< answered without a request
    std::uint64_t validated = 0;  ///< answered after a 304
    std::uint64_t misses = 0;     ///< answered by the server
    std::uint64_t stale = 0;      ///< among the hits: used after their lifetime
    std::uint64_t faults = 0;  ///< verbs of the storage that failed; the requests were sent as if nothing were stored
};

namespace detail {

/// What a `cached` does. It has locks, so it does not move; `cached` owns it by pointer.
template <class Transport, class Storage>
class cache_engine {
public:
    template <class... Args>
    cache_engine(Transport&& inner, cache_options options, Args&&... storage)
        : inner_(std::forward<Transport>(inner)), storage_(std::forward<Args>(storage)...),
          options_(std::move(options)) {}

    void send(const request& what, receiver& to) {
        const auto where = parse_url(what.url);
        if (!where)
            return inner_.send(what, to);  // the transport says what is wrong with it
        const std::string key = where->str();
        std::optional<lead_type> lead;
        for (bool may_wait = true;;) {
            const shared_response stored = select(what, key);
            const cache_evaluation found = evaluate(what, stored.get(), options_.now(), options_.rules);
            switch (found.action) {
            case cache_action::use:
                return use(what, *stored, found, to);
            case cache_action::use_then_validate:
                if (options_.background) {
                    lead.reset();
                    validate_later(what, key, stored);
                    return use(what, *stored, found, to);
                }
                break;
            case cache_action::fail_only_if_cached:
                return to.head(504,
                               {{"Cache-Status", "weir; fwd=miss; detail=only-if-cached"}, {"Content-Length", "0"}});
            case cache_action::pass:
                return pass(what, *where, key, to);
            case cache_action::fetch:
            case cache_action::validate:
                break;
            }
            if (!is_get(what) || !range_text(what).empty())
                return exchange(what, key, stored, found, nullptr, to);
            if (lead)
                return exchange(what, key, stored, found, &*lead, to);
            if (auto got = flights_.try_lead(key)) {
                // An equal request may have ended since the look into the storage, so it is looked into once more.
                lead.emplace(std::move(*got));
                continue;
            }
            if (!may_wait)
                return exchange(what, key, stored, found, nullptr, to);
            const auto end = wait(what, key);
            if (end == flight_end::not_stored)
                return exchange(what, key, stored, found, nullptr, to);
            // A stored response that does not answer this request is of another variant: it is not waited for twice.
            may_wait = end != flight_end::stored;
        }
    }

    [[nodiscard]] cache_counts counts() const noexcept {
        return {hits_.load(), validated_.load(), misses_.load(), stale_.load(), faults_.load()};
    }
    [[nodiscard]] auto& inner() noexcept { return inner_; }
    [[nodiscard]] auto& storage() noexcept { return storage_; }

private:
    using lead_type = flights::lead;

    /// Runs a verb of the storage. A fault is counted, and the result is then a default one.
    template <class Verb>
    auto with_storage(Verb verb) noexcept -> decltype(verb()) {
        try {
            return verb();
        } catch (...) {
            faults_.fetch_add(1, std::memory_order_relaxed);
        }
        return decltype(verb())();
    }
    [[nodiscard]] shared_response select(const request& what, const std::string& key) {
        return with_storage([&] { return select_stored(what, storage_.find(key)); });
    }
    void put(const std::string& key, stored_response response) {
        with_storage([&] { storage_.put(key, std::make_shared<const stored_response>(std::move(response))); });
    }
    void drop(const std::string& key) {
        with_storage([&] { storage_.erase(key); });
    }

    void use(const request& what, const stored_response& stored, const cache_evaluation& found, receiver& to) {
        hits_.fetch_add(1, std::memory_order_relaxed);
        const bool is_stale = found.staleness > std::chrono::milliseconds{0};
        if (is_stale)
            stale_.fetch_add(1, std::memory_order_relaxed);
        reply(what, stored, found.age, is_stale ? "hit; detail=stale" : "hit", false, to);
    }

    [[nodiscard]] flight_end wait(const request& what, const std::string& key) {
        // A timeout of centuries means none, and would overflow.
        std::optional<std::chrono::steady_clock::time_point> until = what.deadline;
        const auto now = std::chrono::steady_clock::now();
        if (what.timeout && *what.timeout < std::chrono::hours{24 * 36'500})
            until = std::min(until.value_or(now + *what.timeout), now + *what.timeout);
        const auto end = flights_.wait(key, what.stop, until);
        if (end == flight_end::flying)
            throw transport_error{what.stop.stop_requested() ? transport_errc::cancelled : transport_errc::timeout,
                                  what.method, what.url, "while an equal request was on its way", false};
        return end;
    }

    /// Sends a request whose response is not stored, and drops what it has changed.
    void pass(const request& what, const url& where, const std::string& key, receiver& to) {
        status_receiver seen{to};
        inner_.send(what, seen);
        if (!invalidates(what, seen.status))
            return;
        drop(key);
        for (const std::string_view name : {"Location", "Content-Location"})
            if (const auto text = seen.fields.first(name))
                if (const auto other = resolve(where, *text); other && other->same_origin(where))
                    drop(other->str());
    }

    /// Sends the request, with conditions if a stored response can be validated, and stores the response.
    void exchange(const request& what, const std::string& key, const shared_response& stored,
                  const cache_evaluation& found, lead_type* lead, receiver& to) {
        const bool can_validate = stored && found.action != cache_action::fetch && has_validator(*stored);
        const request sent = can_validate ? conditional(what, *stored) : what;
        exchange_receiver taken{what, can_validate ? stored.get() : nullptr, stored.get(), found, options_, lead, to};
        try {
            inner_.send(sent, taken);
        } catch (const refused&) {
            if (!use_after(what, stored, found, options_.rules.stale_if_refused, taken, to))
                throw;
            return;
        } catch (const transport_error& e) {
            if (e.reason() == transport_errc::cancelled ||
                !use_after(what, stored, found, options_.rules.stale_if_error, taken, to))
                throw;
            return;
        }
        finish(what, key, stored, found, lead, taken, to);
    }

    void finish(const request& what, const std::string& key, const shared_response& stored,
                const cache_evaluation& found, lead_type* lead, exchange_receiver& taken, receiver& to) {
        switch (taken.result()) {
        case exchange_result::not_modified: {
            stored_response fresh = updated(*stored, what, taken.fields(), taken.requested(), taken.received());
            put(key, fresh);
            if (lead != nullptr)
                lead->finish(flight_end::stored);
            validated_.fetch_add(1, std::memory_order_relaxed);
            return reply(what, fresh, current_age(fresh, taken.received()), "fwd=stale; fwd-status=304", true, to);
        }
        case exchange_result::other_not_modified:
            // The 304 is about a version that is not stored, so the whole response is asked for.
            drop(key);
            return exchange(what, key, nullptr, {.action = cache_action::fetch}, lead, to);
        case exchange_result::use_stale:
            return use(what, *stored, found, to);
        case exchange_result::store:
            put(key, std::move(taken).response());
            if (lead != nullptr)
                lead->finish(flight_end::stored);
            break;
        case exchange_result::update_by_head:
            if (validates(taken.fields(), *stored) && same_length(taken.fields(), *stored))
                put(key, updated(*stored, what, taken.fields(), taken.requested(), taken.received()));
            else
                drop(key);
            break;
        case exchange_result::keep_nothing:
            // What is stored is older than this response. An error of the server says nothing about it.
            if (stored && taken.replaces_stored())
                drop(key);
            break;
        }
        misses_.fetch_add(1, std::memory_order_relaxed);
    }

    /// Answers with a stale response instead of an error, if that is allowed. Returns whether it has.
    [[nodiscard]] bool use_after(const request& what, const shared_response& stored, const cache_evaluation& found,
                                 std::chrono::seconds limit, const exchange_receiver& taken, receiver& to) {
        if (!stored || taken.passed_on() || !may_use_after_error(what, *stored, found.staleness, limit))
            return false;
        use(what, *stored, found, to);
        return true;
    }

    void validate_later(const request& what, const std::string& key, const shared_response& stored) {
        auto lead = flights_.try_lead(key);
        if (!lead)
            return;  // a validation is on its way
        // `std::function` copies what it has.
        auto shared = std::make_shared<lead_type>(std::move(*lead));
        request copy = what;
        copy.stop = {};
        options_.background([this, copy = std::move(copy), key, stored, shared] {
            discarding_receiver nothing;
            try {
                exchange(copy, key, stored, {.action = cache_action::validate}, shared.get(), nothing);
            } catch (const std::exception&) {
                // The response stays stale; the next request validates it.
            }
        });
    }

    Transport inner_;
    Storage storage_;
    cache_options options_;
    flights flights_;
    std::atomic<std::uint64_t> hits_{0};
    std::atomic<std::uint64_t> validated_{0};
    std::atomic<std::uint64_t> misses_{0};
    std::atomic<std::uint64_t> stale_{0};
    std::atomic<std::uint64_t> faults_{0};
};

}  // namespace detail

}  // namespace weir::http
