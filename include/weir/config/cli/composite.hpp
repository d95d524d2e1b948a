// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/layer.hpp"
#include "weir/config/value.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// Adds the leaves of `rates:50/SECOND+10000/HOUR,max_delay_ms:250` below `hosts`, `host`, `role` to `out`.
///
/// "," separates leaves, the first ":" a leaf's name from its value, "+" one rate from the next. Names may be in upper
/// or lower case. `resolve` checks names and values, as for every other leaf.
inline void add_composite(layer& out, std::string_view host, std::string_view role, host_spelling spelling,
                          std::string_view text, const source_location& at) {
    const std::string path = fmt::format("hosts.{}.{}", host, role);
    if (detail::trim(text).empty()) {
        out.add_fault(at, path,
                      "found nothing; write NAME:VALUE[,NAME:VALUE], such as \"rates:20/s,max_delay_ms:250\"");
        return;
    }
    std::vector<std::string> seen;
    for (const std::string_view piece : detail::split(text, ",")) {
        const auto colon = piece.find(':');
        const std::string name = detail::lower(detail::trim(piece.substr(0, colon)));
        if (piece.empty()) {
            out.add_fault(at, path, "there is nothing between two commas, or at the end");
        } else if (colon == std::string_view::npos) {
            const bool rate_lost = !seen.empty() && seen.back() == "rates" && parse_rate(piece);
            out.add_fault(
                at, path,
                fmt::format("found {} without a \":\"; write NAME:VALUE{}", detail::in_quotes(piece),
                            rate_lost ? fmt::format("; did you mean \"+{}\"? \"+\" stands between rates", piece) : ""));
        } else if (name.empty()) {
            out.add_fault(at, path, fmt::format("found {} without a name before its \":\"", detail::in_quotes(piece)));
        } else if (std::ranges::find(seen, name) != seen.end()) {
            out.add_fault(at, path + "." + name, "it is set twice in one text; keep one of them");
        } else {
            seen.push_back(name);
            out.add_text({"hosts", host, role, name}, detail::trim(piece.substr(colon + 1)), at, spelling);
        }
    }
}

}  // namespace weir
