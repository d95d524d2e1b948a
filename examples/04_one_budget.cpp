// SPDX-License-Identifier: MIT
//
// A budget that all processes of a machine share, in a file; without the erase(), a second start within a second gets
// nothing.

#include "weir/ext/sqlite/sqlite_store.hpp"
#include "weir/registry/registry.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <string>

int main() {
    weir::policy two;
    two.rates = {weir::parse_rate("2/SECOND").value()};
    const auto config = weir::configuration::builder{}.host("api.example.org", "metadata", two).build().value();

    const char* folder = std::getenv("TMPDIR");
    const std::string file = std::string{folder != nullptr ? folder : "/tmp"} + "/weir-one-budget.db";
    weir::registry limits{weir::sqlite::sqlite_store{{.path = file}}, config};
    limits.erase("api.example.org", "metadata");  // what an earlier run has used

    for (int i = 1; i <= 3; ++i) {
        const auto got = limits.try_acquire("api.example.org", "metadata");
        fmt::print("{}: {}\n", i, got ? "granted" : "denied");
    }
}
