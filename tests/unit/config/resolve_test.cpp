// SPDX-License-Identifier: MIT
#include "weir/config/resolve.hpp"

#include "support/catch.hpp"
#include "support/written.hpp"

using namespace std::chrono_literals;
using weir::layer;
using weir::source_location;
using path = std::vector<std::string>;

namespace {

/// A layer as a file would give it.
struct file {
    layer l{};
    explicit file(bool one_spelling = true) { l.one_spelling = one_spelling; }
    file& plain(const path& p, const std::string& text) { return add(p, text, weir::scalar_form::plain); }
    file& in_quotes(const path& p, const std::string& text) { return add(p, text, weir::scalar_form::quoted); }
    file& list(const path& p, const std::vector<std::string>& texts) {
        of(p, weir::value_kind::list);
        for (const auto& t : texts)
            l.add_item(t, weir::scalar_form::plain, l.leaves().back().at);
        return *this;
    }
    file& of(const path& p, weir::value_kind kind) {
        l.add(weir_test::views(p), kind, source_location{"f.yaml"}.at(++line_, 5));
        return *this;
    }
    [[nodiscard]] weir::resolution resolve() const { return weir::resolve(std::span{&l, 1}); }

private:
    file& add(const path& p, const std::string& text, weir::scalar_form form) {
        of(p, weir::value_kind::one);
        l.add_item(text, form, l.leaves().back().at);
        return *this;
    }
    std::uint32_t line_ = 0;
};

path metadata(std::string name) { return {"defaults", "metadata", std::move(name)}; }
path host(std::string name) { return {"hosts", "api.x.org", "metadata", std::move(name)}; }

}  // namespace

TEST_CASE("no layer at all is the built-in configuration", "[config]") {
    CHECK(*weir::resolve({}) == weir::configuration{});
}

TEST_CASE("rates that admit nothing or name no known unit are faults, never no limit", "[config]") {
    for (const char* text : {"0/SECOND", "10/FORTNIGHT", "1.5/SECOND", "10persecond", "1/3/SECOND", "-1/s", "", "none",
                             "unlimited", "10/s,", "10/s,,5/h", "99999999999999999999/s"}) {
        INFO(text);
        CHECK_FALSE(file{}.plain(metadata("rates"), text).resolve());
        CHECK_FALSE(file{}.list(metadata("rates"), {"1/s", text}).resolve());
    }
    CHECK_FALSE(file{}.list(metadata("rates"), {}).resolve());
    CHECK(file{}.plain(metadata("rates"), "unlimited").resolve().fault_text().find("say unlimited: true") !=
          std::string::npos);
}

TEST_CASE("1/3SECOND is one in three seconds and 500/h is per hour", "[config]") {
    const auto r = file{}.list(metadata("rates"), {"1/3SECOND", "500/h"}).resolve();
    CHECK(r->policy_for("x.org", "metadata")->rates == std::vector<weir::rate>{{1, 3s}, {500, 1h}});
}

TEST_CASE("both windows are kept in either order", "[config]") {
    CHECK(file{}
              .list(metadata("rates"), {"10/SECOND", "5000/HOUR"})
              .resolve()
              ->policy_for("x.org", "metadata")
              ->rates.size() == 2);
    CHECK(file{}
              .plain(metadata("rates"), "5000/HOUR + 10/SECOND")
              .resolve()
              ->policy_for("x.org", "metadata")
              ->rates.size() == 2);
}

TEST_CASE("max_concurrent in defaults holds for hosts in defaults and in hosts", "[config]") {
    const auto r = file{}.plain(metadata("max_concurrent"), "1").plain(host("max_delay_ms"), "5").resolve();
    CHECK(r->policy_for("x.org", "metadata")->max_concurrent == 1);
    CHECK(r->policy_for("api.x.org", "metadata")->max_concurrent == 1);
}

