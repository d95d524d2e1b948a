// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/session.hpp"
#include "weir/ext/postgres/options.hpp"

#include "weir/core/clock.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <iterator>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace weir::postgres::detail {

/// The sessions, who uses which, and when the server may be tried again.
///
/// A key's settlements go through its home session, sent by whoever uses that, or at once. A verb on a key whose
/// settlements are all answered takes any session; else it takes the home, so that it comes after them.
///
/// **Thread safety.** All members may be called from any thread.
class pool {
public:
    explicit pool(postgres_options options)
        : options_(std::move(options)), place_(place_of(options_.connection)), random_(std::random_device{}()),
          delay_(options_.reconnect_first) {
        for (std::size_t i = 0; i < options_.pool; ++i)
            seats_.push_back(std::make_unique<seat>(options_, place_));
    }

    [[nodiscard]] const postgres_options& options() const noexcept { return options_; }
    [[nodiscard]] const std::string& place() const noexcept { return place_; }
    [[nodiscard]] std::size_t next_home() noexcept {
        return homes_.fetch_add(1, std::memory_order_relaxed) % seats_.size();
    }
    /// How often a session was opened: a key's number is asked for anew after each.
    [[nodiscard]] std::uint64_t generation() const noexcept { return generation_.load(); }
    /// When history was lost, on this process's clock; `long_ago` when it was not.
    [[nodiscard]] instant lost_at() const noexcept { return lost_at_.load(); }
    [[nodiscard]] std::uint64_t losses() const noexcept { return losses_.load(); }

    /// A session of one's own for the time it lives.
    class lease {
    public:
        lease(pool& owner, std::size_t index) : pool_(owner), index_(index) {}
        lease(const lease&) = delete;
        lease& operator=(const lease&) = delete;
        ~lease() { pool_.give_back(index_); }
        [[nodiscard]] std::size_t index() const noexcept { return index_; }
        [[nodiscard]] session& operator*() const noexcept { return pool_.seats_[index_]->line; }
        [[nodiscard]] session* operator->() const noexcept { return &**this; }

    private:
        pool& pool_;
        std::size_t index_;
    };

    /// An open session for a verb on `key`, with all that waits for it sent.
    ///
    /// **Errors.** `store_error` when none comes free in `pool_wait` or the server cannot be reached.
    [[nodiscard]] lease borrow(const key_line& key) { return lease{*this, make_ready_or_give_back(wait_for(key))}; }

    /// Sends a settlement, or leaves it to whoever has its session. Never waits, never throws but `std::bad_alloc`.
    void post(settlement_call s) {
        const std::size_t home = s.key->home;
        {
            const std::lock_guard guard{mutex_};
            seat& at = *seats_[home];
            s.key->unsettled.fetch_add(1);
            at.posted.push_back(std::move(s));
            // Entries expire by themselves; this bounds what waits for a server that is gone.
            if (at.posted.size() > most_posted)
                drop_oldest(at);
            if (at.busy || !at.line.is_open())
                return;
            at.busy = true;
        }
        give_back(home);
    }

    /// Sends every settlement that is here and waits for the replies.
    void flush() {
        std::exception_ptr failure;
        for (std::size_t i = 0; i < seats_.size(); ++i) {
            {
                std::unique_lock lock{mutex_};
                if (!free_.wait_for(lock, options_.command_timeout, [&] { return !seats_[i]->busy; }))
                    throw store_error{fmt::format(
                        "postgres: cannot flush settlements at {}: a connection stays in use; try again", place_)};
                if (seats_[i]->posted.empty() && seats_[i]->line.unread() == 0)
                    continue;
                seats_[i]->busy = true;
            }
            const lease mine{*this, i};
            try {
                do {
                    make_ready(i);
                    static_cast<void>(mine->await());
                } while (has_posted(i));
            } catch (const store_error&) {
                failure = std::current_exception();
            }
        }
        if (failure)
            std::rethrow_exception(failure);
    }

    /// What the server said of itself: is it another one, or did it lose something?
    void greeted(const greeting& said) {
        const std::lock_guard guard{mutex_};
        instant lost = said.lost_ago < 0 ? long_ago : steady_clock{}.now() - duration{said.lost_ago};
        if (epoch_ != 0 && epoch_ != said.epoch)
            lost = steady_clock{}.now();
        epoch_ = said.epoch;
        // Two readings of one loss differ by the way they came.
        if (lost > later(lost_at_.load(), std::chrono::milliseconds{100})) {
            // What was lost before this process was there is waited for as well, but was none of its own.
            if (generation_.load() > 0)
                losses_.fetch_add(1);
            lost_at_.store(lost);
        }
    }

private:
    struct seat {
        seat(const postgres_options& o, const std::string& place) : line(o, place) {}
        session line;
        bool busy = false;
        std::deque<settlement_call> posted{};
    };
    static constexpr std::size_t most_posted = 16'384;
    /// The most settlements on their way in one session: a verb waits for their replies.
    static constexpr std::size_t most_unread = 256;

