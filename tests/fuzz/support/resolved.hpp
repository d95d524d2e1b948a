// SPDX-License-Identifier: MIT
#pragma once

// What holds of every resolution, whatever it was made from.

#include "weir/config/resolve.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace weir_fuzz {

inline void require(bool holds) {
    if (!holds)
        std::abort();
}

/// The lines of an input, without NULs, as arguments and variables are.
inline std::vector<std::string> lines_of(const std::uint8_t* data, std::size_t size) {
    std::vector<std::string> out{""};
    for (std::size_t i = 0; i < size; ++i) {
        if (data[i] == '\n')
            out.emplace_back();
        else if (data[i] != 0)
            out.back() += static_cast<char>(data[i]);
    }
    return out;
}

/// Either a configuration in which every known host has a policy that can be used, or faults, each of one printable
/// line.
inline void check(const weir::resolution& r) {
    require(static_cast<bool>(r) == r.faults().empty());
    for (const auto* entries : {&r.faults(), &r.notes()})
        for (const weir::fault& f : *entries) {
            require(!f.message.empty());
            for (const char c : f.text())
                require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
        }
    if (!r || r->disabled())
        return;
    std::vector<std::string> hosts = r->hosts();
    hosts.emplace_back("any.example");
    for (const std::string& host : hosts)
        for (const std::string& role : r->roles()) {
            const auto p = r->policy_for(host.starts_with("*.") ? "any" + host.substr(1) : host, role);
            require(p && weir::faults_of(*p).empty());
            require(p->unlimited || !p->rates.empty());
        }
    // Nothing is unlimited that does not say so.
    bool said = false;
    for (const weir::origin& o : r.origins())
        said = said || o.path.ends_with(".unlimited");
    for (const std::string& host : hosts)
        for (const std::string& role : r->roles())
            require(said || !r->policy_for(host.starts_with("*.") ? "any" + host.substr(1) : host, role)->unlimited);
}

}  // namespace weir_fuzz
