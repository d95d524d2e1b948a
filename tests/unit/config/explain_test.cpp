// SPDX-License-Identifier: MIT
#include "weir/config/explain.hpp"

#include "weir/config/cli/command_line.hpp"
#include "weir/config/cli/environment.hpp"

#include "support/catch.hpp"

#include <algorithm>

namespace {

using weir::layer;
using weir::layer_kind;

/// A layer of single values, `hosts/api.x.org/metadata/rates` each at its own line.
layer of(layer_kind kind, std::string source, std::vector<std::pair<std::string, std::string>> leaves) {
    layer out;
    out.kind = kind;
    std::uint32_t line = 0;
    for (const auto& [path, text] : leaves) {
        const bool exact = kind == layer_kind::file || kind == layer_kind::preset;
        out.add_text(weir::detail::split(path, "/"), text,
                     exact ? weir::source_location{source}.at(++line, 1) : weir::source_location{source});
    }
    return out;
}

const weir::explained_leaf& leaf(const std::vector<weir::explained_leaf>& leaves, std::string_view name) {
    const auto found = std::ranges::find(leaves, name, &weir::explained_leaf::name);
    REQUIRE(found != leaves.end());
    return *found;
}

/// "VALUE LAYER PLACE" of a leaf and of all it shadowed, one a line.
std::string story(const weir::explained_leaf& of) {
    std::vector<weir::explained_value> all{of.now};
    all.insert(all.end(), of.shadowed.begin(), of.shadowed.end());
    std::string out;
    for (const auto& v : all)
        out += fmt::format("{} | {} | {} | {}\n", v.text, weir::to_string(v.layer), v.at.text(), v.path);
    return out;
}

}  // namespace

TEST_CASE("a leaf's story goes through every layer and every name, the strongest first", "[config]") {
    const std::vector<layer> layers{
        of(layer_kind::preset, "preset x", {{"hosts/api.x.org/metadata/rates", "1/s"}}),
        of(layer_kind::file, "a.yaml", {{"defaults/metadata/rates", "2/s"}, {"hosts/*.x.org/*/rates", "3/s,9/h"}}),
        of(layer_kind::file, "b.yaml",
           {{"hosts/api.x.org/*/rates", "4/1000ms"}, {"hosts/x.org/metadata/rates", "7/s"}}),
        of(layer_kind::environment, "$P__api_x_org__metadata", {{"hosts/api.x.org/metadata/rates", "5/s"}}),
        of(layer_kind::command_line, "--rate", {{"hosts/API.x.org/metadata/rates", "6/60s"}}),
    };
    const auto made = weir::resolve(layers);
    INFO(made.fault_text());
    REQUIRE(made);
    const auto e = weir::explain(made, "Api.X.org.", "metadata");
    REQUIRE(e);
    CHECK(e->host == "api.x.org");
    REQUIRE(e->roles.size() == 1);
    CHECK(story(leaf(e->roles[0].leaves, "rates")) ==
          "6/MINUTE | command line | --rate | hosts.api.x.org.metadata.rates\n"
          "5/SECOND | environment | $P__api_x_org__metadata | hosts.api.x.org.metadata.rates\n"
          "4/SECOND | file | b.yaml:1:1 | hosts.api.x.org.metadata.rates\n"
          "1/SECOND | preset | preset x:1:1 | hosts.api.x.org.metadata.rates\n"
          "3/SECOND, 9/HOUR | file | a.yaml:2:1 | hosts.*.x.org.metadata.rates\n"
          "2/SECOND | file | a.yaml:1:1 | defaults.metadata.rates\n"
          "10/SECOND, 5000/HOUR | built-in | built-in | \n");
    CHECK(story(leaf(e->roles[0].leaves, "max_delay_ms")) == "200 | built-in | built-in | \n");
}

TEST_CASE("every role is explained when none is named, and a host named nowhere has its role's defaults", "[config]") {
    const std::vector layers{of(layer_kind::file, "a.yaml", {{"roles", "search"}, {"defaults/search/burst", "1"}})};
    const auto e = weir::explain(weir::resolve(layers), "");
    REQUIRE(e);
    CHECK(e->host.empty());
    REQUIRE(e->roles.size() == 4);
    CHECK(e->roles[3].role == "search");
    CHECK(story(leaf(e->roles[3].leaves, "burst")) ==
          "1 | file | a.yaml:2:1 | defaults.search.burst\nnone | built-in | built-in | \n");
    CHECK(leaf(e->roles[2].leaves, "max_delay_ms").now.text == "2000");
}

