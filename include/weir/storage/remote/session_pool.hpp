// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/remote/back_off.hpp"
#include "weir/storage/remote/key_heat.hpp"
#include "weir/storage/store_error.hpp"

#include "weir/core/clock.hpp"
#include "weir/core/time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <concepts>
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

// A connection is one socket. A session is a connection that knows the store's verbs and keeps the settlements whose
// replies are still to come. A pool owns the sessions of one store object.

namespace weir::remote {

/// How the messages about one key travel.
struct key_route {
    mutable std::atomic<std::size_t> home = 0;  ///< the session its settlements go through
    std::atomic<std::int64_t> unanswered = 0;   ///< settlements whose reply has not been read
};

/// What a pool needs of a session.
/// `Session::settlement` is a message whose reply is not awaited; its `route()` is its key's. All members but the
/// queries may throw `store_error`. If the outcome is then unknown, they leave the session closed.
template <class S>
concept pooled_session = requires(S& session, const S& seen, std::deque<typename S::settlement>& posted,
                                  const typename S::settlement& one, const key_route* called) {
    { one.route() } -> std::convertible_to<key_route&>;
    { seen.is_open() } -> std::same_as<bool>;
    // Whether the server has not closed the connection, as far as this is known without a round trip.
    { session.seems_alive() } -> std::same_as<bool>;
    // Connects, and prepares the verbs.
    session.open();
    session.close();
    // Takes settlements from the front and sends or buffers them. It leaves those for which it has no room. A
    // settlement of the key `called` may be part of the verb that follows. Does not throw store_error: a broken session
    // is closed.
    session.send(posted, called);
    // Writes what is buffered, and reads the replies that have arrived, without waiting.
    session.catch_up();
    // Whether no further settlement can be sent before replies are read.
    { seen.is_full() } -> std::same_as<bool>;
    // Waits for all replies.
    session.finish();
    // Whether replies are due.
    { seen.owes() } -> std::same_as<bool>;
    // Settlements that must be sent again: the server did not carry them out, or the connection ended before the reply.
    { seen.has_undone() } -> std::same_as<bool>;
    { session.take_undone() } -> std::same_as<std::deque<typename S::settlement>>;
};

struct pool_options {
    std::string store;   ///< "redis", "postgres": the beginning of errors
    std::string server;  ///< its address, for errors: without a secret
    std::string advice;  ///< the setting to raise if all sessions are in use
    std::size_t sessions = 1;
    duration wait{};        ///< the longest time that a verb waits for a session; 0 = not at all
    duration flush_wait{};  ///< the longest time that `flush` waits for a session
    duration connect_timeout{};
    duration reconnect_first{};
    duration reconnect_max{};
};

/// Lends a store's sessions to verbs, and sends settlements without waiting for the replies.
///
/// A key's settlements go through its home session. The thread that has borrowed that session sends them; if it is
/// free, they are sent at once. A verb on a key whose settlements are all answered takes any session. Otherwise it
/// takes the home session, so that it comes after them.
///
/// **Thread safety.** All members may be called from any thread. **Lifetime.** It outlives its leases.
template <pooled_session Session, clock_source Clock = steady_clock>
class session_pool {
    struct seat {
        template <class... Arguments>
        explicit seat(const Arguments&... arguments) : session(arguments...) {}

        Session session;
        bool busy = false;
        bool is_connected = false;  ///< when it was last taken or given back
        bool is_urgent = false;     ///< what is posted must not wait for the next verb
        std::deque<typename Session::settlement> posted{};
    };

public:
    using settlement = typename Session::settlement;

    /// Whether a posted settlement leaves at once, or with the next message of its session, or after `max_hold`.
    enum class departure : std::uint8_t { now, with_next };

    /// Opens nothing. Each session is made from `arguments`. If a session refers to them, they must outlive the pool.
    template <class... Arguments>
    explicit session_pool(pool_options options, Clock clock, const Arguments&... arguments)
        : options_(std::move(options)), clock_(std::move(clock)), random_(std::random_device{}()),
          back_off_(options_.reconnect_first, options_.reconnect_max) {
        for (std::size_t i = 0; i < options_.sessions; ++i)
            seats_.push_back(std::make_unique<seat>(arguments...));
    }

