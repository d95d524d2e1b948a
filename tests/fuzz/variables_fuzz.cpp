// SPDX-License-Identifier: MIT
//
// Any lines as the variables of a program, over a file whose hosts a shell's name may mean: either a configuration or a
// fault, and a variable with our prefix is never passed over.

#include "weir/config/cli/environment.hpp"
#include "weir/config/resolve.hpp"
#include "weir/ext/yaml/yaml.hpp"

#include "fuzz/support/resolved.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const weir::layer below = weir::yaml::load_text(
        "hosts: {a-b.org: {metadata: {burst: 1}}, a.b-org: {metadata: {burst: 1}}, '*.c.org': {landing: {burst: 1}},\n"
        "        'd.org:80': {artifact: {burst: 1}}}\n",
        "below.yaml");
    const std::vector<std::string> lines = weir_fuzz::lines_of(data, size);
    const auto variables = weir::read_environment("P", std::vector<std::string_view>(lines.begin(), lines.end()));
    weir_fuzz::check(weir::resolve(std::array{variables.values}));
    weir_fuzz::check(weir::resolve(std::array{below, variables.values}));

    bool ours = false;
    for (const auto& line : lines)
        ours = ours || (line.starts_with("P_") && line.find('=') != std::string::npos);
    weir_fuzz::require(!ours || variables.config_path || !variables.values.leaves().empty() ||
                       !variables.values.faults.empty());
    return 0;
}
