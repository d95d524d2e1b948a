// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/remote/holder_book.hpp"
#include "weir/storage/remote/own_presence.hpp"

#include "weir/core/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace weir::remote {

/// A holder that died, and until when it may have lived: microseconds of the store's clock.
struct dead_holder {
    holder_record who;
    std::int64_t at = 0;
};
/// A holder that has missed a renewal. It counts as dead at `at`.
struct silent_holder {
    std::uint64_t id = 0;
    std::int64_t at = 0;
};

/// What a process knows of the other holders of a store. The list is asked for at most once a second, and the kernel at
/// most every 50 ms, because a key that is full is denied often. It knows no socket and no clock.
///
/// **Thread safety.** All members may be called from any thread.
class holder_watch {
public:
    static constexpr duration list_again = std::chrono::seconds{1};
    static constexpr duration ask_kernel_again = std::chrono::milliseconds{50};
    /// The maximum of dead holders in one call: the latest ones.
    static constexpr std::size_t max_dead = 256;

    struct view {
        std::vector<dead_holder> dead;
        std::vector<silent_holder> silent;
        std::int64_t now = 0;         ///< by the store's clock
        std::uint64_t signature = 0;  ///< differs if the dead or the silent holders differ
    };

    /// Whether the list is older than a second. Only one caller gets `true` for it.
    [[nodiscard]] bool wants_list(instant now) {
        const std::lock_guard guard{mutex_};
        if (now < next_list_)
            return false;
        next_list_ = saturating_add(now, list_again);
        return true;
    }
    /// The store's list, made when its clock showed `store_now` and this process's showed `now`.
    void learn(std::vector<holder_record> all, std::int64_t store_now, instant now) {
        const std::lock_guard guard{mutex_};
        records_ = std::move(all);
        store_now_ = store_now;
        learnt_ = now;
        next_look_ = long_ago;
        std::erase_if(gone_, [&](const silent_holder& g) {
            return std::ranges::none_of(records_, [&](const holder_record& h) { return h.id == g.id; });
        });
    }
    /// The dead and the silent holders at `now`.
    [[nodiscard]] view look(const own_presence& me, instant now) {
        const std::lock_guard guard{mutex_};
        last_.now = store_now_ + std::chrono::floor<std::chrono::microseconds>(now - learnt_).count();
        if (now < next_look_)
            return last_;
        next_look_ = saturating_add(now, ask_kernel_again);
        last_ = view{{}, {}, last_.now, 0};
        for (const holder_record& h : records_) {
            holder_verdict v = me.judge(h, last_.now);
            if (v.type == holder_verdict::kind::lives)
                continue;
            last_.signature = last_.signature * 31 + (h.id << 1 | (v.type == holder_verdict::kind::dead ? 1U : 0U));
            if (v.type == holder_verdict::kind::silent)
                last_.silent.push_back({h.id, v.at});
            else if (last_.dead.size() < max_dead)
                last_.dead.push_back({h, first_seen_gone(h.id, v.at)});
        }
        return last_;
    }

private:
    /// The kernel says that a process has ended, and not when. It may have lived until that was seen first.
    [[nodiscard]] std::int64_t first_seen_gone(std::uint64_t id, std::int64_t at) {
        const auto known = std::ranges::find(gone_, id, &silent_holder::id);
        if (known != gone_.end())
            return std::min(known->at, at);
        gone_.push_back({id, at});
        return at;
    }

    std::mutex mutex_;
    std::vector<holder_record> records_;
    std::vector<silent_holder> gone_;
    view last_;
    std::int64_t store_now_ = 0;
    instant learnt_ = long_ago;
    instant next_list_ = long_ago;
    instant next_look_ = long_ago;
};

}  // namespace weir::remote