    /// One session, for as long as the lease lives.
    class lease {
    public:
        lease(session_pool& pool, std::size_t index) noexcept : pool_(&pool), index_(index) {}
        lease(lease&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), index_(other.index_) {}
        lease& operator=(lease&&) = delete;
        ~lease() {
            if (pool_ != nullptr)
                pool_->give_back(index_);
        }
        [[nodiscard]] Session& operator*() const noexcept { return pool_->seats_[index_]->session; }
        [[nodiscard]] Session* operator->() const noexcept { return &**this; }

    private:
        session_pool* pool_;
        std::size_t index_;
    };

    // ---- verbs

    /// An open session for a verb on the key of `route`. All settlements posted for it have been sent before. If the
    /// verb `carries` settlements, those of its own key may be part of it.
    ///
    /// If the server refuses a further connection and this pool has others, the verb waits for one of those.
    ///
    /// **Errors.** `store_busy` if no session is free within `wait`; `store_error` if the server cannot be reached.
    [[nodiscard]] lease borrow(const key_route& route, bool carries = false) {
        const auto until = std::chrono::steady_clock::now() + options_.wait;
        for (;;) {
            const std::size_t i = wait_for(route, until);
            lease mine{*this, i};
            try {
                make_ready(*seats_[i], carries ? &route : nullptr);
                if (due_.load(std::memory_order_relaxed) <= clock_.now()) [[unlikely]]
                    send_held();
                return mine;
            } catch (const store_error&) {
                if (std::chrono::steady_clock::now() >= until || !move_home(i, route))
                    throw;
            }
        }
    }

    /// Sends a settlement, or leaves it to the thread that has its session. It never waits, and throws only
    /// `std::bad_alloc`.
    void post(settlement s, departure when = departure::now) {
        std::size_t home = 0;
        {
            const std::lock_guard guard{mutex_};
            home = s.route().home;
            seat& at = *seats_[home];
            s.route().unanswered.fetch_add(1, std::memory_order_relaxed);
            at.posted.push_back(std::move(s));
            // Entries expire by themselves. This limits the number of settlements that wait for an unreachable server.
            if (at.posted.size() > max_posted)
                drop_oldest(at);
            if (when == departure::with_next) {
                if (due_.load(std::memory_order_relaxed) == far_future)
                    due_.store(clock_.now() + max_hold, std::memory_order_relaxed);
                return;
            }
            at.is_urgent = true;
            if (at.busy || !at.session.is_open())
                return;
            at.busy = true;
        }
        give_back(home);
    }

    /// Sends settlements that wait for the next message, without waiting for the replies: all of them if the caller
    /// `is_idle`, else if one has waited for `max_hold`. Returns when to call it again at the latest.
    instant tend(bool is_idle) noexcept {
        const instant due = due_.load(std::memory_order_relaxed);
        if (due == far_future || (!is_idle && due > clock_.now()))
            return due;
        send_held();
        return due_.load(std::memory_order_relaxed);
    }
    /// Whether settlements wait for the next message of an open session.
    [[nodiscard]] bool holds() {
        const std::lock_guard guard{mutex_};
        return std::ranges::any_of(seats_, [](const auto& at) { return at->session.is_open() && !at->posted.empty(); });
    }

    /// Sends every posted settlement and waits for the replies.
    ///
    /// **Errors.** `store_error`: the last failure, after all sessions have been tried.
    void flush() {
        std::exception_ptr failure;
        for (std::size_t i = 0; i < seats_.size(); ++i) {
            seat& at = *seats_[i];
            {
                std::unique_lock lock{mutex_};
                if (!wait_until(lock, std::chrono::steady_clock::now() + options_.flush_wait, [&] { return !at.busy; }))
                    throw store_error{
                        fmt::format("{}: cannot flush settlements at {}: a connection stays in use; try again",
                                    options_.store, options_.server)};
                if (at.posted.empty() && !at.session.owes())
                    continue;
                at.busy = true;
            }
            const lease mine{*this, i};
            try {
                do {
                    make_ready(at, nullptr);
                    mine->finish();
                } while (has_posted(at));
            } catch (const store_error&) {
                failure = std::current_exception();
            }
        }
        if (failure)
            std::rethrow_exception(failure);
    }

    /// Takes every settlement that was not sent: another server has their keys now.
    [[nodiscard]] std::deque<settlement> take_posted() {
        const std::lock_guard guard{mutex_};
        std::deque<settlement> out;
        for (const auto& at : seats_) {
            std::ranges::move(at->posted, std::back_inserter(out));
            at->posted.clear();
        }
        return out;
    }
    /// The server is another one now, so that the next attempt need not wait.
    void try_at_once() {
        const std::lock_guard guard{mutex_};
        back_off_.succeeded();
    }