    [[nodiscard]] std::size_t wait_for(const key_line& key) {
        std::unique_lock lock{mutex_};
        std::size_t found = seats_.size();
        const auto find = [&] {
            if (!seats_[key.home]->busy) {
                found = key.home;
            } else if (key.unsettled.load() == 0) {
                // Rather one that is open than a new one.
                for (std::size_t i = 0; i < seats_.size(); ++i)
                    if (!seats_[i]->busy && (found == seats_.size() || seats_[i]->line.is_open()))
                        found = i;
            }
            return found != seats_.size();
        };
        if (!find() && !free_.wait_for(lock, options_.pool_wait, find))
            throw store_error{fmt::format(
                "postgres: no connection to {} came free within {} ms: all {} are in use; raise weir_pool or "
                "weir_pool_wait_ms",
                place_, std::chrono::ceil<std::chrono::milliseconds>(options_.pool_wait).count(), seats_.size())};
        seats_[found]->busy = true;
        return found;
    }
    [[nodiscard]] std::size_t make_ready_or_give_back(std::size_t i) {
        try {
            make_ready(i);
        } catch (...) {
            give_back(i);
            throw;
        }
        return i;
    }
    /// Connects where there is no connection, unless the server has just refused; sends what is posted.
    void make_ready(std::size_t i) {
        session& line = seats_[i]->line;
        if (!line.seems_alive()) {
            line.close();
            take_back(i);
            open(line);
        }
        send_posted(i);
        if (!line.is_open()) {
            take_back(i);
            open(line);
            send_posted(i);
        }
    }

    void open(session& line) {
        {
            const std::lock_guard guard{mutex_};
            const instant now = steady_clock{}.now();
            if (now < retry_at_)
                throw store_error{
                    fmt::format("postgres: {} could not be used; the next attempt is in {} ms: {}", place_,
                                std::chrono::ceil<std::chrono::milliseconds>(retry_at_ - now).count(), trouble_)};
            // While nothing answers, one caller at a time tries, and the others are told at once.
            if (!trouble_.empty())
                retry_at_ = later(now, options_.connect_timeout);
        }
        try {
            greeted(line.open());
            generation_.fetch_add(1);
            const std::lock_guard guard{mutex_};
            delay_ = options_.reconnect_first;
            retry_at_ = long_ago;
            trouble_.clear();
        } catch (const store_error& e) {
            const std::lock_guard guard{mutex_};
            const auto half = static_cast<std::uint64_t>(delay_.count()) / 2;
            retry_at_ = steady_clock{}.now() + delay_ - duration{static_cast<std::int64_t>(random_() % (half + 1))};
            delay_ = std::min(delay_ * 2, options_.reconnect_most);
            trouble_ = e.what();
            throw;
        }
    }

    // ---- settlements

    static void drop_oldest(seat& at) {
        at.posted.front().key->unsettled.fetch_sub(1);
        at.posted.pop_front();
    }
    [[nodiscard]] bool has_posted(std::size_t i) {
        const std::lock_guard guard{mutex_};
        return !seats_[i]->posted.empty();
    }
    /// Settlements that were not carried out, or of which nobody knows, go to the front of the line.
    void take_back(std::size_t i) {
        seat& at = *seats_[i];
        auto back = at.line.take_undone();
        const std::lock_guard guard{mutex_};
        at.posted.insert(at.posted.begin(), std::make_move_iterator(back.begin()), std::make_move_iterator(back.end()));
        while (at.posted.size() > most_posted)
            drop_oldest(at);
    }

    void send_posted(std::size_t i) {
        seat& at = *seats_[i];
        std::deque<settlement_call> mine;
        {
            const std::lock_guard guard{mutex_};
            mine.swap(at.posted);
        }
        const instant now = steady_clock{}.now();
        while (!mine.empty() && at.line.is_open() && at.line.unread() < most_unread) {
            const settlement_call& s = mine.front();
            parameter_list values;
            values.number(s.id);
            if (options_.injected_time)
                values.number(s.at.time_since_epoch().count());
            else
                values.nothing();
            values.number(options_.injected_time ? 0 : std::max<std::int64_t>(0, (now - s.at).count()));
            for (const std::int64_t n : {s.entry, s.how, s.cost, s.kept, s.longest})
                values.number(n);
            values.numbers(s.ended);
            try {
                if (!at.line.send(verb::settle, values, s))
                    break;
            } catch (const store_error&) {
                mine.pop_front();  // on its way, or lost with the session: take_back knows
                break;
            }
            mine.pop_front();
        }
        const std::lock_guard guard{mutex_};
        at.posted.insert(at.posted.begin(), std::make_move_iterator(mine.begin()), std::make_move_iterator(mine.end()));
    }

    /// Frees a session, after sending what was posted meanwhile.
    void give_back(std::size_t i) noexcept {
        seat& at = *seats_[i];
        for (;;) {
            try {
                if (at.line.is_open() && at.line.unread() >= most_unread / 2)
                    at.line.drain();
            } catch (const store_error&) {
                // Closed now.
            }
            if (at.line.has_undone() || (!at.line.is_open() && at.line.unread() > 0))
                take_back(i);
            {
                const std::lock_guard guard{mutex_};
                if (at.posted.empty() || !at.line.is_open() || at.line.unread() >= most_unread) {
                    at.busy = false;
                    free_.notify_all();
                    return;
                }
            }
            send_posted(i);
        }
    }

    const postgres_options options_;
    const std::string place_;
    std::mutex mutex_;
    std::condition_variable free_;
    std::vector<std::unique_ptr<seat>> seats_;
    std::mt19937_64 random_;
    duration delay_;
    instant retry_at_ = long_ago;
    std::string trouble_;
    std::int64_t epoch_ = 0;
    std::atomic<std::size_t> homes_{0};
    std::atomic<std::uint64_t> generation_{0};
    std::atomic<instant> lost_at_{long_ago};
    std::atomic<std::uint64_t> losses_{0};
};

}  // namespace weir::postgres::detail
