// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

/// Files as the system has them: what is written is out of the process at once, so that a kill loses nothing that was
/// written.
namespace download {

struct file_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

[[noreturn]] inline void fail_on(const char* what, const std::filesystem::path& path) {
    const std::string why = std::generic_category().message(errno);
    throw file_error{fmt::format("{}: cannot {}: {}", path.string(), what, why)};
}

/// An open file. **Errors:** every member throws `file_error`, which names the file.
class posix_file {
public:
    posix_file() = default;
    posix_file(std::filesystem::path path, int flags)
        : path_(std::move(path)), fd_(::open(path_.c_str(), flags | O_CLOEXEC, 0644)) {
        if (fd_ < 0)
            fail_on("open", path_);
    }
    posix_file(posix_file&& other) noexcept : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
    posix_file& operator=(posix_file&& other) noexcept {
        std::swap(path_, other.path_);
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~posix_file() {
        if (fd_ >= 0)
            ::close(fd_);
    }

    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }

    void write(std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                fail_on("write", path_);
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    /// Calls `sink(std::string_view)` for each piece from the start of the file to its end.
    template <class Sink>
    void read_all(Sink&& sink) const {
        std::array<char, 65536> buffer;
        if (::lseek(fd_, 0, SEEK_SET) < 0)
            fail_on("rewind", path_);
        for (;;) {
            const ssize_t n = ::read(fd_, buffer.data(), buffer.size());
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                fail_on("read", path_);
            if (n == 0)
                return;
            sink(std::string_view{buffer.data(), static_cast<std::size_t>(n)});
        }
    }
    void truncate(std::uint64_t size) const {
        if (::ftruncate(fd_, static_cast<off_t>(size)) != 0 || ::lseek(fd_, 0, SEEK_END) < 0)
            fail_on("truncate", path_);
    }
    void sync() const {
        if (::fsync(fd_) != 0)
            fail_on("sync", path_);
    }
    /// Takes the file for this process alone; false when another process has it.
    [[nodiscard]] bool lock() const { return ::flock(fd_, LOCK_EX | LOCK_NB) == 0; }

private:
    std::filesystem::path path_;
    int fd_ = -1;
};

/// The content of a file; empty when there is none.
[[nodiscard]] inline std::string read_text(const std::filesystem::path& path) {
    std::string out;
    if (std::filesystem::exists(path))
        posix_file{path, O_RDONLY}.read_all([&](std::string_view piece) { out.append(piece); });
    return out;
}

/// Makes a name durable: a rename is on disk only when its folder is.
inline void sync_folder(const std::filesystem::path& folder) { posix_file{folder, O_RDONLY | O_DIRECTORY}.sync(); }

}  // namespace download
