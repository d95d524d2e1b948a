// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/session.hpp"
#include "weir/ext/redis/options.hpp"

#include "weir/core/clock.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store_error.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace weir::redis::detail {

/// The sessions, who uses which, and when the server may be tried again.
///
/// A key's settlements go through its home session. A call on a key whose settlements are all answered takes any
/// session; else it takes the home, so that it comes after them.
///
/// **Thread safety.** All members may be called from any thread.
class pool {
public:
    explicit pool(redis_options options)
        : options_(std::move(options)), links_(options_.pool), random_(std::random_device{}()),
          delay_(options_.reconnect_first) {}

    [[nodiscard]] const redis_options& options() const noexcept { return options_; }
    [[nodiscard]] std::size_t next_home() noexcept {
        return homes_.fetch_add(1, std::memory_order_relaxed) % links_.size();
    }

    /// When a loss of the server's memory was last seen; `long_ago` when there was none.
    [[nodiscard]] instant lost_at() const noexcept { return lost_at_.load(std::memory_order_acquire); }
    [[nodiscard]] std::uint64_t losses() const noexcept { return losses_.load(std::memory_order_relaxed); }

    /// A session of one's own for the time it lives.
    class lease {
    public:
        lease(pool& owner, std::size_t index) : pool_(&owner), index_(index) {}
        lease(lease&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), index_(other.index_) {}
        lease& operator=(lease&&) = delete;
        ~lease() {
            if (pool_ != nullptr)
                pool_->give_back(index_);
        }
        [[nodiscard]] session& operator*() const noexcept { return pool_->links_[index_].line; }
        [[nodiscard]] session* operator->() const noexcept { return &**this; }

    private:
        pool* pool_;
        std::size_t index_;
    };

    /// An open session for a call on `line`.
    ///
    /// **Errors.** `store_error` when none comes free in `pool_wait` or the server cannot be reached.
    [[nodiscard]] lease borrow(const key_line& line, instant now) {
        lease mine{*this, wait_for(line)};
        make_ready(*mine, now);
        return mine;
    }

    /// Puts a settlement in line and writes it if its session is open and nobody uses it; else whoever does writes it.
    /// One that is `idle` stays there until something else is written.
    /// Never waits, never throws but `std::bad_alloc`.
    void post(settlement_call s) {
        const std::size_t home = s.line->home;
        {
            const std::lock_guard guard{mutex_};
            link& l = links_[home];
            const bool rests = s.idle;
            s.line->unanswered.fetch_add(1, std::memory_order_relaxed);
            l.posted.push_back(std::move(s));
            // Entries expire by themselves; this bounds what waits for a server that is gone.
            if (l.posted.size() > most_posted)
                drop_oldest(l);
            if (l.busy || rests || !l.line.is_open())
                return;
            l.busy = true;
        }
        give_back(home);
    }

    /// Sends every settlement that is in line and waits for the replies.
    void flush() {
        std::exception_ptr failure;
        for (std::size_t i = 0; i < links_.size(); ++i) {
            {
                std::unique_lock lock{mutex_};
                if (!free_.wait_for(lock, patience(), [&] { return !links_[i].busy; }))
                    throw store_error{"redis: cannot flush settlements: a connection stays in use; raise pool_wait_ms"};
                if (links_[i].posted.empty() && !links_[i].line.owes())
                    continue;
                links_[i].busy = true;
            }
            const lease mine{*this, i};
            try {
                make_ready(*mine, steady_clock{}.now());
                take_posted(i);
                mine->finish();
            } catch (const store_error&) {
                failure = std::current_exception();
            }
        }
        if (failure)
            std::rethrow_exception(failure);
    }

    /// The server was seen not to know what it should: has it lost everything, or this alone?
    void suspect_loss(session& line) {
        line.renew_epoch(options_, fresh_epoch());
        compare_epoch(line.epoch());
    }

    /// Hands the posted settlements of a borrowed session to it, so that they go before the call, or in it: those that
    /// nobody waits for, on the key that is `called`.
    void take_posted(session& line, const key_line* called = nullptr) { take_posted(index_of(line), called); }

private:
    struct link {
        session line;
        bool busy = false;
        std::deque<settlement_call> posted;
    };
    static constexpr std::size_t most_posted = 16'384;

    [[nodiscard]] std::size_t index_of(const session& line) const noexcept {
        std::size_t i = 0;
        while (&links_[i].line != &line)
            ++i;
        return i;
    }
    [[nodiscard]] duration patience() const noexcept { return options_.pool_wait; }

