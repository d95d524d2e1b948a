// SPDX-License-Identifier: MIT
#pragma once

#include "client.hpp"
#include "manifest.hpp"

#include <filesystem>
#include <stop_token>
#include <string>

namespace download {

/// A file that is wanted.
struct wish {
    std::string url;
    std::string role;
    std::string path;  ///< below the output folder, with `/`
};

/// `NAME-1a2b3c4d.EXT` below the role's folder: `hint` freed of everything a file's name should not hold, and the
/// beginning of the URL's hash, so that two URLs never share a file.
[[nodiscard]] std::string path_for(const std::string& url, const std::string& role, std::string_view hint,
                                   std::string_view extension);

/// Whether the file is there as the manifest has it: size and hash.
[[nodiscard]] bool is_complete(const wish& w, const std::filesystem::path& out, const manifest& known);

/// Removes what lies beside a complete file: a run that was killed between the file's line in the manifest and the end
/// of its notes leaves them, and who skips the file as complete is the last to come by.
void remove_leftovers(const wish& w, const std::filesystem::path& out);

/// Fetches one file into `out`, going on from what an earlier run left, and enters it into the manifest.
[[nodiscard]] outcome fetch_file(const wish& w, const std::filesystem::path& out, client& through, manifest& known,
                                 const std::stop_token& stop);

}  // namespace download
