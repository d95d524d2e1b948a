// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/yaml/detail/directory_watch.hpp"
#include "weir/ext/yaml/detail/file_state.hpp"
#include "weir/ext/yaml/sources.hpp"

#include "weir/config/configuration.hpp"
#include "weir/config/resolve.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::yaml {

/// Makes a program's configuration again when one of its files has changed. The program calls it; it starts no thread.
///
/// ```
/// const auto config = weir::yaml::configure(argc, argv);
/// weir::registry limits{weir::memory_store{}, *config};
/// weir::yaml::reloader files{config.from, config};
/// // in the program's loop, when files.fd() is readable, or every few seconds:
/// if (const auto fresh = files.poll())
///     if (const auto done = limits.reload(*fresh); !done) std::cerr << done.error().message << '\n';
/// // after SIGHUP:
/// (void)limits.reload(files.reload_now());
/// ```
///
/// It detects that a file was written, replaced by a rename, deleted and made again, or that a link on its path
/// changed, as in a mounted Kubernetes ConfigMap. A file that is read while it is half written gives a resolution with
/// faults, which a registry refuses. When the file is complete, that is detected as another change. But half of a file
/// may be a valid configuration: replace files by a rename.
///
/// **Thread safety.** One thread at a time. **Errors.** A file that is missing or malformed is a fault of the
/// resolution. Members throw only `std::bad_alloc`. **Complexity.** A poll without a change is one `stat` for each
/// file.
class reloader {
public:
    using wall_time = std::chrono::system_clock::time_point;

    struct options {
        /// Whether to use notifications of the system if there are any (Linux: inotify). Otherwise files are compared
        /// at each poll.
        bool notify = true;
    };

    /// `in_force` is the resolution that the program made from `from`. The first poll reads the files again, so that
    /// changes before the construction are not lost.
    ///
    /// Paths stay as they are given. A program that changes its working folder must use absolute paths.
    reloader(sources from, const resolution& in_force, options o = default_options())
        : from_(std::move(from)), last_(in_force) {
        if (o.notify && !from_.files.empty())
            watch_.emplace();
        look();
    }

    /// The resolution of the sources, if a file has changed since the last call; otherwise nothing.
    [[nodiscard]] std::optional<resolution> poll() { return poll(std::chrono::system_clock::now()); }
    [[nodiscard]] std::optional<resolution> poll(wall_time now) {
        const bool heard = watch_ && watch_->drain();
        const bool differs = states() != states_;
        if (!heard && !differs && !must_look_again(now))
            return std::nullopt;
        resolution fresh = read(now);
        const outcome before = std::exchange(last_, outcome{fresh});
        // The notification may be about the end of a change that was already read.
        if (!differs && before == last_)
            return std::nullopt;
        return fresh;
    }

    /// The resolution of the sources, changed or not: for SIGHUP.
    [[nodiscard]] resolution reload_now() { return reload_now(std::chrono::system_clock::now()); }
    [[nodiscard]] resolution reload_now(wall_time now) {
        resolution fresh = read(now);
        last_ = outcome{fresh};
        return fresh;
    }

    /// For the program's own `poll` or `epoll`: readable if a call of `poll()` is useful, which makes it unreadable
    /// again. It stays the same during the life of this object. -1 = there is none; then only calling `poll()` finds
    /// changes.
    [[nodiscard]] int fd() const noexcept { return watch_ ? watch_->fd() : -1; }
    /// Whether `fd()` reports every change to a file of this machine. If not (no inotify, too many watches, a folder
    /// that cannot be read, a network file system), call `poll()` every few seconds.
    [[nodiscard]] bool is_notified() const noexcept { return from_.files.empty() || (watch_ && watch_->is_complete()); }
    [[nodiscard]] const sources& from() const noexcept { return from_; }

private:
    /// The parts of a resolution that are compared. If they are equal, the program need not get the second resolution.
    struct outcome {
        explicit outcome(const resolution& r) : faults(r.fault_text()) {
            if (r)
                value = *r;
        }
        std::optional<configuration> value{};
        std::string faults;
        friend bool operator==(const outcome&, const outcome&) = default;
    };

    static options default_options() { return {}; }

    [[nodiscard]] std::vector<detail::file_state> states() const {
        std::vector<detail::file_state> out;
        out.reserve(from_.files.size());
        for (const std::string& path : from_.files)
            out.push_back(detail::file_state::of(path));
        return out;
    }

    // In this order, so that the next poll finds every change from here on: by a notification or by a difference.
    void look() {
        if (watch_) {
            watch_->follow(from_.files);
            (void)watch_->drain();  // this also removes the notifications of watches that ended
        }
        states_ = states();
    }
    [[nodiscard]] resolution read(wall_time now) {
        look();
        is_fresh_ = !is_notified() && is_recent(now);
        is_first_ = false;
        return load(from_);
    }

    /// A file system stores times in ticks of up to two seconds. A file that is written twice in one tick looks
    /// unchanged. So a file that was read soon after it was written is read once more after the tick.
    [[nodiscard]] bool is_recent(wall_time now) const {
        constexpr std::chrono::seconds tick{2};
        return std::ranges::any_of(states_, [&](const detail::file_state& s) { return now < s.changed + tick; });
    }
    [[nodiscard]] bool must_look_again(wall_time now) const { return is_first_ || (is_fresh_ && !is_recent(now)); }

    sources from_;
    outcome last_;
    std::optional<detail::directory_watch> watch_;
    std::vector<detail::file_state> states_;
    bool is_first_ = true;
    bool is_fresh_ = false;
};

}  // namespace weir::yaml
