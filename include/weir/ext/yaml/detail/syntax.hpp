// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <yaml-cpp/exceptions.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace weir::yaml::detail {

/// A message of the parser, and our text for it. The parser's texts differ between its versions.
struct syntax_rule {
    std::string_view begins_with;  ///< the start of the parser's message in versions 0.7, 0.8 and 0.9
    std::string_view meaning;
};

namespace syntax {
inline constexpr std::string_view tab = "the line begins with a tab, and only spaces indent";
inline constexpr std::string_view alias = "\"*\" and \"&\" begin aliases and anchors, which are not taken; write the "
                                          "value out, or put a text that begins so in quotes";
inline constexpr std::string_view tag = "\"!\" begins a tag, and tags are not taken; a text that begins with it "
                                        "stands in quotes";
inline constexpr std::string_view directive = "\"%\" at the beginning of a line begins a directive, and this one "
                                              "cannot be read; leave the line out";
inline constexpr std::string_view escape = "a \"\\\" in double quotes begins an escape that YAML does not have; write "
                                           "\"\\\\\", or use single quotes";
inline constexpr std::string_view block = "a text after \"|\" or \">\" cannot be read; put it in quotes";
inline constexpr std::string_view bracket = "a bracket is closed by the other kind, or was not open";
inline constexpr std::string_view unknown = "it cannot be read from here on; a quote, a bracket, a colon or a space "
                                            "after one is missing, here or above";
}  // namespace syntax

inline constexpr std::array<syntax_rule, 41> syntax_rules{{
    {"illegal map value", "only one key stands on a line; a text with a colon in it stands in quotes"},
    {"illegal map key", "a key begins a line of its own, or follows a \"{\" or a \",\""},
    {"illegal block entry", "a list begins on a line of its own, or is written [a, b]"},
    {"illegal flow end", syntax::bracket},
    {"illegal tab when looking for indentation", syntax::tab},
    {"illegal document indicator in scalar", "a quote is not closed before the line of \"---\" or \"...\""},
    {"illegal EOF in scalar", "a quote is not closed"},
    {"illegal character in scalar", "a text with this character in it stands in quotes"},
    {"illegal character found while scanning alias", syntax::alias},
    {"illegal character found while scanning anchor", syntax::alias},
    {"illegal character found while scanning tag handle", syntax::tag},
    {"end of map not found", "this key is neither in line with its neighbours nor with those above"},
    {"end of map flow not found", "a \"{\" or a quote is not closed, or the \",\" after a value is missing"},
    {"end of sequence not found", "this \"-\" is not in line with those above"},
    {"end of sequence flow not found", "a \"[\" or a quote is not closed, or the \",\" after a value is missing"},
    {"end of verbatim tag not found", syntax::tag},
    {"unexpected end sequence token", syntax::bracket},
    {"unexpected end map token", syntax::bracket},
    {"unexpected scalar", "two values stand where one may; is a comma, a colon or a line's end missing?"},
    {"unexpected token after end of document",
     "what follows \"...\" begins a second document; give it a file of its own"},
    {"plain value cannot start", "a text that begins with this character stands in quotes"},
    {"bad file", "it is nested too deep"},
    {"unknown token", "a text that begins with this character stands in quotes"},
    {"the referenced anchor is not defined", syntax::alias},
    {"alias not found after", syntax::alias},
    {"anchor not found after", syntax::alias},
    {"aliases can't have any content", syntax::alias},
    {"cannot assign multiple a", syntax::alias},  // anchors, aliases
    {"cannot assign the same alias", syntax::alias},
    {"cannot assign multiple tags", syntax::tag},
    {"tag handle with no suffix", syntax::tag},
    {"YAML directives must", syntax::directive},
    {"YAML major version", syntax::directive},
    {"TAG directives must", syntax::directive},
    {"bad YAML version", syntax::directive},
    {"repeated ", syntax::directive},
    {"bad character found while scanning hex number", syntax::escape},
    {"invalid unicode", syntax::escape},
    {"unknown escape character", syntax::escape},
    {"cannot set zero indentation", syntax::block},
    {"unexpected character in block scalar", syntax::block},
}};

/// The fault text for a text that is not YAML. It contains nothing of the parser's message.
[[nodiscard]] inline std::string syntax_fault(const YAML::Exception& e, std::string_view text) {
    std::string_view meaning = syntax::unknown;
    for (const syntax_rule& rule : syntax_rules)
        if (e.msg.starts_with(rule.begins_with))
            meaning = rule.meaning;
    if (const auto from = static_cast<std::size_t>(e.mark.pos); !e.mark.is_null() && from <= text.size()) {
        const auto line = text.substr(0, from).rfind('\n') + 1;  // npos + 1 is 0
        const auto first = text.find_first_not_of(' ', line);
        if (first != std::string_view::npos && text[first] == '\t')
            meaning = syntax::tab;
    }
    return std::string{"not YAML: "}.append(meaning);
}

}  // namespace weir::yaml::detail