    [[nodiscard]] std::size_t wait_for(const key_line& line) {
        std::unique_lock lock{mutex_};
        std::size_t found = links_.size();
        const auto find = [&] {
            if (!links_[line.home].busy) {
                found = line.home;
            } else if (line.unanswered.load(std::memory_order_acquire) == 0) {
                // Rather one that is open than a new one.
                for (std::size_t i = 0; i < links_.size(); ++i)
                    if (!links_[i].busy && (found == links_.size() || links_[i].line.is_open()))
                        found = i;
            }
            return found != links_.size();
        };
        if (!find()) {
            ++waiting_;
            const bool got = free_.wait_for(lock, patience(), find);
            --waiting_;
            if (!got)
                throw store_error{fmt::format(
                    "redis: no connection to {} came free within {} ms: all {} are in use; raise pool or pool_wait_ms",
                    place_of(options_), std::chrono::duration_cast<std::chrono::milliseconds>(patience()).count(),
                    links_.size())};
        }
        links_[found].busy = true;
        return found;
    }

    /// Connects where there is no connection, unless the server has just refused.
    void make_ready(session& line, instant now) {
        if (line.is_open()) {
            // One that lay idle may have been closed by the server: then nothing was sent, and a new one is no retry.
            if (now - line.last_used() < std::chrono::milliseconds{1} || line.seems_alive())
                return;
            lost_connection(line);
        }
        {
            const std::lock_guard guard{mutex_};
            if (const duration left = retry_at_ - steady_clock{}.now(); left > duration::zero())
                throw store_error{fmt::format(
                    "redis: {} could not be reached; the next attempt is in {} ms: is the server running there?",
                    place_of(options_), std::chrono::ceil<std::chrono::milliseconds>(left).count())};
        }
        try {
            line.open(options_, fresh_epoch());
        } catch (const store_error&) {
            line.close();
            const std::lock_guard guard{mutex_};
            const auto half = static_cast<std::uint64_t>(delay_.count()) / 2;
            retry_at_ = steady_clock{}.now() + delay_ - duration{static_cast<std::int64_t>(random_() % (half + 1))};
            delay_ = std::min(delay_ * 2, options_.reconnect_most);
            throw;
        }
        {
            const std::lock_guard guard{mutex_};
            delay_ = options_.reconnect_first;
            retry_at_ = long_ago;
        }
        compare_epoch(line.epoch());
    }

    void compare_epoch(const std::string& seen) {
        const std::lock_guard guard{mutex_};
        if (epoch_ == seen)
            return;
        if (!epoch_.empty()) {
            losses_.fetch_add(1, std::memory_order_relaxed);
            lost_at_.store(steady_clock{}.now(), std::memory_order_release);
        }
        epoch_ = seen;
    }
    [[nodiscard]] std::string fresh_epoch() {
        const std::lock_guard guard{mutex_};
        return fmt::format("{:016x}{:016x}", random_(), random_());
    }

    /// Settlements whose fate is unknown go to the front of the line, to be sent again.
    void lost_connection(session& line) {
        line.close();
        auto back = line.take_back();
        const std::lock_guard guard{mutex_};
        link& l = links_[index_of(line)];
        l.posted.insert(l.posted.begin(), std::make_move_iterator(back.begin()), std::make_move_iterator(back.end()));
        while (l.posted.size() > most_posted)
            drop_oldest(l);
    }
    static void drop_oldest(link& l) {
        l.posted.front().line->unanswered.fetch_sub(1, std::memory_order_release);
        l.posted.pop_front();
    }

    void take_posted(std::size_t i, const key_line* called = nullptr) {
        std::deque<settlement_call> mine;
        {
            const std::lock_guard guard{mutex_};
            if (links_[i].posted.empty())
                return;
            mine.swap(links_[i].posted);
        }
        for (settlement_call& s : mine)
            if (s.idle && s.line.get() == called)
                links_[i].line.carry(std::move(s));
            else
                links_[i].line.post(std::move(s));
    }

    /// Frees a session, after writing what was put in line meanwhile.
    void give_back(std::size_t i) noexcept {
        link& l = links_[i];
        for (;;) {
            if (!l.line.is_open() && l.line.owes())
                lost_connection(l.line);
            std::unique_lock lock{mutex_};
            if (l.posted.empty() || !l.line.is_open()) {
                l.busy = false;
                if (waiting_ > 0)
                    free_.notify_all();
                return;
            }
            lock.unlock();
            try {
                take_posted(i);
                l.line.write_posted();
            } catch (const store_error&) {
                // Closed now; the settlements are taken back above and wait for the next connection.
            }
        }
    }

    redis_options options_;
    mutable std::mutex mutex_;
    std::condition_variable free_;
    std::vector<link> links_;
    std::size_t waiting_ = 0;
    std::mt19937_64 random_;
    duration delay_;
    instant retry_at_ = long_ago;
    std::string epoch_;
    std::atomic<std::size_t> homes_ = 0;
    std::atomic<instant> lost_at_ = long_ago;
    std::atomic<std::uint64_t> losses_ = 0;
};

}  // namespace weir::redis::detail
