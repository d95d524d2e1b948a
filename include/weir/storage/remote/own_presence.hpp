// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/remote/holder_book.hpp"
#include "weir/storage/remote/holder_identity.hpp"

#include "weir/core/time.hpp"
#include "weir/storage/holder.hpp"

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::remote {

/// One store object as a holder: who it is, and its signs of life.
///
/// **Thread safety.** All members may be called from any thread.
struct own_presence {
    /// There are no signs of life if `off`. `host` replaces the machine's name; empty = do not.
    own_presence(std::uint64_t holder, duration holder_ttl, duration entry_ttl, std::string_view host, bool off)
        : id(holder), identity(this_process(host)), ttl(holder_ttl), keep(saturating_sum(entry_ttl, holder_ttl)),
          is_off(off), book(holder_ttl) {}

    const std::uint64_t id;
    const holder_identity identity;
    const duration ttl;
    const duration keep;  ///< how long the store keeps the record: no entry of the holder exists after that
    const bool is_off;
    holder_book book;

    /// Takes the renewal that is due.
    [[nodiscard]] bool begin(instant now) noexcept { return !is_off && book.begin(now); }
    [[nodiscard]] bool is_due(instant now) const noexcept { return !is_off && book.is_due(now); }
    [[nodiscard]] instant next_renewal() const noexcept { return is_off ? far_future : book.next_renewal(); }

    /// Judges a holder at `now` by the store's clock, in microseconds.
    [[nodiscard]] holder_verdict judge(const holder_record& h, std::int64_t now) const {
        return remote::judge(h, id, identity.machine, now, process_has_ended);
    }
    [[nodiscard]] std::vector<holder_info> infos_of(std::vector<holder_record> all, std::int64_t now) const {
        std::vector<holder_info> out;
        for (holder_record& h : all) {
            const holder_verdict v = judge(h, now);
            out.push_back(info_of(std::move(h), id, v));
        }
        return out;
    }

private:
    [[nodiscard]] static constexpr duration saturating_sum(duration a, duration b) noexcept {
        return a > duration::max() - b ? duration::max() : a + b;
    }
};

}  // namespace weir::remote
