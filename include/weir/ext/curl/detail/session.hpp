// SPDX-License-Identifier: MIT
#pragma once

#include <curl/curl.h>

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
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

/// What the sessions of a transport share: resolved names, TLS sessions and cookies. They do not share connections:
/// libcurl documents that as unsafe.
class share {
public:
    /// `cookies` is a file of cookies; absent or empty = none.
    explicit share(std::optional<std::string> cookies) : handle_(curl_share_init()), cookies_(std::move(cookies)) {
        if (handle_ == nullptr)
            throw std::bad_alloc{};
        curl_share_setopt(handle_, CURLSHOPT_LOCKFUNC, lock);
        curl_share_setopt(handle_, CURLSHOPT_UNLOCKFUNC, unlock);
        curl_share_setopt(handle_, CURLSHOPT_USERDATA, this);
        curl_share_setopt(handle_, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
        curl_share_setopt(handle_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
        if (cookies_)
            curl_share_setopt(handle_, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
        cookie_file(CURLOPT_COOKIEFILE, "RELOAD");
    }
    share(const share&) = delete;
    share& operator=(const share&) = delete;
    ~share() {
        cookie_file(CURLOPT_COOKIEJAR, "FLUSH");
        curl_share_cleanup(handle_);
    }

    [[nodiscard]] CURLSH* handle() const noexcept { return handle_; }
    [[nodiscard]] bool has_cookies() const noexcept { return cookies_.has_value(); }

private:
    void cookie_file(CURLoption option, const char* command) const noexcept {
        if (!cookies_ || cookies_->empty())
            return;
        CURL* const easy = curl_easy_init();
        if (easy == nullptr)
            return;
        curl_easy_setopt(easy, CURLOPT_SHARE, handle_);
        curl_easy_setopt(easy, option, cookies_->c_str());
        curl_easy_setopt(easy, CURLOPT_COOKIELIST, command);
        curl_easy_cleanup(easy);
    }
    static void lock(CURL*, curl_lock_data what, curl_lock_access, void* self) {
        static_cast<share*>(self)->mutexes_[static_cast<std::size_t>(what)].lock();
    }
    static void unlock(CURL*, curl_lock_data what, void* self) {
        static_cast<share*>(self)->mutexes_[static_cast<std::size_t>(what)].unlock();
    }

    std::array<std::mutex, CURL_LOCK_DATA_LAST> mutexes_;
    CURLSH* handle_;
    std::optional<std::string> cookies_;
};

/// An easy handle with its own multi handle, which keeps one connection and can be woken from another thread.
struct session {
    struct easy_cleanup {
        void operator()(CURL* h) const noexcept { curl_easy_cleanup(h); }
    };
    struct multi_cleanup {
        void operator()(CURLM* h) const noexcept { curl_multi_cleanup(h); }
    };

    explicit session(const share& with) : shared(&with), multi(curl_multi_init()), easy(curl_easy_init()) {
        if (multi == nullptr || easy == nullptr ||
            curl_easy_setopt(easy.get(), CURLOPT_SHARE, with.handle()) != CURLE_OK)
            throw std::bad_alloc{};
        curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, 1L);
    }

    /// Forgets the settings of a transfer.
    void reset() noexcept {
        if (!shared->has_cookies())
            return curl_easy_reset(easy.get());
        // libcurl 7.88 would leak the list of cookie files. Without that list the handle leaves the shared jar.
        curl_easy_setopt(easy.get(), CURLOPT_COOKIEFILE, static_cast<const char*>(nullptr));
        curl_easy_reset(easy.get());
        curl_easy_setopt(easy.get(), CURLOPT_SHARE, shared->handle());
    }
    /// Remembers the connection of the transfer that has just ended, if it is still open.
    /// **Preconditions.** The transfer's handle is still part of `multi`.
    void note_connection() noexcept {
        socket = CURL_SOCKET_BAD;
        curl_easy_getinfo(easy.get(), CURLINFO_ACTIVESOCKET, &socket);
        used = std::chrono::steady_clock::now();
    }
    [[nodiscard]] bool has_connection() const noexcept { return socket != CURL_SOCKET_BAD; }
    /// Whether the other side has closed the idle connection.
    [[nodiscard]] bool is_dead() const noexcept {
#ifdef POLLRDHUP
        // Bytes alone say nothing: TLS and HTTP/2 send some of their own.
        pollfd fd{socket, POLLRDHUP, 0};
#else
        pollfd fd{socket, POLLIN, 0};
#endif
        return has_connection() && ::poll(&fd, 1, 0) != 0;
    }

    const share* shared;
    std::unique_ptr<CURLM, multi_cleanup> multi;
    std::unique_ptr<CURL, easy_cleanup> easy;
    std::string origin;  // of its connection
    curl_socket_t socket = CURL_SOCKET_BAD;
    std::chrono::steady_clock::time_point used{};
};

/// The idle sessions, and the data that they share.
///
/// **Thread safety.** All members.
class pool {
public:
    using clock = std::chrono::steady_clock;

    pool(std::size_t max_idle, std::chrono::seconds max_age, std::optional<std::string> cookies)
        : share_(std::move(cookies)), max_idle_(max_idle), max_age_(max_age) {}

    /// The session with a connection to that origin, else one without a connection, else a new one.
    [[nodiscard]] std::unique_ptr<session> take(std::string_view origin) {
        sweep();
        {
            const std::lock_guard guard{mutex_};
            auto at = std::find_if(idle_.rbegin(), idle_.rend(), [&](const auto& s) { return s->origin == origin; });
            if (at == idle_.rend())
                at = std::find_if(idle_.rbegin(), idle_.rend(), [](const auto& s) { return !s->has_connection(); });
            if (at == idle_.rend() && !idle_.empty() && idle_.size() >= max_idle_)
                at = std::prev(idle_.rend());  // it closes its connection when it makes another one
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
            sweep();
            const std::lock_guard guard{mutex_};
            if (idle_.size() < max_idle_)
                idle_.push_back(std::move(s));
        } catch (...) {
            // No memory for one more. It is closed on return, outside the lock, like a session beyond the maximum.
        }
    }

    /// Closes the idle connections that are at least that old, and those that the other side has closed.
    void close_idle(clock::duration age) {
        std::vector<std::unique_ptr<session>> closed;  // before the lock: they are closed after it
        const std::lock_guard guard{mutex_};
        const auto now = clock::now();
        closed.reserve(idle_.size());
        for (auto& s : idle_)
            if (s->has_connection() && (now - s->used >= age || s->is_dead()))
                closed.push_back(std::move(s));
        std::erase(idle_, nullptr);
    }
    [[nodiscard]] std::size_t idle_connections() const {
        const std::lock_guard guard{mutex_};
        return static_cast<std::size_t>(
            std::count_if(idle_.begin(), idle_.end(), [](const auto& s) { return s->has_connection(); }));
    }

private:
    /// At most twice a second, because it asks the system about each connection.
    void sweep() {
        {
            const std::lock_guard guard{mutex_};
            const auto now = clock::now();
            if (now - swept_ < std::chrono::milliseconds{500})
                return;
            swept_ = now;
        }
        close_idle(max_age_.count() > 0 ? clock::duration{max_age_} : clock::duration::max());
    }

    share share_;  // must outlive the sessions
    std::size_t max_idle_;
    std::chrono::seconds max_age_;
    mutable std::mutex mutex_;
    clock::time_point swept_{};
    std::vector<std::unique_ptr<session>> idle_;  // the last used at the end
};

}  // namespace weir::curl::detail
