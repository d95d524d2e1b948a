// SPDX-License-Identifier: MIT
#include "weir/config/configuration.hpp"

#include "support/catch.hpp"

using namespace std::chrono_literals;
using weir::configuration;
using weir::policy;
using weir::policy_leaves;
using weir::rate;

namespace {
policy limited(std::vector<rate> rates) {
    policy p;
    p.rates = std::move(rates);
    return p;
}
}  // namespace

TEST_CASE("a default configuration has the built-in policies of three roles", "[config][8a]") {
    const configuration c;
    CHECK(c.policy_for("any.org", "metadata")->rates == std::vector<rate>{{10, 1s}, {5000, 1h}});
    CHECK(c.policy_for("any.org", "metadata")->max_delay == 200ms);
    CHECK(c.policy_for("any.org", "landing")->rates == std::vector<rate>{{5, 1s}, {2000, 1h}});
    CHECK(c.policy_for("any.org", "landing")->max_delay == 250ms);
    CHECK(c.policy_for("any.org", "artifact")->rates == std::vector<rate>{{2, 1s}, {500, 1h}});
    CHECK(c.policy_for("any.org", "artifact")->max_delay == 2s);
    CHECK_FALSE(c.policy_for("any.org", "artifact")->count_head);
    CHECK(c.global_max_inflight() == 500);
    CHECK(c.backend().kind == "memory");
    CHECK(c.hosts().empty());
    CHECK(c == *configuration::builder{}.build());
}

TEST_CASE("an unknown role is an error that names the nearest, never no limit", "[config]") {
    const auto p = configuration{}.policy_for("any.org", "metdata");
    REQUIRE_FALSE(p);
    CHECK(p.error().code == weir::errc::unknown_role);
    CHECK(p.error().message.find("did you mean \"metadata\"") != std::string::npos);
}

TEST_CASE("a host without rates keeps its role's rates", "[config]") {
    const auto c = configuration::builder{}
                       .host("api.x.org", "artifact", policy_leaves{}.set<&weir::policy::max_delay>(5s))
                       .build();
    REQUIRE(c);
    const auto p = *c->policy_for("api.x.org", "artifact");
    CHECK(p.rates == std::vector<rate>{{2, 1s}, {500, 1h}});
    CHECK(p.max_delay == 5s);
}

TEST_CASE("max_concurrent of a role's defaults reaches the policy of every host", "[config]") {
    const auto c = configuration::builder{}
                       .defaults("metadata", policy_leaves{}.set<&weir::policy::max_concurrent>(1))
                       .host("api.x.org", "metadata", policy_leaves{}.set<&weir::policy::max_delay>(5s))
                       .build();
    CHECK(c->policy_for("other.org", "metadata")->max_concurrent == 1);
    CHECK(c->policy_for("api.x.org", "metadata")->max_concurrent == 1);
}

TEST_CASE("leaves come from the host, its wildcards and the defaults in that order", "[config]") {
    const auto c = configuration::builder{}
                       .host("api.sub.x.org", "metadata", policy_leaves{}.set<&weir::policy::max_delay>(1s))
                       .host("*.sub.x.org", "metadata",
                             policy_leaves{}.set<&weir::policy::max_delay>(2s).set<&weir::policy::max_concurrent>(2))
                       .host("*.x.org", "metadata", limited({{1, 3s}}))
                       .build();
    REQUIRE(c);
    const auto p = *c->policy_for("api.sub.x.org", "metadata");
    CHECK(p.max_delay == 1s);
    CHECK(p.max_concurrent == 2);
    CHECK(p.rates == std::vector<rate>{{1, 3s}});
    CHECK(c->policy_for("other.sub.x.org", "metadata")->max_delay == 2s);
    CHECK(c->policy_for("x.org", "metadata")->rates.size() == 2);         // a wildcard is below its name
    CHECK(c->policy_for("api.sub.x.org", "landing")->rates.size() == 2);  // other roles are untouched
}

