// SPDX-License-Identifier: MIT
#pragma once

#include "posix_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace download {

/// One complete file.
struct manifest_entry {
    std::string url;        ///< as it was asked for
    std::string final_url;  ///< where it was found, after redirects
    std::string role;
    std::string path;  ///< below the output folder
    std::uint64_t bytes = 0;
    std::string sha256;
    int status = 0;
    std::string fetched_at;  ///< UTC
};

[[nodiscard]] inline std::string utc_now() {
    const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm t{};
    gmtime_r(&now, &t);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour,
                       t.tm_min, t.tm_sec);
}

/// `OUT/manifest.jsonl`: one line for each complete file, the newest line of a path in force.
///
/// A line is one write at the end of the file, made durable before `add` returns. A process that was killed may have
/// left part of a line: it is cut off when the manifest is next opened for writing.
///
/// **Thread safety:** all members.
class manifest {
public:
    /// **Errors:** throws `file_error`. A read-only manifest leaves the disk as it is.
    manifest(std::filesystem::path path, bool read_only) {
        const std::string text = read_text(path);
        const auto whole = text.rfind('\n') + 1;  // npos + 1 is 0
        std::size_t begin = 0;
        for (auto end = text.find('\n'); end != std::string::npos; begin = end + 1, end = text.find('\n', begin))
            load(std::string_view{text}.substr(begin, end - begin));
        if (read_only)
            return;
        file_ = posix_file{std::move(path), O_WRONLY | O_CREAT | O_APPEND};
        if (whole != text.size())
            file_.truncate(whole);
    }

    [[nodiscard]] std::optional<manifest_entry> find(const std::string& path) const {
        const std::lock_guard guard{mutex_};
        const auto found = entries_.find(path);
        return found == entries_.end() ? std::nullopt : std::optional{found->second};
    }

    void add(const manifest_entry& e) {
        nlohmann::ordered_json json{{"url", e.url}};
        if (e.final_url != e.url)
            json["final_url"] = e.final_url;
        json["role"] = e.role;
        json["path"] = e.path;
        json["bytes"] = e.bytes;
        json["sha256"] = e.sha256;
        json["status"] = e.status;
        json["fetched_at"] = e.fetched_at;
        const std::string line = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
        const std::lock_guard guard{mutex_};
        file_.write(line);
        file_.sync();
        entries_[e.path] = e;
    }

private:
    // A line that is no entry is passed over: its file is fetched again, which repairs it.
    void load(std::string_view line) {
        const auto json = nlohmann::json::parse(line, nullptr, false);
        if (!json.is_object())
            return;
        try {
            manifest_entry e{json.at("url"),    {},
                             json.at("role"),   json.at("path"),
                             json.at("bytes"),  json.at("sha256"),
                             json.at("status"), json.at("fetched_at")};
            e.final_url = json.value("final_url", e.url);
            entries_.insert_or_assign(e.path, e);
        } catch (const nlohmann::json::exception&) {
        }
    }

    mutable std::mutex mutex_;
    posix_file file_;
    std::map<std::string, manifest_entry> entries_;
};

}  // namespace download
