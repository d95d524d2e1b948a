// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <csignal>
#include <ctime>

namespace download {

/// SIGINT and SIGTERM as something to ask for instead of something that happens.
///
/// **Thread safety:** made before the first thread, which then inherits that the signals are blocked; asked by one
/// thread.
class interrupts {
public:
    interrupts() {
        sigemptyset(&set_);
        sigaddset(&set_, SIGINT);
        sigaddset(&set_, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        // A shell's background jobs begin with SIGINT ignored, and what is ignored never becomes pending.
        std::signal(SIGINT, SIG_DFL);
        std::signal(SIGTERM, SIG_DFL);
        // A reader that went away must not end a download.
        std::signal(SIGPIPE, SIG_IGN);
    }

    /// Waits at most so long; true when there was one. From then on they do what they do by default: the next one
    /// kills.
    [[nodiscard]] bool wait(std::chrono::milliseconds most) {
        const timespec span{most.count() / 1000, most.count() % 1000 * 1'000'000};
        if (sigtimedwait(&set_, nullptr, &span) < 0)
            return false;
        pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
        return true;
    }

private:
    sigset_t set_{};
};

}  // namespace download