TEST_CASE("unknown keys, roles and words are faults that name the nearest", "[config]") {
    const auto text = [](const file& f) { return f.resolve().fault_text(); };
    CHECK(text(file{}.plain({"defalts", "metadata", "rates"}, "1/s")).find("did you mean \"defaults\"") !=
          std::string::npos);
    CHECK(text(file{}.plain({"defaults", "metdata", "rates"}, "1/s")).find("did you mean \"metadata\"") !=
          std::string::npos);
    CHECK(text(file{}.plain(metadata("max_delay"), "1")).find("did you mean \"max_delay_ms\"") != std::string::npos);
    CHECK(text(file{}.plain({"backend", "knd"}, "redis")).find("did you mean \"kind\"") != std::string::npos);
    CHECK(text(file{}.plain({"backend", "kind"}, "redsi")).find("did you mean \"redis\"") != std::string::npos);
    CHECK(text(file{}.plain({"aimd", "enable"}, "true")).find("did you mean \"enabled\"") != std::string::npos);
    CHECK(text(file{}.plain({"hosts", "x.org", "rates"}, "1/s")).find("hosts.x.org.metadata.rates") !=
          std::string::npos);
}

TEST_CASE("the fault of a wrong type says what was found and what is allowed", "[config]") {
    CHECK(file{}.in_quotes(metadata("count_head"), "false").resolve().fault_text().find("drop the quotes") !=
          std::string::npos);
    CHECK(file{}.in_quotes({"global_max_inflight"}, "500").resolve().fault_text().find("drop the quotes") !=
          std::string::npos);
    for (const char* text : {"abc", "-1", "1e3", "0x10", "010", "inf", "nan", "", "1.", ".5", "99999999999d"}) {
        INFO(text);
        CHECK_FALSE(file{}.plain(metadata("max_delay_ms"), text).resolve());
        CHECK_FALSE(file{}.plain({"global_max_inflight"}, text).resolve());
    }
    CHECK_FALSE(file{}.plain(metadata("count_head"), "1").resolve());
    CHECK_FALSE(file{}.list(metadata("max_delay_ms"), {"1"}).resolve());
    CHECK_FALSE(file{}.plain({"version"}, "2").resolve());
    CHECK_FALSE(file{}.plain({"hosts"}, "x").resolve());
    CHECK_FALSE(file{}.plain({"backend"}, "redis").resolve());
    CHECK_FALSE(file{}.plain({"version", "a"}, "x").resolve());
    CHECK_FALSE(file{}.of({"version"}, weir::value_kind::section).resolve());
    CHECK_FALSE(file{}.plain({"disabled"}, "true").resolve());
}

TEST_CASE("a null is taken where there can be none, and is a fault elsewhere", "[config]") {
    using weir::value_kind;
    CHECK(file{}.of({"global_max_inflight"}, value_kind::null).resolve()->global_max_inflight() == 0);
    CHECK(file{}.of(metadata("max_concurrent"), value_kind::null).resolve());
    CHECK(file{}.plain(metadata("burst"), "none").resolve());
    for (const path& p : {metadata("rates"), metadata("max_delay_ms"), metadata("count_head"), path{"hosts"},
                          path{"defaults", "metadata"}, path{"hosts", "x.org"}, path{"backend"}, path{"backend", "dsn"},
                          path{"roles"}, path{"version"}})
        CHECK_FALSE(file{}.of(p, value_kind::null).resolve());
    CHECK(file{}.of({"hosts"}, value_kind::section).of({"backend"}, value_kind::section).resolve());
}

TEST_CASE("a span is milliseconds or has a unit", "[config]") {
    const auto delay = [](const char* text) {
        return file{}.plain(metadata("max_delay_ms"), text).resolve()->policy_for("x.org", "metadata")->max_delay;
    };
    CHECK(delay("250") == 250ms);
    CHECK(delay("0") == 0ms);
    CHECK(delay("0.5") == 500us);
    CHECK(delay("250ms") == 250ms);
    CHECK(delay("1.5s") == 1500ms);
    CHECK(delay("2 min") == 2min);
}

