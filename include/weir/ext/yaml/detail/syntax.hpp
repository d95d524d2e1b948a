// SPDX-License-Identifier: MIT
#pragma once

#include <yaml-cpp/exceptions.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace weir::yaml::detail {

/// What to say about a text that is not YAML.
[[nodiscard]] inline std::string syntax_fault(const YAML::Exception& e, std::string_view text) {
    std::string out = "not YAML: " + e.msg;
    if (const auto from = static_cast<std::size_t>(e.mark.pos); !e.mark.is_null() && from <= text.size()) {
        const auto line = text.substr(0, from).rfind('\n') + 1;  // npos + 1 is 0
        const auto first = text.find_first_not_of(' ', line);
        if (first != std::string_view::npos && text[first] == '\t')
            return out + "; the line begins with a tab, and only spaces indent";
    }
    struct hint {
        const char* said;
        std::string_view meant;
    };
    const std::array hints{
        hint{YAML::ErrorMsg::MAP_VALUE, "only one key stands on a line; a text with a colon in it stands in quotes"},
        hint{YAML::ErrorMsg::END_OF_MAP, "this key is neither in line with its neighbours nor with those above"},
        hint{YAML::ErrorMsg::END_OF_MAP_FLOW,
             "a \"{\" or a quote is not closed, or the \",\" after a value is missing"},
        hint{YAML::ErrorMsg::END_OF_SEQ, "this \"-\" is not in line with those above"},
        hint{YAML::ErrorMsg::END_OF_SEQ_FLOW,
             "a \"[\" or a quote is not closed, or the \",\" after a value is missing"},
        hint{YAML::ErrorMsg::FLOW_END, "a bracket is closed by the other kind, or was not open"},
        hint{YAML::ErrorMsg::BLOCK_ENTRY, "a list begins on a line of its own, or is written [a, b]"},
        hint{YAML::ErrorMsg::UNKNOWN_TOKEN, "a text that begins with this character stands in quotes"},
        hint{YAML::ErrorMsg::EOF_IN_SCALAR, "a quote is not closed"},
    };
    for (const auto& [said, meant] : hints)
        if (e.msg == said)
            return out.append("; ").append(meant);
    return out;
}

}  // namespace weir::yaml::detail
