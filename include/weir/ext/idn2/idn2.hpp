// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/key.hpp"

#include <idn2.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace weir::idn2 {

/// The A-labels of a host in UTF-8 (`bücher.example` → `xn--bcher-kva.example`), or nothing if it has none: UTS #46,
/// non-transitional, as in browsers. Pass it as the `idna` option of a registry or a configuration.
///
/// **Thread safety.** Stateless.
[[nodiscard]] inline std::optional<std::string> to_ascii(std::string_view host) {
    if (host.empty() || host.find('\0') != std::string_view::npos)
        return std::nullopt;
    const std::string text{host};  // the library needs a terminating zero
    char* made = nullptr;
    const int status = idn2_to_ascii_8z(text.c_str(), &made, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
    const std::unique_ptr<char, void (*)(void*)> owned{made, idn2_free};
    if (status != IDN2_OK || made == nullptr)
        return std::nullopt;
    std::string out{made};
    // An ideographic full stop at the end is a dot only now.
    if (out.ends_with('.'))
        out.pop_back();
    return out;
}

static_assert(std::is_convertible_v<decltype(&to_ascii), idna_function>);

}  // namespace weir::idn2