TEST_CASE("a role is used once it is declared, in whatever layer", "[config]") {
    const auto below = file{}.plain({"defaults", "search", "rates"}, "1/s").l;
    CHECK_FALSE(weir::resolve(std::array{below}));
    const auto r = weir::resolve(std::array{below, file{}.list({"roles"}, {"search"}).l});
    CHECK(r->policy_for("x.org", "search")->rates.size() == 1);
    CHECK_FALSE(file{}.list({"roles"}, {"No"}).resolve());
}

TEST_CASE("a stronger layer wins leaf by leaf", "[config]") {
    const auto low =
        file{}.plain(host("rates"), "50/s").plain(host("max_delay_ms"), "250").plain({"global_max_inflight"}, "750").l;
    const auto high = file{}.plain(host("rates"), "20/s").plain({"global_max_inflight"}, "2000").l;
    const auto r = weir::resolve(std::array{low, high});
    CHECK(r->policy_for("api.x.org", "metadata")->rates.front().limit == 20);
    CHECK(r->policy_for("api.x.org", "metadata")->max_delay == 250ms);
    CHECK(r->global_max_inflight() == 2000);
}

TEST_CASE("a stronger layer's rates lift a weaker layer's unlimited, and the other way round", "[config]") {
    const auto free = file{}.plain(host("unlimited"), "true").l;
    const auto held = file{}.plain(host("rates"), "2/s").plain(host("burst"), "1").l;
    CHECK(weir::resolve(std::array{free, held})->policy_for("api.x.org", "metadata")->rates.size() == 1);
    CHECK(weir::resolve(std::array{held, free})->policy_for("api.x.org", "metadata")->unlimited);
}

TEST_CASE("rates or a burst beside unlimited: true in one layer contradict it", "[config]") {
    CHECK_FALSE(file{}.plain(host("unlimited"), "true").plain(host("rates"), "2/s").resolve());
    CHECK_FALSE(file{}.plain(host("unlimited"), "true").plain(host("burst"), "2").resolve());
    CHECK(file{}.plain(host("unlimited"), "true").plain(metadata("burst"), "2").resolve());
}

TEST_CASE("two spellings of one host in a file are a fault that names both", "[config]") {
    const auto text = file{}
                          .plain({"hosts", "API.x.org", "metadata", "rates"}, "1/s")
                          .plain({"hosts", "api.x.org.", "landing", "rates"}, "1/s")
                          .resolve()
                          .fault_text();
    CHECK(text.find("f.yaml:2:5") == 0);
    CHECK(text.find("\"API.x.org\" at f.yaml:1:5") != std::string::npos);
}

TEST_CASE("a tuner's minimum above its maximum is a fault across layers", "[config]") {
    CHECK_FALSE(file{}.plain({"aimd", "max_multiplier"}, "0.2").resolve());
    CHECK(weir::resolve(std::array{file{}.plain({"aimd", "max_multiplier"}, "0.2").l,
                                   file{}.plain({"aimd", "min_multiplier"}, "0.1").l}));
}

TEST_CASE("a weaker layer's value stays where a stronger one says nothing", "[config]") {
    const auto yaml = file{}.plain({"aimd", "enabled"}, "true").plain({"backend", "kind"}, "redis").l;
    const auto r = weir::resolve(std::array{yaml, layer{}, layer{}});
    CHECK(r->aimd().enabled);
    CHECK(r->backend().kind == "redis");
}

TEST_CASE("all faults are reported together, each with its source location and path, shadowed or not", "[config]") {
    const auto low = file{}.plain(metadata("max_delay_ms"), "abc").plain({"backend", "kind"}, "bananas").l;
    const auto high = file{}.plain(metadata("max_delay_ms"), "5").plain({"global_max_inflight"}, "0").l;
    const auto r = weir::resolve(std::array{low, high});
    CHECK_FALSE(r);
    REQUIRE(r.faults().size() == 3);
    CHECK(r.faults()[0].text().find("f.yaml:1:5: defaults.metadata.max_delay_ms: ") == 0);
    CHECK(r.faults()[1].text().find("f.yaml:2:5: backend.kind: ") == 0);
    CHECK(r.faults()[2].text().find("f.yaml:2:5: global_max_inflight: ") == 0);
}