    // ---- queries

    /// The home session of one more key: the sessions are assigned in turn.
    [[nodiscard]] std::size_t next_home() noexcept {
        return homes_.fetch_add(1, std::memory_order_relaxed) % seats_.size();
    }
    [[nodiscard]] const std::string& server() const noexcept { return options_.server; }

private:
    static constexpr std::size_t max_posted = 16'384;

    // ---- borrowing

    using moment = std::chrono::steady_clock::time_point;

    template <class Condition>
    [[nodiscard]] bool wait_until(std::unique_lock<std::mutex>& lock, moment until, Condition&& is_met) {
        if (is_met())
            return true;
        ++waiting_;
        const bool met = freed_.wait_until(lock, until, is_met);
        --waiting_;
        return met;
    }

    /// **Preconditions.** The mutex is held.
    [[nodiscard]] bool is_any_connected() const noexcept {
        return std::ranges::any_of(seats_, [](const auto& at) { return at->is_connected; });
    }
    /// The server refused the connection of the seat `from`. Makes an open session the home of its settlements and of
    /// `route`. Returns false if no session is open.
    [[nodiscard]] bool move_home(std::size_t from, const key_route& route) {
        const std::lock_guard guard{mutex_};
        const auto found = std::ranges::find_if(seats_, [](const auto& at) { return at->is_connected; });
        if (found == seats_.end())
            return false;
        const auto to = static_cast<std::size_t>(found - seats_.begin());
        seat& old = *seats_[from];
        for (settlement& s : old.posted) {
            s.route().home = to;
            (*found)->posted.push_back(std::move(s));
        }
        old.posted.clear();
        if (route.home == from)
            route.home = to;
        return true;
    }

    /// A verb that waits for a session.
    struct borrower {
        const key_route& route;
    };
    /// Whether one of the first `ahead` verbs in the line can use session `i`. They go first: otherwise a thread that
    /// gives a session back and borrows again would always be faster than the waiting threads.
    [[nodiscard]] bool is_reserved(std::size_t i, std::size_t ahead) const noexcept {
        return std::any_of(line_.begin(), line_.begin() + static_cast<std::ptrdiff_t>(ahead), [i](const borrower* b) {
            return b->route.home == i || b->route.unanswered.load(std::memory_order_acquire) == 0;
        });
    }

    [[nodiscard]] std::size_t wait_for(const key_route& route, moment until) {
        std::unique_lock lock{mutex_};
        std::size_t found = seats_.size();
        const auto find = [&](std::size_t ahead) {
            found = seats_.size();
            const bool needs_home = route.unanswered.load(std::memory_order_acquire) != 0;
            // While the server refuses connections, the verb waits for an open session.
            const bool needs_open =
                !needs_home && back_off_.left(clock_.now()) > duration::zero() && is_any_connected();
            const auto is_fit = [&](std::size_t i) {
                const seat& at = *seats_[i];
                return !at.busy && (!needs_open || at.session.is_open()) && !is_reserved(i, ahead);
            };
            if (is_fit(route.home)) {
                found = route.home;
            } else if (!needs_home) {
                // An open session is preferred, because connecting takes longer.
                for (std::size_t i = 0; i < seats_.size(); ++i)
                    if (is_fit(i) && (found == seats_.size() || seats_[i]->session.is_open()))
                        found = i;
            }
            return found != seats_.size();
        };
        bool got = find(line_.size());
        if (!got) {
            const borrower me{route};
            line_.push_back(&me);
            const auto place = [&] { return std::ranges::find(line_, &me) - line_.begin(); };
            got = wait_until(lock, until, [&] { return find(static_cast<std::size_t>(place())); });
            line_.erase(line_.begin() + place());
            freed_.notify_all();  // the next in the line may use another session
        }
        if (!got)
            throw store_busy{fmt::format("{}: no connection to {} came free within {} ms: all {} are in use; {}",
                                         options_.store, options_.server,
                                         std::chrono::ceil<std::chrono::milliseconds>(options_.wait).count(),
                                         seats_.size(), options_.advice)};
        seats_[found]->busy = true;
        return found;
    }

