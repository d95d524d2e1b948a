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

/// Makes a program's configuration again when one of its files has changed. The program drives it; no thread is
/// started.
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
/// A file is seen to change when it is written, replaced by a rename, deleted and made anew, or reached through another
/// link, as in a mounted Kubernetes ConfigMap. One that is read while it is half written is a resolution with faults,
/// which a registry refuses; once it is complete it is seen to change again. Half of a file may be a whole
/// configuration: put files in place by a rename.
///
/// **Thread safety.** One thread at a time. **Errors.** A file that is missing or wrong is a fault of the resolution.
/// Members throw nothing but `std::bad_alloc`. **Complexity.** A poll without a change is one `stat` a file.
class reloader {
public:
    using wall_time = std::chrono::system_clock::time_point;

    struct options {
        /// Whether to be told by the system where it can: Linux, by inotify. Else files are compared at each poll.
        bool notify = true;
    };

    /// `in_force` is what the program made of `from`. Its files are read once more by the first poll: what changed
    /// before this was made is not lost.
    ///
    /// Paths stay as they are given: a program that changes its folder names them from the root.
    reloader(sources from, const resolution& in_force, options o = default_options())
        : from_(std::move(from)), last_(in_force) {
        if (o.notify && !from_.files.empty())
            watch_.emplace();
        look();
    }

    /// What the sources come to now, if a file has changed since the last time; nothing otherwise.
    [[nodiscard]] std::optional<resolution> poll() { return poll(std::chrono::system_clock::now()); }
    [[nodiscard]] std::optional<resolution> poll(wall_time now) {
        const bool heard = watch_ && watch_->drain();
        const bool differs = states() != states_;
        if (!heard && !differs && !must_look_again(now))
            return std::nullopt;
        resolution fresh = read(now);
        const outcome before = std::exchange(last_, outcome{fresh});
        // What was heard may be the end of what has been read already.
        if (!differs && before == last_)
            return std::nullopt;
        return fresh;
    }

    /// What the sources come to now, changed or not: for SIGHUP.
    [[nodiscard]] resolution reload_now() { return reload_now(std::chrono::system_clock::now()); }
    [[nodiscard]] resolution reload_now(wall_time now) {
        resolution fresh = read(now);
        last_ = outcome{fresh};
        return fresh;
    }

    /// For the program's own `poll` or `epoll`: readable when it is worth while to call `poll()`, which makes it
    /// unreadable again. It is the same for this object's life; -1 = there is none, and only calling `poll()` tells.
    [[nodiscard]] int fd() const noexcept { return watch_ ? watch_->fd() : -1; }
    /// Whether `fd()` tells of every change to a file of this machine. Where it does not (no inotify, too many watches,
    /// a folder that cannot be read, a network's file system) call `poll()` every few seconds.
    [[nodiscard]] bool is_notified() const noexcept { return from_.files.empty() || (watch_ && watch_->is_complete()); }
    [[nodiscard]] const sources& from() const noexcept { return from_; }

private:
    /// What two resolutions have in common when a program need not hear of the second.
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

    // In this order: what changes from here on is heard or differs, and is seen by the next poll.
    void look() {
        if (watch_) {
            watch_->follow(from_.files);
            (void)watch_->drain();  // that folders are no longer watched is heard too
        }
        states_ = states();
    }
    [[nodiscard]] resolution read(wall_time now) {
        look();
        is_fresh_ = !is_notified() && is_recent(now);
        is_first_ = false;
        return load(from_);
    }

    /// A file system keeps times in ticks, up to two seconds long: a file that is written twice in one tick looks the
    /// same. So what was read soon after it was written is read once more when its tick is over.
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
