// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

// What the processes of a soak test write down, and the audit of it. Nothing here uses the library: it is the witness.

namespace weir_soak {

/// Nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share.
[[nodiscard]] inline std::int64_t monotonic() {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

enum class mark : std::int64_t {
    admitted,  ///< `at` is when the call returned
    answered,  ///< `at` is just before the permit was given its answer
    finished,  ///< the process ended in order; `key` is its number of denials, `id` of failures of the store
};

/// One line of a process's log. Each is one `write`, so that a killed process leaves whole ones.
struct record {
    mark what{};
    std::int64_t key = 0;
    std::int64_t id = 0;
    std::int64_t at = 0;
};

class log_writer {
public:
    explicit log_writer(const std::string& path)
        : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {}
    log_writer(const log_writer&) = delete;
    log_writer& operator=(const log_writer&) = delete;
    ~log_writer() { ::close(fd_); }

    void put(const record& r) const {
        if (::write(fd_, &r, sizeof r) != sizeof r)
            ::_exit(3);  // a log with holes proves nothing
    }

private:
    int fd_;
};

[[nodiscard]] inline std::vector<record> read_log(const std::string& path) {
    std::vector<record> out;
    if (std::FILE* const f = std::fopen(path.c_str(), "rb"); f != nullptr) {
        record r;
        while (std::fread(&r, sizeof r, 1, f) == 1)
            out.push_back(r);
        std::fclose(f);
    }
    return out;
}

/// One admitted request as the server may have seen it: at any moment from `from` to `to`.
struct request {
    std::int64_t from;
    std::int64_t to;
    int process = 0;
};

/// The first admission of a run that was one too many.
struct first_over {
    std::int64_t key = -1;  ///< -1 = there was none
    std::int64_t at = 0;
    std::vector<request> counted{};  ///< with itself
};

/// The requests of all processes by key. One without an answer may have reached the server until its process died.
class request_log {
public:
    void add(const std::vector<record>& log, std::int64_t ended) {
        const int process = processes_++;
        std::map<std::int64_t, std::pair<std::int64_t, std::size_t>> open;
        for (const record& r : log) {
            if (r.what == mark::admitted) {
                of_key_[r.key].push_back({r.at, ended, process});
                open[r.id] = {r.key, of_key_[r.key].size() - 1};
            } else if (r.what == mark::answered && open.contains(r.id)) {
                const auto [key, index] = open[r.id];
                of_key_[key][index].to = r.at;
            }
        }
    }

    [[nodiscard]] std::size_t count() const {
        std::size_t sum = 0;
        for (const auto& [key, all] : of_key_)
            sum += all.size();
        return sum;
    }

    /// How many admissions returned while more than `limit` requests, this one with them, were open or had been
    /// answered less than `period` ago. The store must not have admitted the last of those: it returned after all the
    /// others were counted.
    [[nodiscard]] std::size_t over(std::int64_t limit, std::int64_t period) const {
        std::size_t sum = 0;
        for (const auto& [key, all] : of_key_) {
            std::vector<std::pair<std::int64_t, int>> steps;
            for (const request& r : all) {
                steps.emplace_back(r.from, 1);
                steps.emplace_back(r.to + period, -1);
            }
            std::ranges::sort(steps);  // at one moment the ends come first
            std::int64_t counted = 0;
            for (const auto& [at, change] : steps) {
                counted += change;
                sum += change > 0 && counted > limit;
            }
        }
        return sum;
    }

    [[nodiscard]] first_over find_over(std::int64_t limit, std::int64_t period) const {
        first_over out;
        for (const auto& [key, all] : of_key_)
            for (const request& one : all) {
                std::vector<request> counted;
                for (const request& r : all)
                    if (r.from <= one.from && r.to + period > one.from)
                        counted.push_back(r);
                if (static_cast<std::int64_t>(counted.size()) > limit && (out.key < 0 || one.from < out.at))
                    out = {key, one.from, std::move(counted)};
            }
        return out;
    }

    /// The longest time without an admission on one key of the first `keys`, between `begin` and `end`. The time from
    /// `away` to `back`, in which the store cannot answer, is not part of it.
    [[nodiscard]] std::int64_t longest_pause(std::int64_t keys, std::int64_t begin, std::int64_t end, std::int64_t away,
                                             std::int64_t back) const {
        std::int64_t longest = 0;
        for (std::int64_t key = 0; key < keys; ++key) {
            std::vector<std::int64_t> times{begin, end};
            if (const auto found = of_key_.find(key); found != of_key_.end())
                for (const request& r : found->second)
                    if (r.from > begin && r.from < end)
                        times.push_back(r.from);
            std::ranges::sort(times);
            for (std::size_t i = 1; i < times.size(); ++i) {
                const std::int64_t overlap =
                    std::max<std::int64_t>(0, std::min(times[i], back) - std::max(times[i - 1], away));
                longest = std::max(longest, times[i] - times[i - 1] - overlap);
            }
        }
        return longest;
    }

private:
    std::map<std::int64_t, std::vector<request>> of_key_;
    int processes_ = 0;
};

}  // namespace weir_soak