    /// Connects if there is no connection, unless the server has just refused one. Then sends what was posted.
    ///
    /// **Preconditions.** The caller has the session.
    void make_ready(seat& at, const key_route* called) {
        Session& session = at.session;
        if (!session.is_open() || !session.seems_alive()) {
            session.close();
            take_back(at);
            open(at);
        }
        send_posted(at, called);
        if (!session.is_open()) {
            // The connection broke while settlements were sent; the verb itself was not sent.
            take_back(at);
            open(at);
            send_posted(at, called);
        }
    }

    void open(seat& at) {
        Session& session = at.session;
        {
            const std::lock_guard guard{mutex_};
            at.is_connected = false;
            const instant now = clock_.now();
            if (const duration left = back_off_.left(now); left > duration::zero())
                throw store_error{fmt::format(
                    "{}: {} could not be used; the next attempt is in {} ms: {}", options_.store, options_.server,
                    std::chrono::ceil<std::chrono::milliseconds>(left).count(), back_off_.reason())};
            back_off_.begin(now, options_.connect_timeout);
        }
        try {
            session.open();
        } catch (const store_error& e) {
            session.close();
            const std::lock_guard guard{mutex_};
            back_off_.failed(clock_.now(), random_(), e.what());
            throw;
        }
        const std::lock_guard guard{mutex_};
        at.is_connected = true;
        back_off_.succeeded();
    }

    // ---- settlements

    static void drop_oldest(seat& at) {
        at.posted.front().route().unanswered.fetch_sub(1, std::memory_order_release);
        at.posted.pop_front();
    }
    [[nodiscard]] bool has_posted(const seat& at) {
        const std::lock_guard guard{mutex_};
        return !at.posted.empty();
    }

    /// Puts settlements back in front of those that were posted after them.
    void put_back(seat& at, std::deque<settlement>&& back) {
        if (back.empty())
            return;
        const std::lock_guard guard{mutex_};
        at.posted.insert(at.posted.begin(), std::make_move_iterator(back.begin()), std::make_move_iterator(back.end()));
        while (at.posted.size() > max_posted)
            drop_oldest(at);
    }
    void take_back(seat& at) { put_back(at, at.session.take_undone()); }

    /// **Preconditions.** The caller has the session.
    void send_posted(seat& at, const key_route* called) {
        std::deque<settlement> mine;
        {
            const std::lock_guard guard{mutex_};
            mine.swap(at.posted);
            at.is_urgent = false;
        }
        if (mine.empty())
            return;
        at.session.send(mine, called);
        put_back(at, std::move(mine));
    }

    /// Sends what waits for the next message, over sessions that are free. The users of the others send the rest.
    void send_held() noexcept {
        due_.store(far_future, std::memory_order_relaxed);
        for (std::size_t i = 0; i < seats_.size(); ++i) {
            {
                const std::lock_guard guard{mutex_};
                seat& at = *seats_[i];
                if (at.posted.empty() || !at.session.is_open())
                    continue;
                at.is_urgent = true;
                if (at.busy)
                    continue;
                at.busy = true;
            }
            give_back(i);
        }
    }

    /// Frees a session, after sending what was posted in the meantime, if that is urgent.
    void give_back(std::size_t i) noexcept {
        seat& at = *seats_[i];
        for (;;) {
            try {
                if (at.session.is_open())
                    at.session.catch_up();
            } catch (const store_error&) {
                // The session is closed now: its settlements are taken back and sent over the next connection.
            }
            if (at.session.has_undone())
                take_back(at);
            {
                const std::lock_guard guard{mutex_};
                if (at.posted.empty() || !at.is_urgent || !at.session.is_open() || at.session.is_full()) {
                    at.busy = false;
                    at.is_connected = at.session.is_open();
                    if (waiting_ > 0)
                        freed_.notify_all();
                    return;
                }
            }
            send_posted(at, nullptr);
        }
    }

    const pool_options options_;
    const Clock clock_;
    std::mutex mutex_;
    std::condition_variable freed_;
    std::size_t waiting_ = 0;
    std::vector<const borrower*> line_;  // first come, first served
    std::vector<std::unique_ptr<seat>> seats_;
    std::mt19937_64 random_;
    back_off back_off_;
    std::atomic<std::size_t> homes_ = 0;
    std::atomic<instant> due_{far_future};  // when the first of the settlements that wait has waited long enough
};

}  // namespace weir::remote
