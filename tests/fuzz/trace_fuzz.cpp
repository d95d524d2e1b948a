// SPDX-License-Identifier: MIT
//
// A line of a trace is either understood or refused with a sentence; nothing crashes, hangs or leaks.

#include "../../tools/weir/trace.cpp"  // NOLINT: the parser is the tool's own

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::tools::trace_line line;
    const auto fault = weir::tools::parse_trace_line({reinterpret_cast<const char*>(data), size}, line);
    if (fault && fault->empty())
        std::abort();
    if (!fault && (line.cost < 1 || line.t < weir::instant{}))
        std::abort();
    return 0;
}
