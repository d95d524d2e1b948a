// SPDX-License-Identifier: MIT
#include "weir/ext/yaml/yaml.hpp"

#include "weir/config/resolve.hpp"

#include "support/catch.hpp"
#include "support/plain_yaml.hpp"
#include "support/sanitized.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::string_literals;

constexpr std::size_t full = 8U << 20U;  // the most that load_text looks at

struct attack {
    std::string name;
    std::string text;
};

/// `piece` again and again between `head` and `tail`, as many bytes as are looked at.
std::string filled(std::string_view piece, std::string_view head = "", std::string_view tail = "") {
    std::string out{head};
    while (out.size() + piece.size() + tail.size() <= full)
        out += piece;
    return out += tail;
}

/// `make(i)` for i = 0, 1, ... until the text is full.
std::string numbered(const std::function<std::string(std::size_t)>& make, std::string_view head = "",
                     std::size_t bytes = full) {
    std::string out{head};
    for (std::size_t i = 0;; ++i) {
        const std::string piece = make(i);
        if (out.size() + piece.size() > bytes)
            return out;
        out += piece;
    }
}

std::string laughs(std::size_t levels) {
    std::string out = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (std::size_t i = 1; i < levels; ++i)
        out += fmt::format("a{0}: &a{0} [*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1}]\n", i, i - 1);
    return out;
}

/// A right file, host by host.
std::string right(std::size_t bytes) {
    std::string out = "version: 1\nhosts:\n";
    for (std::size_t i = 0; out.size() < bytes; ++i)
        out += fmt::format("  host{}.example.org:\n    metadata:\n      rates: [\"10/SECOND\", \"5000/HOUR\"]\n"
                           "      max_delay_ms: {}\n",
                           i, 200 + i % 100);
    return out;
}

