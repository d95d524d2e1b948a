// SPDX-License-Identifier: MIT
#pragma once

#include "simulation/world.hpp"

#include "weir/config/cli/completion.hpp"
#include "weir/config/configuration.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::tools {

/// What the command line of `weir simulate` asks for.
struct simulate_request {
    simulation::plan plan;
    bool json = false;
    std::string plot;                                          ///< a file; "" = none
    std::vector<std::string> client_files{};                   ///< the limits of one process after the other
    std::optional<std::pair<duration, std::string>> reload{};  ///< a file with other limits, from then on
};

[[nodiscard]] std::string simulate_help();
[[nodiscard]] std::vector<completed_flag> completed_simulate_flags();

/// Reads the arguments that are no rate flags. `rated`: the hosts, with or without a role, that flags `--rate` name.
///
/// **Errors.** Throws `exception` with a sentence that names the argument.
[[nodiscard]] simulate_request read_simulate_flags(const std::vector<std::string>& args, const configuration& c,
                                                   const std::vector<std::string>& rated);

}  // namespace weir::tools
