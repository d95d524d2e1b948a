// SPDX-License-Identifier: MIT
#include "weir/config/resolve.hpp"

#include "support/catch.hpp"

using namespace std::chrono_literals;
using weir::layer;
using weir::place;
using path = std::vector<std::string>;

namespace {

/// A layer as a file would give it.
struct file {
    layer l{};
    explicit file(bool one_spelling = true) { l.one_spelling = one_spelling; }
    file& plain(path p, std::string text) { return add(std::move(p), std::move(text), weir::scalar_form::plain); }
    file& in_quotes(path p, std::string text) { return add(std::move(p), std::move(text), weir::scalar_form::quoted); }
    file& list(path p, std::vector<std::string> texts) {
        weir::leaf f{std::move(p), weir::value_kind::list, {}, here(), {}};
        for (auto& t : texts)
            f.items.push_back({std::move(t), weir::scalar_form::plain, here()});
        l.leaves.push_back(std::move(f));
        return *this;
    }
    file& of(path p, weir::value_kind kind) {
        l.leaves.push_back({std::move(p), kind, {}, here(), {}});
        return *this;
    }
    [[nodiscard]] weir::resolution resolve() const { return weir::resolve(std::span{&l, 1}); }

private:
    file& add(path p, std::string text, weir::scalar_form form) {
        const place at = here();
        l.leaves.push_back({std::move(p), weir::value_kind::one, {{std::move(text), form, at}}, at, {}});
        return *this;
    }
    place here() { return place{"f.yaml"}.at(static_cast<std::uint32_t>(l.leaves.size()) + 1, 5); }
};

path metadata(std::string name) { return {"defaults", "metadata", std::move(name)}; }
path host(std::string name) { return {"hosts", "api.x.org", "metadata", std::move(name)}; }

}  // namespace

TEST_CASE("no layer at all is the built-in configuration", "[config]") {
    CHECK(*weir::resolve({}) == weir::configuration{});
}

TEST_CASE("defects 1 and 2: rates that admit nothing or name no known unit are faults, never no limit", "[config]") {
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

TEST_CASE("defect 2: 1/3SECOND is one in three seconds and 5000/h is per hour", "[config]") {
    const auto r = file{}.list(metadata("rates"), {"1/3SECOND", "5000/h"}).resolve();
    CHECK(r->policy_for("x.org", "metadata")->rates == std::vector<weir::rate>{{1, 3s}, {5000, 1h}});
}

TEST_CASE("defect 3: both windows are kept in either order", "[config]") {
    CHECK(file{}
              .list(metadata("rates"), {"10/SECOND", "5/HOUR"})
              .resolve()
              ->policy_for("x.org", "metadata")
              ->rates.size() == 2);
    CHECK(file{}
              .plain(metadata("rates"), "5/HOUR + 10/SECOND")
              .resolve()
              ->policy_for("x.org", "metadata")
              ->rates.size() == 2);
}

TEST_CASE("defect 5: max_concurrent in defaults holds for hosts in defaults and in hosts", "[config]") {
    const auto r = file{}.plain(metadata("max_concurrent"), "1").plain(host("max_delay_ms"), "5").resolve();
    CHECK(r->policy_for("x.org", "metadata")->max_concurrent == 1);
    CHECK(r->policy_for("api.x.org", "metadata")->max_concurrent == 1);
}

TEST_CASE("defect 6: unknown keys, roles and words are faults that name the nearest", "[config]") {
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

TEST_CASE("a wrong type says what was found and what is allowed", "[config]") {
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

TEST_CASE("the tuner's floor above its ceiling is a fault across layers", "[config]") {
    CHECK_FALSE(file{}.plain({"aimd", "max_multiplier"}, "0.2").resolve());
    CHECK(weir::resolve(std::array{file{}.plain({"aimd", "max_multiplier"}, "0.2").l,
                                   file{}.plain({"aimd", "min_multiplier"}, "0.1").l}));
}

TEST_CASE("defects 18 and 19: a weaker layer's value stays where a stronger one says nothing", "[config]") {
    const auto yaml = file{}.plain({"aimd", "enabled"}, "true").plain({"backend", "kind"}, "redis").l;
    const auto r = weir::resolve(std::array{yaml, layer{}, layer{}});
    CHECK(r->aimd().enabled);
    CHECK(r->backend().kind == "redis");
}

TEST_CASE("all faults are reported at once, each with its place and path, shadowed or not", "[config]") {
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
    l.add_fault(place{"missing.yaml"}, "", "there is no such file");
    const auto r = weir::resolve(std::array{l});
    CHECK_FALSE(r);
    CHECK(r.fault_text() == "missing.yaml: there is no such file\n");
}

TEST_CASE("every leaf remembers where it was written and what it shadows, and no connection text is kept", "[config]") {
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
