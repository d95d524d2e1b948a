// SPDX-License-Identifier: MIT
#include "weir/config/resolve.hpp"
#include "weir/ext/yaml/yaml.hpp"
#include "weir/weir.hpp"

#include "../_filter.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir::duration;
using limits = weir::registry<weir::memory_store<>>;

constexpr std::size_t hosts = 10'000;

std::string host(std::size_t i) { return fmt::format("host-{}.example.org", i); }

/// Rates that no round can reach, of another kind for each host.
std::string yaml(std::size_t more) {
    std::string out = "version: 1\nhosts:\n";
    for (std::size_t i = 0; i < hosts; ++i)
        fmt::format_to(std::back_inserter(out),
                       "  {}:\n    metadata:\n      rates: [\"{}/SECOND\", \"{}/HOUR\"]\n      max_delay_ms: 250\n",
                       host(i), 10'000 + more + i % 100, 50'000'000 + i);
    return out;
}

weir::resolution load(const std::string& text) {
    return weir::resolve(std::array{weir::yaml::load_text(text, "bench.yaml")});
}

void stay_on(unsigned core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core % std::max(1U, std::thread::hardware_concurrency()), &set);
    if (pthread_setaffinity_np(pthread_self(), sizeof set, &set) != 0)
        fmt::print(stderr, "reload_bench: cannot stay on core {}; the machine's scheduler is part of the result\n",
                   core);
}

/// What the other thread does.
enum class work : std::uint8_t { none, read_and_reload, reload, over };

/// What the calling thread has used: what others on its core take is not the reload's.
duration cpu_time() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec};
}

/// The times of one round, sorted.
struct sample {
    std::vector<std::int64_t> ns;
    void add(duration d) { ns.push_back(d.count()); }
    void sort() { std::sort(ns.begin(), ns.end()); }
    [[nodiscard]] std::int64_t at(double share) const {
        return ns.empty()
                   ? 0
                   : ns[std::min(ns.size() - 1, static_cast<std::size_t>(share * static_cast<double>(ns.size())))];
    }
};

sample acquire_for(limits& l, const std::vector<std::string>& names, duration span) {
    sample out;
    out.ns.reserve(4'000'000);
    const auto end = std::chrono::steady_clock::now() + span;
    for (std::size_t i = 0;; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        if (begin >= end)
            break;
        l.acquire(names[i * 7919 % hosts], "metadata").arrived();
        out.add(std::chrono::steady_clock::now() - begin);
    }
    out.sort();
    return out;
}

void print(const char* name, const sample& s) {
    fmt::print("{:<16} {:>9} {:>9.1f} {:>9.1f} {:>9.1f} {:>9.1f}\n", name, s.ns.size(),
               static_cast<double>(s.at(0.5)) / 1e3, static_cast<double>(s.at(0.99)) / 1e3,
               static_cast<double>(s.at(0.999)) / 1e3, static_cast<double>(s.at(1)) / 1e3);
}

}  // namespace

int main(int count, char** words) {
    const auto [runs, argc, argv] = weir_bench::choose("reload", count, words);
    if (!runs)
        return 0;
    const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
    const duration span = std::chrono::milliseconds{argc > 2 ? std::max(1, std::atoi(argv[2])) : 1000};
    const std::array texts{yaml(0), yaml(5'000)};
    const auto first = load(texts[0]);
    if (!first) {
        fmt::print(stderr, "{}", first.fault_text());
        return 1;
    }
    limits l{weir::memory_store{}, *first};
    std::vector<std::string> names;
    for (std::size_t i = 0; i < hosts; ++i)
        l.acquire(names.emplace_back(host(i)), "metadata").arrived();

    std::atomic<work> wanted{work::none};
    std::atomic<bool> failed{false};
    sample reloads;  // belongs to the other thread until it has ended
    std::thread other{[&] {
        stay_on(1);
        const std::array ready{load(texts[0]), load(texts[1])};
        for (std::size_t i = 1; wanted != work::over; ++i) {
            if (wanted == work::none) {
                std::this_thread::sleep_for(1ms);
                --i;
                continue;
            }
            const auto fresh = wanted == work::read_and_reload ? load(texts[i % 2]) : ready[i % 2];
            const duration begin = cpu_time();
            if (!l.reload(fresh))
                failed = true;
            reloads.add(cpu_time() - begin);
        }
    }};
    stay_on(0);
    fmt::print("{:<16} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "us", "acquires", "p50", "p99", "p99.9", "max");
    constexpr std::array<std::pair<const char*, work>, 3> columns{
        {{"quiet", work::none}, {"read and reload", work::read_and_reload}, {"reload", work::reload}}};
    std::array<std::vector<std::int64_t>, columns.size()> tails;
    for (int i = 0; i < rounds; ++i)
        for (std::size_t c = 0; c < columns.size(); ++c) {
            wanted = columns[c].second;
            const sample s = acquire_for(l, names, span);
            print(columns[c].first, s);
            tails[c].push_back(s.at(0.999));
        }
    wanted = work::over;
    other.join();
    reloads.sort();
    fmt::print("{} reloads of {} keys, {:.1f} ms of processor time at the median{}\n", reloads.ns.size(), l.size(),
               static_cast<double>(reloads.at(0.5)) / 1e6, failed ? "; SOME WERE REFUSED" : "");
    fmt::print("p99.9 of the median round:");
    for (std::size_t c = 0; c < columns.size(); ++c) {
        std::sort(tails[c].begin(), tails[c].end());
        fmt::print(" {:.1f} us {}{}", static_cast<double>(tails[c].at(tails[c].size() / 2)) / 1e3, columns[c].first,
                   c + 1 < columns.size() ? "," : "\n");
    }
    return failed ? 1 : 0;
}
