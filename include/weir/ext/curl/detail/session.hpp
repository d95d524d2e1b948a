// SPDX-License-Identifier: MIT
#pragma once

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::curl::detail {

/// Starts libcurl, once. It is never stopped, because other users of the library in the process may still need it.
inline void start_library() {
    static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (started != CURLE_OK)
        throw std::runtime_error{"libcurl cannot be started"};
}

/// What the sessions of a transport share: resolved names and TLS sessions. They do not share connections: libcurl
/// documents that as unsafe.
class share {
public:
    share() : handle_(curl_share_init()) {
        if (handle_ == nullptr)
            throw std::bad_alloc{};
        curl_share_setopt(handle_, CURLSHOPT_LOCKFUNC, lock);
        curl_share_setopt(handle_, CURLSHOPT_UNLOCKFUNC, unlock);
        curl_share_setopt(handle_, CURLSHOPT_USERDATA, this);
        curl_share_setopt(handle_, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
        curl_share_setopt(handle_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    }
    share(const share&) = delete;
    share& operator=(const share&) = delete;
    ~share() { curl_share_cleanup(handle_); }

    [[nodiscard]] CURLSH* handle() const noexcept { return handle_; }

private:
    static void lock(CURL*, curl_lock_data what, curl_lock_access, void* self) {
        static_cast<share*>(self)->mutexes_[static_cast<std::size_t>(what)].lock();
    }
    static void unlock(CURL*, curl_lock_data what, void* self) {
        static_cast<share*>(self)->mutexes_[static_cast<std::size_t>(what)].unlock();
    }

    std::array<std::mutex, CURL_LOCK_DATA_LAST> mutexes_;
    CURLSH* handle_;
};

/// An easy handle with its own multi handle, which keeps its connections and can be woken from another thread.
struct session {
    /// How many connections one session keeps; it remembers as many origins.
    static constexpr std::size_t max_connections = 8;

    struct easy_cleanup {
        void operator()(CURL* h) const noexcept { curl_easy_cleanup(h); }
    };
    struct multi_cleanup {
        void operator()(CURLM* h) const noexcept { curl_multi_cleanup(h); }
    };

    explicit session(const share& shared) : multi(curl_multi_init()), easy(curl_easy_init()) {
        if (multi == nullptr || easy == nullptr)
            throw std::bad_alloc{};
        if (curl_easy_setopt(easy.get(), CURLOPT_SHARE, shared.handle()) != CURLE_OK)
            throw std::bad_alloc{};
        curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(max_connections));
    }

    [[nodiscard]] bool knows(std::string_view origin) const noexcept {
        return std::find(origins.begin(), origins.end(), origin) != origins.end();
    }
    void remember(std::string_view origin) {
        const auto at = std::find(origins.begin(), origins.end(), origin);
        if (at != origins.end()) {
            std::rotate(at, at + 1, origins.end());
            return;
        }
        if (origins.size() == max_connections)
            origins.erase(origins.begin());
        origins.emplace_back(origin);
    }

    std::unique_ptr<CURLM, multi_cleanup> multi;
    std::unique_ptr<CURL, easy_cleanup> easy;
    std::vector<std::string> origins;  // the last used at the end
};

/// The idle sessions, and the data that they share.
///
/// **Thread safety.** All members.
class pool {
public:
    explicit pool(std::size_t max_idle) : max_idle_(max_idle) {}

    /// The session that was last used for that origin, else the one that was unused for longest, else a new one.
    [[nodiscard]] std::unique_ptr<session> take(std::string_view origin) {
        {
            const std::lock_guard guard{mutex_};
            auto at = std::find_if(idle_.rbegin(), idle_.rend(), [&](const auto& s) { return s->knows(origin); });
            if (at == idle_.rend() && !idle_.empty())
                at = std::prev(idle_.rend());
            if (at != idle_.rend()) {
                auto out = std::move(*at);
                idle_.erase(std::prev(at.base()));
                return out;
            }
        }
        return std::make_unique<session>(share_);
    }

    void give_back(std::unique_ptr<session> s) noexcept {
        try {
            const std::lock_guard guard{mutex_};
            if (idle_.size() < max_idle_)
                idle_.push_back(std::move(s));
        } catch (...) {
            // No memory for one more. It is closed on return, outside the lock, like a session beyond the maximum.
        }
    }

private:
    share share_;  // must outlive the sessions
    std::size_t max_idle_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<session>> idle_;  // the last used at the end
};

}  // namespace weir::curl::detail
