// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/connection.hpp"

#include "weir/core/clock.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace weir::detail {

/// The connections of one process, opened as they are needed and opened again, with backoff and jitter, when they end.
///
/// A settlement goes by its key's own connection and is sent by whoever holds that one, or at once: so it is there
/// before the next verb on its key, for a verb goes elsewhere only when its key has nothing on the way.
///
/// **Thread safety.** Full.
class pg_pool {
public:
    static constexpr duration first_backoff = std::chrono::milliseconds{10};
    static constexpr duration longest_backoff = std::chrono::milliseconds{250};
    static constexpr std::size_t most_waiting = 10'000;

    explicit pg_pool(postgres_options o) : options(std::move(o)), dice_(std::random_device{}()) {
        for (std::size_t i = 0; i < std::max<std::size_t>(options.pool, 1); ++i)
            seats_.push_back(std::make_unique<seat>(options));
    }

    const postgres_options options;
    std::atomic<std::uint64_t> generation{0};  ///< how often a connection was opened: a key's number lives as long
    std::atomic<std::int64_t> lost_at{long_ago.time_since_epoch().count()};  ///< when history was lost, on our clock
    std::atomic<std::int64_t> next_sweep{0};
    std::atomic<std::int64_t> sweep_from{0};

    /// A connection that this thread has for itself.
    class held {
    public:
        held(pg_pool& pool, std::size_t index) : pool_(pool), index_(index) {}
        held(const held&) = delete;
        held& operator=(const held&) = delete;
        ~held() { pool_.release(index_); }
        pg_connection& operator*() const noexcept { return pool_.seats_[index_]->link; }
        [[nodiscard]] std::size_t index() const noexcept { return index_; }
        pg_connection* operator->() const noexcept { return &pool_.seats_[index_]->link; }

    private:
        pg_pool& pool_;
        std::size_t index_;
    };

    void check_fork() const {
        if (pid_ != ::getpid())
            throw store_error(
                "postgres: the store was made before fork(), and its connections are the parent's; make the "
                "registry after fork()");
    }
    [[nodiscard]] bool is_ours() const noexcept { return pid_ == ::getpid(); }

    [[nodiscard]] std::size_t next_home() noexcept { return home_.fetch_add(1) % seats_.size(); }

    /// Takes a connection for a verb on `key`; to be given to `held`, and made `ready`.
    ///
    /// **Errors.** `store_error` when all are busy for `pool_wait`.
    [[nodiscard]] std::size_t take(const pg_key& key) {
        std::unique_lock lock{mutex_};
        std::size_t index = seats_.size();
        const auto found = [&] {
            if (!seats_[key.home]->busy)
                index = key.home;
            else if (key.unsettled.load() == 0)
                index = static_cast<std::size_t>(std::ranges::find_if(seats_, [](const auto& s) { return !s->busy; }) -
                                                 seats_.begin());
            return index < seats_.size();
        };
        if (!found() && !freed_.wait_for(lock, options.pool_wait, found))
            throw store_error(
                fmt::format("postgres: all {} connections were busy for {} ms; raise weir_pool or weir_pool_wait",
                            seats_.size(), std::chrono::ceil<std::chrono::milliseconds>(options.pool_wait).count()));
        seats_[index]->busy = true;
        return index;
    }

    /// Opens the connection if it is not, and sends what waits for it.
    ///
    /// **Errors.** `store_error` when there is no server.
    void ready(const held& mine) {
        seat& at = *seats_[mine.index()];
        if (!at.link.usable())
            open(at);
        send_waiting(at);
    }

    /// Sends a settlement, or leaves it to whoever has its connection.
    void settle(pg_settlement s) noexcept {
        seat& at = *seats_[s.key->home];
        const std::size_t index = s.key->home;
        s.key->unsettled.fetch_add(1);
        {
            const std::lock_guard lock{mutex_};
            leave(at, std::move(s));
            if (at.busy)
                return;
            at.busy = true;
        }
        release(index);
    }

    /// Sends whatever waits, connecting if need be.
    void flush() {
        for (std::size_t i = 0; i < seats_.size(); ++i) {
            {
                std::unique_lock lock{mutex_};
                if (seats_[i]->waiting.empty() && seats_[i]->link.unread() == 0)
                    continue;
                if (!freed_.wait_for(lock, options.timeout, [&] { return !seats_[i]->busy; }))
                    continue;
                seats_[i]->busy = true;
            }
            const held mine{*this, i};
            ready(mine);
            static_cast<void>(mine->await());
        }
    }

private:
    struct seat {
        explicit seat(const postgres_options& o) : link(o) {}
        pg_connection link;
        bool busy = false;  // guarded by the pool's mutex, as is the next
        std::vector<pg_settlement> waiting{};
    };

