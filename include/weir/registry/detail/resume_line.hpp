// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <coroutine>

namespace weir::detail {

/// Resumes coroutines one after the other on the calling thread.
///
/// A coroutine that is resumed may free an in-flight slot, which completes the wait of the next one. To resume that one
/// inside the first would need a stack as deep as the queue is long. So it waits in this line until the first one
/// suspends or ends.
///
/// **Thread safety.** A link belongs to one thread.
class resume_line {
public:
    /// A suspended coroutine that may be in the line. **Lifetime.** It leaves the line when it is destroyed.
    class link {
    public:
        link() = default;
        link(const link&) = delete;
        link& operator=(const link&) = delete;
        ~link() {
            if (is_listed_)
                of_this_thread().forget(*this);
        }

    private:
        friend resume_line;
        std::coroutine_handle<> coroutine_;
        link* next_ = nullptr;
        bool is_listed_ = false;
    };

    /// Resumes `h`, and returns when the line is empty. If this thread is already resuming, it only adds `h` to the
    /// line.
    ///
    /// **Effects.** `l` may be gone afterwards. An exception out of `resume()` passes through.
    static void resume(link& l, std::coroutine_handle<> h) {
        resume_line& line = of_this_thread();
        l.coroutine_ = h;
        l.is_listed_ = true;
        *line.end_ = &l;
        line.end_ = &l.next_;
        if (!line.is_running_)
            line.run();
    }

private:
    [[nodiscard]] static resume_line& of_this_thread() noexcept {
        thread_local resume_line line;
        return line;
    }

    void run() {
        const running now{*this};
        while (first_ != nullptr) {
            const std::coroutine_handle<> h = first_->coroutine_;
            forget(*first_);  // first, because the link may be gone once it is resumed
            h.resume();
        }
    }

    void forget(link& l) noexcept {
        link** at = &first_;
        while (*at != &l)
            at = &(*at)->next_;
        *at = l.next_;
        if (end_ == &l.next_)
            end_ = at;
        l.next_ = nullptr;
        l.is_listed_ = false;
    }

    /// Its destructor also runs if a coroutine throws.
    struct running {
        explicit running(resume_line& l) noexcept : line(l) { line.is_running_ = true; }
        running(const running&) = delete;
        running& operator=(const running&) = delete;
        ~running() { line.is_running_ = false; }
        resume_line& line;
    };

    link* first_ = nullptr;
    link** end_ = &first_;
    bool is_running_ = false;
};

}  // namespace weir::detail
