// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/error.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace weir::http {

/// A request's body that is read while it is sent, so that it need not fit into memory.
///
/// ```
/// http.send({.method = "PUT", .url = url, .upload = weir::http::file_body("big.bin")});
/// ```
///
/// **Thread safety.** `open` may be called by several threads if copies of the request are sent by several.
struct body_source {
    /// Writes the next bytes into `into` and returns their number; 0 = the end. An exception stops the transfer, and
    /// `send` throws it on.
    using reader = std::function<std::size_t(std::span<char> into)>;

    /// Called each time the request is sent. Returns a reader that begins with the first byte.
    std::function<reader()> open{};
    /// The number of bytes; absent = not known before the end. A reader that ends earlier is an error.
    std::optional<std::uint64_t> size{};
    /// Whether `open` may be called more than once. If not, the request is never repeated and no redirect takes the
    /// body along.
    bool repeatable = true;

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(open); }
};

/// The content of a file, as it is when it is sent. The size is that of now.
///
/// **Errors.** Throws `exception` with `errc::bad_request` if there is no such file; the reader does so if it cannot be
/// opened.
[[nodiscard]] inline body_source file_body(std::filesystem::path path) {
    std::error_code fault;
    const auto size = std::filesystem::file_size(path, fault);
    if (fault)
        throw exception({errc::bad_request, fmt::format("body {}: {}", path.string(), fault.message())});
    return {.open = [path = std::move(path)]() -> body_source::reader {
                auto in = std::make_shared<std::ifstream>(path, std::ios::binary);
                if (!*in)
                    throw exception({errc::bad_request, fmt::format("body {}: it cannot be read", path.string())});
                return [in](std::span<char> into) {
                    in->read(into.data(), static_cast<std::streamsize>(into.size()));
                    return static_cast<std::size_t>(in->gcount());
                };
            },
            .size = size};
}

/// A body that can be read once only, such as a pipe. `size` is the number of its bytes, if that is known.
[[nodiscard]] inline body_source stream_body(body_source::reader read, std::optional<std::uint64_t> size = {}) {
    return {.open = [read = std::move(read)] { return read; }, .size = size, .repeatable = false};
}

}  // namespace weir::http