TEST_CASE("the leaves of a host without a port apply to its ports too, unless they are named", "[config]") {
    const auto c = configuration::builder{}
                       .host("x.org", "metadata", limited({{1, 1s}}))
                       .host("x.org:8443", "metadata", policy_leaves{}.set<&weir::policy::max_delay>(9s))
                       .host("[::1]", "metadata", limited({{3, 1s}}))
                       .build();
    CHECK(c->policy_for("x.org:8080", "metadata")->rates == std::vector<rate>{{1, 1s}});
    CHECK(c->policy_for("x.org:8443", "metadata")->rates == std::vector<rate>{{1, 1s}});
    CHECK(c->policy_for("x.org:8443", "metadata")->max_delay == 9s);
    CHECK(c->policy_for("[::1]:80", "metadata")->rates == std::vector<rate>{{3, 1s}});
}

TEST_CASE("a builder makes hosts canonical and a later call wins", "[config]") {
    const auto c = configuration::builder{}
                       .host("API.X.org.", "metadata", limited({{1, 1s}}))
                       .host("api.x.org", "metadata", limited({{2, 1s}}))
                       .build();
    CHECK(c->hosts() == std::vector<std::string>{"api.x.org"});
    CHECK(c->policy_for("api.x.org", "metadata")->rates == std::vector<rate>{{2, 1s}});
}

TEST_CASE("a declared role has a limit before it is given one", "[config]") {
    const auto c = configuration::builder{}.role("search").build();
    CHECK(c->policy_for("x.org", "search")->rates == std::vector<rate>{{10, 1s}, {5000, 1h}});
    CHECK(c->roles().size() == 4);
}

TEST_CASE("a builder reports all faults at once", "[config]") {
    const auto c = configuration::builder{}
                       .role("No Role")
                       .host("a/b", "metadata", limited({{1, 1s}}))
                       .host("x.org", "serch", policy_leaves{})
                       .host("", "metadata", policy_leaves{})
                       .host("y.org", "landing", limited({}))
                       .global_max_inflight(-1)
                       .backend({.kind = "bananas"})
                       .build();
    REQUIRE_FALSE(c);
    CHECK(c.error().code == weir::errc::bad_configuration);
    for (const char* part : {"No Role", "a/b", "serch", "host's name is empty", "hosts.y.org.landing.rates",
                             "global_max_inflight", "bananas"})
        CHECK(c.error().message.find(part) != std::string::npos);
}

TEST_CASE("disabled turns every limit off and keeps unknown roles unknown", "[config]") {
    const auto c = configuration::builder{}.host("x.org", "metadata", limited({{1, 1h}})).disabled().build();
    CHECK(c->disabled());
    CHECK(c->policy_for("x.org", "metadata")->unlimited);
    CHECK(c->policy_for("x.org", "metadata")->rates.empty());
    CHECK(c->global_max_inflight() == 0);
    CHECK_FALSE(c->policy_for("x.org", "metdata"));
}

TEST_CASE("a role's tuner inherits leaf by leaf down to the process-wide one", "[config]") {
    const auto some = policy_leaves{}.set<&weir::policy::aimd, &weir::aimd_options::window_s>(5);
    const auto low = policy_leaves{}.set<&weir::policy::aimd, &weir::aimd_options::min_multiplier>(0.5);
    const auto c = configuration::builder{}
                       .aimd({.enabled = true, .decrease_step_pct = 30})
                       .host("x.org", "metadata", some)
                       .host("*.org", "metadata", low)
                       .build();
    REQUIRE(c);
    const auto a = c->policy_for("x.org", "metadata")->aimd;
    CHECK(a == weir::aimd_options{.enabled = true, .window_s = 5, .decrease_step_pct = 30, .min_multiplier = 0.5});
    CHECK(c->policy_for("x.com", "metadata")->aimd == c->aimd());
}

TEST_CASE("a later call wins leaf by leaf, whatever stood in between", "[config]") {
    const auto c = configuration::builder{}
                       .host("x.org", "metadata", limited({{1, 1s}}))
                       .host("x.org", "metadata", policy_leaves{}.set<&weir::policy::unlimited>(true))
                       .host("x.org", "metadata", policy_leaves{}.set<&weir::policy::unlimited>(false))
                       .build();
    CHECK(c->policy_for("x.org", "metadata")->rates == std::vector<rate>{{1, 1s}});
}

