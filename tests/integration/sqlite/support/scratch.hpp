// SPDX-License-Identifier: MIT
#pragma once

// A folder that goes when the test ends, and child processes that are ended with it.

#include "weir/ext/sqlite/options.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace weir_test {

/// How many times fewer steps than usual: sanitizers make each some ten times slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr int slowness = 10;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr int slowness = 10;
#else
inline constexpr int slowness = 1;
#endif
#else
inline constexpr int slowness = 1;
#endif

class scratch {
public:
    scratch() {
        std::string name = (std::filesystem::temp_directory_path() / "weir-sqlite-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error{"no temporary folder"};
        path_ = name;
    }
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;
    ~scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    [[nodiscard]] std::string file(const std::string& name = "limits.db") const { return (path_ / name).string(); }
    [[nodiscard]] weir::sqlite::sqlite_options options() const {
        weir::sqlite::sqlite_options o;
        o.path = file();
        return o;
    }

private:
    std::filesystem::path path_;
};

/// Runs `body()` in a forked process, whose exit code is what it returns; an exception is 99. Killed if it still runs.
///
/// **Preconditions.** The forking process has one thread, and no store open.
class child {
public:
    template <class Body>
    explicit child(Body&& body) {
        std::fflush(nullptr);
        pid_ = ::fork();
        if (pid_ < 0)
            throw std::runtime_error{"cannot fork"};
        if (pid_ > 0)
            return;
        int code = 99;
        try {
            code = body();
        } catch (const std::exception& e) {
            std::fprintf(stderr, "child: %s\n", e.what());
        }
        std::fflush(nullptr);
        ::_exit(code);
    }
    child(child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
    child& operator=(child&&) = delete;
    ~child() {
        if (pid_ > 0)
            kill();
    }
    /// Its exit code, or minus the signal that ended it.
    int wait() {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0) {
        }
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    int kill() {
        signal(SIGKILL);
        return wait();
    }
    void signal(int number) const { ::kill(pid_, number); }

private:
    pid_t pid_ = -1;
};

/// Memory that this process and its children share; zero at first.
template <class T>
class shared_memory {
    static_assert(std::is_trivially_destructible_v<T>);

public:
    explicit shared_memory(std::size_t count = 1) : count_(count) {
        void* const at = ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED)
            throw std::runtime_error{"no shared memory"};
        at_ = static_cast<T*>(at);
    }
    shared_memory(const shared_memory&) = delete;
    shared_memory& operator=(const shared_memory&) = delete;
    ~shared_memory() { ::munmap(at_, count_ * sizeof(T)); }
    [[nodiscard]] T& operator[](std::size_t i) const { return at_[i]; }
    [[nodiscard]] T& operator*() const { return *at_; }

private:
    std::size_t count_;
    T* at_;
};

/// A one-way signal between processes.
class signal_pipe {
public:
    signal_pipe() {
        if (::pipe(ends_.data()) != 0)
            throw std::runtime_error{"no pipe"};
    }
    signal_pipe(const signal_pipe&) = delete;
    signal_pipe& operator=(const signal_pipe&) = delete;
    ~signal_pipe() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    void send() const {
        const char c = 'x';
        if (::write(ends_[1], &c, 1) != 1)
            throw std::runtime_error{"the pipe is broken"};
    }
    void receive() const {
        char c = 0;
        if (::read(ends_[0], &c, 1) != 1)
            throw std::runtime_error{"the pipe is broken"};
    }

private:
    std::array<int, 2> ends_{};
};

}  // namespace weir_test