/// What must be refused at once, whatever stands in the rest of it.
std::vector<attack> early() {
    std::string stairs;
    for (std::size_t i = 0; stairs.size() + i + 4 < full; ++i)
        stairs += std::string(i, ' ') + "a:\n";
    std::string nul_last = right(full - 1000);
    nul_last.back() = '\0';
    std::string bad_last = right(full - 1000);
    bad_last.back() = '\xff';
    std::string rates = "hosts:\n  x.org:\n    metadata:\n      rates: \"1/s";
    while (rates.size() < 60'000)
        rates += "+1/s";
    return {
        {"billion laughs", laughs(10)},
        {"billion laughs, all of it", laughs(100'000)},
        {"billion laughs in mappings",
         "a: &a {k: v}\nb: &b {<<: *a, l: *a}\nc: &c {<<: *b, l: *b}\nd: {<<: *c, l: *c}\n"},
        {"brackets", filled("[")},
        {"braces", filled("{")},
        {"braces with keys", filled("{a: ")},
        {"a bracket a line", filled("[\n")},
        {"open and close", filled("[],", "a: [")},
        {"dashes on a line", filled("- ")},
        {"question marks on a line", filled("? ")},
        {"stairs", stairs},
        {"too large", std::string(full + 1, 'a')},
        {"nothing but x", std::string(full, 'x')},
        {"a scalar of megabytes", "version: " + std::string(4U << 20U, '1')},
        {"a scalar in quotes", "version: \"" + std::string(4U << 20U, '1') + "\""},
        {"a scalar of escapes", filled("\\x41", "version: \"", "\"")},
        {"a scalar in single quotes", filled("''", "version: '", "'")},
        {"a scalar of lines", filled("  x\n", "version:\n")},
        {"a scalar of short lines", filled("x\n", "version: \"")},
        {"a literal block", filled("  x\n", "version: |\n")},
        {"a folded block", filled("  x\n\n", "version: >\n")},
        {"blank lines in a block", filled("\n", "version: |\n")},
        {"spaces in a block", filled("      \n", "version: >\n")},
        {"a quote that stays open", filled("version: 1\n", "version: \"")},
        {"a key of megabytes", std::string(4U << 20U, 'k') + ": 1"},
        {"a key in quotes", "\"" + std::string(4U << 20U, 'k') + "\": 1"},
        {"a tag of megabytes", "version: !" + std::string(4U << 20U, 't')},
        {"an anchor of megabytes", "version: &" + std::string(4U << 20U, 'a')},
        {"an alias of megabytes", "version: *" + std::string(4U << 20U, 'a')},
        {"documents", filled("---\n")},
        {"documents with an end", filled("--- {}\n...\n")},
        {"documents of a key", filled("---\nversion: 1\n")},
        {"directives", filled("%YAML 1.2\n")},
        {"tag directives", numbered([](auto i) { return fmt::format("%TAG !{}! tag:x\n", i); })},
        {"comments", filled("# nothing\n")},
        {"one comment", "#" + std::string(full - 1, '-')},
        {"blank lines", filled("\n")},
        {"spaces", std::string(full, ' ')},
        {"tabs", std::string(full, '\t')},
        {"carriage returns", std::string(full, '\r')},
        {"colons", filled(": ")},
        {"commas", filled(",", "roles: [")},
        {"a list on one line", filled("a,", "roles: [", "]")},
        {"a mapping on one line", numbered([](auto i) { return fmt::format("k{}: 1,", i); }, "{")},
        {"keys on one line", filled("a: ")},
        {"a NUL at the end", nul_last},
        {"bad UTF-8 at the end", bad_last},
        {"UTF-16", "\xff\xfe"s + filled("a\0"s)},
        {"unknown keys", numbered([](auto i) { return fmt::format("k{}: 1\n", i); })},
        {"short unknown keys", numbered([](auto i) { return fmt::format("{:x}:\n", i); })},
        {"one key again and again", filled("version: 1\n")},
        {"a host in many spellings",
         numbered([](auto i) { return std::string(i % 60'000 + 1, 'A') + ":\n  "; }, "hosts:\n  ")},
        {"anchors", numbered([](auto i) { return fmt::format("k{}: &a 1\n", i); })},
        {"tags", filled("  - !!str a\n", "roles:\n")},
        {"nulls in a list", filled("  -\n", "roles:\n")},
        {"lists in a list", filled("  - [a]\n", "roles:\n")},
        {"roles", numbered([](auto i) { return fmt::format("  - r{}\n", i); }, "roles:\n")},
        {"bad roles", numbered([](auto i) { return fmt::format("  - R{}\n", i); }, "roles:\n")},
        {"rates", filled("        - 1/s\n", "defaults:\n  metadata:\n      rates:\n")},
        {"bad rates", filled("        - 1\n", "defaults:\n  metadata:\n      rates:\n")},
        {"rates in one text", rates + "\"\nverson: 1\n"},
        {"list leaves", numbered([](auto i) { return fmt::format("k{}: []\n", i); })},
        {"mapping leaves", numbered([](auto i) { return fmt::format("k{}: {{}}\n", i); })},
        {"complex keys", filled("? [a]\n: b\n")},
        {"scalars of 60 kB", filled(std::string(60'000, 'x') + ": 1\n")},
    };
}

/// Hosts without end, all wrong: whether there are too many can only be known at the end.
std::vector<attack> hosts(std::size_t bytes) {
    return {
        {"unknown roles",
         numbered([](auto i) { return fmt::format("  h{}.org: {{metdata: 1}}\n", i); }, "hosts:\n", bytes)},
        {"hosts that are none", numbered([](auto i) { return fmt::format("  h_{}/: {{}}\n", i); }, "hosts:\n", bytes)},
        {"leaves of none",
         numbered([](auto i) { return fmt::format("  {:x}.b: {{metadata: {{x: 1}}}}\n", i); }, "hosts:\n", bytes)},
        {"nothing", numbered([](auto i) { return fmt::format("  {:x}:\n", i); }, "hosts:\n", bytes)},
    };
}

using weir_test::cpu_ms;

struct cost {
    double ms = 0;
    double mib = 0;
    std::size_t faults = 0;
};

/// What `work`, which tells its faults, takes in a child, whose memory nobody else has used.
cost in_a_child(const std::function<std::size_t()>& work) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const pid_t child = fork();
    if (child == 0) {
        alarm(120);  // a hang is a failure
        rusage before{}, after{};
        getrusage(RUSAGE_SELF, &before);
        const double begin = cpu_ms();
        cost c;
        c.faults = work();
        c.ms = cpu_ms() - begin;
        getrusage(RUSAGE_SELF, &after);
        c.mib = static_cast<double>(after.ru_maxrss - before.ru_maxrss) / 1024;
        _exit(write(ends[1], &c, sizeof c) == sizeof c ? 0 : 1);
    }
    cost c;
    const bool answered = read(ends[0], &c, sizeof c) == sizeof c;
    int status = 0;
    waitpid(child, &status, 0);
    close(ends[0]);
    close(ends[1]);
    CHECK((answered && status == 0));
    return c;
}

using weir_test::sanitized;  // which slows us and not yaml-cpp

/// What yaml-cpp alone takes for `text`.
double plain_parse_ms(const std::string& text) {
    return in_a_child([&] {
               weir_test::parse_plainly(text);
               return std::size_t{0};
           })
        .ms;
}

weir::resolution loaded(const std::string& text) {
    return weir::resolve(std::array{weir::yaml::load_text(text, "f.yaml")});
}

/// Refused within 64 MiB, and within `times` of what yaml-cpp takes for `yardstick`. The machine may be busy with
/// something else: one good round of five counts.
void check(const std::string& name, const std::function<weir::resolution()>& load, double times,
           const std::string& yardstick) {
    if (sanitized)
        times *= 30;
    cost best;
    double max_ms = 0;
    for (int i = 0; i < 5 && (i == 0 || best.ms > max_ms); ++i) {
        max_ms = times * plain_parse_ms(yardstick);
        best = in_a_child([&] {
            const auto r = load();
            return r ? 0 : r.faults().size();
        });
    }
    std::printf("%-30s %8.1f ms %6.1f MiB %5zu faults (bound %.1f)\n", name.c_str(), best.ms, best.mib, best.faults,
                max_ms);
    std::fflush(stdout);
    INFO(name << ": " << best.ms << " ms of " << max_ms << ", " << best.mib << " MiB");
    CHECK(best.faults > 0);
    CHECK(best.ms <= max_ms);
    if (!sanitized)
        CHECK(best.mib <= 64);
}

}  // namespace

TEST_CASE("a hostile text is refused before much of it is read", "[yaml]") {
    // In numbers: below 50 ms where yaml-cpp reads 7 MB a second. bench/config tells the milliseconds.
    const auto yardstick = right(384U << 10U);
    for (const attack& a : early())
        check(a.name, [&] { return loaded(a.text); }, 1, yardstick);
}

TEST_CASE("hosts without end that are all wrong cost little more than yaml-cpp alone needs for them", "[yaml]") {
    for (const attack& a : hosts(sanitized ? 1U << 17U : 1U << 20U))
        check(a.name, [&] { return loaded(a.text); }, 1.5, a.text);
}

TEST_CASE("as many leaves as a text can hold fit into 64 MiB", "[yaml]") {
    if (sanitized)
        WEIR_SKIP("a sanitizer keeps freed memory");
    for (const attack& a : hosts(full))
        check(a.name, [&] { return loaded(a.text); }, 1e9, "");
}

TEST_CASE("a file larger than any memory is refused unread", "[yaml]") {
    const auto path = std::filesystem::temp_directory_path() / fmt::format("weir-hostile-{}.yaml", getpid());
    std::ofstream{path} << "version: 1\n";
    std::error_code failure;
    std::filesystem::resize_file(path, std::uintmax_t{1} << 40U, failure);
    if (!failure)
        check(
            "a terabyte", [&] { return weir::resolve(std::array{weir::yaml::load_file(path.string())}); }, 1,
            right(384U << 10U));
    std::filesystem::remove(path);
    if (failure)
        WEIR_SKIP("the file system has no sparse files so large");
}