TEST_CASE("a layer's own faults leave no configuration", "[config]") {
    layer l;
    l.add_fault(source_location{"missing.yaml"}, "", "there is no such file");
    const auto r = weir::resolve(std::array{l});
    CHECK_FALSE(r);
    CHECK(r.fault_text() == "missing.yaml: there is no such file\n");
}

TEST_CASE("every leaf has its source location and its shadowed values, and no connection text is kept", "[config]") {
    const auto low = file{}.plain(host("rates"), "50/s").plain({"backend", "dsn"}, "redis://u:secret@h").l;
    const auto high = file{}.plain(host("rates"), "20/s").l;
    const auto r = weir::resolve(std::array{low, high});
    REQUIRE(r.origins().size() == 3);
    CHECK(r.origins()[0].value == "(hidden)");
    CHECK(r.origins()[1].value == "50/s");
    CHECK(r.origins()[2].value == "20/s");
    CHECK(r.origins()[2].path == "hosts.api.x.org.metadata.rates");
}

TEST_CASE("letters outside ASCII need the caller's function", "[config]") {
    const auto l = file{}
                       .plain({"hosts",
                               "b\xc3\xbc"
                               "cher.de",
                               "metadata", "rates"},
                              "1/s")
                       .l;
    CHECK_FALSE(weir::resolve(std::array{l}));
    const auto r = weir::resolve(
        std::array{l}, {.idna = [](std::string_view) { return std::optional<std::string>{"xn--bcher-kva.de"}; }});
    CHECK(r->hosts() == std::vector<std::string>{"xn--bcher-kva.de"});
}

TEST_CASE("the tuner's leaves of a role are in a mapping and inherit from the process's", "[config]") {
    const path enabled{"hosts", "api.x.org", "metadata", "aimd", "enabled"};
    const auto r = file{}
                       .of({"hosts", "api.x.org", "metadata", "aimd"}, weir::value_kind::section)
                       .plain(enabled, "true")
                       .plain({"aimd", "window_s"}, "30")
                       .plain({"defaults", "metadata", "aimd", "min_multiplier"}, "0.5")
                       .resolve();
    REQUIRE(r);
    CHECK(r->policy_for("api.x.org", "metadata")->aimd ==
          weir::aimd_options{.enabled = true, .window_s = 30, .min_multiplier = 0.5});
    CHECK_FALSE(r->policy_for("x.org", "metadata")->aimd.enabled);
    CHECK(r->policy_for("x.org", "landing")->aimd == weir::aimd_options{.window_s = 30});
    CHECK(r.origins().back().path == "hosts.api.x.org.metadata.aimd.enabled");
    CHECK(file{}.of({"defaults", "metadata", "aimd"}, weir::value_kind::null).resolve().fault_text().find("null") !=
          std::string::npos);
    CHECK(file{}
              .plain({"defaults", "metadata", "aimd", "enable"}, "true")
              .resolve()
              .fault_text()
              .find("did you mean \"enabled\"") != std::string::npos);
    CHECK_FALSE(file{}.of({"defaults", "metadata", "aimd", "enabled", "x"}, weir::value_kind::section).resolve());
}

TEST_CASE("a leaf of a mapping has its dotted name in a text, and in a text only", "[config]") {
    layer text;
    text.add_text({"hosts", "api.x.org", "metadata", "aimd.enabled"}, "true", source_location{"--x"});
    CHECK(weir::resolve(std::array{text})->policy_for("api.x.org", "metadata")->aimd.enabled);
    CHECK(file{}.plain(host("aimd.enabled"), "true").resolve().fault_text().find("write aimd: {enabled: ...}") !=
          std::string::npos);
    CHECK(file{}.plain({"backend.kind"}, "redis").resolve().fault_text().find("write backend: {kind: ...}") !=
          std::string::npos);
    layer whole;
    whole.add_text({"hosts", "api.x.org", "metadata", "aimd"}, "true", source_location{"--x"});
    CHECK(weir::resolve(std::array{whole}).fault_text().find("aimd.enabled:true") != std::string::npos);
    layer near;
    near.add_text({"hosts", "api.x.org", "metadata", "aimd.enable"}, "true", source_location{"--x"});
    CHECK(weir::resolve(std::array{near}).fault_text().find("did you mean \"aimd.enabled\"") != std::string::npos);
}

