// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/slot_map.hpp"
#include "weir/ext/redis/detail/wire.hpp"

#include "weir/storage/remote/session_pool.hpp"
#include "weir/storage/store_error.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace weir::redis::detail {

/// The parts of commands that name a key, made once.
struct key_address {
    std::string parts;       ///< the keys of a decision, as a part of a call
    std::string tuner_part;  ///< the third key, which only some scripts need
    std::string note;        ///< the part of a note before its text
    std::string windows;     ///< the name of the windows' value, which no script reads
    std::uint16_t hash_slot = 0;
    remote::key_route route{};
};

/// A settlement in progress. Repeating one changes nothing. So it is kept until its reply is read, and sent again over
/// the next connection if there was none. The exception is the refund of a stamp without an entry, which is then lost.
struct settlement_call {
    std::shared_ptr<key_address> key;
    std::uint64_t id = 0;
    double at = 0;
    note_kind how{};
    bool urgent = false;       ///< another process may wait for it
    bool unimportant = false;  ///< no process waits for it: it may be part of the next call on its key
    bool asks = false;         ///< its hash slot moves, and the server that gets it is asked before the move has ended

    [[nodiscard]] bool repeatable() const noexcept { return how != note_kind::refund_stamp; }
    [[nodiscard]] remote::key_route& route() const noexcept { return key->route; }
};

/// Whether `next` can say all that `s` says, and does from now on: the request was answered, and has ended. An end
/// without an answer before it is the answer too.
[[nodiscard]] inline bool is_said_by(const settlement_call& s, settlement_call& next) noexcept {
    if (s.how != note_kind::answered || next.how != note_kind::released || next.id != s.id || next.key != s.key)
        return false;
    next.at = s.at;
    next.urgent = next.urgent || s.urgent;
    next.unimportant = next.unimportant && s.unimportant;
    s.route().unanswered.fetch_sub(1, std::memory_order_release);
    return true;
}

/// A verb that a server did not carry out, because another server or a later moment is right.
class redirected : public store_error {
public:
    redirected(std::string sentence, redirection where) : store_error(std::move(sentence)), where_(std::move(where)) {}
    [[nodiscard]] const redirection& where() const noexcept { return where_; }

private:
    redirection where_;
};

/// What the connections learn about other servers: the settlements that were sent to the wrong one, and whether the map
/// of the hash slots is old.
///
/// **Thread safety.** All members may be called from any thread.
class rerouting {
public:
    /// A settlement that was refused. Its reply counts as due until it is sent again.
    struct stray {
        settlement_call settlement;
        redirection where;
    };

    void put(settlement_call s, redirection where) {
        const std::lock_guard guard{mutex_};
        if (where.kind != detour::ask)
            is_old_.store(true, std::memory_order_relaxed);
        // Entries expire by themselves. This limits the number of settlements that wait for a Cluster that is down.
        if (strays_.size() >= max_strays) {
            strays_.front().settlement.route().unanswered.fetch_sub(1, std::memory_order_release);
            strays_.pop_front();
        }
        strays_.push_back({std::move(s), std::move(where)});
        has_any_.store(true, std::memory_order_release);
    }
    [[nodiscard]] std::deque<stray> take() {
        const std::lock_guard guard{mutex_};
        has_any_.store(false, std::memory_order_relaxed);
        return std::exchange(strays_, {});
    }
    [[nodiscard]] bool has_any() const noexcept { return has_any_.load(std::memory_order_acquire); }

    void set_old(bool is) noexcept { is_old_.store(is, std::memory_order_relaxed); }
    [[nodiscard]] bool is_old() const noexcept { return is_old_.load(std::memory_order_relaxed); }

private:
    static constexpr std::size_t max_strays = 16'384;

    std::mutex mutex_;
    std::deque<stray> strays_;
    std::atomic<bool> has_any_ = false;
    std::atomic<bool> is_old_ = false;
};

}  // namespace weir::redis::detail
