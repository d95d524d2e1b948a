// SPDX-License-Identifier: MIT
#pragma once

#include "records.hpp"

#include "weir/config/configuration.hpp"
#include "weir/core/error.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/rate.hpp"
#include "weir/registry/open_store.hpp"
#include "weir/registry/registry.hpp"
#if WEIR_HAS_SQLITE
#include "weir/ext/sqlite/backend.hpp"
#endif
#if WEIR_HAS_REDIS
#include "weir/ext/redis/backend.hpp"
#endif
#if WEIR_HAS_POSTGRES
#include "weir/ext/postgres/backend.hpp"
#endif

#include <fmt/format.h>

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace weir_soak {

/// The windows of every key: the shorter one must hold whatever the store has lost.
inline constexpr std::int64_t short_limit = 20, long_limit = 60;
inline constexpr std::chrono::milliseconds short_period{500}, long_period{2500};
/// All processes ask for the first key most of the time, and for each of the others often enough to fill it.
inline constexpr std::int64_t key_count = 4;

/// What one process does.
struct work {
    std::string kind;
    std::string dsn;
    std::string log;
    std::int64_t lease = 1;
    std::int64_t until = 0;  ///< CLOCK_MONOTONIC
    std::uint64_t seed = 0;
    std::chrono::microseconds longest_request{40'000};
};

[[nodiscard]] inline std::vector<weir::backend> all_backends() {
    return {
#if WEIR_HAS_SQLITE
        weir::sqlite::backend,
#endif
#if WEIR_HAS_REDIS
        weir::redis::backend,
#endif
#if WEIR_HAS_POSTGRES
        weir::postgres::backend,
#endif
    };
}

[[nodiscard]] inline weir::configuration limits_of(const work& w) {
    weir::policy p;
    p.rates = {{short_limit, short_period}, {long_limit, long_period}};
    p.count_from = weir::counting::response;
    p.on_store_error = weir::store_failure::closed;
    p.max_delay = std::chrono::milliseconds{300};
    p.lease = w.lease;
    return weir::configuration::builder{}.defaults("metadata", p).build().value();
}

/// Asks for keys until the time is over: half of the threads wait, the others take a denial and ask again. Every
/// admission and every answer is in the log before the next step.
inline void run(const work& w) {
    const auto backends = all_backends();
    auto store = weir::open_store({.kind = w.kind, .dsn = w.dsn}, backends);
    if (!store)
        throw weir::exception{store.error()};
    weir::registry limits{*store, limits_of(w)};
    const log_writer log{w.log};
    std::atomic<std::int64_t> ids{0}, denied{0}, failed{0};
    const auto thread = [&](std::uint64_t number) {
        std::mt19937_64 random{w.seed * 31 + number};
        const auto up_to = [&](std::chrono::microseconds max) {
            return std::chrono::microseconds{random() % static_cast<std::uint64_t>(max.count() + 1)};
        };
        while (monotonic() < w.until) {
            const auto key = static_cast<std::int64_t>(random() % 2 == 0 ? 0 : random() % key_count);
            const std::string host = fmt::format("k{}.org", key);
            auto got = number % 2 == 0 ? limits.try_acquire(host, "metadata") : limits.wait_acquire(host, "metadata");
            if (!got) {
                ++denied;
                failed += got.decision().cause == weir::cause::store;
                std::this_thread::sleep_for(up_to(std::chrono::milliseconds{4}));
                continue;
            }
            const std::int64_t id = ids++;
            log.put({mark::admitted, key, id, monotonic()});
            std::this_thread::sleep_for(up_to(w.longest_request));
            log.put({mark::answered, key, id, monotonic()});
            got.permit().arrived();
            std::this_thread::sleep_for(up_to(std::chrono::milliseconds{2}));
        }
    };
    std::vector<std::thread> others;
    for (std::uint64_t i = 1; i < 3; ++i)
        others.emplace_back(thread, i);
    thread(0);
    for (std::thread& t : others)
        t.join();
    log.put({mark::finished, denied, failed, monotonic()});
}

/// Starts a process of its own for the work, which ends with this one.
[[nodiscard]] inline pid_t start(const work& w) {
    std::cout.flush();
    const pid_t pid = ::fork();
    if (pid != 0)
        return pid;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
        run(w);
        ::_exit(0);
    } catch (const std::exception& e) {
        std::cerr << "worker " << ::getpid() << ": " << e.what() << std::endl;
        ::_exit(1);
    }
}

}  // namespace weir_soak
