// SPDX-License-Identifier: MIT
//
// Any lines as flags and variables: no crash, and either a configuration in which every known role has a limit, or a
// fault.

#include "weir/config/command_line.hpp"
#include "weir/config/environment.hpp"
#include "weir/config/resolve.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::string> words{""};
    for (std::size_t i = 0; i < size; ++i) {
        if (data[i] == '\n')
            words.emplace_back();
        else if (data[i] != 0)
            words.back() += static_cast<char>(data[i]);
    }
    std::vector<const char*> arguments;
    std::vector<std::string_view> entries;
    for (const auto& w : words) {
        arguments.push_back(w.c_str());
        entries.emplace_back(w);
    }
    const std::array layers{weir::read_environment("P", entries).values, weir::read_command_line(arguments).values};
    const auto r = weir::resolve(layers);
    if (static_cast<bool>(r) != r.faults().empty())
        std::abort();
    if (!r || r->disabled())
        return 0;
    for (const auto& host : r->hosts())
        for (const auto& role : r->roles())
            if (!weir::faults_of(*r->policy_for(host, role)).empty())
                std::abort();
    return 0;
}
