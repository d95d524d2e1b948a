// SPDX-License-Identifier: MIT
#include "explain.hpp"

#include "rate_flags.hpp"

#include "weir/config/explain.hpp"
#include "weir/config/explanation.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

namespace weir::tools {
namespace {

constexpr std::string_view explain_usage =
    "usage: weir explain [--json] [rate flags] [HOST [ROLE]]\n\n"
    "Without a role all of them; without a host what holds for any that is named nowhere.\n\n";

int wrong(std::string_view what) {
    fmt::print(stderr, "weir explain: {}\n{}{}", what, explain_usage, rate_flags::help());
    return 2;
}

}  // namespace

int explain(std::span<const char* const> args) {
    const rate_flags flags{args};
    bool json = false;
    std::vector<std::string> words;
    for (const std::string& arg : flags.rest()) {
        if (arg == "--help" || arg == "-h") {
            fmt::print("{}{}", explain_usage, rate_flags::help());
            return 0;
        }
        if (arg == "--json")
            json = true;
        else if (arg.starts_with('-'))
            return wrong(fmt::format("unknown flag {}", detail::in_quotes(arg)));
        else
            words.push_back(arg);
    }
    if (words.size() > 2)
        return wrong(fmt::format("found {} after a host and a role; a file is named by --rate-config",
                                 detail::in_quotes(words[2])));
    if (flags.explained())
        return wrong("--rate-explain belongs to other programs; here the host and the role stand alone");

    const auto made = flags.resolved();
    if (!made) {
        fmt::print(stderr, "{}", made.fault_text());
        return 1;
    }
    for (const fault& note : made.notes())
        fmt::print(stderr, "note: {}\n", note.text());
    words.resize(2);
    const auto why = weir::explain(made, words[0], words[1], rate_flags::idna);
    if (!why) {
        fmt::print(stderr, "weir explain: {}\n", why.error().message);
        return 1;
    }
    fmt::print("{}", json ? to_json(*why) : to_table(*why, isatty(STDOUT_FILENO) == 1 && may_colour(environ)));
    return 0;
}

}  // namespace weir::tools
