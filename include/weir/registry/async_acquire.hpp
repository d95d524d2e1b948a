// SPDX-License-Identifier: MIT
#pragma once

#include "weir/registry/detail/resume_line.hpp"

#include "weir/core/time.hpp"
#include "weir/limiter/acquire_options.hpp"

#include <atomic>
#include <cassert>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string_view>
#include <type_traits>
#include <utility>

namespace weir {

/// Passes a coroutine to the program's executor, which resumes it. Typically it adds it to a queue of ready coroutines.
///
/// It is called at most once for each await, with no lock held, on the thread that made the answer: a thread that
/// polls, submits, frees a permit, changes a limit or requests the stop. It must not throw. An empty function resumes
/// the coroutine on that thread.
using resumer = std::function<void(std::coroutine_handle<>)>;

/// The request of a coroutine: `acquire_options` without the stop token, which is a separate parameter.
///
/// GCC 12 destroys a braced temporary twice if it is an argument in a `co_await` expression. All members of this struct
/// may be destroyed twice; a stop token may not.
struct async_options {
    /// The units that the request takes, at least 1.
    std::int64_t cost = 1;
    /// The HTTP method. `HEAD`, in any case, is not counted unless the policy says `count_head`.
    std::string_view method = "GET";
    /// The longest this caller waits, in ns; absent = the policy's `max_delay`; 0 = decide at once.
    std::optional<duration> max_delay{};
};
static_assert(std::is_trivially_destructible_v<async_options>);

/// The wait of one coroutine for one permit. `async_acquire` makes it, and `co_await` returns the `admission`.
///
/// ```
/// weir::limits::admission got = co_await limits.async_acquire("api.crossref.org", "metadata");
/// ```
///
/// **Effects.** Nothing is submitted before the `co_await`. A request that is decided at once does not suspend the
/// coroutine. The wait is in the key's queue like every other wait, and `poll()` serves it. It allocates only if the
/// resumer's captures need it.
/// **Cancelling.** A stop request on `stop` ends the wait with `outcome::cancelled`. Destroying the coroutine while it
/// is suspended ends the wait too. Neither loses capacity.
/// **Preconditions.** It is awaited once. The text of `method` is valid until then.
/// **Thread safety.** The answer may come from any thread. The coroutine must not be destroyed after the resumer has
/// been called for it. With an executor, first remove it from the executor. With an empty resumer, destroy it on the
/// only thread that uses the registry. **Errors.** The `co_await` throws `bad_request`.
/// **Lifetime.** The registry outlives it.
template <class Handle>
class [[nodiscard("nothing waits before it is awaited")]] acquisition {
    using handle = std::remove_reference_t<Handle>;
    using ticket = typename handle::ticket;

    class awaiter {
    public:
        explicit awaiter(acquisition& of) noexcept : of_(of) {}
        [[nodiscard]] bool await_ready() const { return of_.submit(); }
        [[nodiscard]] bool await_suspend(std::coroutine_handle<> h) const noexcept { return of_.suspend(h); }
        [[nodiscard]] typename handle::admission await_resume() const noexcept { return of_.ticket_.answer(); }

    private:
        acquisition& of_;
    };

public:
    /// Waits for a permit of `key`. `Handle` is `handle` for a handle of its own, and `handle&` for a handle of the
    /// caller.
    acquisition(Handle&& key, const async_options& o, std::stop_token stop, resumer resume)
        : key_(std::forward<Handle>(key)),
          options_{.cost = o.cost, .method = o.method, .max_delay = o.max_delay, .stop = std::move(stop)},
          resume_(std::move(resume)), ticket_([this](ticket&) { completed(); }) {}
    acquisition(const acquisition&) = delete;
    acquisition& operator=(const acquisition&) = delete;
    // The ticket ends after this and may still report its end. By then there is no coroutine to resume.
    ~acquisition() { progress_.store(progress::dropped, std::memory_order_relaxed); }

    /// **Preconditions.** Called once. It needs an rvalue, so that it is not awaited twice by accident.
    [[nodiscard]] awaiter operator co_await() && noexcept { return awaiter{*this}; }

private:
    // The answer may come at any time after `submit` has begun, and the coroutine suspends at any other time. The
    // second of these two steps continues the coroutine: `suspended` -> `completed` resumes it, `waiting` ->
    // `completed` keeps it from suspending.
    enum class progress : std::uint8_t { waiting, suspended, completed, dropped };

    [[nodiscard]] bool submit() {
        assert(!is_awaited_);
        is_awaited_ = true;
        return key_.submit(ticket_, options_);
    }

    [[nodiscard]] bool suspend(std::coroutine_handle<> h) noexcept {
        coroutine_ = h;
        progress expected = progress::waiting;
        // After success another thread may have resumed the coroutine, and this object may be gone. Release publishes
        // `coroutine_` for the thread that completes the wait. Acquire receives the answer from it.
        return progress_.compare_exchange_strong(expected, progress::suspended, std::memory_order_acq_rel,
                                                 std::memory_order_acquire);
    }

    /// The ticket has its answer.
    void completed() noexcept {
        // Release publishes the answer, acquire receives `coroutine_`; see `suspend`.
        if (progress_.exchange(progress::completed, std::memory_order_acq_rel) != progress::suspended)
            return;
        if (!resume_) {
            detail::resume_line::resume(link_, coroutine_);
            return;
        }
        const std::coroutine_handle<> h = coroutine_;
        const resumer resume = std::move(resume_);  // this object may be gone before the call returns
        resume(h);
    }

    Handle key_;
    acquire_options options_;
    resumer resume_;
    std::coroutine_handle<> coroutine_;
    std::atomic<progress> progress_{progress::waiting};
    bool is_awaited_ = false;
    detail::resume_line::link link_;
    ticket ticket_;  // last member: it ends first, and until then it may complete the wait
};

}  // namespace weir
