// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/cache/stored_response.hpp"

#include <concepts>
#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

namespace weir::http {

/// Where `cached` keeps responses. A key is a URL without its fragment; it has one response for each variant (see
/// `same_variant`).
///
/// Any thread may call any verb at any time. A verb may throw: then the request is sent as if nothing were stored.
template <class S>
concept cache_storage = requires(S& storage, std::string_view key, const shared_response& response,
                                 const std::function<bool(std::string_view)>& which) {
    // All variants of the URL; empty if there are none.
    { storage.find(key) } -> std::same_as<std::vector<shared_response>>;
    // Replaces the same variant. A storage is bounded, so that it may drop this response, or others, at any time.
    storage.put(key, response);
    // Drops all variants of the URL.
    storage.erase(key);
    // Drops all URLs for which the function is true, and returns their number.
    { storage.erase_if(which) } -> std::same_as<std::size_t>;
};

/// Whether one response takes the place of the other.
[[nodiscard]] inline bool same_variant(const stored_response& a, const stored_response& b) {
    return a.selecting == b.selecting && a.range == b.range;
}

/// The memory that a stored response takes, in bytes, without what the storage needs for itself.
[[nodiscard]] inline std::size_t stored_bytes(const stored_response& one) {
    const auto size_of = [](const http::headers& fields) {
        std::size_t sum = 0;
        for (const header& field : fields)
            sum += sizeof(header) + field.name.size() + field.value.size();
        return sum;
    };
    return sizeof(stored_response) + one.body.size() + size_of(one.headers) + size_of(one.selecting);
}

}  // namespace weir::http
