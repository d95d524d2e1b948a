// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/configuration.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/rate.hpp"

#include <fmt/format.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace weir_test {

/// One role, `metadata`, whose callers wait as long as it takes.
inline weir::configuration limited(std::vector<weir::rate> rates, weir::counting from) {
    weir::policy p;
    p.rates = std::move(rates);
    p.max_delay = std::chrono::hours{1};
    p.on_store_error = weir::store_failure::closed;
    p.count_from = from;
    p.abandon_grace = weir::duration{0};  // nothing is open once the processes have ended
    return weir::configuration::builder{}.defaults("metadata", p).build().value();
}

/// Runs `work(number)` in so many processes; says how many did not return. Each must make its own store.
template <class F>
int in_processes(int count, F&& work) {
    std::vector<pid_t> all;
    for (int i = 0; i < count; ++i) {
        std::cout.flush();
        const pid_t pid = ::fork();
        if (pid == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            try {
                work(i);
                ::_exit(0);
            } catch (const std::exception& e) {
                std::cerr << "process " << i << ": " << e.what() << std::endl;
            }
            ::_exit(1);
        }
        all.push_back(pid);
    }
    int failed = 0;
    for (const pid_t pid : all) {
        int status = 0;
        ::waitpid(pid, &status, 0);
        failed += status != 0;
    }
    return failed;
}

/// When which key's requests came to their server, as the workers noted it. Times are in any one unit.
struct arrivals {
    std::map<int, std::vector<std::int64_t>> of_key{};

    void note(int key, std::int64_t at) { of_key[key].push_back(at); }
    void write(const std::string& path) const {
        std::ofstream out{path};
        for (const auto& [key, times] : of_key)
            for (const std::int64_t at : times)
                out << key << ' ' << at << '\n';
    }
    void add(const std::string& path) {
        std::ifstream in{path};
        int key = 0;
        std::int64_t at = 0;
        while (in >> key >> at)
            note(key, at);
    }
    [[nodiscard]] std::size_t count() const {
        std::size_t sum = 0;
        for (const auto& [key, times] : of_key)
            sum += times.size();
        return sum;
    }
    /// How many windows [a, a + period) that begin with a request hold more than `limit`, over all keys.
    [[nodiscard]] std::size_t windows_over(std::size_t limit, std::int64_t period) {
        std::size_t over = 0;
        for (auto& [key, times] : of_key) {
            std::ranges::sort(times);
            for (std::size_t i = 0; i + limit < times.size(); ++i)
                over += times[i + limit] - times[i] < period;
        }
        return over;
    }
};

/// Runs `work(number, seen)` in so many processes, and gives what all of them saw, which they leave in `folder`; says
/// in `failed` how many did not return.
template <class F>
arrivals seen_in_processes(int count, const std::string& folder, int& failed, F&& work) {
    const auto file = [&](int p) { return fmt::format("{}/seen{}", folder, p); };
    failed = in_processes(count, [&](int p) {
        arrivals seen;
        work(p, seen);
        seen.write(file(p));
    });
    arrivals all;
    for (int p = 0; p < count; ++p)
        all.add(file(p));
    return all;
}

}  // namespace weir_test
