// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/remote/window_record.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace weir::sqlite::detail {

/// An answer that is not in the file yet. There its entry is still open.
struct kept_answer {
    std::uint64_t id = 0;  ///< of the entry; once it is written, what the file knows it as
    std::int64_t cost = 0;
    instant at = long_ago;  ///< when it came, in time since boot or injected time
    bool has_ended = false;
    std::uint64_t written_as = 0;
};

/// The answers of one key that wait for the key's next transaction.
///
/// **Thread safety.** All members may be called from any thread; `take` and what follows it by one at a time.
class kept_answers {
public:
    /// Keeps an answer under a plan without a ceiling. Returns whether the key must be remembered, because it had none.
    [[nodiscard]] bool put(const kept_answer& answer, const window_plan& plan) {
        const std::lock_guard guard{mutex_};
        if (const std::int64_t name = remote::name_of(plan); plan_ == nullptr || name != plan_name_) {
            plan_ = std::make_shared<const window_plan>(plan);
            plan_name_ = name;
        }
        waiting_.push_back(answer);
        return !std::exchange(is_listed_, true);
    }
    /// The request of an answered entry has ended. Returns whether nothing has to be written for that.
    [[nodiscard]] bool end(std::uint64_t id) noexcept {
        const std::lock_guard guard{mutex_};
        for (auto* list : {&waiting_, &taken_})
            if (const auto found = std::ranges::find(*list, id, &kept_answer::id); found != list->end())
                return found->has_ended = true;
        const auto found = std::ranges::find(written_, id, &kept_answer::id);
        if (found == written_.end())
            return false;
        written_.erase(found);
        return true;
    }
    /// What the file knows an entry as; 0 = it does not. For the transaction that has written what it took.
    [[nodiscard]] std::uint64_t known_as(std::uint64_t id) noexcept {
        const std::lock_guard guard{mutex_};
        for (const auto* list : {&taken_, &written_})
            if (const auto found = std::ranges::find(*list, id, &kept_answer::id); found != list->end())
                return found->written_as;
        return id;
    }
    [[nodiscard]] bool empty() noexcept {
        const std::lock_guard guard{mutex_};
        return waiting_.empty();
    }
    void unlist() noexcept {
        const std::lock_guard guard{mutex_};
        is_listed_ = false;
    }

    // ---- writing

    /// The plan under which the answers came.
    [[nodiscard]] std::shared_ptr<const window_plan> plan() noexcept {
        const std::lock_guard guard{mutex_};
        return plan_;
    }
    /// The answers that this transaction writes. Unless `commit` follows, they wait again.
    [[nodiscard]] std::vector<kept_answer>& take() noexcept {
        const std::lock_guard guard{mutex_};
        taken_.swap(waiting_);
        return taken_;
    }
    void commit() noexcept {
        const std::lock_guard guard{mutex_};
        for (const kept_answer& a : taken_)
            if (!a.has_ended)
                written_.push_back(a);
        taken_.clear();
    }
    void roll_back() noexcept {
        const std::lock_guard guard{mutex_};
        waiting_.insert(waiting_.begin(), taken_.begin(), taken_.end());
        taken_.clear();
    }

private:
    std::mutex mutex_;
    std::vector<kept_answer> waiting_;
    std::vector<kept_answer> taken_;
    std::vector<kept_answer> written_;  // of requests that have not ended
    std::shared_ptr<const window_plan> plan_;
    std::int64_t plan_name_ = 0;
    bool is_listed_ = false;
};

}  // namespace weir::sqlite::detail
