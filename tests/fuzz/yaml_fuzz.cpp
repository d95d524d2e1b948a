// SPDX-License-Identifier: MIT
//
// Any bytes as a configuration file, and as one over another: no crash, no hang, and either a configuration or a fault.

#include "weir/config/resolve.hpp"
#include "weir/ext/yaml/yaml.hpp"

#include "fuzz/support/resolved.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const weir::layer below =
        weir::yaml::load_text("roles: [search]\n"
                              "host_groups: {group: [a.org, '*.b.org']}\n"
                              "hosts: {group: {metadata: {burst: 2}},\n"
                              "        c.org: {'*': {unlimited: true}, search: {rates: [1/s]}}}\n",
                              "below.yaml");
    const weir::layer text = weir::yaml::load_text({reinterpret_cast<const char*>(data), size}, "f.yaml");
    weir_fuzz::check(weir::resolve(std::array{text}));
    // With `unlimited` said below, what the text leaves of it is right.
    const auto both = weir::resolve(std::array{below, text});
    weir_fuzz::check(both);
    weir_fuzz::require(text.faults.empty() || !both);
    return 0;
}
