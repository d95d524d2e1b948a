// SPDX-License-Identifier: MIT
#include "weir/config/cli/environment.hpp"

#include "weir/config/resolve.hpp"

#include "support/catch.hpp"

using namespace std::chrono_literals;

namespace {
weir::environment read_from(std::vector<std::string_view> entries) {
    return weir::read_environment("DOCSTOKG_RLIMIT", entries);
}
weir::resolution resolved_from(std::vector<std::string_view> entries) {
    const std::array layers{read_from(std::move(entries)).values};
    return weir::resolve(layers);
}
}  // namespace

TEST_CASE("the environment selects the backend and the ceiling", "[config][8a]") {
    const auto r = resolved_from({"DOCSTOKG_RLIMIT_BACKEND=sqlite", "DOCSTOKG_RLIMIT_GLOBAL_INFLIGHT=1000",
                                  "DOCSTOKG_RLIMIT_AIMD_ENABLED=on", "DOCSTOKG_RLIMIT_DSN=file:x", "HOME=/",
                                  "DOCSTOKG_RLIMITS=x"});
    REQUIRE(r);
    CHECK(r->backend().kind == "sqlite");
    CHECK(r->backend().dsn == "file:x");
    CHECK(r->global_max_inflight() == 1000);
    CHECK(r->aimd().enabled);
}

TEST_CASE("the guide's own fix of one host's delay keeps its rates", "[config]") {
    const auto r = resolved_from({"DOCSTOKG_RLIMIT__api.example.org__metadata=max_delay_ms:5000"});
    REQUIRE(r);
    CHECK(r->policy_for("api.example.org", "metadata")->rates.size() == 2);
    CHECK(r->policy_for("api.example.org", "metadata")->max_delay == 5s);
}

TEST_CASE("a name that a shell can export sets the same host", "[config]") {
    for (const char* name : {"DOCSTOKG_RLIMIT__api.example.org__metadata=rates:7/s",
                             "DOCSTOKG_RLIMIT__api_example_org__metadata=rates:7/s",
                             "DOCSTOKG_RLIMIT__API_EXAMPLE_ORG__METADATA=rates:7/s"}) {
        const auto r = resolved_from({name});
        INFO(name << r.fault_text());
        REQUIRE(r);
        CHECK(r->policy_for("api.example.org", "metadata")->rates == std::vector<weir::rate>{{7, 1s}});
    }
}

TEST_CASE("a shell's name finds the hyphenated host that a weaker layer knows, and an ambiguity is a fault",
          "[config]") {
    weir::layer file;
    file.add_text({"hosts", "my-api.org:8080", "metadata", "rates"}, "1/s", weir::source_location{"f"});
    const std::array good{file, read_from({"DOCSTOKG_RLIMIT__MY_API_ORG_8080__METADATA=rates:7/s"}).values};
    CHECK(weir::resolve(good)->policy_for("my-api.org:8080", "metadata")->rates.front().limit == 7);
    file.add_text({"hosts", "my.api.org:8080", "metadata", "rates"}, "1/s", weir::source_location{"f"});
    const std::array bad{file, read_from({"DOCSTOKG_RLIMIT__MY_API_ORG_8080__METADATA=rates:7/s"}).values};
    CHECK(weir::resolve(bad).fault_text().find("my-api.org:8080, my.api.org:8080") != std::string::npos);
}

TEST_CASE("an unknown variable with our prefix is a fault that names the nearest", "[config]") {
    CHECK(resolved_from({"DOCSTOKG_RLIMIT_BACKND=redis"}).fault_text().find("did you mean DOCSTOKG_RLIMIT_BACKEND?") !=
          std::string::npos);
    CHECK_FALSE(resolved_from({"DOCSTOKG_RLIMIT_=x"}));
    CHECK_FALSE(resolved_from({"DOCSTOKG_RLIMIT__api.example.org=rates:1/s"}));
    CHECK_FALSE(resolved_from({"DOCSTOKG_RLIMIT____=rates:1/s"}));
    CHECK_FALSE(resolved_from({"DOCSTOKG_RLIMIT__=rates:1/s"}));
    CHECK_FALSE(resolved_from({"DOCSTOKG_RLIMIT__x.org__metdata=rates:1/s"}));
}

TEST_CASE("a bad value in the environment is a fault and not ignored", "[config]") {
    for (const char* entry : {"DOCSTOKG_RLIMIT_GLOBAL_INFLIGHT=many", "DOCSTOKG_RLIMIT_GLOBAL_INFLIGHT=0",
                              "DOCSTOKG_RLIMIT_GLOBAL_INFLIGHT=", "DOCSTOKG_RLIMIT_GLOBAL_INFLIGHT=-1",
                              "DOCSTOKG_RLIMIT_AIMD_ENABLED=maybe", "DOCSTOKG_RLIMIT_BACKEND=bananas",
                              "DOCSTOKG_RLIMIT_CONFIG=", "DOCSTOKG_RLIMIT_DISABLED="}) {
        INFO(entry);
        CHECK_FALSE(resolved_from({entry}));
    }
    CHECK(resolved_from({"DOCSTOKG_RLIMIT_GLOBAL_INFLIGHT=none"})->global_max_inflight() == 0);
}

TEST_CASE("the path of a file is returned and is not a leaf", "[config]") {
    const auto e = read_from({"DOCSTOKG_RLIMIT_CONFIG=a.yaml"});
    CHECK(e.config_path == "a.yaml");
    CHECK(e.values.leaves().empty());
}

TEST_CASE("the help names every variable", "[config]") {
    for (const auto& rule : weir::variable_rules)
        CHECK(weir::environment_help("P").find("P" + std::string{rule.suffix}) != std::string::npos);
}
