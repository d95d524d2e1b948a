// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace weir::sqlite::detail {

/// The file at a path.
struct identity {
    bool is_there = false;
    dev_t device{};
    ino_t inode{};
    off_t size = 0;

    friend bool operator==(const identity& a, const identity& b) noexcept {
        return a.is_there == b.is_there && a.device == b.device && a.inode == b.inode;
    }
};
[[nodiscard]] inline identity identity_of(const std::string& path) noexcept {
    struct stat about{};
    if (::stat(path.c_str(), &about) != 0)
        return {};
    return {true, about.st_dev, about.st_ino, about.st_size};
}

/// Whether some process has a lock on the file. In WAL mode each connection has one while it is open. The kernel is
/// asked by `/proc/locks`, because to open and close the file here would release the locks of this process. Where that
/// cannot be read, the answer is no.
[[nodiscard]] inline bool is_locked(const identity& file) {
    // 1: POSIX  ADVISORY  READ 4711 08:01:1234567 1073741826 1073742335
    std::ifstream all{"/proc/locks"};
    const std::string ending = ":" + std::to_string(file.inode);
    for (std::string line; std::getline(all, line);) {
        std::istringstream words{line};
        std::string word;
        for (int i = 0; i < 6 && words >> word; ++i) {
        }
        if (word.ends_with(ending))
            return true;
    }
    return false;
}

/// Whether other processes use a database at this path whose files are no longer all there: what they have written
/// cannot be seen. Ask before the file is opened, because opening it makes the files.
[[nodiscard]] inline bool is_taken_away(const std::string& path) {
    const auto has_shared = [&] { return identity_of(path + "-shm").is_there; };
    const identity file = identity_of(path);
    if (file.size == 0)
        return has_shared() || identity_of(path + "-wal").size > 0;
    if (has_shared() || !is_locked(file))
        return false;
    // A process that is just opening the file has the lock a moment earlier than it makes the other file.
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
    return !has_shared() && is_locked(file);
}

}  // namespace weir::sqlite::detail
