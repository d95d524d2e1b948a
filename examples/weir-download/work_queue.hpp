// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace download {

/// Work in lanes, one for each key whose limit it will wait for.
///
/// A worker is given work from the lane whose key has the fewest requests waiting, so that one full window does not
/// hold all the workers while other keys could send; among equals from the lane with the fewest workers, then from the
/// most urgent one, so that begun documents are finished first.
///
/// **Thread safety:** all members.
template <class Work>
class work_queue {
public:
    struct lane {
        int urgency = 0;  ///< higher first
        std::string host;
        std::string role;
        friend auto operator<=>(const lane&, const lane&) = default;
    };

    /// `waiting` says how many requests wait for a lane's key at the moment.
    explicit work_queue(std::function<std::size_t(const lane&)> waiting) : waiting_(std::move(waiting)) {}

    void push(const lane& where, Work w) {
        {
            const std::lock_guard guard{mutex_};
            lanes_[where].waiting.push_back(std::move(w));
            ++open_;
        }
        changed_.notify_one();
    }

    /// Runs `f(work)` for one piece at a time until all is done, or stop is requested. What `f` pushes is done too.
    ///
    /// **Preconditions:** `f` does not throw.
    template <class F>
    void work(const std::stop_token& stop, F&& f) {
        std::unique_lock lock{mutex_};
        while (changed_.wait(lock, stop, [this] { return open_ == 0 || has_work(); }) && open_ > 0) {
            if (stop.stop_requested())
                return;
            state& from = *best();
            Work w = std::move(from.waiting.front());
            from.waiting.pop_front();
            ++from.workers;
            lock.unlock();
            f(std::move(w));
            lock.lock();
            --from.workers;  // lanes are never removed: the reference holds
            if (--open_ == 0)
                changed_.notify_all();
        }
    }

    /// Whether everything that was pushed is done.
    [[nodiscard]] bool done() const {
        const std::lock_guard guard{mutex_};
        return open_ == 0;
    }

private:
    struct state {
        std::deque<Work> waiting;
        std::size_t workers = 0;
    };

    [[nodiscard]] bool has_work() const {
        for (const auto& [where, s] : lanes_)
            if (!s.waiting.empty())
                return true;
        return false;
    }
    [[nodiscard]] state* best() {
        state* chosen = nullptr;
        std::pair<std::size_t, std::size_t> min;
        for (auto at = lanes_.rbegin(); at != lanes_.rend(); ++at) {
            if (at->second.waiting.empty())
                continue;
            const std::pair pressure{waiting_(at->first), at->second.workers};
            if (chosen != nullptr && pressure >= min)
                continue;
            chosen = &at->second;
            min = pressure;
        }
        return chosen;
    }

    const std::function<std::size_t(const lane&)> waiting_;
    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::map<lane, state> lanes_;
    std::size_t open_ = 0;  // waiting or under way
};

}  // namespace download
