// SPDX-License-Identifier: MIT
#include "audit.hpp"
#include "check.hpp"
#include "complete.hpp"
#include "explain.hpp"
#include "identify.hpp"
#include "migrate.hpp"
#include "replay.hpp"
#include "schema.hpp"
#include "simulate.hpp"
#include "state.hpp"
#include "stores.hpp"
#include "version_line.hpp"

#include "weir/core/closest_match.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>

namespace {

struct command {
    std::string_view name;
    int (*run)(std::span<const char* const> args);
    std::string_view what;
};

constexpr std::array commands{
    command{"check", weir::tools::check, "say everything that is wrong with configuration files"},
    command{"explain", weir::tools::explain, "show each limit of a host, where it comes from and what it shadows"},
    command{"schema", weir::tools::schema, "print the JSON Schema by which an editor checks a configuration file"},
    command{"completion", weir::tools::complete, "print the completion script of bash, zsh or fish"},
    command{"replay", weir::tools::replay, "run a trace on a virtual clock and print what would have happened"},
    command{"simulate", weir::tools::simulate, "play a workload against server models in virtual time"},
    command{"identify", weir::tools::identify,
            "say which law a server enforces, from logs, and the policy that obeys it"},
    command{"state", weir::tools::state, "look at a live shared store: fill of each window, gates; reset a key"},
    command{"migrate", weir::tools::migrate, "update the format of a store, or print the SQL of it"},
    command{"audit", weir::tools::audit, "find the worst window of every key and rate in access and event logs"},
};

int usage(std::FILE* to) {
    fmt::print(to, "usage: weir COMMAND [arguments]\n\n");
    for (const command& c : commands)
        fmt::print(to, "  {:<10} {}\n", c.name, c.what);
    fmt::print(to, "\n`weir COMMAND --help` says more. `weir --version`: version, compiler and stores.\n");
    return to == stdout ? 0 : 2;
}

}  // namespace

int main(int argc, char** argv) {
    const std::span<const char* const> args{argv, static_cast<std::size_t>(argc)};
    if (args.size() < 2)
        return usage(stderr);
    const std::string_view wanted{args[1]};
    if (wanted == "--help" || wanted == "-h" || wanted == "help")
        return usage(stdout);
    if (wanted == "--version" || wanted == "-V" || wanted == "version") {
        fmt::print("{}", weir::tools::version_line("weir", weir::tools::built_in()));
        return 0;
    }
    try {
        for (const command& c : commands)
            if (c.name == wanted)
                return c.run(args.subspan(2));
    } catch (const std::exception& e) {
        fmt::print(stderr, "weir {}: {}\n", wanted, e.what());
        return 1;
    }
    std::array<std::string_view, commands.size()> names;
    for (std::size_t i = 0; i < names.size(); ++i)
        names[i] = commands[i].name;
    const std::string guess = weir::closest_match(wanted, names);
    fmt::print(stderr, "weir: unknown command \"{}\"{}\n", wanted,
               guess.empty() ? "" : fmt::format("; did you mean \"{}\"?", guess));
    return usage(stderr);
}
