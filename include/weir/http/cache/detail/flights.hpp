// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace weir::http::detail {

/// How a request that others waited for has ended.
enum class flight_end : std::uint8_t {
    flying,
    stored,      ///< its response is in the storage
    not_stored,  ///< its response must not be stored, so each of the others has to send its own request
    failed       ///< it has no response: one of the others takes its place
};

/// One request a key at a time: the others wait for its response.
///
/// **Thread safety.** Any thread.
class flights {
    struct flight {
        flight_end end = flight_end::flying;
    };

public:
    /// The right to send the request for a key. Its end, at the latest in the destructor, wakes the others.
    class lead {
    public:
        lead(flights& all, std::string key, std::shared_ptr<flight> own) noexcept
            : all_(&all), key_(std::move(key)), own_(std::move(own)) {}
        lead(lead&& other) noexcept
            : all_(std::exchange(other.all_, nullptr)), key_(std::move(other.key_)), own_(std::move(other.own_)) {}
        lead& operator=(lead&&) = delete;
        ~lead() { finish(flight_end::failed); }

        /// A second call changes nothing.
        void finish(flight_end how) noexcept {
            if (auto* const all = std::exchange(all_, nullptr))
                all->land(key_, own_, how);
        }

    private:
        flights* all_;
        std::string key_;
        std::shared_ptr<flight> own_;
    };

    /// The lead, if no request for the key is on its way.
    [[nodiscard]] std::optional<lead> try_lead(std::string_view key) {
        const std::lock_guard lock{mutex_};
        const auto [at, added] = flying_.try_emplace(std::string{key});
        if (!added)
            return std::nullopt;
        at->second = std::make_shared<flight>();
        return lead{*this, at->first, at->second};
    }

    /// Waits for the end of the request that is on its way. `flying` if `until` or a stop request came first; `failed`
    /// if there is none.
    [[nodiscard]] flight_end wait(std::string_view key, const std::stop_token& stop,
                                  std::optional<std::chrono::steady_clock::time_point> until) {
        std::unique_lock lock{mutex_};
        const auto at = flying_.find(std::string{key});
        if (at == flying_.end())
            return flight_end::failed;
        const std::shared_ptr<flight> one = at->second;
        const auto landed = [&] { return one->end != flight_end::flying; };
        if (until)
            static_cast<void>(changed_.wait_until(lock, stop, *until, landed));
        else
            static_cast<void>(changed_.wait(lock, stop, landed));
        return one->end;
    }

private:
    void land(const std::string& key, const std::shared_ptr<flight>& own, flight_end how) noexcept {
        {
            const std::lock_guard lock{mutex_};
            own->end = how;
            if (const auto at = flying_.find(key); at != flying_.end() && at->second == own)
                flying_.erase(at);
        }
        changed_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::unordered_map<std::string, std::shared_ptr<flight>> flying_;
};

}  // namespace weir::http::detail
