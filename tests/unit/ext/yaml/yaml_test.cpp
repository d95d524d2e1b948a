// SPDX-License-Identifier: MIT
#include "weir/ext/yaml/yaml.hpp"

#include "weir/config/resolve.hpp"

#include "support/catch.hpp"

#include <filesystem>

using namespace std::chrono_literals;

namespace {
weir::layer load(std::string_view text) { return weir::yaml::load_text(text, "f.yaml"); }
weir::resolution resolved(std::string_view text) { return weir::resolve(std::array{load(text)}); }
}  // namespace

TEST_CASE("the shipped configuration loads and has the expected policies", "[yaml][8a]") {
    const auto r = weir::resolve(std::array{weir::yaml::load_file(WEIR_SOURCE_DIR "/config/ratelimits.yaml")});
    INFO(r.fault_text());
    REQUIRE(r);
    const auto p = *r->policy_for("api.crossref.org", "artifact");
    CHECK(p.rates == std::vector<weir::rate>{{5, 1s}});  // which implies its 300/MINUTE
    CHECK(p.max_delay == 5s);
    CHECK(r->policy_for("other.org", "landing")->max_delay == 250ms);
    CHECK(r->global_max_inflight() == 500);
    CHECK_FALSE(r->aimd().enabled);
}

TEST_CASE("a leaf knows the line and column of its value", "[yaml]") {
    const auto l = load("version: 1\nhosts:\n  x.org:\n    metadata:\n      rates: [1/s, \"2/h\"]\n");
    REQUIRE(l.faults.empty());
    const auto leaves = l.leaves();
    REQUIRE(leaves.size() == 5);
    CHECK(l.at(leaves[0]).text() == "f.yaml:1:10");
    CHECK(l.key_at(leaves[2]).text() == "f.yaml:3:3");
    CHECK(l.at(leaves[4]).text() == "f.yaml:5:14");
    const auto items = l.items(leaves[4]);
    CHECK(l.at(leaves[4], items[1].at).text() == "f.yaml:5:20");
    CHECK(items[0].form == weir::scalar_form::plain);
    CHECK(items[1].form == weir::scalar_form::quoted);
}

TEST_CASE("rates may be one text, and a fault in it has its line", "[yaml][8a]") {
    CHECK(resolved("defaults: {landing: {rates: '3/SECOND,9/HOUR'}}")->policy_for("x.org", "landing")->rates.size() ==
          2);
    CHECK(resolved("defaults:\n  landing:\n    rates: 3/SECONND\n")
              .fault_text()
              .find("f.yaml:3:12: defaults.landing.rates: ") == 0);
}

TEST_CASE("a quoted false is not true but a fault", "[yaml]") {
    CHECK(resolved("defaults: {metadata: {count_head: \"false\"}}").fault_text().find("drop the quotes") !=
          std::string::npos);
    CHECK_FALSE(resolved("defaults: {metadata: {count_head: false}}")->policy_for("x.org", "metadata")->count_head);
}

TEST_CASE("a key twice in one mapping is a fault that names both source locations", "[yaml]") {
    const auto r = resolved(
        "hosts:\n  x.org: {metadata: {rates: 1/s}}\n  y.org: {}\n  x.org: {metadata: {burst: 1}}\nverson: 1\n");
    CHECK(r.faults().size() == 2);
    CHECK(r.fault_text().find("f.yaml:4:3: hosts.x.org: duplicate key: already at f.yaml:2:3") != std::string::npos);
}

TEST_CASE("a text that is no single plain mapping is a fault", "[yaml]") {
    using namespace std::string_view_literals;
    for (const std::string_view text : {""sv,
                                        "# only a comment"sv,
                                        "---"sv,
                                        "null"sv,
                                        "5"sv,
                                        "[a]"sv,
                                        "version: 1\n---\nversion: 1\n"sv,
                                        "a: [1"sv,
                                        "a: b: c"sv,
                                        "a: &x 1\nb: *x\n"sv,
                                        "a: *x"sv,
                                        "version: !!int 1"sv,
                                        "version: 1\0"sv,
                                        "a: \xff\xfe"sv,
                                        "a: \xc0\xaf"sv,
                                        "? [a]\n: b"sv,
                                        "roles: [[a]]"sv,
                                        "roles: [{a: b}]"sv,
                                        "roles: [~]"sv,
                                        "\tversion: 1"sv,
                                        "<<: {version: 1}"sv,
                                        "? {a: b}\n: c"sv,
                                        "a: {b: {c: {d: {e: {f: {g: {h: {i: {j: 1}}}}}}}}}"sv,
                                        "~: 1"sv}) {
        INFO(text);
        const auto r = resolved(text);
        CHECK_FALSE(r);
        CHECK_FALSE(r.faults().empty());
    }
}

