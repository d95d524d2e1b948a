// SPDX-License-Identifier: MIT
#include "weir/ext/yaml/sources.hpp"

#include "support/catch.hpp"

#include <filesystem>
#include <fstream>

using namespace std::chrono_literals;

TEST_CASE("sources are read weakest first, presets and files again each time", "[yaml]") {
    const auto path = (std::filesystem::temp_directory_path() / "weir_sources.yaml").string();
    const auto write = [&](std::string_view text) { std::ofstream{path} << text; };
    weir::yaml::sources from;
    from.presets = {"arxiv"};
    from.files = {path};
    from.command_line.add_text({"global_max_inflight"}, "9", weir::source_location{"--rate-max-inflight"});
    from.environment.add_text({"global_max_inflight"}, "8", weir::source_location{"$X_GLOBAL_INFLIGHT"});
    from.environment.add_text({"backend", "kind"}, "redis", weir::source_location{"$X_BACKEND"});

    write("global_max_inflight: 7\nbackend: {kind: sqlite}\nhosts: {h: {metadata: {rates: [1/s]}}}\n");
    const auto preset_alone = weir::resolve(std::array{weir::yaml::load_preset("arxiv")});
    REQUIRE(preset_alone);
    REQUIRE_FALSE(preset_alone->hosts().empty());
    auto r = weir::yaml::load(from);
    INFO(r.fault_text());
    REQUIRE(r);
    CHECK(r->global_max_inflight() == 9);
    CHECK(r->backend().kind == "redis");
    CHECK(r->policy_for("h", "metadata")->rates == std::vector<weir::rate>{{1, 1s}});
    CHECK(r->hosts().size() == preset_alone->hosts().size() + 1);

    write("hosts: {h: {metadata: {rates: [2/s]}}}\n");
    CHECK(weir::yaml::load(from)->policy_for("h", "metadata")->rates == std::vector<weir::rate>{{2, 1s}});
    std::filesystem::remove(path);
    from.presets.emplace_back("arxive");
    r = weir::yaml::load(from);
    CHECK_FALSE(r);
    CHECK(r.faults().size() == 2);
}
