// SPDX-License-Identifier: MIT
#include "weir/config/cli/command_line.hpp"

#include "weir/config/resolve.hpp"

#include "support/catch.hpp"
#include "support/written.hpp"

using namespace std::chrono_literals;

namespace {
weir::command_line read(std::vector<const char*> arguments) { return weir::read_command_line(arguments); }
weir::resolution resolved(std::vector<const char*> arguments) {
    const std::array layers{read(std::move(arguments)).values};
    return weir::resolve(layers);
}
}  // namespace

TEST_CASE("our flags are taken out and the rest stays in order", "[config]") {
    std::string words[] = {"prog", "a",  "--rate-backend", "redis", "--topic", "x", "--rate-max-inflight=7",
                           "b",    "--", "--rate",         "c"};
    std::vector<char*> argv;
    for (auto& w : words)
        argv.push_back(w.data());
    argv.push_back(nullptr);
    int argc = 11;
    const auto line = weir::take_flags(argc, argv.data());
    REQUIRE(argc == 8);
    std::string rest;
    for (int i = 0; i < argc; ++i)
        rest += std::string{argv[static_cast<std::size_t>(i)]} + " ";
    CHECK(rest == "prog a --topic x b -- --rate c ");
    CHECK(argv[8] == nullptr);
    CHECK(weir_test::values_of(line.values).size() == 2);
}

TEST_CASE("the command line selects backend and ceiling", "[config][8a]") {
    const auto r = resolved({"--rate-backend", "redis", "--rate-max-inflight", "2000", "--rate-dsn=redis://h"});
    REQUIRE(r);
    CHECK(r->backend().kind == "redis");
    CHECK(r->backend().dsn == "redis://h");
    CHECK(r->global_max_inflight() == 2000);
}

TEST_CASE("the tuner's switch is taken with a value, with = and without", "[config]") {
    CHECK(resolved({"--rate-aimd-enabled"})->aimd().enabled);
    CHECK(resolved({"--rate-aimd-enabled", "true"})->aimd().enabled);
    CHECK_FALSE(resolved({"--rate-aimd-enabled", "false"})->aimd().enabled);
    CHECK_FALSE(resolved({"--rate-aimd-enabled=no"})->aimd().enabled);
    CHECK_FALSE(resolved({"--rate-aimd-enabled=perhaps"}));
    CHECK(read({"--rate-aimd-enabled", "topic"}).rest.size() == 1);
}

TEST_CASE("--rate without a role sets every role, and a named role wins in any order", "[config]") {
    const auto r = resolved({"--rate", "api.x.org.artifact=1/s", "--rate", "API.x.org=20/s,10000/h"});
    REQUIRE(r);
    CHECK(r->policy_for("api.x.org", "metadata")->rates == std::vector<weir::rate>{{20, 1s}, {10000, 1h}});
    CHECK(r->policy_for("api.x.org", "landing")->rates.size() == 2);
    CHECK(r->policy_for("api.x.org", "landing")->max_delay == 250ms);
    CHECK(r->policy_for("api.x.org", "artifact")->rates == std::vector<weir::rate>{{1, 1s}});
}

TEST_CASE("--rate-host-override exists and splits before the role", "[config]") {
    const auto r =
        resolved({"--rate-host-override", "h.org:8080:metadata=rates:5/s+9/h,max_delay_ms:250,count_head:true"});
    REQUIRE(r);
    const auto p = *r->policy_for("h.org:8080", "metadata");
    CHECK(p.rates.size() == 2);
    CHECK(p.count_head);
    CHECK(r->policy_for("h.org", "metadata")->max_delay == 200ms);
    CHECK_FALSE(resolved({"--rate-host-override", "h.org:8080=rates:5/s"}));
    CHECK_FALSE(resolved({"--rate-host-override", "h.org=rates:5/s"}));
    CHECK_FALSE(resolved({"--rate-host-override", "h.org:metadata"}));
}

TEST_CASE("a mode sets the longest wait", "[config]") {
    const auto r = resolved({"--rate-mode", "a.org=raise", "--rate-mode", "b.org.landing=wait:750",
                             "--rate-mode=c.org=block", "--rate-mode", "d.org=wait", "--rate-max-delay", "e.org=0.5s"});
    INFO(r.fault_text());
    REQUIRE(r);
    CHECK(r->policy_for("a.org", "artifact")->max_delay == 0s);
    CHECK(r->policy_for("b.org", "landing")->max_delay == 750ms);
    CHECK(r->policy_for("c.org", "landing")->max_delay == weir::rate::longest);
    CHECK(r->policy_for("d.org", "landing")->max_delay == 250ms);
    CHECK(r->policy_for("e.org", "landing")->max_delay == 500ms);
    CHECK_FALSE(resolved({"--rate-mode", "a.org=blok"}));
    CHECK_FALSE(resolved({"--rate-mode", "a.org=wait:"}));
    CHECK_FALSE(resolved({"--rate-mode", "a.org.metdata=wait"}));
}

