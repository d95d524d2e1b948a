// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weir::detail {

/// `Reference::now()`, read at most every 10 us. In between, the time is computed from `Counter::read()`.
///
/// **Accuracy.** An anchor is one reading of the reference between two readings of the counter. While the anchor is
/// younger than `span`, the time is its reading plus the ticks since then. An older anchor is replaced by a new
/// reading. So whatever happens to either clock (slewing, suspension, migration of a virtual machine), an error lasts
/// for 10 us. It is no larger than the drift between the two clocks in 10 us plus the distance of the two counter
/// readings (200 ns).
/// **Monotonic.** Each anchor starts no lower than the end of the one before it, and replaces it by a compare-and-swap.
/// So every returned value belongs to one chain of anchors. No thread waits for another.
/// **Distrust.** The counter's rate is measured every 10 ms and used only if it agrees with the measurement before. A
/// reading that differs by more than 1 us from the anchor's prediction discards the rate. After `max_misses` of these,
/// the counter is not read again in this process.
///
/// `Counter`: `is_reliable()` and `read<fenced>()`. `Reference`: `now()`, an `instant` that never goes back. **Thread
/// safety.** Any thread may read at any time, also in a signal handler. **Complexity.** O(1), no allocation.
template <class Counter, class Reference>
class cycle_clock {
public:
    static constexpr std::int64_t span_ns = 10'000;
    static constexpr int max_misses = 16;

    /// `fenced` is passed to the counter: whether the reading comes after everything that this thread has seen of other
    /// threads.
    template <bool fenced = true>
    [[nodiscard, gnu::always_inline]] instant now() noexcept {
        // Acquire pairs with the release in publish(): the anchor's numbers belong to this name or to a later one.
        const std::uint64_t name = newest_.load(std::memory_order_acquire);
        if (name != 0) [[likely]] {
            const slot& s = slots_[name % slots];
            const std::uint64_t ticks = s.ticks.load(std::memory_order_acquire);
            const std::uint64_t span = s.span.load(std::memory_order_acquire);
            const std::uint64_t rate = s.rate.load(std::memory_order_acquire);
            const std::int64_t ns = s.ns.load(std::memory_order_acquire);
            const std::int64_t floor = s.floor.load(std::memory_order_acquire);
            // The loads above acquire, so this one comes after them. If the name is unchanged, the numbers were
            // unchanged too.
            const bool is_whole = s.name.load(std::memory_order_relaxed) == name;
            const std::uint64_t age = Counter::template read<fenced>() - ticks;
            if (age < span && is_whole) [[likely]]
                return at(std::max(floor, ns + static_cast<std::int64_t>((age * rate) >> 32)));
        }
        return read_reference();
    }

    /// Whether the counter is in use: false before the first reading, and always if it is not reliable.
    [[nodiscard]] bool counts() const noexcept { return state_.load(std::memory_order_relaxed) == state::counting; }

private:
    static constexpr std::size_t slots = 4;
    static constexpr std::uint64_t name_step = slots;           // a name is a number, with its slot in the low bits
    static constexpr std::int64_t measure_ns = 10'000'000;      // the rate is measured over at least this time,
    static constexpr std::int64_t too_long_ns = 1'000'000'000;  // but over less than this
    static constexpr std::int64_t max_bracket_ns = 200;
    static constexpr std::int64_t max_error_ns = 1'000;
    static constexpr std::int64_t no_floor = INT64_MIN;

    enum class state : std::uint8_t { unknown, counting, off };

    struct anchor {
        std::uint64_t ticks = 0;  // the counter just before the reference was read
        std::int64_t ns = 0;      // the reading of the reference
        std::int64_t floor = no_floor;
        std::uint64_t rate = 0;  // ns a tick, times 2^32; 0: not known
        std::uint64_t span = 0;  // for how many ticks it is used; 0: none
        // The measurement in progress: its beginning, how exactly that is known, and the result of the last one.
        std::uint64_t begin_ticks = 0;
        std::int64_t begin_ns = INT64_MAX;  // not begun
        std::uint64_t begin_bracket = 0;
        std::uint64_t measured = 0;

        [[nodiscard]] std::int64_t value(std::uint64_t age) const noexcept {
            return std::max(floor, ns + static_cast<std::int64_t>((age * rate) >> 32));
        }
    };

    struct alignas(128) slot {
        std::atomic<std::uint64_t> name{0};  // of the anchor in this slot; 0 while it is written
        std::atomic<std::uint64_t> ticks{0};
        std::atomic<std::int64_t> ns{0};
        std::atomic<std::int64_t> floor{0};
        std::atomic<std::uint64_t> rate{0};
        std::atomic<std::uint64_t> span{0};
        std::atomic<bool> is_taken{false};  // by a thread that writes and publishes the anchor
        std::atomic<std::uint64_t> begin_ticks{0};
        std::atomic<std::int64_t> begin_ns{0};
        std::atomic<std::uint64_t> begin_bracket{0};
        std::atomic<std::uint64_t> measured{0};
    };

