// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/layer.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace weir_test {

/// A path as a layer takes it. It refers to the texts of `path`.
inline std::vector<std::string_view> views(const std::vector<std::string>& path) { return {path.begin(), path.end()}; }

/// The keys of a layer that have a value, in their order: "hosts.x.org.metadata.burst = 3".
inline std::vector<std::string> values_of(const weir::layer& l) {
    std::vector<std::string> out;
    for (const weir::leaf& one : l.leaves())
        if (one.kind != weir::value_kind::section)
            out.push_back(l.path(one) + " = " + l.value(one));
    return out;
}

}  // namespace weir_test
