// SPDX-License-Identifier: MIT
#pragma once

#include "records.hpp"
#include "worker.hpp"

#include <fmt/format.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace weir_soak {

/// What the audit may ask of the store after a fault.
enum class promise : std::uint8_t {
    all,       ///< no window is over
    shortest,  ///< the history is lost: the shortest window is never over, longer ones may be
    none,      ///< rows were deleted by hand, and the key starts again: only that it goes on
};

/// One run: processes that use one store, and the fault that meets them.
class stage {
public:
    stage(std::string kind, std::string dsn, int processes, std::int64_t lease, std::uint64_t seed)
        : kind_(std::move(kind)), dsn_(std::move(dsn)), lease_(lease), seed_(seed) {
        std::string name = (std::filesystem::temp_directory_path() / "weir-soak-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error{"no temporary folder"};
        folder_ = name;
        begin_ = monotonic();
        end_ = begin_ + std::int64_t{3'600} * 1'000'000'000;
        for (int i = 0; i < processes; ++i)
            add_process();
    }
    stage(const stage&) = delete;
    stage& operator=(const stage&) = delete;
    ~stage() {
        for (const process& p : processes_)
            if (p.ended == 0) {
                ::kill(p.pid, SIGKILL);
                ::waitpid(p.pid, nullptr, 0);
            }
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    // ---- what faults use

    static void wait(std::chrono::milliseconds time) { std::this_thread::sleep_for(time); }
    void add_process() {
        const std::string log = fmt::format("{}/log{}", folder_, processes_.size());
        processes_.push_back({start({.kind = kind_,
                                     .dsn = dsn_,
                                     .log = log,
                                     .lease = lease_,
                                     .until = end_,
                                     .seed = seed_ + processes_.size()}),
                              log, 0});
    }
    /// Ends half of the processes as a crash does, and starts as many.
    void crash_half() {
        const std::size_t half = processes_.size() / 2;
        for (std::size_t i = 0; i < half; ++i) {
            ::kill(processes_[i].pid, SIGKILL);
            ::waitpid(processes_[i].pid, nullptr, 0);
            processes_[i].ended = monotonic();
        }
        for (std::size_t i = 0; i < half; ++i)
            add_process();
    }
    void freeze_half(std::chrono::milliseconds time) {
        for (std::size_t i = 0; i < processes_.size() / 2; ++i)
            ::kill(processes_[i].pid, SIGSTOP);
        wait(time);
        for (std::size_t i = 0; i < processes_.size() / 2; ++i)
            ::kill(processes_[i].pid, SIGCONT);
    }
    /// The store cannot answer from here until `is_back`.
    void is_away() { away_ = monotonic(); }
    void is_back() { back_ = monotonic(); }

    // ---- the run

    /// Lets the processes work for so long, and ends them in order.
    void finish(std::chrono::milliseconds time) {
        wait(time);
        const std::int64_t end = monotonic();
        for (process& p : processes_)
            if (p.ended == 0)
                ::kill(p.pid, SIGKILL);
        for (process& p : processes_)
            if (p.ended == 0) {
                ::waitpid(p.pid, nullptr, 0);
                p.ended = monotonic();
            }
        end_ = end;
    }
    [[nodiscard]] request_log log() const {
        request_log all;
        for (const process& p : processes_)
            all.add(read_log(p.log), p.ended);
        return all;
    }
    /// What is to be known of an admission too many: when it was, and what had been counted.
    [[nodiscard]] std::string describe(const first_over& f) const {
        if (f.key < 0)
            return {};
        const auto ms = [&](std::int64_t at) { return (at - fault_) / 1'000'000; };
        std::string out =
            fmt::format("  the first, at key {}, {} ms after the fault, with (process: from..to ms):", f.key, ms(f.at));
        for (const request& r : f.counted)
            out += fmt::format(" {}:{}..{}", r.process, ms(r.from), ms(r.to));
        return out + "\n";
    }
    void fault_begins() { fault_ = monotonic(); }
    [[nodiscard]] std::int64_t longest_pause(const request_log& all) const {
        // The first second is for connecting.
        return all.longest_pause(key_count, begin_ + 1'000'000'000, end_, away_, back_);
    }

private:
    struct process {
        pid_t pid;
        std::string log;
        std::int64_t ended;  ///< 0 = it runs
    };

    std::string kind_, dsn_, folder_;
    std::int64_t lease_;
    std::uint64_t seed_;
    std::int64_t begin_ = 0, end_ = 0, away_ = 0, back_ = 0, fault_ = 0;
    std::vector<process> processes_;
};

/// A fault that a store may meet.
struct fault {
    std::string_view name;
    promise holds = promise::all;
    bool in_short_form = false;
    /// Whether holders die. Then a key may wait for what they have left open.
    bool kills_holders = false;
    /// When a process starts that knows nothing of what was before.
    std::chrono::milliseconds late_start{0};
};

}  // namespace weir_soak
