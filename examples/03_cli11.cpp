// SPDX-License-Identifier: MIT
//
// A program whose flags CLI11 reads, with ours beside them: try --help, --max 3 --rate h.org=5/s --rate-explain=h.org.

#include "weir/ext/cli11/rate_flags.hpp"
#include "weir/ext/yaml/configure.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>

#include <unistd.h>

int main(int argc, char** argv) {
    CLI::App app{"says how many works it would fetch, and within which limits"};
    int max = 10;
    app.add_option("--max", max, "at most so many");

    weir::cli11::rate_flags rate{app};
    CLI11_PARSE(rate, argc, argv);
    const auto config = weir::yaml::configure(rate.flags(), weir::read_environment("MYAPP_RLIMIT", environ));
    if (!config) {
        std::fputs(config.fault_text().c_str(), stderr);
        return 2;
    }
    if (!config.explanation.empty()) {
        std::fputs(config.explanation.c_str(), stdout);
        return 0;
    }

    fmt::print("{} works", max);
    const auto policy = config->policy_for("h.org", "metadata");
    for (const weir::rate& r : policy->rates)
        fmt::print(", {}", weir::to_string(r));
    fmt::print("\n");
}
