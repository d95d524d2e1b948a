// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/key.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace download {

/// The client's own record of what it sent, key by key: what the summary is made of.
///
/// **Thread safety:** all members.
class traffic {
public:
    struct key_record {
        std::vector<std::int64_t> starts;  ///< when each request left, in ns
        std::vector<std::int64_t> ends;    ///< when each one's headers came, or its failure
        std::vector<std::int64_t> delays;  ///< how long each admission was waited for, in ns
        std::uint64_t refused = 0;         ///< answers 429
        std::uint64_t bytes = 0;           ///< of bodies

        /// The most requests that may have reached the server within any half-open interval of length T: a request may
        /// have arrived at any moment from its start to its end.
        [[nodiscard]] std::size_t worst_window(weir::duration period) const;
        /// The delay that a share `p` of the admissions did not exceed, by nearest rank; 0 when there was none.
        [[nodiscard]] weir::duration delay(double p) const;
    };

    void started(const weir::key& k) {
        change(k, [now = now()](key_record& r) { r.starts.push_back(now); });
    }
    void answered(const weir::key& k, int status) {
        change(k, [now = now(), status](key_record& r) {
            r.ends.push_back(now);
            if (status == 429)
                ++r.refused;
        });
    }
    void received(const weir::key& k, std::size_t bytes) {
        change(k, [bytes](key_record& r) { r.bytes += bytes; });
    }
    void admitted(const weir::key& k, weir::duration waited) {
        change(k, [waited](key_record& r) { r.delays.push_back(waited.count()); });
    }

    [[nodiscard]] std::map<weir::key, key_record> snapshot() const {
        const std::lock_guard guard{mutex_};
        return keys_;
    }

private:
    [[nodiscard]] static std::int64_t now() {
        return std::chrono::duration_cast<weir::duration>(std::chrono::steady_clock::now().time_since_epoch()).count();
    }
    template <class F>
    void change(const weir::key& k, F&& f) {
        const std::lock_guard guard{mutex_};
        f(keys_[k]);
    }

    mutable std::mutex mutex_;
    std::map<weir::key, key_record> keys_;
};

inline std::size_t traffic::key_record::worst_window(weir::duration period) const {
    // Request i can lie in [s, s + T) iff start < s + T and end >= s, that is, iff s is in (start - T, end]. So the
    // answer is the greatest number of such intervals over one point, and which end belongs to which start does not
    // matter.
    std::vector<std::int64_t> opens = starts, closes = ends;
    for (std::int64_t& at : opens)
        at -= period.count();
    std::ranges::sort(opens);
    std::ranges::sort(closes);
    std::size_t max = 0, closed = 0;
    for (std::size_t opened = 0; opened < opens.size(); ++opened) {
        // Only points just after an opening matter; an interval that ends at or before the opening is over there.
        while (closed < closes.size() && closes[closed] <= opens[opened])
            ++closed;
        max = std::max(max, opened + 1 - closed);
    }
    return max;
}

inline weir::duration traffic::key_record::delay(double p) const {
    if (delays.empty())
        return weir::duration::zero();
    std::vector<std::int64_t> sorted = delays;
    std::ranges::sort(sorted);
    const auto rank = static_cast<std::size_t>(p * static_cast<double>(sorted.size()) + 0.999999);
    return weir::duration{sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1]};
}

}  // namespace download
