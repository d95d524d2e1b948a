// SPDX-License-Identifier: MIT
#include "weir/config/cli/completion.hpp"

#include "support/catch.hpp"

#include <algorithm>

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

const weir::completed_flag& flag(const std::vector<weir::completed_flag>& flags, std::string_view name) {
    const auto found = std::ranges::find(flags, name, &weir::completed_flag::name);
    REQUIRE(found != flags.end());
    return *found;
}

}  // namespace

TEST_CASE("every rate flag is completed, with the values it can have", "[config]") {
    const auto flags = weir::completed_rate_flags(std::array{"arxiv", "ncbi"});
    REQUIRE(flags.size() == weir::flag_rules.size());
    CHECK(flag(flags, "--rate-backend").words == std::vector<std::string>{"memory", "sqlite", "redis", "postgres"});
    CHECK(flag(flags, "--rate-preset").words == std::vector<std::string>{"arxiv", "ncbi"});
    CHECK(flag(flags, "--rate-config").file);
    CHECK(flag(flags, "--rate-aimd-enabled").optional);
    CHECK(flag(flags, "--rate-aimd-enabled").words.size() == 2);
    CHECK(flag(flags, "--rate-explain").argument == "HOST[.ROLE]");
    CHECK(flag(flags, "--rate-disable").argument.empty());
    CHECK(weir::completed_rate_flags().size() == flags.size());
}

TEST_CASE("characters that a shell interprets are quoted", "[config]") {
    const weir::completed_program odd{"my-prog",
                                      {{"", "", {{"--a", "X:Y", "it's [odd]: \\o/", false, false, {}}}, true, {}}}};
    const auto zsh = *weir::completion("zsh", odd);
    CHECK(has(zsh, R"('*--a=[it'\''s \[odd\]: \\o/]:X\:Y:')"));
    CHECK(zsh.starts_with("#compdef my-prog\n"));
    CHECK(has(*weir::completion("fish", odd), R"(-l a -x -d 'it\'s [odd]: \\o/')"));
    CHECK(has(*weir::completion("bash", odd), "complete -F _my_prog_complete my-prog\n"));
}

TEST_CASE("a shell without a completion is an error that names the closest", "[config]") {
    const auto wrong = weir::completion("fissh", {});
    REQUIRE_FALSE(wrong);
    CHECK(has(wrong.error().message, "did you mean \"fish\"? a shell is one of bash, zsh, fish"));
}
