// SPDX-License-Identifier: MIT
//
// Any text as the leaves of one host and role: either a policy or a fault, and both ways in which it is given agree.

#include "weir/config/cli/command_line.hpp"
#include "weir/config/cli/composite.hpp"
#include "weir/config/resolve.hpp"

#include "fuzz/support/resolved.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string text;
    for (const std::string& line : weir_fuzz::lines_of(data, size))
        text += line;
    weir::layer own;
    weir::add_composite(own, "a.org", "metadata", weir::host_spelling::exact, text, weir::source_location{"text"});
    weir_fuzz::require(!own.leaves().empty() || !own.faults.empty());
    const auto r = weir::resolve(std::array{own});
    weir_fuzz::check(r);

    const std::string flag = "--rate-host-override=a.org:metadata=" + text;
    const auto line = weir::read_command_line(std::array{flag.c_str()});
    const auto by_flag = weir::resolve(std::array{line.values});
    weir_fuzz::require(static_cast<bool>(r) == static_cast<bool>(by_flag) &&
                       r.faults().size() == by_flag.faults().size());
    weir_fuzz::require(!r || *r == *by_flag);
    return 0;
}
