// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/headers.hpp"
#include "weir/http/message.hpp"
#include "weir/http/retry_after.hpp"
#include "weir/http/retry_options.hpp"
#include "weir/http/transport_error.hpp"

#include "weir/core/time.hpp"
#include "weir/limiter/retry_budget.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::http::detail {

/// The counters of one `retrying`.
class retry_counters {
public:
    enum kind : std::size_t { first_attempts, retries, returned, no_budget, too_late, exhausted, kinds };

    void add(kind k) noexcept { of_[k].fetch_add(1, std::memory_order_relaxed); }
    [[nodiscard]] retry_counts read() const noexcept {
        const auto n = [this](kind k) { return of_[k].load(std::memory_order_relaxed); };
        return {n(first_attempts), n(retries), n(returned), n(no_budget), n(too_late), n(exhausted)};
    }

private:
    // Relaxed: no other memory depends on a counter.
    std::array<std::atomic<std::uint64_t>, kinds> of_{};
};

/// The attempts of one request: decides after each whether there is another one, and when.
template <class Limits>
class retry_run {
public:
    retry_run(Limits& limits, const retry_options& options, retry_counters& counts, const request& what,
              std::string_view host) noexcept
        : limits_(limits), options_(options), counts_(counts), what_(what), host_(host) {}

    /// Whether another attempt follows a response.
    [[nodiscard]] bool repeats(int status, const headers& fields) {
        const bool failed = std::ranges::find(options_.statuses, status) != options_.statuses.end();
        count_first(!failed);
        if (!failed || !may_repeat(what_))
            return false;
        const std::optional<duration> asked = retry_after(fields, std::chrono::system_clock::now());
        status_ = status;
        reason_ = std::nullopt;
        return takes(asked.value_or(duration::zero()), status == 429 || asked.has_value());
    }
    /// Whether another attempt follows a failure.
    [[nodiscard]] bool repeats(const transport_error& e) {
        const bool is_worth = std::ranges::find(options_.reasons, e.reason()) != options_.reasons.end();
        if (e.sent() || is_worth)
            count_first(false);
        const bool can = e.sent() ? may_repeat(what_) : !what_.upload || what_.upload.repeatable;
        if (!is_worth || !can || what_.stop.stop_requested())
            return false;
        status_ = 0;
        reason_ = e.reason();
        return takes(duration::zero(), false);
    }
    /// Waits before the next attempt. False if a stop was requested.
    [[nodiscard]] bool pause() {
        ++attempt_;
        if (options_.on_retry)
            options_.on_retry({what_, attempt_, status_, reason_, pause_, grant_});
        return pause_ <= duration::zero() ? !what_.stop.stop_requested() : limits_.wait_for(pause_, what_.stop);
    }
    /// The number of the attempt, from 1.
    [[nodiscard]] int attempt() const noexcept { return attempt_; }

private:
    void count_first(bool is_good) {
        if (attempt_ > 1 || is_counted_)
            return;
        is_counted_ = true;
        counts_.add(retry_counters::first_attempts);
        limits_.count_first(host_, what_.role, is_good);
    }

    /// `asked`: the time that the server wants. `was_refused`: it did nothing, and the key's gate holds the next one.
    [[nodiscard]] bool takes(duration asked, bool was_refused) {
        if (attempt_ >= options_.max_attempts) {
            counts_.add(retry_counters::exhausted);
            return false;
        }
        pause_ = was_refused ? duration::zero() : random_pause();
        if (what_.deadline && std::max(asked, pause_) >= *what_.deadline - options_.now()) {
            counts_.add(retry_counters::too_late);
            return false;
        }
        // Last, because it cannot be given back.
        grant_ = limits_.take_retry(host_, what_.role, options_.share, was_refused && !is_returned_);
        switch (grant_) {
        case retry_grant::none:
            counts_.add(retry_counters::no_budget);
            return false;
        case retry_grant::returned:
            is_returned_ = true;
            counts_.add(retry_counters::returned);
            return true;
        case retry_grant::budget:
            break;
        }
        counts_.add(retry_counters::retries);
        return true;
    }
    [[nodiscard]] duration random_pause() const {
        const double longest = std::min(static_cast<double>(options_.pause.count()) *
                                            static_cast<double>(std::uint64_t{1} << std::min(attempt_ - 1, 40)),
                                        static_cast<double>(options_.max_pause.count()));
        return duration{static_cast<std::int64_t>(longest * options_.random())};
    }

    Limits& limits_;
    const retry_options& options_;
    retry_counters& counts_;
    const request& what_;
    std::string_view host_;
    int attempt_ = 1;
    bool is_counted_ = false;
    bool is_returned_ = false;
    // The last failure, and what follows it.
    int status_ = 0;
    std::optional<transport_errc> reason_;
    duration pause_{};
    retry_grant grant_ = retry_grant::none;
};

}  // namespace weir::http::detail
