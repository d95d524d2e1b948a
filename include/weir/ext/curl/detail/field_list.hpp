// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/text.hpp"

#include <curl/curl.h>

#include <memory>
#include <new>
#include <string>
#include <string_view>

namespace weir::curl::detail {

/// A list of texts in libcurl's form.
class text_list {
public:
    void append(const std::string& line) {
        curl_slist* const longer = curl_slist_append(list_.get(), line.c_str());
        if (longer == nullptr)
            throw std::bad_alloc{};
        static_cast<void>(list_.release());
        list_.reset(longer);
    }
    [[nodiscard]] curl_slist* get() const noexcept { return list_.get(); }

private:
    struct cleanup {
        void operator()(curl_slist* l) const noexcept { curl_slist_free_all(l); }
    };
    std::unique_ptr<curl_slist, cleanup> list_;
};

/// Request header fields in libcurl's spelling.
class field_list {
public:
    /// **Preconditions.** The name is a token, the value a field value.
    void add(std::string_view name, std::string_view value) {
        // libcurl takes a blank value for a field that is not to be sent, and ";" for an empty one.
        value = weir::detail::trim(value);
        lines_.append(std::string{name}.append(value.empty() ? ";" : ": ").append(value));
    }
    /// Prevents libcurl from sending that field by itself.
    void suppress(std::string_view name) { lines_.append(std::string{name} + ":"); }

    [[nodiscard]] curl_slist* get() const noexcept { return lines_.get(); }

private:
    text_list lines_;
};

}  // namespace weir::curl::detail
