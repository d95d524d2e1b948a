// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/cli/command_line.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <iosfwd>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::cli11 {

/// The heading under which a program's help lists our flags.
inline constexpr std::string_view group = "Rate limits";

/// The `--rate...` flags of a program that uses CLI11 for its own flags.
///
/// ```
/// CLI::App app{"fetches works"};
/// app.add_option("--topic", topic);
/// weir::cli11::rate_flags rate{app};
/// CLI11_PARSE(rate, argc, argv);
/// const auto config = weir::yaml::configure(rate.flags(), weir::read_environment("MYAPP_RLIMIT", environ));
/// ```
///
/// The app lists our flags in its help and its completion, but CLI11 never reads them. CLI11 cannot distinguish
/// `--flag=` from `--flag`, would take a word after a switch as its value, and would refuse flags that
/// `read_command_line` explains.
///
/// **Thread safety.** As the app. **Lifetime.** The app must outlive it.
class rate_flags {
public:
    /// Adds every flag to the app, in a group of its own.
    ///
    /// **Preconditions.** No flag of the program begins with `--rate`. **Errors.** `CLI::OptionAlreadyAdded` for a flag
    /// that has the name of one of ours.
    explicit rate_flags(CLI::App& app) : app_(&app) {
        for (const flag_rule& rule : flag_rules)
            add(rule);
    }

    /// Reads our flags as `read_command_line` does, anywhere before "--", also after a subcommand. The app parses all
    /// other arguments.
    ///
    /// **Effects.** `flags()` is set before the app parses, so the app's callbacks may use it. **Errors.** Faults of
    /// our flags are in `flags()`; making a configuration reports them. Throws what `CLI::App::parse` throws, for the
    /// program's own flags and for `--help`.
    void parse(int argc, const char* const* argv) {
        const auto count = static_cast<std::size_t>(std::max(argc, 0));
        const std::span<const char* const> all{argv, count};
        const auto arguments = all.subspan(std::min<std::size_t>(count, 1));
        flags_ = read_command_line(arguments);
        std::vector<const char*> rest{count > 0 ? all[0] : ""};
        for (const std::size_t i : flags_.rest)
            rest.push_back(arguments[i]);
        app_->parse(static_cast<int>(rest.size()), rest.data());
    }

    /// The same as `CLI::App::exit`, so that `CLI11_PARSE` accepts this object in place of the app.
    ///
    /// **Effects.** Before an error of the app it prints the faults of our flags, because the app may complain about
    /// the word after a misspelt flag.
    int exit(const CLI::Error& e, std::ostream& out = std::cout, std::ostream& err = std::cerr) const {
        if (dynamic_cast<const CLI::ParseError*>(&e) != nullptr && e.get_exit_code() != 0)
            for (const fault& f : flags_.values.faults)
                err << f.text() << '\n';
        return app_->exit(e, out, err);
    }

    /// The flags that were read. Its `rest` are indexes into the arguments without the program's name.
    [[nodiscard]] const command_line& flags() const noexcept { return flags_; }
    [[nodiscard]] const CLI::App& app() const noexcept { return *app_; }

private:
    void add(const flag_rule& rule) {
        const std::string name{rule.name};
        // The program did not call `parse`, or the flag has a spelling that CLI11 can be made to allow: "/rate",
        // "--RATE". Requested limits must never be ignored silently.
        const auto refuse = [name](const CLI::results_t&) -> bool {
            throw CLI::ValidationError(
                name, "not read; write it in lower case, with two dashes, and parse by weir::cli11::rate_flags");
        };
        CLI::Option* option = app_->add_option(name, refuse, std::string{rule.meaning});
        option->group(std::string{group})->type_name(std::string{rule.argument})->configurable(false);
        if (rule.argument.empty())
            option->type_size(0)->expected(0);
    }

    CLI::App* app_;
    command_line flags_{};
};

}  // namespace weir::cli11
