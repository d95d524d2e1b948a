// SPDX-License-Identifier: MIT
#include "weir/ext/cli11/rate_flags.hpp"

#include "weir/config/resolve.hpp"

#include "support/catch.hpp"
#include "support/written.hpp"

#include <array>
#include <sstream>
#include <string>
#include <vector>

namespace {

using words = std::vector<std::string>;

std::vector<const char*> pointers(const words& from) {
    std::vector<const char*> out;
    for (const std::string& w : from)
        out.push_back(w.c_str());
    return out;
}

/// Everything that flags come to, as text.
struct verdict {
    words leaves{};
    words origins{};
    words faults{};
    words files{};
    words presets{};
    std::string explain{};
    words rest{};
    friend bool operator==(const verdict&, const verdict&) = default;
};

verdict of(const weir::command_line& flags, words rest) {
    verdict out{weir_test::values_of(flags.values),
                {},
                {},
                flags.config_paths,
                flags.presets,
                flags.explain.value_or("(none)"),
                std::move(rest)};
    const std::array layers{flags.values};
    const weir::resolution made = weir::resolve(layers);
    for (const weir::fault& f : made.faults())
        out.faults.push_back(f.text());
    if (made)
        for (const weir::origin& o : made.origins())
            out.origins.push_back(o.path + " = " + o.value + " at " + o.at.text());
    return out;
}

/// What a program that stands alone makes of its arguments.
verdict alone(const words& arguments) {
    words texts = arguments;
    std::vector<char*> argv;
    for (std::string& w : texts)
        argv.push_back(w.data());
    argv.push_back(nullptr);
    int argc = static_cast<int>(arguments.size());
    const weir::command_line flags = weir::take_flags(argc, argv.data());
    words rest;
    for (int i = 1; i < argc; ++i)
        rest.emplace_back(argv[static_cast<std::size_t>(i)]);
    return of(flags, rest);
}

/// What one that uses CLI11 does; all that is not ours remains with the app.
verdict with_cli11(const words& arguments) {
    CLI::App app{"a program"};
    app.prefix_command();  // what it does not know is kept, in order
    weir::cli11::rate_flags rate{app};
    const auto argv = pointers(arguments);
    rate.parse(static_cast<int>(argv.size()), argv.data());
    return of(rate.flags(), app.remaining());
}

}  // namespace

