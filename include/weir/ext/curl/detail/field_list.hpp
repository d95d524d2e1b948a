// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/text.hpp"
#include "weir/http/headers.hpp"

#include <curl/curl.h>

#include <memory>
#include <new>
#include <string>
#include <string_view>

namespace weir::curl::detail {

/// Whether `text` may be a method or a field's name: a token of RFC 9110.
[[nodiscard]] constexpr bool is_token(std::string_view text) noexcept {
    for (const char c : text)
        if (!weir::detail::is_alpha(c) && !weir::detail::is_digit(c) &&
            std::string_view{"!#$%&'*+-.^_`|~"}.find(c) == std::string_view::npos)
            return false;
    return !text.empty();
}

/// Whether `text` contains no line break.
[[nodiscard]] constexpr bool is_field_value(std::string_view text) noexcept {
    return text.find_first_of(std::string_view{"\r\n\0", 3}) == std::string_view::npos;
}

/// Request header fields in libcurl's spelling.
class field_list {
public:
    /// **Preconditions.** The name is a token, the value a field value.
    void add(const http::header& h) { append(h.value.empty() ? h.name + ";" : h.name + ": " + h.value); }
    /// Prevents libcurl from sending that field by itself.
    void suppress(std::string_view name) { append(std::string{name} + ":"); }

    [[nodiscard]] curl_slist* get() const noexcept { return list_.get(); }

private:
    struct cleanup {
        void operator()(curl_slist* l) const noexcept { curl_slist_free_all(l); }
    };

    void append(const std::string& line) {
        curl_slist* const longer = curl_slist_append(list_.get(), line.c_str());
        if (longer == nullptr)
            throw std::bad_alloc{};
        static_cast<void>(list_.release());
        list_.reset(longer);
    }

    std::unique_ptr<curl_slist, cleanup> list_;
};

}  // namespace weir::curl::detail
