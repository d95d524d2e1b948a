// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/detail/utf8.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>

namespace weir::detail {

/// Appends `text` as a JSON string. Control characters and bytes that are not UTF-8 become `\u00XX`.
inline void append_json_text(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        const char c = text.front();
        const auto byte = static_cast<unsigned char>(c);
        std::size_t length = utf8_length(text);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (length == 0 || byte < 0x20 || byte == 0x7f) {
            fmt::format_to(std::back_inserter(out), "\\u00{:02x}", byte);
            length = 1;
        } else {
            out.append(text.substr(0, length));
        }
        text.remove_prefix(length);
    }
    out += '"';
}

}  // namespace weir::detail
