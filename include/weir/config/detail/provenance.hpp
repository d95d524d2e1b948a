// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/layer.hpp"
#include "weir/config/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace weir::detail {

/// Where every leaf of several layers was written, as numbers. They become texts only when they are needed, because ten
/// thousand hosts would cost too much otherwise.
class provenance {
public:
    enum class table : std::uint8_t { process, group, defaults, hosts };

    struct entry {
        std::uint32_t layer = 0;
        std::uint32_t leaf = 0;
        std::uint32_t host = 0;  ///< index into `hosts`
        std::uint16_t role = 0;
        table of = table::process;
        std::uint8_t rule = 0;
        bool every = false;  ///< it was written for every role
    };

    std::vector<layer> layers{};
    std::vector<entry> entries{};
    std::vector<std::string> hosts{};  ///< in canonical spelling
    std::vector<std::string> roles{};

    [[nodiscard]] static std::string path(table of, std::string_view host, std::string_view role,
                                          std::string_view rule) {
        switch (of) {
        case table::process:
            return std::string{rule};
        case table::group:
            return fmt::format("{}.{}", group_rule.name, host);
        case table::defaults:
            return fmt::format("defaults.{}.{}", role, rule);
        case table::hosts:
            return fmt::format("hosts.{}.{}.{}", host, role, rule);
        }
        return {};
    }

    /// As texts, sorted by path. Of several with one path, the last has precedence.
    ///
    /// **Complexity.** O(leaves x log leaves).
    [[nodiscard]] std::vector<origin> in_words() const {
        std::vector<origin> out;
        out.reserve(entries.size());
        for (const entry& e : entries) {
            const layer& l = layers[e.layer];
            const weir::leaf& written = l.leaves()[e.leaf];
            const bool process = e.of == table::process;
            const std::string_view rule = e.of == table::group ? group_rule.name
                                          : process            ? process_rules[e.rule].name
                                                               : policy_rules[e.rule].name;
            const bool secret = process && process_rules[e.rule].secret;
            out.push_back({path(e.of, e.of == table::hosts || e.of == table::group ? hosts[e.host] : "",
                                process || e.of == table::group ? "" : roles[e.role], rule),
                           secret ? "(hidden)" : l.value(written), l.at(written),
                           2 * std::size_t{e.layer} + (e.every ? 0 : 1), l.kind});
        }
        std::ranges::sort(
            out, [](const origin& a, const origin& b) { return std::tie(a.path, a.rank) < std::tie(b.path, b.rank); });
        return out;
    }
};

}  // namespace weir::detail
