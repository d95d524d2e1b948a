// SPDX-License-Identifier: MIT
#pragma once

#include "limits.hpp"
#include "options.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

/// Where arrivals are decided, stamped, counted and written down, in one critical section.
namespace origin {

using wall_time = std::chrono::system_clock::time_point;

[[nodiscard]] inline std::tm utc(wall_time at) {
    const std::time_t seconds =
        std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();  // after 1970: a floor
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    return parts;
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, rounded down.
[[nodiscard]] inline std::string imf_fixdate(wall_time at) {
    static constexpr std::array<std::string_view, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::tm t = utc(at);
    return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", days[static_cast<std::size_t>(t.tm_wday)], t.tm_mday,
                       months[static_cast<std::size_t>(t.tm_mon)], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

/// `2026-01-01T00:00:00.000Z`, rounded down.
[[nodiscard]] inline std::string iso_millis(wall_time at) {
    const std::tm t = utc(at);
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count() % 1000;
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                       t.tm_hour, t.tm_min, t.tm_sec, millis);
}

/// Lines buffered in memory and handed to the file every 100 ms and at the end.
///
/// **Thread safety:** `append` needs the caller's own order; everything else is internal.
class line_log {
public:
    /// **Errors:** throws when the file cannot be opened. An empty path keeps no log.
    explicit line_log(const std::string& path) {
        if (path.empty()) {
            return;
        }
        file_ = std::fopen(path.c_str(), "w");
        if (file_ == nullptr) {
            throw std::runtime_error{fmt::format("cannot open the log \"{}\" for writing", path)};
        }
        flusher_ = std::thread{[this] { run(); }};
    }

    line_log(const line_log&) = delete;
    line_log& operator=(const line_log&) = delete;
    ~line_log() { close(); }

    void append(std::string_view line) {
        const std::lock_guard lock{mutex_};
        if (file_ != nullptr && !closing_) {
            pending_ += line;
            pending_ += '\n';
        }
    }

    /// Writes what is left and closes the file. Later lines are dropped.
    void close() {
        {
            const std::lock_guard lock{mutex_};
            closing_ = true;
        }
        wake_.notify_all();
        if (flusher_.joinable()) {
            flusher_.join();
        }
    }

private:
    void run() {
        std::string batch;
        for (bool last = false; !last;) {
            {
                std::unique_lock lock{mutex_};
                wake_.wait_for(lock, std::chrono::milliseconds{100}, [&] { return closing_; });
                last = closing_;
                batch.swap(pending_);
            }
            // Written outside the lock: a slow disk must not hold up decisions.
            if (std::fwrite(batch.data(), 1, batch.size(), file_) != batch.size() || std::fflush(file_) != 0) {
                fmt::print(stderr, "weir-origin: the log could not be written\n");
            }
            batch.clear();
        }
        std::fclose(file_);
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    std::string pending_;
    bool closing_ = false;
    std::FILE* file_ = nullptr;
    std::thread flusher_;
};

/// One request as it stands at the door.
struct arrival {
    std::size_t listener;  // index
    std::string_view role;
    std::string_view method;
    std::string_view target;  // as sent
    std::uint64_t connection;
    int status_if_admitted;
};

struct verdict {
    nanos wait;    // zero: admitted
    wall_time at;  // when it was judged
};

/// Judges arrivals against the limits of their (listener, role).
///
/// **Thread safety:** full. The clock is read inside the lock, so the order of the log is the order of the decisions
/// and `t_ns` never decreases along it.
class gatekeeper {
public:
    gatekeeper(const options& settings, std::vector<std::string> hosts)
        : hosts_{std::move(hosts)}, limiters_(hosts_.size()), log_{settings.log} {
        for (auto& roles : limiters_) {
            for (const auto& [role, rates] : settings.limits) {
                roles.emplace(role, limiter{settings.model, rates, settings.burst});
            }
        }
    }

    [[nodiscard]] verdict judge(const arrival& a) {
        // The path is escaped before the lock is taken; it is the only part of a line that costs anything.
        const std::string path = text(a.target);
        const std::string method = text(a.method);
        const std::lock_guard lock{mutex_};
        const nanos now = std::chrono::steady_clock::now() - start_;
        const wall_time wall = std::chrono::system_clock::now();
        nanos wait{0};
        if (const auto found = limiters_[a.listener].find(a.role); found != limiters_[a.listener].end()) {
            wait = found->second.decide(now);
        }
        const int status = wait == nanos{0} ? a.status_if_admitted : 429;
        ++counts_[{a.listener, std::string{a.role}, status}];
        log_.append(fmt::format(
            R"({{"t_ns":{},"ts":"{}","host":"{}","role":"{}","method":{},"path":{},"status":{},"conn":{}}})",
            now.count(), iso_millis(wall), hosts_[a.listener], a.role, method, path, status, a.connection));
        return {wait, wall};
    }

    /// Counts so far: `{"arrivals":N,"roles":{ROLE:{STATUS:N}},"hosts":{HOST:{ROLE:{STATUS:N}}}}`.
    [[nodiscard]] nlohmann::ordered_json stats() const {
        nlohmann::ordered_json roles = nlohmann::ordered_json::object();
        nlohmann::ordered_json hosts = nlohmann::ordered_json::object();
        std::uint64_t total = 0;
        const std::lock_guard lock{mutex_};
        for (const auto& [key, count] : counts_) {
            const auto& [listener, role, status] = key;
            const std::string code = std::to_string(status);
            auto& sum = roles[role][code];
            sum = (sum.is_null() ? 0 : sum.get<std::uint64_t>()) + count;
            hosts[hosts_[listener]][role][code] = count;
            total += count;
        }
        return {{"arrivals", total}, {"roles", roles}, {"hosts", hosts}};
    }

    /// Every arrival judged before this call is in the file when it returns.
    void close() { log_.close(); }

private:
    [[nodiscard]] static std::string text(std::string_view raw) {
        return nlohmann::json(raw).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }

    mutable std::mutex mutex_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::vector<std::string> hosts_;
    std::vector<std::map<std::string, limiter, std::less<>>> limiters_;
    std::map<std::tuple<std::size_t, std::string, int>, std::uint64_t> counts_;
    line_log log_;
};

}  // namespace origin
