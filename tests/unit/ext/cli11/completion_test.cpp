// SPDX-License-Identifier: MIT
#include "weir/ext/cli11/completion.hpp"

#include "support/catch.hpp"

#include <array>
#include <string>

namespace {
constexpr std::array presets{"arxiv", "ncbi"};
}

TEST_CASE("a CLI11 program is completed like one without CLI11", "[cli11]") {
    CLI::App app;
    app.set_help_flag("--help", "this text");
    std::string topic, out, level;
    app.add_option("--topic", topic, "works that match it")->type_name("TEXT");
    app.add_option("-o,--out", out, "where the files go")->type_name("FILE");
    app.add_option("--colour", level, "when to colour")->type_name("WHEN")->expected(0, 1);
    app.add_flag("--dry-run")->description("write nothing");
    app.add_flag("--secret")->group("");
    const weir::cli11::rate_flags rate{app};

    weir::completed_command all{"", "", {}, false, {}};
    all.flags = {{"--help", "", "this text", false, false, {}},
                 {"--topic", "TEXT", "works that match it", false, false, {}},
                 {"--out", "FILE", "where the files go", false, true, {}},
                 {"--colour", "WHEN", "when to colour", true, false, {}},
                 {"--dry-run", "", "write nothing", false, false, {}}};
    for (const auto& flag : weir::completed_rate_flags(presets))
        all.flags.push_back(flag);
    const weir::completed_program by_hand{"prog", {all}};
    const auto found = weir::cli11::completed("prog", rate, presets);
    for (const auto shell : weir::completion_shells) {
        INFO(shell);
        CHECK(*weir::completion(shell, found) == *weir::completion(shell, by_hand));
    }
}

TEST_CASE("each subcommand of a CLI11 program is completed with its flags and ours", "[cli11]") {
    CLI::App app;
    CLI::App* fetch = app.add_subcommand("fetch", "fetches works");
    std::string list;
    fetch->add_option("list", list, "URLs")->check(CLI::ExistingFile);
    fetch->add_flag("--resume");
    app.add_subcommand("show", "shows them");
    const weir::cli11::rate_flags rate{app};

    const auto found = weir::cli11::completed("prog", rate);
    REQUIRE(found.commands.size() == 2);
    CHECK(found.commands[0].name == "fetch");
    CHECK(found.commands[0].meaning == "fetches works");
    CHECK(found.commands[0].files);
    CHECK_FALSE(found.commands[1].files);
    for (const auto& command : found.commands)
        for (const auto& rule : weir::flag_rules)
            CHECK(std::ranges::count(command.flags, rule.name, &weir::completed_flag::name) == 1);
    CHECK(std::ranges::count(found.commands[0].flags, "--resume", &weir::completed_flag::name) == 1);
    CHECK(std::ranges::count(found.commands[1].flags, "--resume", &weir::completed_flag::name) == 0);
}