TEST_CASE("a minimum above a maximum is reported at the leaf with precedence", "[config]") {
    const path floor{"hosts", "api.x.org", "metadata", "aimd", "min_multiplier"};
    const path ceiling{"hosts", "api.x.org", "metadata", "aimd", "max_multiplier"};
    CHECK(file{}.plain({"aimd", "max_multiplier"}, "0.5").plain(floor, "0.9").resolve().fault_text() ==
          "f.yaml:2:5: hosts.api.x.org.metadata.aimd.min_multiplier: 0.9 is above max_multiplier 0.5 at f.yaml:1:5\n");
    CHECK(file{}.plain(ceiling, "0.1").resolve().fault_text() ==
          "f.yaml:1:5: hosts.api.x.org.metadata.aimd.max_multiplier: 0.1 is below min_multiplier 0.3 (built in)\n");
    // In one place, the later layer's is the stronger; what is inherited by many is told once.
    const auto low = file{}.plain({"defaults", "metadata", "aimd", "min_multiplier"}, "0.9").l;
    const auto high = file{}
                          .plain({"hosts", "x.org", "metadata", "burst"}, "2")
                          .plain({"defaults", "metadata", "aimd", "max_multiplier"}, "0.8")
                          .l;
    CHECK(weir::resolve(std::array{low, high}).fault_text() ==
          "f.yaml:2:5: defaults.metadata.aimd.max_multiplier: 0.8 is below min_multiplier 0.9 at f.yaml:1:5\n");
    // A host with a port may meet a wildcard that the host without one does not.
    CHECK(file{}
              .plain({"hosts", "x.org", "metadata", "aimd", "min_multiplier"}, "0.9")
              .plain({"hosts", "*.org:8080", "metadata", "aimd", "max_multiplier"}, "0.8")
              .resolve()
              .faults()
              .size() == 1);
}

TEST_CASE("a burst over an inherited unlimited: true is a fault with both places", "[config]") {
    CHECK(file{}.plain(metadata("unlimited"), "true").plain(host("burst"), "1").resolve().fault_text() ==
          "f.yaml:2:5: hosts.api.x.org.metadata.burst: there is no rate to space, because defaults.metadata.unlimited "
          "is true at f.yaml:1:5; give rates here, or leave the burst out\n");
}

TEST_CASE("a leaf that a stronger layer restores has an effect again", "[config]") {
    const auto rates = file{}.plain(host("rates"), "7/s").plain(host("burst"), "3").l;
    const auto free = file{}.plain(host("unlimited"), "true").l;
    const auto held = file{}.plain(host("unlimited"), "false").l;
    const auto p = *weir::resolve(std::array{rates, free, held})->policy_for("api.x.org", "metadata");
    CHECK(p.rates == std::vector<weir::rate>{{7, 1s}});
    CHECK(p.burst == 3);
}