    static void leave(seat& at, pg_settlement s) noexcept {
        if (at.waiting.size() >= most_waiting) {  // its entry expires by itself
            s.key->unsettled.fetch_sub(1);
            return;
        }
        try {
            at.waiting.push_back(std::move(s));
        } catch (...) {
            s.key->unsettled.fetch_sub(1);
        }
    }

    /// Gives a connection back, after what has been left at it meanwhile has been sent.
    void release(std::size_t index) noexcept {
        seat& at = *seats_[index];
        for (;;) {
            {
                const std::lock_guard lock{mutex_};
                if (at.waiting.empty() || !at.link.usable()) {
                    at.busy = false;
                    freed_.notify_all();
                    return;
                }
            }
            try {
                if (at.link.unread() > 64)
                    at.link.drain();
                send_waiting(at);
            } catch (const std::exception&) {
                recover(at);
            }
        }
    }

    /// What was on its way when a connection ended waits for the next.
    void recover(seat& at) {
        std::vector<pg_settlement> lost = at.link.lost();
        const std::lock_guard lock{mutex_};
        std::swap(lost, at.waiting);
        for (pg_settlement& s : at.waiting)
            if (s.how == 3)  // may have been done, and would be done twice
                s.key->unsettled.fetch_sub(1);
        std::erase_if(at.waiting, [](const pg_settlement& s) { return s.how == 3; });
        for (pg_settlement& s : lost)
            leave(at, std::move(s));
    }

    void open(seat& at) {
        at.link.close();
        recover(at);
        {
            const std::lock_guard lock{mutex_};
            const auto now = std::chrono::steady_clock::now();
            if (now < next_attempt_)
                throw store_error(
                    fmt::format("postgres: there is no connection ({}); the next attempt is in {} ms", last_failure_,
                                std::chrono::ceil<std::chrono::milliseconds>(next_attempt_ - now).count()));
            // While nothing answers, one caller at a time tries; the others are told at once.
            if (failures_ > 0)
                next_attempt_ = now + options.connect_timeout;
        }
        try {
            const auto said = at.link.open();
            const std::lock_guard lock{mutex_};
            failures_ = 0;
            next_attempt_ = {};
            greeted(said);
        } catch (const store_error& e) {
            const std::lock_guard lock{mutex_};
            const duration most = std::min<duration>(longest_backoff, first_backoff * (1L << std::min(failures_, 10)));
            failures_ += 1;
            next_attempt_ =
                std::chrono::steady_clock::now() +
                duration{std::uniform_int_distribution<std::int64_t>{most.count() / 2, most.count()}(dice_)};
            last_failure_ = e.what();
            throw;
        }
    }

    void greeted(const pg_connection::greeting& said) {
        generation.fetch_add(1);
        const std::int64_t now = steady_clock{}.now().time_since_epoch().count();
        std::int64_t lost = said.lost_ago < 0 ? long_ago.time_since_epoch().count() : now - said.lost_ago;
        if (epoch_ != 0 && epoch_ != said.epoch)
            lost = now;
        epoch_ = said.epoch;
        lost_at.store(std::max(lost, lost_at.load()));
    }

    void send_waiting(seat& at) {
        std::vector<pg_settlement> todo;
        {
            const std::lock_guard lock{mutex_};
            if (at.waiting.empty())
                return;
            todo.swap(at.waiting);
        }
        const instant now = steady_clock{}.now();
        for (std::size_t i = 0; i < todo.size(); ++i) {
            const pg_settlement& s = todo[i];
            pg_parameters_list values;
            values.number(s.id);
            if (options.injected_time)
                values.number(s.at.time_since_epoch().count());
            else
                values.nothing();
            values.number(options.injected_time ? 0 : std::max<std::int64_t>(0, (now - s.at).count()));
            values.number(s.entry);
            values.number(s.how);
            values.number(s.cost);
            values.number(s.kept);
            values.number(s.longest);
            bool sent = false;
            try {
                sent = at.link.send(pg_verb::settle, values, s);
            } catch (...) {
                put_back(at, todo, i + 1);
                throw;
            }
            if (!sent) {
                put_back(at, todo, i);
                at.link.close();
                return;
            }
        }
    }
    void put_back(seat& at, std::vector<pg_settlement>& todo, std::size_t from) {
        const std::lock_guard lock{mutex_};
        at.waiting.insert(at.waiting.begin(), std::make_move_iterator(todo.begin() + static_cast<std::ptrdiff_t>(from)),
                          std::make_move_iterator(todo.end()));
    }

    const pid_t pid_ = ::getpid();
    std::mutex mutex_;
    std::condition_variable freed_;
    std::vector<std::unique_ptr<seat>> seats_;
    std::atomic<std::size_t> home_{0};
    std::chrono::steady_clock::time_point next_attempt_{};
    int failures_ = 0;
    std::string last_failure_;
    std::int64_t epoch_ = 0;
    std::mt19937_64 dice_;
};

}  // namespace weir::detail
