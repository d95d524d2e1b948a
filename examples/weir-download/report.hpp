// SPDX-License-Identifier: MIT
#pragma once

#include "options.hpp"
#include "traffic.hpp"

#include "weir/config/configuration.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace download {

/// What could not be fetched, and why.
struct failure {
    std::string what;
    std::string why;
};

/// How far a run has come.
struct tally {
    std::size_t wanted = 0;  ///< files known of so far
    std::size_t fetched = 0;
    std::size_t skipped = 0;  ///< complete before this run
    std::size_t planned = 0;  ///< would be fetched, were it not a dry run
    std::uint64_t bytes = 0;  ///< of the files fetched
    std::vector<failure> failures{};
};

/// Tells people what happens: plain lines on standard error, below them a bar if that is a terminal.
///
/// **Thread safety:** all members.
class reporter {
public:
    reporter(log_level min, bool with_bar);

    /// Changes the tally, and says `text`, unless it is empty, if `level` is wanted.
    template <class F>
    void count(F&& change, log_level level = log_level::info, std::string_view text = {}) {
        const std::lock_guard guard{mutex_};
        change(tally_);
        if (!text.empty())
            say_locked(level, text);
    }
    void say(log_level level, std::string_view text) {
        const std::lock_guard guard{mutex_};
        say_locked(level, text);
    }
    /// Draws the bar, if there is one.
    void draw();
    /// Takes the bar away; none is drawn afterwards.
    void finish();

    [[nodiscard]] tally total() const {
        const std::lock_guard guard{mutex_};
        return tally_;
    }
    [[nodiscard]] std::chrono::duration<double> elapsed() const { return std::chrono::steady_clock::now() - start_; }

private:
    void say_locked(log_level level, std::string_view text);
    [[nodiscard]] std::string bar() const;

    mutable std::mutex mutex_;
    log_level min_;
    bool has_bar_;
    bool drawn_ = false;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    tally tally_;
};

/// `1.4 MB`
[[nodiscard]] std::string size_text(std::uint64_t bytes);

/// How it went: the counts, and what failed.
[[nodiscard]] std::string summary(const tally& total, std::chrono::duration<double> elapsed, bool interrupted,
                                  bool dry_run);

/// One row for each key: what was sent, refused and waited for.
[[nodiscard]] std::string table(const traffic& record, const weir::configuration& config);

}  // namespace download
