// SPDX-License-Identifier: MIT
#pragma once

#include "posix_file.hpp"
#include "sha256.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace download {

/// What is known of the thing a partial file is part of. It lies next to it, so that another run can go on.
struct part_notes {
    std::string url;                     ///< as it was asked for
    std::string final_url;               ///< where it was found
    std::string etag;                    ///< a strong validator; empty = none, and the part cannot be resumed
    std::optional<std::uint64_t> total;  ///< its whole size, when the server said it
    int status = 0;
};

/// A file under way: bytes go to `NAME.part`, notes to `NAME.part.json`, and `NAME` appears when all of it is on disk.
///
/// **Errors:** members throw `file_error`.
class partial_file {
public:
    explicit partial_file(std::filesystem::path target)
        : target_(std::move(target)), part_(target_.string() + ".part"), notes_path_(target_.string() + ".part.json") {}

    /// How many bytes of `url` are there to go on from; their hash is taken. 0 = start over.
    [[nodiscard]] std::uint64_t resume(const std::string& url) {
        bytes_ = 0;
        digest_.restart();
        notes_ = read_notes();
        if (notes_.url != url || notes_.etag.empty() || !std::filesystem::exists(part_))
            return 0;
        file_ = posix_file{part_, O_RDWR};
        file_.read_all([this](std::string_view piece) { take(piece); });
        return bytes_;
    }
    [[nodiscard]] const part_notes& notes() const noexcept { return notes_; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

    /// A response to the range that was asked for: its bytes follow what is there.
    void go_on(const part_notes& fresh) { keep_notes(fresh); }
    /// A response with the whole: whatever is there is dropped.
    void start_over(const part_notes& fresh) {
        std::filesystem::create_directories(target_.parent_path());
        file_ = posix_file{part_, O_RDWR | O_CREAT | O_TRUNC};
        bytes_ = 0;
        digest_.restart();
        keep_notes(fresh);
    }
    void write(std::string_view piece) {
        file_.write(piece);
        take(piece);
    }
    /// Forgets everything that is there.
    void drop() {
        file_ = {};
        bytes_ = 0;
        notes_ = {};
        digest_.restart();
        forget();
    }
    /// Makes the bytes durable under their final name, and returns their hash. The notes stay until `forget`: they
    /// tell a later run that this file is complete, should the manifest never hear of it.
    [[nodiscard]] std::string complete() {
        file_.sync();
        std::filesystem::rename(part_, target_);
        sync_folder(target_.parent_path());
        file_ = {};
        return digest_.hex();
    }
    /// Removes whatever lies beside `NAME`.
    void forget() const {
        std::error_code ignored;
        std::filesystem::remove(notes_path_, ignored);  // first: notes without a part would vouch for an older file
        std::filesystem::remove(fresh_notes_path(), ignored);
        std::filesystem::remove(part_, ignored);
    }

    /// Whether `NAME` was completed by a run that ended before it could say so in the manifest.
    [[nodiscard]] bool completed_unrecorded(const std::string& url) {
        notes_ = read_notes();
        std::error_code none;
        return notes_.url == url && notes_.total && !std::filesystem::exists(part_) &&
               std::filesystem::file_size(target_, none) == *notes_.total && !none;
    }
    /// Size and hash of `NAME`.
    [[nodiscard]] std::pair<std::uint64_t, std::string> measure() const {
        sha256 digest;
        std::uint64_t bytes = 0;
        posix_file{target_, O_RDONLY}.read_all([&](std::string_view piece) {
            digest.update(piece);
            bytes += piece.size();
        });
        return {bytes, digest.hex()};
    }
    [[nodiscard]] const std::filesystem::path& target() const noexcept { return target_; }

private:
    void take(std::string_view piece) {
        digest_.update(piece);
        bytes_ += piece.size();
    }

    [[nodiscard]] std::filesystem::path fresh_notes_path() const { return notes_path_.string() + ".new"; }

    [[nodiscard]] part_notes read_notes() const {
        const auto json = nlohmann::json::parse(read_text(notes_path_), nullptr, false);
        part_notes out;
        if (!json.is_object())
            return out;
        try {
            out.url = json.at("url");
            out.final_url = json.at("final_url");
            out.etag = json.at("etag");
            out.status = json.at("status");
            if (json.contains("total"))
                out.total = json.at("total").get<std::uint64_t>();
        } catch (const nlohmann::json::exception&) {
            return {};
        }
        return out;
    }
    void keep_notes(const part_notes& fresh) {
        notes_ = fresh;
        nlohmann::ordered_json json{
            {"url", fresh.url}, {"final_url", fresh.final_url}, {"etag", fresh.etag}, {"status", fresh.status}};
        if (fresh.total)
            json["total"] = *fresh.total;
        const std::filesystem::path fresh_path = fresh_notes_path();
        posix_file{fresh_path, O_WRONLY | O_CREAT | O_TRUNC}.write(
            json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
        std::filesystem::rename(fresh_path, notes_path_);
    }

    std::filesystem::path target_;
    std::filesystem::path part_;
    std::filesystem::path notes_path_;
    posix_file file_;
    part_notes notes_;
    sha256 digest_;
    std::uint64_t bytes_ = 0;
};

}  // namespace download
