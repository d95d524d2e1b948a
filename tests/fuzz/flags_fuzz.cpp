// SPDX-License-Identifier: MIT
//
// Any lines as the arguments of a program: either a configuration or a fault, and no argument is lost.

#include "weir/config/cli/command_line.hpp"
#include "weir/config/resolve.hpp"

#include "fuzz/support/resolved.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::vector<std::string> words = weir_fuzz::lines_of(data, size);
    std::vector<const char*> arguments;
    for (const auto& word : words)
        arguments.push_back(word.c_str());
    const auto line = weir::read_command_line(arguments);
    weir_fuzz::check(weir::resolve(std::array{line.values}));

    // What is not ours is left, in order: everything behind "--", and before it whatever is no flag or a flag's value.
    std::size_t next = 0;
    for (const std::size_t i : line.rest) {
        weir_fuzz::require(i >= next && i < words.size());
        next = i + 1;
    }
    const auto end = std::find(words.begin(), words.end(), "--");
    const auto behind = static_cast<std::size_t>(words.end() - end);
    std::size_t kept = 0;
    for (const std::size_t i : line.rest)
        kept += i + behind >= words.size() ? 1U : 0U;
    weir_fuzz::require(kept == behind || end == words.end());
    return 0;
}