TEST_CASE("a missing file and a folder are faults, never an empty layer", "[yaml]") {
    CHECK(weir::yaml::load_file("no/such/file.yaml").faults.size() == 1);
    CHECK(weir::yaml::load_file(".").faults.size() == 1);
    CHECK(weir::yaml::load_file("").faults.size() == 1);
}

TEST_CASE("reading goes on after a fault, so that all are reported together", "[yaml]") {
    const auto l = load("roles: [[a], {b: c}, ~, search]\n? [x]\n: 1\na: &a 1\nb: *a\nc: !!int 1\nversion: 1\n");
    std::vector<std::string> texts;
    for (const auto& f : l.faults)
        texts.push_back(f.text());
    CHECK(texts == std::vector<std::string>{
                       "f.yaml:1:9: roles: found a list in a list; a list holds single values",
                       "f.yaml:1:14: roles: found a mapping in a list; a list holds single values",
                       "f.yaml:1:22: roles: a list holds no nulls",
                       "f.yaml:2:3: found a list where a key stands",
                       "f.yaml:4:4: aliases and anchors are not taken; write the value out",
                       "f.yaml:5:4: aliases and anchors are not taken; write the value out",
                       "f.yaml:6:4: tags are not taken, found \"tag:yaml.org,2002:int\"",
                   });
    CHECK(l.path(l.leaves().back()) == "version");
    CHECK(l.text(l.items(l.leaves().front()).back()) == "search");
}

TEST_CASE("a message is one line without control characters, whatever a key is", "[yaml]") {
    const auto text = resolved("\"a\\e[2J\\nb\\u009b\": 1").fault_text();
    INFO(text);
    CHECK(text.starts_with("f.yaml:1:1: a\\x1b[2J\\x0ab\\xc2\\x9b: unknown key"));
}

TEST_CASE("keys in a refused section are not reported again", "[yaml]") {
    const auto r =
        resolved("hosst:\n  x.org: {metadata: {rates: 1/s, burst: 2}}\n  y.org: {landing: {}}\nversion: 1\n");
    CHECK(r.faults().size() == 1);
    CHECK(resolved("version: {a: 1, b: 2}").faults().size() == 1);
    CHECK(resolved("aimd: {enabled: {a: 1}}").faults().size() == 1);
}

TEST_CASE("groups and a role's tuner are read as they are written", "[yaml]") {
    const auto r = resolved("host_groups:\n  arxiv: [arxiv.org, \"*.arxiv.org\"]\n"
                            "hosts:\n  arxiv:\n    metadata:\n      rates: [1/3s]\n      aimd: {enabled: true}\n");
    INFO(r.fault_text());
    REQUIRE(r);
    const auto p = *r->policy_for("export.arxiv.org", "metadata");
    CHECK(p.rates == std::vector<weir::rate>{{1, 3s}});
    CHECK(p.aimd.enabled);
    CHECK(resolved("host_groups: {a: [x.org], b: [y.org, x.org]}").fault_text() ==
          "f.yaml:1:38: host_groups.b: \"x.org\" is in group a too at f.yaml:1:19: a host has one budget; keep it in "
          "one of them\n");
    CHECK(resolved("defaults: {metadata: {aimd: {min_multiplier: 0.9, max_multiplier: 0.8}}}").faults().size() == 1);
}

TEST_CASE("no text of the parser reaches a user, not even of an unknown message", "[yaml]") {
    const auto message_of = [](const char* message) {
        return weir::yaml::detail::syntax_fault(YAML::ParserException{YAML::Mark::null_mark(), message}, "a: b");
    };
    CHECK(message_of("the referenced anchor is not defined") ==
          message_of("the referenced anchor is not defined: all"));
    CHECK(message_of("words of tomorrow") == message_of(YAML::ErrorMsg::INVALID_SCALAR));
    CHECK(message_of("words of tomorrow").find("tomorrow") == std::string::npos);
    for (const auto& rule : weir::yaml::detail::syntax_rules) {
        CHECK(rule.meaning.find(rule.begins_with) == std::string_view::npos);
        CHECK(message_of(std::string{rule.begins_with}.c_str()) == fmt::format("not YAML: {}", rule.meaning));
    }
}
