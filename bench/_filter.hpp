// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <regex>
#include <string>
#include <string_view>

namespace weir_bench {

/// What the command line of a benchmark with a `main` of its own says.
struct choice {
    bool runs = true;  ///< whether the filter leaves `name` in
    int argc = 0;      ///< the arguments without the filter, as `main` gets them
    char** argv = nullptr;
};

/// Takes `--benchmark_filter=REGEX` off the arguments, and matches `name` as Google Benchmark does: a search, in POSIX
/// extended syntax, turned around by a leading `-`. What does not match ends 0: `./dev bench` gives all one filter.
inline choice choose(std::string_view name, int argc, char** argv) {
    constexpr std::string_view flag = "--benchmark_filter=";
    choice out{true, 0, argv};
    for (int i = 0; i < argc; ++i) {
        std::string_view word = argv[i];
        if (!word.starts_with(flag)) {
            argv[out.argc++] = argv[i];
            continue;
        }
        word.remove_prefix(flag.size());
        const bool is_negated = word.starts_with('-');
        word.remove_prefix(is_negated ? 1 : 0);
        const std::regex wanted{std::string{word}, std::regex::extended};
        out.runs = word.empty() || word == "all" || std::regex_search(std::string{name}, wanted) != is_negated;
    }
    if (!out.runs)
        std::fprintf(stderr, "%.*s does not match the filter\n", static_cast<int>(name.size()), name.data());
    return out;
}

}  // namespace weir_bench