TEST_CASE("CLI11 and a program without it read flags the same way", "[cli11]") {
    const std::vector<words> right{
        {},
        {"--rate-config", "a.yaml", "--rate-config=b.yaml"},
        {"--rate-preset", "arxiv", "--rate-preset=ncbi"},
        {"--rate", "api.crossref.org=20/s,10000/h"},
        {"--rate=api.crossref.org.artifact=1/3s", "--rate", "api.crossref.org=20/s"},
        {"--rate", "[2001:db8::1]:8080=1/s", "--rate-explain=[2001:db8::1]"},
        {"--rate-host-override", "h.org:metadata=rates:20/s+900/h,max_delay_ms:250"},
        {"--rate-max-delay", "h.org.artifact=5000"},
        {"--rate-mode", "a.org=raise", "--rate-mode", "b.org.landing=wait:750", "--rate-mode=c.org=block"},
        {"--rate-mode", "a.org=wait"},
        {"--rate-max-inflight", "1000"},
        {"--rate-max-inflight=none"},
        {"--rate-backend", "memory", "--rate-dsn", "user:secret@host"},
        {"--rate-dsn="},
        {"--rate-aimd-enabled"},
        {"--rate-aimd-enabled", "true"},
        {"--rate-aimd-enabled", "false"},
        {"--rate-aimd-enabled=no"},
        {"--rate-aimd-enabled", "topic"},
        {"--rate-shadow"},
        {"--rate-shadow=false", "--rate-disable"},
        {"--rate-disable", "words", "of", "its own"},
        {"--rate-explain"},
        {"--rate-explain", "h.org"},
        {"--rate-explain=h.org.metadata"},
        {"rivers", "--rate-disable", "lakes", "--", "--rate", "h.org=1/s", "--rate-nonsense"},
        {"--topic", "rivers", "--rate-max-inflight", "3", "--max=5", "-v"},
    };
    const std::vector<words> wrong{
        {"--rate"},
        {"--rate="},
        {"--rate", "--topic", "x"},
        {"--rate", "h.org"},
        {"--rate", "h.org=1/FORTNIGHT"},
        {"--rate", "h.org=1/s", "--rate", "h.org=2/s"},
        {"--rate-config="},
        {"--rate-config"},
        {"--rate-confg", "a.yaml"},
        {"--rates", "h.org=1/s"},
        {"--rate-RATE"},
        {"--rate-host-override", "metadata=rates:20/s"},
        {"--rate-host-override", "h.org:metdata=rates:20/s"},
        {"--rate-mode", "h.org=wiat"},
        {"--rate-max-delay", "h.org=-5"},
        {"--rate-max-inflight", "-1"},
        {"--rate-max-inflight", "many", "--rate-backend", "rediss"},
        {"--rate-aimd-enabled="},
        {"--rate-aimd-enabled=perhaps"},
        {"--rate-shadow", "--rate-disable"},
        {"--rate-disable", "--rate", "h.org=1/s"},
        {"--rate-explain="},
        {"--rate-explain", "--rate-explain"},
        {"x", "--rate-bakend", "redis", "y", "--rate-dsn"},
    };
    for (const bool good : {true, false}) {
        for (words arguments : good ? right : wrong) {
            CAPTURE(arguments);
            arguments.insert(arguments.begin(), "prog");
            const verdict expected = alone(arguments);
            const verdict found = with_cli11(arguments);
            CHECK(expected.faults.empty() == good);
            CHECK(found.leaves == expected.leaves);
            CHECK(found.origins == expected.origins);
            CHECK(found.faults == expected.faults);
            CHECK(found.rest == expected.rest);
            CHECK(found == expected);
        }
    }
}

TEST_CASE("CLI11 reads a program's own flags, words and subcommands as before", "[cli11]") {
    CLI::App app;
    std::string topic, file;
    int max = 0;
    bool verbose = false;
    app.add_option("--topic", topic)->required();
    app.add_flag("-v,--verbose", verbose);
    CLI::App* fetch = app.add_subcommand("fetch");
    fetch->add_option("--max", max);
    fetch->add_option("file", file);
    weir::cli11::rate_flags rate{app};

    const std::array argv{
        "prog", "--rate-max-inflight", "7",       "--topic", "rivers", "-v", "fetch", "--rate=h.org=1/s", "--max",
        "5",    "--rate-aimd-enabled", "list.txt"};
    CHECK([&]() -> int {
        CLI11_PARSE(rate, static_cast<int>(argv.size()), argv.data());
        return 0;
    }() == 0);
    CHECK(topic == "rivers");
    CHECK(max == 5);
    CHECK(verbose);
    CHECK(file == "list.txt");
    CHECK(fetch->parsed());
    CHECK(weir_test::values_of(rate.flags().values).size() == 3);
    CHECK(app.get_name() == "prog");

    const std::array faulty{"prog", "--topic", "x", "--topics", "y", "--rate-max-inflight", "9"};
    CHECK_THROWS_AS(rate.parse(static_cast<int>(faulty.size()), faulty.data()), CLI::ExtrasError);
    const std::array missing{"prog", "--rate-max-inflight", "9"};
    CHECK_THROWS_AS(rate.parse(static_cast<int>(missing.size()), missing.data()), CLI::RequiredError);
    CHECK(weir_test::values_of(rate.flags().values) == words{"global_max_inflight = 9"});
}

