// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <ctime>

namespace download {

/// What a signal asks for.
enum class asked : std::uint8_t {
    none,
    stop,    ///< SIGINT, SIGTERM
    reload,  ///< SIGHUP
};

/// Signals as something to ask for instead of something that happens.
///
/// **Thread safety:** made before the first thread, which then inherits that the signals are blocked; asked by one
/// thread.
class interrupts {
public:
    interrupts() {
        sigemptyset(&stops_);
        sigaddset(&stops_, SIGINT);
        sigaddset(&stops_, SIGTERM);
        all_ = stops_;
        sigaddset(&all_, SIGHUP);
        pthread_sigmask(SIG_BLOCK, &all_, nullptr);
        // A shell's background jobs begin with SIGINT ignored, those of nohup with SIGHUP, and what is ignored never
        // becomes pending.
        for (const int signal : {SIGINT, SIGTERM, SIGHUP})
            std::signal(signal, SIG_DFL);
        // A reader that went away must not end a download.
        std::signal(SIGPIPE, SIG_IGN);
    }

    /// Waits at most so long for one. From the first that asks to stop they do what they do by default: the next one
    /// kills. SIGHUP never does.
    [[nodiscard]] asked wait(std::chrono::milliseconds max) {
        const timespec span{max.count() / 1000, max.count() % 1000 * 1'000'000};
        const int signal = sigtimedwait(&all_, nullptr, &span);
        if (signal < 0)
            return asked::none;
        if (signal == SIGHUP)
            return asked::reload;
        pthread_sigmask(SIG_UNBLOCK, &stops_, nullptr);
        return asked::stop;
    }

private:
    sigset_t stops_{};
    sigset_t all_{};
};

}  // namespace download
