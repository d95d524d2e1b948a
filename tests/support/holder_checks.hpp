// SPDX-License-Identifier: MIT
#pragma once

#include "support/catch.hpp"
#include "support/store_checks.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/config/configuration.hpp"
#include "weir/core/policy.hpp"
#include "weir/observe/observer.hpp"
#include "weir/registry/registry.hpp"
#include "weir/storage/holder.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// Checks of what processes that die leave in a shared store. `Make` makes a store: `make(host)`, where `host` is the
// name of the machine, empty for this one.

namespace weir_test {

/// A process that runs a function and then waits to be killed. The function's end is told to this process.
class holding_process {
public:
    template <class F>
    explicit holding_process(F&& run) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0)
            throw std::runtime_error{"pipe"};
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            char said = 'y';
            try {
                run([&] {
                    static_cast<void>(!::write(ends[1], &said, 1));
                    for (;;)
                        ::pause();
                });
            } catch (const std::exception&) {
                said = 'n';
            }
            static_cast<void>(!::write(ends[1], &said, 1));
            ::_exit(1);
        }
        ::close(ends[1]);
        char said = 'n';
        is_ready_ = ::read(ends[0], &said, 1) == 1 && said == 'y';
        ::close(ends[0]);
    }
    holding_process(const holding_process&) = delete;
    holding_process& operator=(const holding_process&) = delete;
    ~holding_process() { kill(); }

    [[nodiscard]] bool is_ready() const noexcept { return is_ready_; }
    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    void stop() const { ::kill(pid_, SIGSTOP); }
    void kill() {
        if (pid_ <= 0)
            return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }

private:
    pid_t pid_ = -1;
    bool is_ready_ = false;
};

/// Collects the events `holder_died`.
struct death_observer {
    struct seen {
        std::mutex mutex;
        std::vector<std::pair<std::int64_t, std::int64_t>> deaths;  // process and entries
    };
    std::shared_ptr<seen> all = std::make_shared<seen>();
    void on_event(const weir::event& e) const {
        if (e.type != weir::event_type::holder_died)
            return;
        const std::lock_guard guard{all->mutex};
        all->deaths.emplace_back(e.holder_pid, e.holder_entries);
    }
};

[[nodiscard]] inline weir::configuration held_by_policy(weir::policy p) {
    p.max_delay = weir::duration::zero();
    return weir::configuration::builder{}.defaults("metadata", p).build().value();
}

/// How long after now a registry is first granted a permit.
template <class Registry>
[[nodiscard]] std::chrono::nanoseconds time_to_permit(Registry& limits, std::chrono::nanoseconds longest) {
    const auto began = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - began < longest) {
        if (limits.try_acquire("h.org", "metadata"))
            return std::chrono::steady_clock::now() - began;
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    return longest;
}

/// A killed process of this machine: its lease and its permits come back T after its death, not earlier.
template <class Make>
void check_death(const Make& make) {
    using namespace std::chrono_literals;
    weir::policy leasing = rates({{100, 400ms}});
    leasing.lease = 50;
    weir::policy ceiling = rates({{100, 400ms}});
    ceiling.max_concurrent = 2;
    for (const weir::policy& p : {leasing, ceiling}) {
        INFO("lease " << p.lease << ", max_concurrent " << p.max_concurrent);
        const auto hold = [&](auto&& ready) {
            weir::registry limits{make(""), held_by_policy(p)};
            std::vector<typename decltype(limits)::permit> held;
            for (int i = 0; i < 2'000; ++i) {
                auto got = limits.try_acquire("h.org", "metadata");
                if (got)
                    held.push_back(std::move(got).take());
                else if (got.decision().cause != weir::cause::store)
                    break;
                else
                    std::this_thread::sleep_for(1ms);
            }
            ready();
        };
        const death_observer deaths;
        holding_process holder{hold};
        REQUIRE(holder.is_ready());
        weir::registry limits{make(""), held_by_policy(p), deaths};
        REQUIRE_FALSE(limits.try_acquire("h.org", "metadata"));
        std::this_thread::sleep_for(500ms);
        // It is silent, and lives.
        holder.stop();
        CHECK_FALSE(limits.try_acquire("h.org", "metadata"));
        const pid_t dead = holder.pid();
        const auto killed = std::chrono::steady_clock::now();
        holder.kill();
        const auto took = time_to_permit(limits, 5s);
        INFO("took " << std::chrono::duration<double>(took).count() << " s");
        CHECK(took < 2s);
        if (p.max_concurrent == 0)
            CHECK(std::chrono::steady_clock::now() - killed >= 400ms);
        const std::lock_guard guard{deaths.all->mutex};
        REQUIRE_FALSE(deaths.all->deaths.empty());
        CHECK(deaths.all->deaths.front().first == dead);
        CHECK(deaths.all->deaths.front().second >= 1);
        limits.erase("h.org", "metadata");
    }
}

