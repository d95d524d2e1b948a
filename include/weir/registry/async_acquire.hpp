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

/// Hands a coroutine to the program's executor, which resumes it: typically it posts it to a queue of ready coroutines.
///
/// It is called at most once an await, with no lock held, on the thread that made the answer: one that polls, submits,
/// frees a permit, changes a limit or requests the stop. It must not throw. An empty one resumes the coroutine on that
/// thread.
using resumer = std::function<void(std::coroutine_handle<>)>;

/// What a coroutine asks admission for: `acquire_options` without its stop token, which is a parameter of its own.
///
/// GCC 12 destroys a braced temporary twice when it is an argument in a `co_await` expression. All members of this one
/// may be destroyed twice; a stop token may not.
struct async_options {
    /// Units it takes, at least 1.
    std::int64_t cost = 1;
    /// The HTTP method. `HEAD`, in any case, is not counted unless the policy says `count_head`.
    std::string_view method = "GET";
    /// The longest this caller waits, in ns; absent = the policy's `max_delay`; 0 = decide at once.
    std::optional<duration> max_delay{};
};
static_assert(std::is_trivially_destructible_v<async_options>);

/// The wait of one coroutine for one permit; `async_acquire` makes it, and `co_await` gives the `admission`.
///
/// ```
/// weir::limits::admission got = co_await limits.async_acquire("api.crossref.org", "metadata");
/// ```
///
/// **Effects.** Nothing is submitted before the `co_await`. What is decided at once does not suspend. The wait stands
/// in the key's queue like every other one, and `poll()` serves it. It allocates nothing itself, unless the resumer's
/// captures need it.
/// **Cancelling.** A stop requested on `stop` ends the wait with `outcome::cancelled`. Destroying the coroutine
/// while it is suspended gives the wait up. Neither loses capacity.
/// **Preconditions.** It is awaited once. The text of `method` lives until then.
/// **Thread safety.** The answer may come from any thread. The coroutine is not destroyed once the resumer has been
/// called for it: with an executor, take it out of the executor first; with an empty resumer, destroy it on the only
/// thread that uses the registry. **Errors.** A `bad_request` is thrown by the `co_await`.
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
    /// Waits for a permit of `key`, which is a handle of its own or somebody else's: `Handle` is `handle&` then.
    acquisition(Handle&& key, const async_options& o, std::stop_token stop, resumer resume)
        : key_(std::forward<Handle>(key)),
          options_{.cost = o.cost, .method = o.method, .max_delay = o.max_delay, .stop = std::move(stop)},
          resume_(std::move(resume)), ticket_([this](ticket&) { completed(); }) {}
    acquisition(const acquisition&) = delete;
    acquisition& operator=(const acquisition&) = delete;
    // The ticket ends after this, and may still tell of its end: nobody is left to be resumed.
    ~acquisition() { progress_.store(progress::dropped, std::memory_order_relaxed); }

    /// **Preconditions.** Once. That it takes an rvalue keeps it from being awaited twice by accident.
    [[nodiscard]] awaiter operator co_await() && noexcept { return awaiter{*this}; }

private:
    // The answer may come at any moment after `submit` has begun, and the coroutine suspends at another: whoever is
    // second goes on. `suspended` -> `settled` resumes the coroutine; `waiting` -> `settled` keeps it from suspending.
    enum class progress : std::uint8_t { waiting, suspended, completed, dropped };

    [[nodiscard]] bool submit() {
        assert(!is_awaited_);
        is_awaited_ = true;
        return key_.submit(ticket_, options_);
    }

    [[nodiscard]] bool suspend(std::coroutine_handle<> h) noexcept {
        coroutine_ = h;
        progress expected = progress::waiting;
        // Once this has succeeded another thread may have resumed the coroutine, and this may be gone. Release hands
        // `coroutine_` to whoever settles; acquire receives the answer from whoever has.
        return progress_.compare_exchange_strong(expected, progress::suspended, std::memory_order_acq_rel,
                                                 std::memory_order_acquire);
    }

    /// The ticket has its answer.
    void completed() noexcept {
        // Release hands the answer over, acquire receives `coroutine_`; see `suspend`.
        if (progress_.exchange(progress::completed, std::memory_order_acq_rel) != progress::suspended)
            return;
        if (!resume_) {
            detail::resume_line::resume(link_, coroutine_);
            return;
        }
        const std::coroutine_handle<> h = coroutine_;
        const resumer resume = std::move(resume_);  // this may be gone before the call returns
        resume(h);
    }

    Handle key_;
    acquire_options options_;
    resumer resume_;
    std::coroutine_handle<> coroutine_;
    std::atomic<progress> progress_{progress::waiting};
    bool is_awaited_ = false;
    detail::resume_line::link link_;
    ticket ticket_;  // last: it ends first, and until then it may tell
};

}  // namespace weir
