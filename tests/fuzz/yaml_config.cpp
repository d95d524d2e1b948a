// SPDX-License-Identifier: MIT
//
// Any bytes as a configuration file: no crash, no hang, and either a configuration or a fault, never both or neither.

#include "weir/config/resolve.hpp"
#include "weir/ext/yaml/yaml.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto r = weir::resolve(std::array{weir::yaml::load_text(text, "f.yaml")});
    if (static_cast<bool>(r) != r.faults().empty())
        std::abort();
    return 0;
}