TEST_CASE("one leaf set by two flags is a fault that names both", "[config]") {
    const auto text = resolved({"--rate", "a.org=1/s", "--rate", "A.ORG=2/s"}).fault_text();
    CHECK(text.find("already \"1/s\" at --rate") != std::string::npos);
    CHECK_FALSE(resolved({"--rate-host-override", "a.org:metadata=rates:1/s", "--rate", "a.org.metadata=2/s"}));
    CHECK(resolved({"--rate-dsn=a://b:secret@c", "--rate-dsn=d"}).fault_text().find("secret") == std::string::npos);
}

TEST_CASE("a misspelt flag or role is a fault that names the nearest", "[config]") {
    CHECK(resolved({"--rate-bakend", "redis"}).fault_text().find("did you mean --rate-backend?") != std::string::npos);
    CHECK_FALSE(resolved({"--rates=x"}));
    CHECK(resolved({"--rate", "api.x.org.artefact=1/s"}).fault_text().find("did you mean \"artifact\"") !=
          std::string::npos);
}

TEST_CASE("a flag without its value and a text without its parts are faults", "[config]") {
    CHECK_FALSE(resolved({"--rate"}));
    CHECK_FALSE(resolved({"--rate", "--topic"}));
    CHECK_FALSE(resolved({"--rate", "a.org"}));
    CHECK_FALSE(resolved({"--rate", "=1/s"}));
    CHECK_FALSE(resolved({"--rate", "a.org="}));
    CHECK_FALSE(resolved({"--rate-config="}));
    CHECK_FALSE(resolved({"--rate-max-inflight", "0"}));
}

TEST_CASE("--rate-disable turns limiting off, and contradicts a limit on the same line", "[config]") {
    CHECK(resolved({"--rate-disable"})->disabled());
    CHECK_FALSE(resolved({"--rate-max-inflight", "999999"})->disabled());
    CHECK(resolved({"--rate-max-inflight", "999999"})->policy_for("x.org", "metadata")->rates.size() == 2);
    CHECK(resolved({"--rate-disable", "--rate", "a.org=1/s"}).fault_text().find("contradicts --rate") !=
          std::string::npos);
}

TEST_CASE("--rate-disable contradicts what decides, however it is spelt", "[config]") {
    CHECK(resolved({"--rate-disable=yes", "--rate", "a.org=1/s"}).fault_text().find("contradicts --rate") !=
          std::string::npos);
    CHECK(resolved({"--rate-shadow", "--rate-disable"}).fault_text().find("contradicts --rate-shadow") !=
          std::string::npos);
    CHECK(resolved({"--rate-disable=off", "--rate", "a.org=1/s"}));
}

TEST_CASE("files and presets are taken one a flag, in order", "[config]") {
    const auto line = read(
        {"--rate-config", "a.yaml", "b.yaml", "--rate-config=c.yaml", "--rate-preset", "arxiv", "--rate-preset=ncbi"});
    CHECK(line.config_paths == std::vector<std::string>{"a.yaml", "c.yaml"});
    CHECK(line.presets == std::vector<std::string>{"arxiv", "ncbi"});
    CHECK(line.rest == std::vector<std::size_t>{2});
    CHECK(weir::command_line_help().find("repeated for each further one") != std::string::npos);
}

TEST_CASE("the flag --rate-explain is alone, or has = and a host", "[config]") {
    CHECK_FALSE(read({"--rate", "a.org=1/s"}).explain);
    CHECK(read({"--rate-explain", "--topic"}).explain == "");
    CHECK(read({"--rate-explain", "a.org"}).rest.size() == 1);
    CHECK(read({"--rate-explain=a.org.metadata"}).explain == "a.org.metadata");
    CHECK_FALSE(resolved({"--rate-explain="}));
    CHECK_FALSE(resolved({"--rate-explain", "--rate-explain=a.org"}));
}

TEST_CASE("a connection text in the wrong flag is not shown", "[config]") {
    CHECK(resolved({"--rate-backend", "redis://user:secret@h"}).fault_text().find("secret") == std::string::npos);
}

TEST_CASE("the help names every flag", "[config]") {
    for (const auto& rule : weir::flag_rules)
        CHECK(weir::command_line_help().find(rule.name) != std::string::npos);
}
