// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/yaml/presets.hpp"
#include "weir/ext/yaml/yaml.hpp"

#include "weir/config/layer.hpp"
#include "weir/core/closest_match.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace weir::yaml {

/// The name of every preset, sorted.
[[nodiscard]] constexpr std::array<std::string_view, preset_texts.size()> preset_names() noexcept {
    std::array<std::string_view, preset_texts.size()> out{};
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = preset_texts[i].name;
    return out;
}

/// The leaves of a shipped preset, as a layer below the program's own files. Its source locations read `preset
/// arxiv:6:12`.
///
/// **Errors.** An unknown name is a fault of the layer. The message names the closest preset and lists all.
[[nodiscard]] inline layer load_preset(std::string_view name) {
    const std::string source = fmt::format("preset {}", name);
    const auto found = std::ranges::find(preset_texts, name, &preset_text::name);
    if (found != preset_texts.end()) {
        layer out = load_text(found->text, source);
        out.kind = layer_kind::preset;
        return out;
    }
    constexpr auto names = preset_names();
    const std::string guess = closest_match(weir::detail::lower(name), names);
    layer out;
    out.add_fault(source_location{"preset"}, "",
                  fmt::format("unknown preset {}; {}it is one of {}", weir::detail::in_quotes(name),
                              guess.empty() ? "" : fmt::format("did you mean \"{}\"? ", guess),
                              fmt::join(names, ", ")));
    return out;
}

}  // namespace weir::yaml
