// SPDX-License-Identifier: MIT
//
// Processes that share a store while faults meet them, and an audit by what each of them wrote down.
//
//   weir_soak                       the short form: a minute, some faults, four processes
//   weir_soak --full                every fault, 4, 8 and 16 processes, with and without leases
//   weir_soak --store NAME --fault PART --processes N --lease K    only those
//   weir_soak --hold KIND DSN MS    one process that uses a store for so long, for other tests
//
// It prints a table, and fails if a window was over or a key stood still for longer than its longest window and ten
// seconds. All stores are tried at once, each by a process of its own.

#include "records.hpp"
#include "stage.hpp"
#include "worker.hpp"
#if WEIR_HAS_SQLITE
#include "sqlite_faults.hpp"
#endif
#if WEIR_HAS_REDIS
#include "redis_faults.hpp"
#endif
#if WEIR_HAS_POSTGRES
#include "postgres_faults.hpp"
#endif

#include <fmt/format.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace weir_soak;
using std::chrono::nanoseconds;

struct choice {
    bool full = false;
    std::string store;
    std::string fault;
    std::vector<int> processes{4};
    std::vector<std::int64_t> leases{1};
    std::uint64_t seed = 0;
};

constexpr std::int64_t longest_stuck = nanoseconds{long_period + 10s}.count();

void print_head() {
    fmt::print("{:<9}{:<42}{:>5}{:>6}{:>8}{:>6}{:>6}{:>9}\n", "store", "fault", "proc", "lease", "admits", "over",
               "over", "stuck");
    fmt::print("{:<9}{:<42}{:>5}{:>6}{:>8}{:>6}{:>6}{:>9}\n", "", "", "", "", "", "0.5s", "2.5s", "ms");
    std::fflush(stdout);
}

/// One run; returns whether everything held.
template <class Subject>
bool try_fault(const fault& f, int processes, std::int64_t lease, const choice& c) {
    Subject subject{f};
    if constexpr (requires { subject.skipped(); }) {
        if (!subject.skipped().empty()) {
            fmt::print("{:<9}{:<42} skipped: {}\n", Subject::kind, f.name, subject.skipped());
            return true;
        }
    }
    stage on{std::string{Subject::kind}, subject.dsn(), processes, lease, c.seed};
    stage::wait(1500ms);
    on.fault_begins();
    if (f.kills_holders)
        on.crash_half();
    else if (f.name.starts_with("SIGSTOP of half"))
        on.freeze_half(1200ms);
    else
        subject.apply(f, on);
    stage::wait(f.late_start);
    on.add_process();
    // Entries of dead holders count for some seconds. All other faults are over at once.
    on.finish(f.kills_holders && (lease > 1 || c.full) ? 14s : 4s);
    const request_log all = on.log();
    const std::size_t shorter = f.holds == promise::none ? 0 : all.over(short_limit, nanoseconds{short_period}.count());
    const std::size_t longer = f.holds == promise::all ? all.over(long_limit, nanoseconds{long_period}.count()) : 0;
    const std::int64_t stuck = on.longest_pause(all);
    const bool good = shorter == 0 && longer == 0 && stuck <= longest_stuck && all.count() > 0;
    fmt::print("{:<9}{:<42}{:>5}{:>6}{:>8}{:>6}{:>6}{:>9}{}\n", Subject::kind, f.name, processes, lease, all.count(),
               f.holds == promise::none ? "-" : std::to_string(shorter),
               f.holds == promise::all ? std::to_string(longer) : "-", stuck / 1'000'000, good ? "" : "  FAILED");
    if (shorter > 0)
        fmt::print("{}", on.describe(all.find_over(short_limit, nanoseconds{short_period}.count())));
    else if (longer > 0)
        fmt::print("{}", on.describe(all.find_over(long_limit, nanoseconds{long_period}.count())));
    std::fflush(stdout);
    return good;
}