TEST_CASE("shadow makes every policy only report", "[config]") {
    const auto c = configuration::builder{}.host("x.org", "metadata", limited({{1, 1s}})).shadow().build();
    CHECK(c->shadow());
    CHECK_FALSE(c->policy_for("x.org", "metadata")->enforce);
    CHECK_FALSE(c->policy_for("y.org", "artifact")->enforce);
    CHECK(c->policy_for("x.org", "metadata")->rates == std::vector<rate>{{1, 1s}});
    CHECK_FALSE(configuration{}.shadow());
}

TEST_CASE("the members of a group share its key and its policy", "[config]") {
    const auto c = configuration::builder{}
                       .host_group("arxiv", {"ArXiv.org", "*.arxiv.org"})
                       .host_group("mirrors", {"export.arxiv.org", "*.mirror.arxiv.org:8080"})
                       .host("arxiv", "metadata", limited({{1, 3s}}))
                       .build();
    REQUIRE(c);
    CHECK(c->key_host("arxiv.org") == "arxiv");
    CHECK(c->key_host("a.b.arxiv.org") == "arxiv");
    CHECK(c->key_host("arxiv.org:8080") == "arxiv");
    CHECK(c->key_host("export.arxiv.org") == "mirrors");         // the exact one beats the wildcard
    CHECK(c->key_host("x.mirror.arxiv.org") == "arxiv");         // another port
    CHECK(c->key_host("x.mirror.arxiv.org:8080") == "mirrors");  // the most specific wildcard
    CHECK(c->key_host("arxiv") == "arxiv");
    CHECK(c->key_host("other.org") == "other.org");
    CHECK(configuration{}.key_host("arxiv.org") == "arxiv.org");
    CHECK(c->policy_for("a.arxiv.org", "metadata")->rates == std::vector<rate>{{1, 3s}});
    CHECK(c->policy_for("export.arxiv.org", "metadata")->rates.size() == 2);
    CHECK(c->host_groups().at("arxiv") == std::vector<std::string>{"arxiv.org", "*.arxiv.org"});
}

TEST_CASE("groups that contradict each other or a host are faults", "[config]") {
    const auto text = [](const configuration::builder& b) {
        const auto c = b.build();
        return c ? std::string{} : c.error().message;
    };
    using builder = configuration::builder;
    CHECK(text(builder{}.host_group("a", {"x.org"})).empty());
    CHECK(text(builder{}.host_group("a", {})).find("no members") != std::string::npos);
    CHECK(text(builder{}.host_group("A", {"x.org"})).find("no group's name") != std::string::npos);
    CHECK(text(builder{}.host_group("a:80", {"x.org"})).find("no group's name") != std::string::npos);
    CHECK(text(builder{}.host_group("a", {"x/y"})).find("host_groups.a") != std::string::npos);
    CHECK(text(builder{}.host_group("a", {"x.org"}).host_group("b", {"X.org"})).find("in group a too") !=
          std::string::npos);
    CHECK(text(builder{}.host_group("a", {"x.org", "x.org."})).find("there twice") != std::string::npos);
    CHECK(text(builder{}.host_group("x.org", {"x.org"})).find("name of group x.org") != std::string::npos);
    CHECK(text(builder{}.host_group("x.org", {"y.org"}).host_group("b", {"*.org"})).find("name of group x.org") !=
          std::string::npos);
    const auto with_leaves = [&](const char* member, const char* host) {
        return text(builder{}
                        .host_group("a", {member})
                        .host(host, "metadata", policy_leaves{}.set<&weir::policy::max_delay>(1s)));
    };
    CHECK(with_leaves("x.org", "x.org").find("below hosts.a") != std::string::npos);
    CHECK_FALSE(with_leaves("x.org", "x.org:8080").empty());
    CHECK_FALSE(with_leaves("*.x.org", "y.x.org").empty());
    CHECK_FALSE(with_leaves("*.x.org", "*.y.x.org").empty());
    CHECK(with_leaves("*.y.x.org", "*.x.org").empty());  // that one speaks for others too
    CHECK(with_leaves("x.org:8080", "x.org").empty());
    CHECK(with_leaves("x.org", "a").empty());
}
