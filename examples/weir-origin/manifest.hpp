// SPDX-License-Identifier: MIT
#pragma once

#include "catalogue.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>

/// What a client should end up with: address, digest and size of every landing page and PDF.
namespace origin {

[[nodiscard]] inline std::string sha256_hex(std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) {
        throw std::runtime_error{"SHA-256 is not available from the crypto library"};
    }
    std::string hex;
    for (unsigned int i = 0; i < length; ++i) {
        hex += fmt::format("{:02x}", digest[i]);
    }
    return hex;
}

/// **Errors:** throws when the file cannot be written.
inline void write_manifest(const std::string& path, const catalogue& documents, const places& where) {
    std::FILE* file = std::fopen(path.c_str(), "w");
    if (file == nullptr) {
        throw std::runtime_error{fmt::format("cannot open the manifest \"{}\" for writing", path)};
    }
    const auto line = [&](const std::string& url, const std::string& bytes) {
        fmt::print(file,
                   R"({{"url":"{}","sha256":"{}","bytes":{}}})"
                   "\n",
                   url, sha256_hex(bytes), bytes.size());
    };
    for (const document& d : documents.documents()) {
        line(where.landing_url(d), landing_page(d, where));
        line(where.pdf_url(d), pdf_bytes(d));
    }
    const bool failed = std::ferror(file) != 0;
    if (std::fclose(file) != 0 || failed) {
        throw std::runtime_error{fmt::format("cannot write the manifest \"{}\"", path)};
    }
}

}  // namespace origin