TEST_CASE("of rates and unlimited, both explanations name the one that has an effect", "[config]") {
    const layer lifted = of(layer_kind::file, "a.yaml", {{"hosts/*.x.org/metadata/unlimited", "true"}});
    const layer limited = of(layer_kind::file, "b.yaml", {{"defaults/metadata/rates", "2/s"}});
    const layer again = of(layer_kind::command_line, "--rate", {{"hosts/api.x.org/metadata/rates", "6/s"}});
    {
        const std::vector layers{lifted, limited};
        const auto e = weir::explain(weir::resolve(layers), "api.x.org", "metadata");
        CHECK(story(leaf(e->roles[0].leaves, "rates")) ==
              "none | file | a.yaml:1:1 | hosts.*.x.org.metadata.unlimited\n"
              "2/SECOND | file | b.yaml:1:1 | defaults.metadata.rates\n"
              "10/SECOND, 5000/HOUR | built-in | built-in | \n");
    }
    const std::vector layers{lifted, limited, again};
    const auto e = weir::explain(weir::resolve(layers), "api.x.org", "metadata");
    CHECK(story(leaf(e->roles[0].leaves, "unlimited")) ==
          "false | command line | --rate | hosts.api.x.org.metadata.rates\n"
          "true | file | a.yaml:1:1 | hosts.*.x.org.metadata.unlimited\n"
          "false | built-in | built-in | \n");
}

TEST_CASE("every overruled leaf names the leaf that turns limiting off", "[config]") {
    const std::vector layers{
        of(layer_kind::file, "a.yaml", {{"defaults/metadata/max_concurrent", "2"}, {"global_max_inflight", "7"}}),
        of(layer_kind::command_line, "--rate-disable", {{"disabled", "true"}})};
    const auto e = weir::explain(weir::resolve(layers), "api.x.org", "metadata");
    for (const char* name : {"rates", "max_concurrent", "burst"}) {
        INFO(name);
        CHECK(leaf(e->roles[0].leaves, name).now.text == "none");
        CHECK(leaf(e->roles[0].leaves, name).now.at.text() == "--rate-disable");
    }
    CHECK(leaf(e->roles[0].leaves, "unlimited").now.text == "true");
    CHECK(story(leaf(e->process, "global_max_inflight")) == "none | command line | --rate-disable | disabled\n"
                                                            "7 | file | a.yaml:2:1 | global_max_inflight\n"
                                                            "500 | built-in | built-in | \n");
}

TEST_CASE("a host of a group has the leaves of the group, and the explanation says so", "[config]") {
    const std::vector layers{
        of(layer_kind::file, "a.yaml",
           {{"host_groups/arxiv", "export.arxiv.org, *.arxiv.org"}, {"hosts/arxiv/metadata/rates", "1/3s, 1/2s"}}),
        of(layer_kind::command_line, "--rate-shadow", {{"shadow", "true"}})};
    const auto made = weir::resolve(layers);
    INFO(made.fault_text());
    REQUIRE(made);
    const auto e = weir::explain(made, "Export.arxiv.org", "metadata");
    CHECK(e->host == "export.arxiv.org");
    CHECK(e->group == "arxiv");
    // A rate that another implies is dropped here as it is in the policy.
    CHECK(
        story(leaf(e->roles[0].leaves, "rates")) ==
        "1/3SECOND | file | a.yaml:2:1 | hosts.arxiv.metadata.rates\n10/SECOND, 5000/HOUR | built-in | built-in | \n");
    CHECK(story(leaf(e->roles[0].leaves, "enforce")) ==
          "false | command line | --rate-shadow | shadow\ntrue | built-in | built-in | \n");
    CHECK(
        weir::to_table(*e).starts_with("export.arxiv.org metadata (of the host group arxiv, which has one budget)\n"));
    CHECK(weir::explain(made, "arxiv", "metadata")->group.empty());
    CHECK(weir::explain(made, "arxiv.org", "metadata")->group.empty());
}

TEST_CASE("a secret is hidden wherever it was written", "[config]") {
    const std::vector layers{of(layer_kind::file, "a.yaml", {{"backend/dsn", "redis://u:secret@h"}}),
                             of(layer_kind::command_line, "--rate-dsn", {{"backend/dsn", "redis://u:secret@i"}})};
    const auto e = weir::explain(weir::resolve(layers), "");
    CHECK(story(leaf(e->process, "backend.dsn")) == "(hidden) | command line | --rate-dsn | backend.dsn\n"
                                                    "(hidden) | file | a.yaml:1:1 | backend.dsn\n"
                                                    "none | built-in | built-in | \n");
    CHECK(weir::to_json(*e).find("secret") == std::string::npos);
}

TEST_CASE("a target is a host, or a host and a role", "[config]") {
    const auto made = weir::resolve({});
    CHECK(weir::explain_target(made, "api.x.org")->roles.size() == 3);
    CHECK(weir::explain_target(made, "api.x.org:8080.landing")->host == "api.x.org:8080");
    CHECK(weir::explain_target(made, "api.x.org.landing")->roles.at(0).role == "landing");
    CHECK(weir::explain_target(made, "").value().host.empty());
    CHECK(weir::explain_target(made, "api.x.org.artefact").error().message.find("artifact") != std::string::npos);
    CHECK(weir::explain_target(made, "http://x").error().message.find("without scheme") != std::string::npos);
    CHECK(weir::explain(made, "x.org", "landin").error().message.find("landing") != std::string::npos);
}
