// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace download {

/// A SHA-256 that grows as bytes arrive.
class sha256 {
public:
    sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) { restart(); }

    void restart() { check(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1); }
    void update(std::string_view bytes) { check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1); }

    /// 64 hexadecimal digits. Afterwards only `restart` is allowed.
    [[nodiscard]] std::string hex() {
        std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
        unsigned int length = 0;
        check(EVP_DigestFinal_ex(context_.get(), digest.data(), &length) == 1);
        std::string out;
        for (const unsigned char byte : std::span{digest}.first(length))
            out += fmt::format("{:02x}", byte);
        return out;
    }

private:
    static void check(bool good) {
        if (!good)
            throw std::runtime_error{"SHA-256 is not available from the crypto library"};
    }

    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

[[nodiscard]] inline std::string sha256_hex(std::string_view bytes) {
    sha256 digest;
    digest.update(bytes);
    return digest.hex();
}

}  // namespace download
