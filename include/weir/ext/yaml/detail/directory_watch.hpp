// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <span>
#include <string>

#ifdef __linux__
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <deque>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>
#endif

namespace weir::yaml::detail {

#ifdef __linux__

/// Gets notifications from the system when files may have changed. It watches folders and not files, because most
/// programs change a file by replacing it. It watches every folder that contains a file, or a link on the path to one.
///
/// A written file is reported after it is closed, so that it is not read while half of it is written.
class directory_watch {
public:
    directory_watch() : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}
    directory_watch(directory_watch&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), is_complete_(other.is_complete_), names_(std::move(other.names_)) {}
    directory_watch& operator=(directory_watch&& other) noexcept {
        std::swap(fd_, other.fd_);
        std::swap(is_complete_, other.is_complete_);
        std::swap(names_, other.names_);
        return *this;
    }
    ~directory_watch() {
        if (fd_ >= 0)
            ::close(fd_);
    }

    /// Watches the path to each of `paths` as it is now, and nothing else.
    void follow(std::span<const std::string> paths) {
        if (fd_ < 0)
            return;
        is_complete_ = true;
        const auto before = std::exchange(names_, {});
        for (const std::string& path : paths)
            follow(path);
        for (const auto& [watch, names] : before)
            if (!names_.contains(watch))
                ::inotify_rm_watch(fd_, watch);
    }

    /// Reads all notifications. Returns true if one may concern one of the paths.
    [[nodiscard]] bool drain() {
        bool concerns = false;
        alignas(inotify_event) std::array<char, 4096> buffer;
        while (fd_ >= 0) {
            const ssize_t length = ::read(fd_, buffer.data(), buffer.size());
            if (length < 0 && errno == EINTR)
                continue;
            if (length <= 0)
                break;
            for (const char* at = buffer.data(); at < buffer.data() + length;) {
                inotify_event e;
                std::memcpy(&e, at, sizeof e);
                concerns = is_ours(e, at + sizeof e) || concerns;
                at += sizeof e + e.len;
            }
        }
        return concerns;
    }

    /// Readable if there is something to drain; -1 = the system has no more watch descriptors.
    [[nodiscard]] int fd() const noexcept { return fd_; }
    /// Whether every folder could be watched.
    [[nodiscard]] bool is_complete() const noexcept { return fd_ >= 0 && is_complete_; }

private:
    void follow(const std::string& path) {
        namespace fs = std::filesystem;
        std::error_code failure;
        const fs::path whole = fs::absolute(path, failure);
        fs::path folder = whole.root_path();
        std::deque<fs::path> rest;
        for (const fs::path& name : whole.relative_path())
            rest.push_back(name);
        constexpr int max_links = 40;  // the same as the system's: more are a circle
        for (int links = 0; !rest.empty() && links < max_links;) {
            const fs::path name = rest.front();
            rest.pop_front();
            if (name.empty() || name == ".")
                continue;
            if (name == "..") {
                folder = folder.parent_path();
                continue;
            }
            const fs::file_type kind = fs::symlink_status(folder / name, failure).type();
            // Watched before the link is read, because the link may be replaced at any moment.
            if (kind != fs::file_type::directory)
                watch(folder, name);
            if (kind == fs::file_type::symlink) {
                ++links;
                const fs::path target = fs::read_symlink(folder / name, failure);
                const fs::path tail = target.relative_path();
                rest.insert(rest.begin(), tail.begin(), tail.end());
                if (target.is_absolute())
                    folder = target.root_path();
            } else if (kind == fs::file_type::directory) {
                folder /= name;
            } else {
                return;
            }
        }
    }

    void watch(const std::filesystem::path& folder, const std::filesystem::path& name) {
        constexpr std::uint32_t what = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                                       IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
        const int watch = ::inotify_add_watch(fd_, folder.c_str(), what);
        if (watch < 0)
            is_complete_ = false;
        else
            names_[watch].insert(name.string());
    }

    [[nodiscard]] bool is_ours(const inotify_event& e, const char* name) const {
        if ((e.mask & IN_Q_OVERFLOW) != 0)
            return true;
        const auto found = names_.find(e.wd);
        if (found == names_.end())
            return false;  // from a folder that is not watched any more
        return e.len == 0 || found->second.contains(std::string_view{name});
    }

    int fd_;
    bool is_complete_ = true;
    std::map<int, std::set<std::string, std::less<>>> names_;
};

#else

/// For systems without notifications: files are compared at each poll.
class directory_watch {
public:
    void follow(std::span<const std::string>) noexcept {}
    [[nodiscard]] bool drain() noexcept { return false; }
    [[nodiscard]] int fd() const noexcept { return -1; }
    [[nodiscard]] bool is_complete() const noexcept { return false; }
};

#endif

}  // namespace weir::yaml::detail
