// SPDX-License-Identifier: MIT
//
// Pins every message. To re-pin after a change of words: WEIR_CORPUS_WRITE=1 weir_unit_yaml "[corpus]", then read the
// diff.

#include "weir/ext/yaml/yaml.hpp"

#include "weir/config/cli/command_line.hpp"
#include "weir/config/cli/environment.hpp"
#include "weir/config/resolve.hpp"
#include "weir/ext/yaml/preset.hpp"

#include "support/catch.hpp"
#include "support/corpus.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

/// What a program would get that was started with all of an entry.
weir::resolution resolved(const weir_test::corpus_entry& entry) {
    const auto lines = entry.lines("flags");
    std::vector<const char*> arguments;
    for (const std::string& line : lines)
        arguments.push_back(line.c_str());
    const auto flags = weir::read_command_line(arguments);
    const auto set = entry.lines("variables");
    const auto variables =
        weir::read_environment("DOCSTOKG_RLIMIT", std::vector<std::string_view>(set.begin(), set.end()));

    std::vector<weir::layer> layers;
    for (const std::string& name : flags.presets)
        layers.push_back(weir::yaml::load_preset(name));
    std::string name = "f.yaml";
    for (const auto* part : entry.all("yaml")) {
        layers.push_back(weir::yaml::load_text(part->text(), name));
        ++name.front();
    }
    for (const std::string& path : flags.config_paths)
        layers.push_back(weir::yaml::load_file(path));
    if (variables.config_path && !variables.config_path->empty())
        layers.push_back(weir::yaml::load_file(*variables.config_path));
    layers.push_back(variables.values);
    layers.push_back(flags.values);
    return weir::resolve(layers);
}

std::vector<std::string> texts(const std::vector<weir::fault>& faults) {
    std::vector<std::string> out;
    for (const auto& f : faults)
        out.push_back(f.text());
    return out;
}

/// `HOST ROLE = 10/1s 5000/1h | 250 ms` for a line that begins with HOST and ROLE.
std::string policy_line(const weir::resolution& r, const std::string& line) {
    const auto space = line.find(' ');
    const std::string host = line.substr(0, space);
    const std::string role = line.substr(space + 1, line.find(' ', space + 1) - space - 1);
    const auto p = r->policy_for(host, role);
    if (!p)
        return fmt::format("{} {} = {}", host, role, p.error().message);
    std::vector<std::string> rates;
    for (const weir::rate& rate : p->rates)
        rates.push_back(weir::to_string(rate));
    return fmt::format("{} {} = {} | {} ms", host, role,
                       p->unlimited ? "unlimited" : fmt::format("{}", fmt::join(rates, " ")),
                       std::chrono::duration<double, std::milli>{p->max_delay}.count());
}

const bool rewrite = std::getenv("WEIR_CORPUS_WRITE") != nullptr;
constexpr auto folder = WEIR_SOURCE_DIR "/tests/corpus/";

}  // namespace

TEST_CASE("every bad configuration is refused with its own faults", "[yaml][corpus]") {
    std::size_t count = 0;
    std::set<std::string> names;
    for (auto& file : weir_test::read_corpus(std::string{folder} + "bad-configurations")) {
        for (auto& entry : file.entries) {
            ++count;
            const std::string name = fmt::format("{}: {}", file.path.filename().string(), entry.name);
            const auto r = resolved(entry);
            INFO(name << "\n" << r.fault_text());
            CHECK(names.insert(name).second);
            CHECK_FALSE(r);
            CHECK(r.fault_text().find("secret") == std::string::npos);
            if (rewrite)
                entry.expect("faults", texts(r.faults()));
            CHECK(entry.lines("faults") == texts(r.faults()));
        }
        if (rewrite)
            file.write();
    }
    CHECK(count >= 120);
}

TEST_CASE("every good configuration is accepted and gives the listed policies", "[yaml][corpus]") {
    for (auto& file : weir_test::read_corpus(std::string{folder} + "good-configurations")) {
        for (auto& entry : file.entries) {
            const auto r = resolved(entry);
            INFO(file.path.filename().string() << ": " << entry.name << "\n" << r.fault_text());
            REQUIRE(r);
            std::vector<std::string> policies;
            for (const std::string& line : entry.lines("policies"))
                policies.push_back(policy_line(r, line));
            if (rewrite) {
                entry.expect("policies", policies);
                entry.expect("notes", texts(r.notes()));
            }
            CHECK(entry.lines("policies") == policies);
            CHECK(entry.lines("notes") == texts(r.notes()));
        }
        if (rewrite)
            file.write();
    }
}
