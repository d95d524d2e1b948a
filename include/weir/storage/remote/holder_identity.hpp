// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace weir::remote {

/// Where a holder runs, so that other processes of its machine can ask the kernel whether it lives.
struct holder_identity {
    /// A hash of the kernel's boot id and the process namespace; 0 = unknown. Equal numbers mean that process ids name
    /// the same processes.
    std::uint64_t machine = 0;
    std::string host;        ///< the machine's name, for people: letters, digits, dots, dashes and underscores
    std::int64_t pid = 0;    ///< the process
    std::int64_t start = 0;  ///< when the kernel started it, in ticks since the boot; 0 = unknown
};

namespace detail {

/// The first bytes of a small file; empty if it cannot be read.
[[nodiscard]] inline std::string start_of_file(const char* path) {
    std::array<char, 1024> bytes;
    std::FILE* const file = std::fopen(path, "re");
    if (file == nullptr)
        return {};
    const std::size_t got = std::fread(bytes.data(), 1, bytes.size(), file);
    std::fclose(file);
    return {bytes.data(), got};
}

/// What `/proc/<pid>/stat` says of a process.
struct process_state {
    bool is_known = false;  ///< false if the file could not be read
    char state = '?';       ///< Z = it has ended, and its parent has not asked for its status yet
    std::int64_t start = 0;
};
[[nodiscard]] inline process_state process_state_of(std::string_view stat) {
    // The second field is the program's name in brackets, which may contain blanks and brackets.
    const auto end = stat.rfind(')');
    if (end == std::string_view::npos || end + 2 >= stat.size())
        return {};
    std::string_view rest = stat.substr(end + 2);
    process_state out{true, rest[0], 0};
    for (int field = 3; field < 22; ++field) {
        const auto blank = rest.find(' ');
        if (blank == std::string_view::npos)
            return {};
        rest.remove_prefix(blank + 1);
    }
    std::from_chars(rest.data(), rest.data() + rest.size(), out.start);
    return out;
}
[[nodiscard]] inline process_state process_state_of(std::int64_t pid) {
    return process_state_of(start_of_file(("/proc/" + std::to_string(pid) + "/stat").c_str()));
}

[[nodiscard]] inline std::uint64_t hash_of(std::string_view text) noexcept {
    std::uint64_t hash = 14'695'981'039'346'656'037U;
    for (const char c : text)
        hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211U;
    return hash | 1;  // 0 means unknown
}

}  // namespace detail

/// This process. `host` replaces the machine's name, and then also its identity: only processes with the same name are
/// then looked up in the kernel.
[[nodiscard]] inline holder_identity this_process(std::string_view host = {}) {
    holder_identity out;
    out.pid = ::getpid();
    out.start = detail::process_state_of(out.pid).start;
    std::array<char, 256> name{};
    if (host.empty() && ::gethostname(name.data(), name.size() - 1) == 0)
        out.host = name.data();
    else
        out.host = host;
    if (out.host.size() > 63)
        out.host.resize(63);
    for (char& c : out.host)
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-'))
            c = '_';
    const std::string boot = detail::start_of_file("/proc/sys/kernel/random/boot_id");
    std::array<char, 64> space{};
    const auto size = ::readlink("/proc/self/ns/pid", space.data(), space.size());
    if (!boot.empty() && size > 0 && out.start != 0)
        out.machine = detail::hash_of(boot + std::string{space.data(), static_cast<std::size_t>(size)} +
                                      (host.empty() ? "" : "@" + out.host));
    return out;
}

/// Whether a process of this machine has certainly ended. A stopped process has not ended. If the kernel hides the
/// process, it has not ended as far as this function knows.
[[nodiscard]] inline bool process_has_ended(std::int64_t pid, std::int64_t start) {
    if (pid <= 0)
        return false;
    if (::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH)
        return true;
    const detail::process_state now = detail::process_state_of(pid);
    if (!now.is_known)
        return false;
    return now.state == 'Z' || now.state == 'X' || (start != 0 && now.start != start);
}

}  // namespace weir::remote