/// A process of another machine counts as dead after its time to live, 600 ms here; until then a denial says when.
template <class Make>
void check_silent_holder(const Make& make) {
    using namespace std::chrono_literals;
    const weir::policy p = rates({{2, 300ms}});
    const auto hold = [&](auto&& ready) {
        weir::registry limits{make("elsewhere"), held_by_policy(p)};
        auto one = limits.try_acquire("h.org", "metadata");
        auto two = limits.try_acquire("h.org", "metadata");
        if (one && two)
            ready();
    };
    holding_process holder{hold};
    REQUIRE(holder.is_ready());
    const auto silent = std::chrono::steady_clock::now();
    const death_observer deaths;
    weir::registry limits{make(""), held_by_policy(p), deaths};
    REQUIRE_FALSE(limits.try_acquire("h.org", "metadata"));
    const auto known = limits.holders();
    REQUIRE(known.size() >= 2);
    const auto other = std::ranges::find(known, std::int64_t{holder.pid()}, &weir::holder_info::pid);
    REQUIRE(other != known.end());
    CHECK(other->host == "elsewhere");
    CHECK(other->alive);

    // When it has missed a sign of life, a denial says when it counts as dead.
    std::this_thread::sleep_for(400ms);
    const auto denied = limits.try_acquire("h.org", "metadata");
    REQUIRE_FALSE(denied);
    const auto promised = std::chrono::steady_clock::now() + (denied.decision().retry_at - limits.store().now());
    const auto took = time_to_permit(limits, 5s);
    const auto granted = std::chrono::steady_clock::now();
    INFO("took " << std::chrono::duration<double>(took).count() << " s");
    CHECK(granted - silent >= 800ms);
    CHECK(granted - silent < 2'500ms);
    CHECK(granted >= promised - 5ms);
    CHECK(granted < promised + 1s);
    {
        const std::lock_guard guard{deaths.all->mutex};
        CHECK(deaths.all->deaths.size() >= 1);
    }
    const auto later = limits.holders();
    const auto same = std::ranges::find(later, std::int64_t{holder.pid()}, &weir::holder_info::pid);
    REQUIRE(same != later.end());
    CHECK_FALSE(same->alive);
}

/// A process of this machine that is silent for much longer than its time to live keeps what it has.
template <class Make>
void check_living_holder(const Make& make) {
    using namespace std::chrono_literals;
    const weir::policy p = rates({{2, 100ms}});
    const auto hold = [&](auto&& ready) {
        weir::registry limits{make(""), held_by_policy(p)};
        auto one = limits.try_acquire("h.org", "metadata");
        auto two = limits.try_acquire("h.org", "metadata");
        if (one && two)
            ready();
    };
    holding_process holder{hold};
    REQUIRE(holder.is_ready());
    holder.stop();
    weir::registry limits{make(""), held_by_policy(p)};
    CHECK(time_to_permit(limits, 2s) == 2s);
    CHECK(limits.holders().size() >= 2);
    limits.erase("h.org", "metadata");
}

}  // namespace weir_test