template <class Subject>
int try_store(const choice& c) {
    if (const std::string why = Subject::missing(); !why.empty()) {
        fmt::print("{:<9}skipped: {}\n", Subject::kind, why);
        return 0;
    }
    int failed = 0;
    for (const fault& f : Subject::faults()) {
        if (f.name.find(c.fault) == std::string_view::npos)
            continue;
        if (!c.full && c.fault.empty() && !f.in_short_form)
            continue;
        for (const int processes : c.processes)
            for (const std::int64_t lease : c.leases)
                // In the short form leases are tried where they matter most: when their holders die.
                failed += !try_fault<Subject>(f, processes, !c.full && f.kills_holders ? 5 : lease, c);
    }
    return failed;
}

/// Tries a store in a process of its own, so that all are tried at once.
template <class Subject>
void begin(const choice& c, std::vector<pid_t>& all) {
    if (!c.store.empty() && c.store != Subject::kind)
        return;
    std::fflush(stdout);
    const pid_t pid = ::fork();
    if (pid != 0) {
        all.push_back(pid);
        return;
    }
    try {
        const int failed = try_store<Subject>(c);
        std::fflush(stdout);
        ::_exit(failed == 0 ? 0 : 1);
    } catch (const std::exception& e) {
        fmt::print(stderr, "weir_soak: {}: {}\n", Subject::kind, e.what());
        ::_exit(1);
    }
}

/// Uses a store for other tests: open requests, full windows, a second key with a closed gate.
int hold(const std::string& kind, const std::string& dsn, std::chrono::milliseconds time) {
    auto store = weir::open_store({.kind = kind, .dsn = dsn}, all_backends());
    if (!store)
        throw weir::exception{store.error()};
    weir::registry limits{*store, limits_of({.kind = kind, .dsn = dsn, .log = {}})};
    const auto one = limits.acquire("api.example.org", "metadata");
    const auto two = limits.acquire("api.example.org", "metadata");
    limits.acquire("gated.example.org", "metadata").arrived(weir::feedback{429, 1h});
    fmt::print("ready\n");
    std::fflush(stdout);
    std::this_thread::sleep_for(time);
    return 0;
}

int usage() {
    fmt::print(stderr,
               "usage: weir_soak [--full] [--store NAME] [--fault PART] [--processes N] [--lease K] [--seed S]\n"
               "       weir_soak --hold KIND DSN MILLISECONDS\n");
    return 2;
}

}  // namespace

int main(int argc, char** argv) try {
    const std::vector<std::string> args{argv + 1, argv + argc};
    if (args.size() == 4 && args[0] == "--hold")
        return hold(args[1], args[2], std::chrono::milliseconds{std::stoll(args[3])});
    choice c;
    c.seed = std::random_device{}();
    for (std::size_t i = 0; i < args.size(); ++i) {
        if (args[i] == "--full") {
            c.full = true;
            c.processes = {4, 8, 16};
            c.leases = {1, 5};
            continue;
        }
        if (i + 1 == args.size())
            return usage();
        const std::string& value = args[i + 1];
        if (args[i] == "--store")
            c.store = value;
        else if (args[i] == "--fault")
            c.fault = value;
        else if (args[i] == "--processes")
            c.processes = {std::stoi(value)};
        else if (args[i] == "--lease")
            c.leases = {std::stoll(value)};
        else if (args[i] == "--seed")
            c.seed = std::stoull(value);
        else
            return usage();
        ++i;
    }
    fmt::print("weir_soak: seed {}\n", c.seed);
    print_head();
    std::vector<pid_t> all;
#if WEIR_HAS_REDIS
    begin<redis_subject>(c, all);
#endif
#if WEIR_HAS_POSTGRES
    begin<postgres_subject>(c, all);
#endif
#if WEIR_HAS_SQLITE
    begin<sqlite_subject>(c, all);
#endif
    int failed = 0;
    for (const pid_t pid : all) {
        int status = 0;
        ::waitpid(pid, &status, 0);
        failed += status != 0;
    }
    if (all.empty()) {
        fmt::print("skipped: no shared store is built in\n");
        return 77;
    }
    fmt::print("weir_soak: {}\n", failed == 0 ? "no window over, no key stuck" : "FAILED");
    return failed == 0 ? 0 : 1;
} catch (const std::exception& e) {
    fmt::print(stderr, "weir_soak: {}\n", e.what());
    return 1;
}
