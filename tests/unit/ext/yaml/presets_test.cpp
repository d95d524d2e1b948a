// SPDX-License-Identifier: MIT
#include "weir/ext/yaml/presets.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

TEST_CASE("the presets inside are the files of config/presets, all of them, as they are", "[yaml]") {
    // Mended by: .ci/lint/presets --fix
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator{WEIR_SOURCE_DIR "/config/presets"}) {
        ++files;
        const auto& path = entry.path();
        INFO(path.string());
        REQUIRE(path.extension() == ".yaml");
        const auto* found = std::ranges::find(weir::yaml::preset_texts, path.stem().string(),
                                              [](const auto& preset) { return std::string{preset.name}; });
        REQUIRE(found != weir::yaml::preset_texts.end());
        std::ifstream stream{path, std::ios::binary};
        const std::string text{std::istreambuf_iterator<char>{stream}, {}};
        CHECK(found->text == text);
    }
    CHECK(files == weir::yaml::preset_texts.size());
    CHECK(std::ranges::is_sorted(weir::yaml::preset_texts, {}, &weir::yaml::preset_text::name));
}