    struct sample {
        std::uint64_t ticks;
        std::uint64_t bracket;
        std::int64_t ns;
    };

    [[nodiscard]] static instant at(std::int64_t ns) noexcept { return instant{duration{ns}}; }
    [[nodiscard]] static std::int64_t reference() noexcept { return Reference{}.now().time_since_epoch().count(); }

    [[nodiscard, gnu::noinline]] instant read_reference() noexcept {
        for (;;) {
            const std::uint64_t name = newest_.load(std::memory_order_acquire);
            anchor before;
            if (name == 0) {
                if (!starts())
                    return at(std::max(reference(), last_floor_.load(std::memory_order_acquire)));
            } else if (!copy(name, before)) {
                continue;  // another thread has published a newer anchor
            } else if (const std::uint64_t age = Counter::template read<true>() - before.ticks; age < before.span) {
                return at(before.value(age));
            }
            const sample now = read_both(before.rate);
            const anchor next = follow(before, now);
            const std::int64_t value = std::max(next.ns, next.floor);
            if (misses_.load(std::memory_order_relaxed) >= max_misses) {
                give_up(name, value);
                return at(value);
            }
            if (publish(name, next))
                return at(value);
        }
    }

    /// Whether the counter may be used; checks it once.
    [[nodiscard]] bool starts() noexcept {
        state s = state_.load(std::memory_order_acquire);
        if (s == state::unknown) {
            const state found = Counter::is_reliable() ? state::counting : state::off;
            if (state_.compare_exchange_strong(s, found, std::memory_order_acq_rel))
                s = found;
        }
        return s == state::counting;
    }

    void give_up(std::uint64_t name, std::int64_t floor) noexcept {
        std::int64_t last = last_floor_.load(std::memory_order_relaxed);
        while (last < floor && !last_floor_.compare_exchange_weak(last, floor, std::memory_order_acq_rel)) {
        }
        state_.store(state::off, std::memory_order_release);
        // Release pairs with the acquire in read_reference(), which then sees the floor and the state.
        newest_.compare_exchange_strong(name, 0, std::memory_order_acq_rel);
    }

    /// Reads the reference between two readings of the counter. It reads again if the first try was interrupted.
    [[nodiscard]] static sample read_both(std::uint64_t rate) noexcept {
        sample best{0, UINT64_MAX, 0};
        for (int tries = 0; tries < (rate == 0 ? 3 : 2); ++tries) {
            const std::uint64_t begin = Counter::template read<true>();
            const std::int64_t ns = reference();
            const std::uint64_t bracket = Counter::template read<true>() - begin;
            if (bracket < best.bracket)
                best = {begin, bracket, ns};
            if (rate != 0 && is_narrow(bracket, rate))
                break;
        }
        return best;
    }

    [[nodiscard]] static bool is_narrow(std::uint64_t bracket, std::uint64_t rate) noexcept {
        return bracket < (std::uint64_t{1} << 24) && (bracket * rate) >> 32 <= std::uint64_t{max_bracket_ns};
    }

    [[nodiscard]] anchor follow(const anchor& before, const sample& now) noexcept {
        anchor next = before;
        next.ticks = now.ticks;
        next.ns = now.ns;
        // No thread has seen a later time than either value: the anchor has ended, and its error was no larger than
        // this. After a suspension the second value is lower, because the counter went on and the reference did not.
        next.floor = std::min(before.value(before.span), now.ns + max_error_ns);
        if (contradicts(before, now)) {
            misses_.fetch_add(1, std::memory_order_relaxed);
            next.rate = next.measured = 0;
        }
        measure(next, now);
        next.span = 0;
        if (next.rate != 0 && is_narrow(now.bracket, next.rate))
            next.span = (static_cast<std::uint64_t>(span_ns) << 32) / next.rate;
        else if (next.rate != 0)  // twice in a row: the reference is a system call, or the machine is very busy
            misses_.fetch_add(1, std::memory_order_relaxed);
        return next;
    }

    /// Whether a reading differs from the prediction of the anchor before it.
    [[nodiscard]] static bool contradicts(const anchor& before, const sample& now) noexcept {
        // The process was restored, or forked into another time namespace: the reference is a different one.
        if (now.ns < before.ns)
            return true;
        const std::uint64_t age = now.ticks - before.ticks;
        if (before.span == 0 || age >= 2 * before.span || !is_narrow(now.bracket, before.rate))
            return false;
        const std::int64_t error = before.ns + static_cast<std::int64_t>((age * before.rate) >> 32) - now.ns;
        return error > max_error_ns || error < -max_error_ns;
    }

