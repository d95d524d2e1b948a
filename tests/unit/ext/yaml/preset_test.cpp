// SPDX-License-Identifier: MIT
#include "weir/ext/yaml/preset.hpp"

#include "weir/config/resolve.hpp"

#include "support/catch.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using weir::yaml::load_preset;

namespace {

std::string rates(const weir::configuration& c, std::string_view host, std::string_view role) {
    std::vector<std::string> out;
    const weir::policy p = *c.policy_for(host, role);
    for (const weir::rate& r : p.rates)
        out.push_back(weir::to_string(r));
    return fmt::format("{}", fmt::join(out, " "));
}

struct figure {
    std::string_view preset;
    std::string_view host;
    std::string_view role;
    std::string_view rates;
    std::int64_t max_concurrent;
};

// What each service asks for, as of the date in its file. A role that the preset does not name ("landing") has the
// service's lowest limit, never a built-in default.
constexpr figure figures[]{
    {"crossref-public", "api.crossref.org", "metadata", "5/1s", 1},
    {"crossref-public", "api.crossref.org", "list", "1/1s", 1},
    {"crossref-public", "api.crossref.org", "landing", "1/1s", 1},
    {"crossref-polite", "api.crossref.org", "metadata", "10/1s", 3},
    {"crossref-polite", "api.crossref.org", "list", "3/1s", 3},
    {"crossref-plus", "api.crossref.org", "metadata", "150/1s", 0},
    {"crossref-plus", "api.crossref.org", "list", "150/1s", 0},
    {"openalex", "api.openalex.org", "metadata", "100/1s", 0},
    {"openalex", "api.openalex.org", "list", "100/1s 400/1d", 0},
    {"openalex", "api.openalex.org", "search", "40/1d", 0},
    {"openalex", "content.openalex.org", "artifact", "1/1s 2/1d", 0},
    {"openalex-key", "api.openalex.org", "metadata", "100/1s", 0},
    {"openalex-key", "api.openalex.org", "list", "100/1s 4000/1d", 0},
    {"openalex-key", "api.openalex.org", "search", "100/1s 400/1d", 0},
    {"openalex-key", "content.openalex.org", "artifact", "1/1s 20/1d", 0},
    {"semantic-scholar", "api.semanticscholar.org", "metadata", "1/3s", 1},
    {"semantic-scholar-key", "api.semanticscholar.org", "metadata", "1/1s", 1},
    {"arxiv", "arxiv.org", "metadata", "1/3s", 1},
    {"arxiv", "export.arxiv.org", "metadata", "1/3s", 1},
    {"ncbi", "eutils.ncbi.nlm.nih.gov", "metadata", "3/1s", 0},
    {"ncbi-key", "eutils.ncbi.nlm.nih.gov", "metadata", "10/1s", 0},
    {"datacite", "api.datacite.org", "metadata", "500/5min", 0},
    {"datacite", "api.test.datacite.org", "metadata", "500/5min", 0},
    {"datacite", "doi.org", "metadata", "1000/5min", 0},
    {"datacite-identified", "api.datacite.org", "metadata", "1000/5min", 0},
    {"datacite-identified", "api.test.datacite.org", "metadata", "750/5min", 0},
    {"datacite-authenticated", "api.datacite.org", "metadata", "3000/5min", 0},
    {"zenodo", "zenodo.org", "metadata", "60/1min 2000/1h", 0},
    {"zenodo", "zenodo.org", "search", "30/1min", 0},
    {"zenodo-token", "zenodo.org", "artifact", "100/1min 5000/1h", 0},
    {"zenodo-token", "zenodo.org", "search", "30/1min", 0},
    {"unpaywall", "api.unpaywall.org", "metadata", "10/1s 100000/1d", 0},
    {"github", "api.github.com", "metadata", "60/1h", 100},
    {"github", "api.github.com", "search", "10/1min 60/1h", 100},
    {"github-token", "api.github.com", "metadata", "900/1min 5000/1h", 100},
    {"github-token", "api.github.com", "search", "30/1min", 100},
};

}  // namespace

TEST_CASE("every preset has the figures its service asks for", "[yaml]") {
    std::set<std::string_view> checked;
    for (const figure& f : figures) {
        INFO(f.preset << " " << f.host << " " << f.role);
        checked.insert(f.preset);
        const auto r = weir::resolve(std::array{load_preset(f.preset)});
        INFO(r.fault_text());
        REQUIRE(r);
        const auto p = *r->policy_for(f.host, f.role);
        CHECK(r->key_host(f.host) == (f.preset == "arxiv" ? "arxiv" : f.host));
        CHECK(rates(*r, f.host, f.role) == f.rates);
        CHECK(r.notes().empty());
        CHECK(p.max_concurrent == f.max_concurrent);
        CHECK(p.count_head);
        CHECK(p.max_delay >= 5s);  // slow limits: a caller that may not wait a turn is refused all the time
    }
    CHECK(checked.size() == weir::yaml::preset_names().size());
}

TEST_CASE("every preset says when it was checked and where its limits come from", "[yaml]") {
    for (const std::string_view name : weir::yaml::preset_names()) {
        INFO(name);
        const auto l = load_preset(name);
        REQUIRE(l.leaves().size() > 2);
        CHECK(l.path(l.leaves()[0]) == "checked");
        CHECK(l.value(l.leaves()[0]).size() == std::string_view{"2026-11-01"}.size());
        CHECK(l.at(l.leaves()[0]).text() == fmt::format("preset {}:1:10", name));
        CHECK(l.path(l.leaves()[1]) == "source");
        CHECK(l.value(l.leaves()[1]).starts_with("https://"));
    }
}

TEST_CASE("all presets of different services can be loaded together", "[yaml]") {
    std::vector<weir::layer> layers;
    for (const std::string_view name : weir::yaml::preset_names())
        layers.push_back(load_preset(name));
    const auto r = weir::resolve(layers);
    INFO(r.fault_text());
    REQUIRE(r);
    // A role that another preset declares has the host's limit, too; of a service's own presets the last one wins.
    CHECK(rates(*r, "api.datacite.org", "search") == "1000/5min");
}

TEST_CASE("a file over a preset changes the leaves it has and no others", "[yaml]") {
    const auto r = weir::resolve(
        std::array{load_preset("crossref-polite"),
                   weir::yaml::load_text("hosts: {api.crossref.org: {metadata: {max_delay_ms: 250}}}", "f.yaml")});
    REQUIRE(r);
    CHECK(rates(*r, "api.crossref.org", "metadata") == "10/1s");
    CHECK(r->policy_for("api.crossref.org", "metadata")->max_delay == 250ms);
    CHECK(r->policy_for("api.crossref.org", "list")->max_delay == 10s);
}

TEST_CASE("an unknown preset is a fault that names the nearest and lists all", "[yaml]") {
    const auto l = load_preset("Crossref-polit");
    REQUIRE(l.leaves().empty());
    REQUIRE(l.faults.size() == 1);
    CHECK(l.faults[0].text().starts_with(
        "preset: unknown preset \"Crossref-polit\"; did you mean \"crossref-polite\"? it is one of arxiv, "));
    CHECK(l.faults[0].text().ends_with(", zenodo-token"));
    CHECK(load_preset("").faults.size() == 1);
}
