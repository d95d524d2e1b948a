// SPDX-License-Identifier: MIT
#include "weir/core/key.hpp"
#include "weir/core/policy_rules.hpp"
#include "weir/core/rate.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

// Any text is a rate that reads back as itself and can govern, or an error of bounded length in printable ASCII.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto require = [](bool good) {
        if (!good)
            std::abort();
    };
    const auto printable = [](std::string_view message) {
        for (const char c : message)
            if (c < 0x20 || c > 0x7e)
                return false;
        return message.size() < 1000;
    };
    if (const auto r = weir::parse_rate(text)) {
        const auto again = weir::parse_rate(weir::to_string(*r));
        require(again && *again == *r);
        weir::policy p;
        p.rates = {*r};
        require(weir::faults_of(p).empty());
    } else {
        require(printable(r.error().message));
    }
    if (const auto host = weir::canonical_host(text)) {
        const auto again = weir::canonical_host(*host);
        require(again && *again == *host);
    } else {
        require(printable(host.error().message));
    }
    return 0;
}