TEST_CASE("the leaves of gates, stores and waiting reach the policy", "[config]") {
    const auto of = [](const char* name, const char* text) {
        return *file{}.plain(host(name), text).resolve()->policy_for("api.x.org", "metadata");
    };
    CHECK_FALSE(of("enforce", "false").enforce);
    CHECK(of("max_hold_ms", "1500").max_hold == 1500ms);
    CHECK(of("max_hold_ms", "0").max_hold == 0ms);
    CHECK(of("max_hold_ms", "none").max_hold == weir::forever);
    CHECK(of("gate_scope", "key").gate_scope == weir::gate_reach::key);
    CHECK(of("gate_scope", "host").gate_scope == weir::gate_reach::host);
    CHECK(of("on_store_error", "closed").on_store_error == weir::store_failure::closed);
    CHECK(of("on_store_error", "open").on_store_error == weir::store_failure::open);
    CHECK(of("local_share_percent", "50").local_share == 50);
    CHECK(of("lease", "20").lease == 20);
    CHECK(of("abandon_grace_ms", "1500").abandon_grace == 1500ms);
    CHECK(of("abandon_grace_ms", "0").abandon_grace == 0ms);
    CHECK_FALSE(of("abandon_grace_ms", "auto").abandon_grace);
    CHECK(of("max_waiting", "9").max_waiting == 9);
    CHECK(of("max_waiting", "none").max_waiting == 0);
    CHECK(file{}.plain(host("on_store_error"), "fail").resolve().fault_text().find("local, closed, open") !=
          std::string::npos);
    CHECK(file{}.plain(host("gate_scope"), "role").resolve().fault_text().find("key, host") != std::string::npos);
    const auto low = file{}.plain(metadata("max_hold_ms"), "5").l;
    const auto high = file{}.of(host("max_hold_ms"), weir::value_kind::null).l;
    CHECK(weir::resolve(std::array{low, high})->policy_for("api.x.org", "metadata")->max_hold == weir::forever);
}

TEST_CASE("shadow belongs to one run: a variable or a flag sets it, a file does not", "[config]") {
    layer flag;
    flag.add_text({"shadow"}, "true", source_location{"--rate-shadow"});
    CHECK(weir::resolve(std::array{flag})->shadow());
    CHECK(file{}.plain({"shadow"}, "true").resolve().fault_text().find("--rate-shadow") != std::string::npos);
}

TEST_CASE("a rate that another of its list implies is dropped with a note that names both", "[config]") {
    const auto r = file{}.list(metadata("rates"), {"100/s", "5/s", "5/SECOND", "18000/h", "17999/h"}).resolve();
    REQUIRE(r);
    CHECK(r->policy_for("x.org", "metadata")->rates == std::vector<weir::rate>{{5, 1s}, {17999, 1h}});
    REQUIRE(r.notes().size() == 3);
    CHECK(r.notes()[0].text() ==
          "f.yaml:1:5: defaults.metadata.rates: \"100/s\" is dropped: \"5/s\" at f.yaml:1:5 implies it");
    CHECK(r.notes()[1].message.find("\"5/SECOND\" is dropped: \"5/s\"") == 0);
    CHECK(r.notes()[2].message.find("\"18000/h\" is dropped: \"5/s\"") == 0);
    CHECK(file{}.list(metadata("rates"), {"10/SECOND", "5000/HOUR"}).resolve().notes().empty());
}

TEST_CASE("a list of too many rates or roles is a fault", "[config]") {
    CHECK(file{}.list(metadata("rates"), std::vector<std::string>(64, "1/s")).resolve());
    CHECK_FALSE(file{}.list(metadata("rates"), std::vector<std::string>(65, "1/s")).resolve());
    CHECK_FALSE(file{}.list({"roles"}, std::vector<std::string>(257, "x")).resolve());
}

TEST_CASE("a group's list is one leaf, which a later layer replaces", "[config]") {
    const auto low = file{}.list({"host_groups", "arxiv"}, {"arxiv.org", "*.arxiv.org"}).l;
    const auto high =
        file{}.list({"host_groups", "arxiv"}, {"export.arxiv.org"}).list({"host_groups", "b"}, {"b.org"}).l;
    const auto r = weir::resolve(std::array{low, high});
    REQUIRE(r);
    CHECK(r->key_host("arxiv.org") == "arxiv.org");
    CHECK(r->key_host("export.arxiv.org") == "arxiv");
    CHECK(r->key_host("b.org") == "b");
    CHECK(r.origins()[0].path == "host_groups.arxiv");
    CHECK(r.origins()[1].value == "export.arxiv.org");
}