    /// Measures the rate over 10 ms or more, and uses a measurement if it agrees with the one before it.
    static void measure(anchor& a, const sample& now) noexcept {
        const auto restart = [&] {
            a.begin_ticks = now.ticks;
            a.begin_ns = now.ns;
            a.begin_bracket = now.bracket;
        };
        // A pause of more than a second may be a suspension or a migration, so the measurement starts again.
        const std::int64_t elapsed = now.ns < a.begin_ns ? -1 : now.ns - a.begin_ns;
        if (elapsed < 0 || elapsed >= too_long_ns) {
            a.rate = a.measured = 0;
            restart();
            return;
        }
        if (elapsed < measure_ns)
            return;
        const std::uint64_t ticks = now.ticks - a.begin_ticks;
        const std::uint64_t fresh = ticks == 0 ? 0 : (static_cast<std::uint64_t>(elapsed) << 32) / ticks;
        const std::uint64_t known = a.measured;
        const bool is_sane = fresh >= (1U << 24) && fresh < (std::uint64_t{1} << 40);  // 4 MHz to 256 GHz
        const bool is_exact = is_sane && is_narrow(now.bracket, fresh) && is_narrow(a.begin_bracket, fresh);
        if (is_exact) {
            const std::uint64_t apart = fresh > known ? fresh - known : known - fresh;
            a.rate = apart <= known / 128 ? fresh : 0;
            a.measured = fresh;
        }
        restart();
    }

    // ---- anchors ----

    [[nodiscard]] bool copy(std::uint64_t name, anchor& out) const noexcept {
        const slot& s = slots_[name % slots];
        constexpr auto acquire = std::memory_order_acquire;  // so that the name is loaded after the numbers
        out.ticks = s.ticks.load(acquire);
        out.ns = s.ns.load(acquire);
        out.floor = s.floor.load(acquire);
        out.rate = s.rate.load(acquire);
        out.span = s.span.load(acquire);
        out.begin_ticks = s.begin_ticks.load(acquire);
        out.begin_ns = s.begin_ns.load(acquire);
        out.begin_bracket = s.begin_bracket.load(acquire);
        out.measured = s.measured.load(acquire);
        return s.name.load(std::memory_order_relaxed) == name;
    }

    /// Makes `a` the newest anchor; false if `name` is not the newest any more. If a thread is stopped in this
    /// function, one slot is blocked, and other threads use the next one. If there is no slot (three threads are
    /// stopped here), only the reader of `a` uses it.
    [[nodiscard]] bool publish(std::uint64_t name, const anchor& a) noexcept {
        for (std::uint64_t i = 1; i < slots; ++i) {
            const std::uint64_t index = (name + i) % slots;
            slot& s = slots_[index];
            // Acquire pairs with the release below: everything that the last owner did with the slot comes before.
            if (s.is_taken.load(std::memory_order_relaxed) || s.is_taken.exchange(true, std::memory_order_acquire))
                continue;
            // Only the owner of a slot publishes it. If it is not the newest now, it does not become the newest.
            if (newest_.load(std::memory_order_acquire) != name) {
                s.is_taken.store(false, std::memory_order_release);
                return false;
            }
            std::uint64_t expected = name;
            const std::uint64_t fresh_name = name - name % slots + name_step + index;
            constexpr auto release =
                std::memory_order_release;  // of the cleared name: a reader that sees a number also sees that
            s.name.store(0, std::memory_order_relaxed);
            s.ticks.store(a.ticks, release);
            s.ns.store(a.ns, release);
            s.floor.store(a.floor, release);
            s.rate.store(a.rate, release);
            s.span.store(a.span, release);
            s.begin_ticks.store(a.begin_ticks, release);
            s.begin_ns.store(a.begin_ns, release);
            s.begin_bracket.store(a.begin_bracket, release);
            s.measured.store(a.measured, release);
            s.name.store(fresh_name, release);
            const bool done = newest_.compare_exchange_strong(expected, fresh_name, std::memory_order_acq_rel);
            s.is_taken.store(false, std::memory_order_release);
            return done;
        }
        return newest_.load(std::memory_order_acquire) == name;
    }

    alignas(128) std::atomic<std::uint64_t> newest_{0};
    std::atomic<state> state_{state::unknown};
    std::atomic<int> misses_{0};
    std::atomic<std::int64_t> last_floor_{no_floor};
    std::array<slot, slots> slots_{};
};

}  // namespace weir::detail
