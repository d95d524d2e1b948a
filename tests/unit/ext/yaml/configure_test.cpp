// SPDX-License-Identifier: MIT
#include "weir/ext/yaml/configure.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

using namespace std::chrono_literals;

namespace {

/// A file that is gone at the end of the test.
struct temporary {
    std::string path;
    explicit temporary(std::string_view name, std::string_view text)
        : path((std::filesystem::temp_directory_path() / ("weir_configure_" + std::string{name})).string()) {
        std::ofstream{path} << text;
    }
    temporary(const temporary&) = delete;
    temporary& operator=(const temporary&) = delete;
    ~temporary() { std::filesystem::remove(path); }
};

struct run {
    std::vector<std::string> words;
    std::vector<const char*> environ_entries;
    std::vector<char*> argv{};
    int argc = 0;
    weir::yaml::configured operator()() {
        words.insert(words.begin(), "prog");
        for (auto& w : words)
            argv.push_back(w.data());
        argc = static_cast<int>(argv.size());
        argv.push_back(nullptr);
        environ_entries.push_back(nullptr);
        return weir::yaml::configure(argc, argv.data(),
                                     {.prefix = "DOCSTOKG_RLIMIT", .environ = environ_entries.data()});
    }
};

}  // namespace

TEST_CASE("command line wins over environment, over files, over defaults, leaf by leaf", "[yaml][8a]") {
    const temporary file{"a.yaml",
                         "backend: {kind: sqlite}\nglobal_max_inflight: 750\naimd: {enabled: true, window_s: 30}\n"
                         "hosts: {api.x.org: {metadata: {rates: [50/s], max_delay_ms: 250}}}\n"};
    run r{{"--rate-config", file.path, "--rate-max-inflight", "2000", "--topic", "ai"},
          {"DOCSTOKG_RLIMIT_BACKEND=redis", "DOCSTOKG_RLIMIT_GLOBAL_INFLIGHT=1000",
           "DOCSTOKG_RLIMIT__api.x.org__metadata=max_delay_ms:5000"}};
    const auto c = r();
    INFO(c.fault_text());
    REQUIRE(c);
    CHECK(c->global_max_inflight() == 2000);
    CHECK(c->backend().kind == "redis");
    CHECK(c->aimd().window_s == 30);
    CHECK(c->policy_for("api.x.org", "metadata")->rates == std::vector<weir::rate>{{50, 1s}});
    CHECK(c->policy_for("api.x.org", "metadata")->max_delay == 5s);
    CHECK(c->policy_for("api.x.org", "landing")->rates.size() == 2);
    CHECK(r.argc == 3);
}

TEST_CASE("the tuner that the file turns on stays on when no flag is given", "[yaml]") {
    const temporary file{"b.yaml", "aimd: {enabled: true}\n"};
    CHECK(run{{"--rate-config", file.path}, {}}()->aimd().enabled);
    CHECK_FALSE(run{{"--rate-config", file.path, "--rate-aimd-enabled=false"}, {}}()->aimd().enabled);
}

TEST_CASE("the environment alone is read, and so is the file it names", "[yaml]") {
    CHECK(run{{}, {"DOCSTOKG_RLIMIT_BACKEND=redis"}}()->backend().kind == "redis");
    const temporary file{"c.yaml", "global_max_inflight: 7\n"};
    const std::string entry = "DOCSTOKG_RLIMIT_CONFIG=" + file.path;
    CHECK(run{{}, {entry.c_str()}}()->global_max_inflight() == 7);
}

TEST_CASE("a later file has precedence over an earlier one, leaf by leaf", "[yaml]") {
    const temporary a{"d.yaml", "global_max_inflight: 7\nbackend: {kind: redis}\n"};
    const temporary b{"e.yaml", "global_max_inflight: 8\n"};
    const auto c = run{{"--rate-config", a.path, "--rate-config=" + b.path}, {}}();
    CHECK(c->global_max_inflight() == 8);
    CHECK(c->backend().kind == "redis");
}

TEST_CASE("a file that is missing or wrong leaves no configuration, and every source's faults are reported", "[yaml]") {
    const temporary bad{"f.yaml", "version: 3\n"};
    const auto c = run{{"--rate-config", "no/such.yaml", "--rate-config", bad.path, "--rate-bakend=x"},
                       {"DOCSTOKG_RLIMIT_DSM=x"}}();
    CHECK_FALSE(c);
    CHECK(c.faults().size() == 4);
}

TEST_CASE("nothing given is the built-in configuration", "[yaml]") { CHECK(*run{{}, {}}() == weir::configuration{}); }

TEST_CASE("presets lie below files, the later over the earlier", "[yaml]") {
    const temporary file{"g.yaml", "hosts: {arxiv: {metadata: {max_delay_ms: 9}}}\n"};
    const auto c = run{{"--rate-config", file.path, "--rate-preset", "arxiv", "--rate-preset=ncbi"}, {}}();
    INFO(c.fault_text());
    REQUIRE(c);
    CHECK(c->policy_for("export.arxiv.org", "metadata")->rates == std::vector<weir::rate>{{1, 3s}});
    CHECK(c->policy_for("export.arxiv.org", "metadata")->max_delay == 9ms);
    CHECK(c->policy_for("eutils.ncbi.nlm.nih.gov", "metadata")->rates.front().limit == 3);
    CHECK(std::ranges::count(c.origins(), weir::layer_kind::preset, &weir::origin::kind) > 2);
    CHECK(c.from.presets.size() == 2);
    CHECK(c.from.files == std::vector<std::string>{file.path});
    CHECK(run{{"--rate-preset", "arxif"}, {}}().fault_text().find("did you mean \"arxiv\"?") != std::string::npos);
    CHECK_FALSE(run{{"--rate-preset="}, {}}());
}

TEST_CASE("the sources of a configuration make it again", "[yaml]") {
    const temporary file{"h.yaml", "global_max_inflight: 7\n"};
    const auto c = run{{"--rate-config", file.path, "--rate", "a.org=1/s"}, {"DOCSTOKG_RLIMIT_BACKEND=redis"}}();
    std::ofstream{file.path} << "global_max_inflight: 8\n";
    const auto again = weir::yaml::load(c.from);
    CHECK(again->global_max_inflight() == 8);
    CHECK(again->backend().kind == "redis");
    CHECK(again->policy_for("a.org", "metadata")->rates.size() == 1);
}

TEST_CASE("an explanation is made only on request", "[yaml]") {
    CHECK(run{{"--rate", "a.org=1/s"}, {}}().explanation.empty());
    const auto c = run{{"--rate", "a.org=1/s", "--rate-explain=a.org.metadata"}, {}}();
    CHECK(c.explanation.starts_with("a.org metadata\nrates "));
    CHECK(c.explanation.find(" 1/SECOND ") != std::string::npos);
    const auto bad = run{{"--rate-explain=a.org.artefact"}, {}}();
    CHECK_FALSE(bad);
    CHECK(bad.explanation.empty());
    CHECK(bad.fault_text().find("--rate-explain: unknown role") == 0);
}