TEST_CASE("a variable's name is matched against groups and their members too", "[config]") {
    const auto groups = file{}.list({"host_groups", "my-group"}, {"a-b.org"}).l;
    const auto of = [&](const char* name) {
        layer l;
        l.add_text({"hosts", name, "metadata", "rates"}, "3/s", source_location{"$X"}, weir::host_spelling::shell);
        return weir::resolve(std::array{groups, l});
    };
    CHECK(of("my_group")->policy_for("a-b.org", "metadata")->rates == std::vector<weir::rate>{{3, 1s}});
    CHECK(of("a_b_org").fault_text().find("below hosts.my-group") != std::string::npos);
}

TEST_CASE("faults of groups name both source locations", "[config]") {
    const auto group = [](std::vector<std::string> a, std::vector<std::string> b) {
        return file{}.list({"host_groups", "a"}, std::move(a)).list({"host_groups", "b.org"}, std::move(b));
    };
    CHECK(group({"x.org"}, {"X.org"}).resolve().fault_text() ==
          "f.yaml:2:5: host_groups.b.org: \"x.org\" is in group a too at f.yaml:1:5: a host has one budget; keep it in "
          "one of them\n");
    CHECK(group({"*.org"}, {"y.com"})
              .resolve()
              .fault_text()
              .find("f.yaml:1:5: host_groups.a: \"*.org\" is or matches the name of group b.org at f.yaml:2:5") == 0);
    CHECK(group({"x.org"}, {"y.org"})
              .plain({"hosts", "x.org", "metadata", "rates"}, "1/s")
              .resolve()
              .fault_text()
              .find("f.yaml:3:5: hosts.x.org.metadata.rates: it belongs to group a by \"x.org\" at f.yaml:1:5") == 0);
    CHECK(group({"x.org", "x.org"}, {"y.org"}).resolve().fault_text().find("there twice") != std::string::npos);
    CHECK(group({}, {"y.org"}).resolve().fault_text().find("f.yaml:1:5: host_groups.a: the list is empty") == 0);
    CHECK(group({"x/y"}, {"y.org"}).resolve().fault_text().find("f.yaml:1:5: host_groups.a: host \"x/y\"") == 0);
    CHECK(file{}.list({"host_groups", "Arxiv"}, {"x.org"}).resolve().fault_text().find("write arxiv") !=
          std::string::npos);
    CHECK_FALSE(file{}.list({"host_groups", "*.x"}, {"x.org"}).resolve());
    CHECK_FALSE(file{}.plain({"host_groups"}, "x.org").resolve());
    CHECK_FALSE(file{}.of({"host_groups", "a"}, weir::value_kind::null).resolve());
    CHECK_FALSE(file{}.of({"host_groups", "a"}, weir::value_kind::section).resolve());
    CHECK(file{}.plain({"host_group", "a"}, "x.org").resolve().fault_text().find("did you mean \"host_groups\"") !=
          std::string::npos);
    // What a stronger layer replaces clashes no more.
    const auto low = file{}.list({"host_groups", "a"}, {"x.org"}).list({"host_groups", "b"}, {"x.org"}).l;
    const auto high = file{}.list({"host_groups", "b"}, {"y.org"}).l;
    CHECK(weir::resolve(std::array{low, high}));
}

TEST_CASE("a burst above an unlimited of a weaker layer is a fault that names both", "[config]") {
    file weak, strong;
    weak.plain(host("unlimited"), "true");
    strong.plain(host("burst"), "1");
    const std::array layers{weak.l, strong.l};
    CHECK(
        weir::resolve(layers).fault_text().find("there is no rate to space, because hosts.api.x.org.metadata.unlimited "
                                                "is true") != std::string::npos);
}

TEST_CASE("the source location of a leaf is that of its active value, or a default of the caller", "[config]") {
    const auto low = file{}.plain({"backend", "kind"}, "sqlite").l;
    const auto high = file{}.plain(host("rates"), "5/s").plain({"backend", "kind"}, "redis").l;
    const auto made = weir::resolve(std::array{low, high});
    CHECK(made.place_of("backend.kind").text() == "f.yaml:2:5");
    CHECK(made.place_of("backend.dsn").text() == "configuration");
    CHECK(made.place_of("backend.dsn", source_location{"elsewhere"}).text() == "elsewhere");
}
