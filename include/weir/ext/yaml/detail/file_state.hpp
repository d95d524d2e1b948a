// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>

namespace weir::yaml::detail {

/// Distinguishes one content of a file from another without reading it.
struct file_state {
    using time = std::chrono::sys_time<std::chrono::nanoseconds>;

    int failure = 0;  ///< `errno` if the state could not be read
    std::uint64_t device = 0;
    std::uint64_t node = 0;
    std::uint64_t size = 0;
    time modified{};
    time changed{};  ///< of the file's node: it shows changed permissions and a write time that was set back

    friend bool operator==(const file_state&, const file_state&) = default;

    /// The state of the file at the end of `path`, through links. A pipe or a device has none, because reading changes
    /// its times.
    [[nodiscard]] static file_state of(const std::string& path) {
        file_state out;
        struct stat found{};
        if (::stat(path.c_str(), &found) != 0) {
            out.failure = errno;
            return out;
        }
        out.device = static_cast<std::uint64_t>(found.st_dev);
        out.node = static_cast<std::uint64_t>(found.st_ino);
        if (!S_ISREG(found.st_mode))
            return out;
        out.size = static_cast<std::uint64_t>(found.st_size);
#ifdef __APPLE__
        out.modified = instant_of(found.st_mtimespec);
        out.changed = instant_of(found.st_ctimespec);
#else
        out.modified = instant_of(found.st_mtim);
        out.changed = instant_of(found.st_ctim);
#endif
        return out;
    }

private:
    [[nodiscard]] static time instant_of(const timespec& t) {
        return time{std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec}};
    }
};

}  // namespace weir::yaml::detail