TEST_CASE("if CLI11 refuses the word after a misspelt flag, the flag is named first", "[cli11]") {
    CLI::App app;
    weir::cli11::rate_flags rate{app};
    const auto end_of = [&](std::vector<const char*> argv) {
        std::ostringstream out, err;
        try {
            rate.parse(static_cast<int>(argv.size()), argv.data());
        } catch (const CLI::ParseError& e) {
            const int status = rate.exit(e, out, err);
            return std::to_string(status != 0) + out.str().substr(0, 6) + err.str();
        }
        return std::string{"parsed"};
    };
    const std::string said = end_of({"prog", "--rate-confg", "a.yaml"});
    CHECK(said.starts_with("1--rate-confg: unknown flag; did you mean --rate-config?\n"));
    CHECK(said.find("a.yaml") != std::string::npos);
    CHECK(end_of({"prog", "--rate-confg", "a.yaml", "--help"}) == "0Usage:");
    CHECK(end_of({"prog", "--rate-confg"}) == "parsed");
}

TEST_CASE("the app's callbacks can use the flags", "[cli11]") {
    CLI::App app;
    weir::cli11::rate_flags rate{app};
    words seen;
    app.callback([&] { seen = rate.flags().presets; });
    const std::array argv{"prog", "--rate-preset", "arxiv"};
    rate.parse(3, argv.data());
    CHECK(seen == words{"arxiv"});
    rate.parse(1, argv.data());
    CHECK(seen.empty());
    rate.parse(0, nullptr);
    CHECK(seen.empty());
}

TEST_CASE("a flag that bypasses the adapter is refused, never ignored", "[cli11]") {
    CLI::App app;
    app.option_defaults()->ignore_case();
    app.allow_windows_style_options();
    weir::cli11::rate_flags rate{app};
    const std::array past{"prog", "--rate", "h.org=1/s"};
    CHECK_THROWS_AS(app.parse(3, past.data()), CLI::ValidationError);
    const std::array bare{"prog", "--rate-disable"};
    CHECK_THROWS_AS(app.parse(2, bare.data()), CLI::ValidationError);
    const std::array upper{"prog", "--RATE", "h.org=1/s"};
    CHECK_THROWS_AS(rate.parse(3, upper.data()), CLI::ValidationError);
    const std::array slash{"prog", "/rate:h.org=1/s"};
    CHECK_THROWS_AS(rate.parse(2, slash.data()), CLI::ValidationError);
}

TEST_CASE("a configuration file of CLI11 cannot set limits: they would have no source location", "[cli11]") {
    CLI::App app;
    weir::cli11::rate_flags rate{app};
    std::istringstream text{"rate-disable=true\n"};
    CHECK_THROWS_AS(app.parse_from_stream(text), CLI::ConfigError);
    CHECK(app.config_to_str(true, true).find("rate-") == std::string::npos);
}

TEST_CASE("the help names every flag with its argument and meaning, below a heading of their own", "[cli11]") {
    CLI::App app{"a program"};
    app.add_option("--topic");
    weir::cli11::rate_flags rate{app};
    const std::array argv{"prog", "--rate-max-inflight", "9", "--help"};
    CHECK_THROWS_AS(rate.parse(4, argv.data()), CLI::CallForHelp);
    const std::string help = app.help();
    const auto heading = help.find("Rate limits:\n");
    REQUIRE(heading != std::string::npos);
    CHECK(help.find("--topic") < heading);
    // CLI11 breaks lines: single spaces are compared.
    std::string flat;
    for (const char c : help.substr(heading))
        if (const char one = c == '\n' ? ' ' : c; one != ' ' || flat.empty() || flat.back() != ' ')
            flat += one;
    for (const auto& rule : weir::flag_rules) {
        std::string line{rule.name};
        line.append(rule.argument.empty() ? "" : " ").append(rule.argument).append(" ").append(rule.meaning);
        INFO(line);
        CHECK(flat.find(" " + line + " ") != std::string::npos);
    }
}

TEST_CASE("a program's flag with the name of one of ours is an error at once", "[cli11]") {
    CLI::App app;
    app.add_option("--rate");
    CHECK_THROWS_AS(weir::cli11::rate_flags{app}, CLI::OptionAlreadyAdded);
}
