// SPDX-License-Identifier: MIT
#include "complete.hpp"

#include "simulate_flags.hpp"

#include "weir/config/cli/completion.hpp"
#include "weir/ext/yaml/preset.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::tools {
namespace {

completed_program all_commands() {
    const completed_flag json{"--json", "", "JSON in place of lines"};
    const completed_flag help{"--help", "", "what the command takes"};
    std::vector<completed_flag> rate = completed_rate_flags(yaml::preset_names());
    rate.push_back(help);
    std::vector<completed_flag> rate_and_json = rate;
    rate_and_json.push_back(json);
    // `weir explain` names its host without a flag.
    std::erase_if(rate_and_json, [](const completed_flag& f) { return f.name == "--rate-explain"; });
    std::vector<completed_flag> simulated = rate;
    for (completed_flag& f : completed_simulate_flags())
        simulated.push_back(std::move(f));
    std::vector<completed_flag> state_flags = rate_and_json;
    state_flags.push_back({"--every", "SPAN", "the pause of watch"});
    state_flags.push_back({"--count", "N", "how often watch prints"});
    std::vector<completed_flag> migrate_flags = rate;
    migrate_flags.push_back({"--print", "", "only print the SQL"});
    migrate_flags.push_back({"--to", "VERSION", "the newest version or the one before"});
    return {"weir",
            {{"check", "say everything that is wrong with configuration files", {json, help}, true, {}},
             {"explain", "show where each limit of a host comes from", rate_and_json, false, {}},
             {"schema", "print the JSON Schema of a configuration file", {help}, false, {}},
             {"completion",
              "print the completion script of a shell",
              {help},
              false,
              {completion_shells.begin(), completion_shells.end()}},
             {"replay", "run a trace on a virtual clock", rate, true, {}},
             {"simulate", "play a workload against server models in virtual time", simulated, false, {}},
             {"identify",
              "say which law a server enforces",
              {{"--refused", "LIST", "the statuses of a refusal"},
               {.name = "--format",
                .argument = "NAME",
                .meaning = "what the logs are",
                .words = {"events", "origin", "nginx", "haproxy", "json", "csv"}},
               {"--nginx-format", "TEXT", "what nginx's log_format says"},
               {"--resolution", "SPAN", "how exact the times are"},
               {"--host", "NAME", "the host of all requests"},
               {"--role", "NAME", "the role of all requests"},
               {"--skip-lines", "N|all", "how many lines may be of no known format"},
               json,
               help},
              true,
              {}},
             {"state",
              "look at a live shared store",
              state_flags,
              false,
              {"show", "watch", "reset", "open-gate", "holders"}},
             {"migrate", "update the format of a store", migrate_flags, false, {}},
             {"audit",
              "find the worst window of every key and rate in access and event logs",
              {{"--rate", "ROLE=RATES", "a limit of a role"},
               {.name = "--rate-config",
                .argument = "FILE",
                .meaning = "the limits are those of a configuration",
                .file = true},
               {.name = "--format",
                .argument = "NAME",
                .meaning = "what the logs are",
                .words = {"events", "origin", "nginx", "haproxy"}},
               {"--nginx-format", "TEXT", "what nginx's log_format says"},
               {"--host", "NAME", "the host of all requests of an access log"},
               {"--role", "NAME", "the role of all requests of an access log"},
               {"--slack", "SPAN", "how much before its stamp a request may have arrived"},
               {"--skip-lines", "N|all", "how many lines may be of no known format"},
               json,
               help},
              true,
              {}}}};
}

}  // namespace

int complete(std::span<const char* const> args) {
    const std::string usage = fmt::format("usage: weir completion {}\n", fmt::join(completion_shells, "|"));
    const std::string_view shell = args.size() == 1 ? args[0] : "";
    if (shell == "--help" || shell == "-h") {
        fmt::print("{}", usage);
        return 0;
    }
    if (shell.empty()) {
        fmt::print(stderr, "{}", usage);
        return 2;
    }
    const auto script = completion(shell, all_commands());
    if (!script) {
        fmt::print(stderr, "weir completion: {}\n", script.error().message);
        return 2;
    }
    fmt::print("{}", *script);
    return 0;
}

}  // namespace weir::tools
