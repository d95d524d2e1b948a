// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>
#include <cstddef>
#include <deque>
#include <exception>
#include <mutex>
#include <utility>

namespace weir_test {

/// A coroutine that starts at once and destroys itself at its end.
struct detached {
    struct promise_type {
        detached get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() { std::terminate(); }
    };
};

/// A coroutine that starts at once and is destroyed with this, also while it is suspended.
class owned {
public:
    struct promise_type {
        owned get_return_object() noexcept { return owned{handle::from_promise(*this)}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() { std::terminate(); }
    };
    owned(owned&& other) noexcept : h_(std::exchange(other.h_, nullptr)) {}
    owned& operator=(owned&& other) noexcept {
        std::swap(h_, other.h_);
        return *this;
    }
    ~owned() {
        if (h_)
            h_.destroy();
    }

    [[nodiscard]] bool done() const noexcept { return h_.done(); }
    [[nodiscard]] std::coroutine_handle<> get() const noexcept { return h_; }

private:
    using handle = std::coroutine_handle<promise_type>;
    explicit owned(handle h) noexcept : h_(h) {}
    handle h_;
};

/// Coroutines that are ready, for any thread to resume.
///
/// **Thread safety.** All members.
class ready_queue {
public:
    void post(std::coroutine_handle<> h) {
        const std::lock_guard guard{mutex_};
        ready_.push_back(h);
    }
    /// Resumes the first one; false when there is none.
    bool run_one() {
        std::coroutine_handle<> h;
        {
            const std::lock_guard guard{mutex_};
            if (ready_.empty())
                return false;
            h = ready_.front();
            ready_.pop_front();
        }
        h.resume();
        return true;
    }
    void forget(std::coroutine_handle<> h) {
        const std::lock_guard guard{mutex_};
        std::erase(ready_, h);
    }
    [[nodiscard]] std::size_t size() {
        const std::lock_guard guard{mutex_};
        return ready_.size();
    }

private:
    std::mutex mutex_;
    std::deque<std::coroutine_handle<>> ready_;
};

}  // namespace weir_test
