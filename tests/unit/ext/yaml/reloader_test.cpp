// SPDX-License-Identifier: MIT
#include "weir/ext/yaml/reloader.hpp"

#include "weir/registry/registry.hpp"

#include "support/catch.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using weir::yaml::reloader;

namespace {

/// A folder that is gone at the end of the test.
struct temp_folder {
    fs::path at = fs::canonical(fs::temp_directory_path()) / ("weir_reloader_" + std::to_string(::getpid()));
    temp_folder() {
        fs::remove_all(at);
        fs::create_directories(at);
    }
    temp_folder(const temp_folder&) = delete;
    temp_folder& operator=(const temp_folder&) = delete;
    ~temp_folder() { fs::remove_all(at); }

    [[nodiscard]] std::string path(std::string_view name) const { return (at / name).string(); }
    void write(std::string_view name, std::string_view text) const { std::ofstream{at / name} << text; }
    void replace(std::string_view name, std::string_view text) const {
        write("fresh", text);
        fs::rename(at / "fresh", at / name);
    }
};

std::string inflight(int max) { return "global_max_inflight: " + std::to_string(max) + "\n"; }

/// A reloader whose first look is over.
struct watched {
    watched(std::vector<std::string> paths, bool notify) : watched(sources_of(std::move(paths)), notify) {}
    watched(const weir::yaml::sources& from, bool notify) : files{from, weir::yaml::load(from), {.notify = notify}} {
        CHECK_FALSE(files.poll());
    }
    static weir::yaml::sources sources_of(std::vector<std::string> paths) {
        weir::yaml::sources out;
        out.files = std::move(paths);
        return out;
    }

    /// The ceiling of what has changed; 0 = nothing has, -1 = it has faults.
    std::int64_t next() {
        const bool notified = readable();
        const auto fresh = files.poll();
        if (fresh && files.fd() >= 0)
            CHECK(notified);
        CHECK_FALSE(readable());
        return !fresh ? 0 : *fresh ? (*fresh)->global_max_inflight() : -1;
    }
    [[nodiscard]] bool readable() const {
        pollfd one{files.fd(), POLLIN, 0};
        return files.fd() >= 0 && ::poll(&one, 1, 0) == 1;
    }
    reloader files;
};

}  // namespace

TEST_CASE("reloader: whatever way a file changes, it is seen once", "[yaml]") {
    for (const bool notify : {true, false}) {
        CAPTURE(notify);
        const temp_folder dir;
        dir.write("a.yaml", inflight(1));
        watched w{{dir.path("a.yaml")}, notify};
        CHECK(w.next() == 0);

        dir.replace("a.yaml", inflight(22));
        CHECK(w.next() == 22);
        CHECK(w.next() == 0);
        dir.write("a.yaml", inflight(333));  // in place
        CHECK(w.next() == 333);
        CHECK(w.next() == 0);
        dir.write("b.yaml", inflight(5));  // another's
        CHECK(w.next() == 0);

        fs::remove(dir.path("a.yaml"));
        CHECK(w.next() == -1);
        CHECK(w.next() == 0);
        dir.write("a.yaml", inflight(4444));
        CHECK(w.next() == 4444);
        CHECK(w.next() == 0);

        fs::create_symlink(dir.path("b.yaml"), dir.path("fresh"));
        fs::rename(dir.path("fresh"), dir.path("a.yaml"));
        CHECK(w.next() == 5);
        dir.write("b.yaml", inflight(66));  // where the link leads
        CHECK(w.next() == 66);
        CHECK(w.next() == 0);
    }
}

TEST_CASE("reloader: a mounted ConfigMap's swap of ..data is seen, and so are later swaps", "[yaml]") {
    for (const bool notify : {true, false}) {
        CAPTURE(notify);
        const temp_folder dir;
        const auto version = [&](const std::string& name, int max) {
            fs::create_directory(dir.at / name);
            dir.write(name + "/limits.yaml", inflight(max));
            fs::create_directory_symlink(name, dir.at / "..data_tmp");
            fs::rename(dir.at / "..data_tmp", dir.at / "..data");
        };
        version("..2024_1", 1);
        fs::create_symlink("..data/limits.yaml", dir.at / "limits.yaml");
        watched w{{dir.path("limits.yaml")}, notify};
        for (int i = 2; i < 6; ++i) {
            version("..2024_" + std::to_string(i), i);
            fs::remove_all(dir.at / ("..2024_" + std::to_string(i - 1)));
            CHECK(w.next() == i);
            CHECK(w.next() == 0);
        }
    }
}

TEST_CASE("reloader: a file half written is refused while the old stays, and is seen again when it is whole",
          "[yaml]") {
    for (const bool notify : {true, false}) {
        CAPTURE(notify);
        const temp_folder dir;
        dir.write("a.yaml", inflight(7));
        watched w{{dir.path("a.yaml")}, notify};
        weir::registry limits{weir::memory_store{}, *weir::yaml::load(w.files.from())};
        {
            std::ofstream writer{dir.path("a.yaml")};
            writer << "hosts: {h: {meta" << std::flush;
            const auto half = w.files.poll();
            REQUIRE(half);
            CHECK_FALSE(*half);
            const auto refusal = limits.reload(*half);
            REQUIRE_FALSE(refusal);
            CHECK(refusal.error().message.find("a.yaml:1:") != std::string::npos);
            CHECK(limits.configuration().global_max_inflight() == 7);
            CHECK_FALSE(w.files.poll());
            writer << "data: {rates: [1/s]}}}\n" << inflight(8);
        }
        const auto whole = w.files.poll();
        REQUIRE(whole);
        INFO(whole->fault_text());
        CHECK(limits.reload(*whole));
        CHECK(limits.configuration().global_max_inflight() == 8);
        CHECK_FALSE(w.files.poll());
    }
}

TEST_CASE("reloader: a file that is not there, nor its folder, is waited for", "[yaml]") {
    for (const bool notify : {true, false}) {
        CAPTURE(notify);
        const temp_folder dir;
        watched w{{dir.path("sub/a.yaml")}, notify};
        fs::create_directory(dir.at / "sub");
        (void)w.next();
        dir.write("sub/a.yaml", inflight(3));
        CHECK(w.next() == 3);
        fs::rename(dir.at / "sub", dir.at / "gone");
        CHECK(w.next() == -1);
        fs::rename(dir.at / "gone", dir.at / "sub");
        CHECK(w.next() == 3);
    }
}

TEST_CASE("reloader: links that go round in a circle and a path through a file are faults, not a hang", "[yaml]") {
    const temp_folder dir;
    fs::create_symlink("b.yaml", dir.at / "a.yaml");
    fs::create_symlink("a.yaml", dir.at / "b.yaml");
    dir.write("file", "");
    watched w{{dir.path("a.yaml"), dir.path("file/c.yaml")}, true};
    CHECK(w.files.reload_now().faults().size() == 2);
    dir.replace("a.yaml", inflight(9));
    CHECK(w.next() == -1);
}

TEST_CASE("reloader: every file is watched, and flags stay over them", "[yaml]") {
    const temp_folder dir;
    dir.write("a.yaml", inflight(1));
    dir.write("b.yaml", "backend: {kind: sqlite}\n");
    auto from = watched::sources_of({dir.path("a.yaml"), dir.path("b.yaml")});
    from.command_line.add_text({"backend", "kind"}, "redis", weir::source_location{"--rate-backend"});
    watched w{from, true};
    dir.replace("b.yaml", inflight(2) + "backend: {kind: postgres}\n");
    const auto fresh = w.files.poll();
    REQUIRE(fresh);
    REQUIRE(*fresh);
    CHECK((*fresh)->global_max_inflight() == 2);
    CHECK((*fresh)->backend().kind == "redis");
    dir.replace("a.yaml", inflight(3));
    CHECK(w.next() == 2);
}

TEST_CASE("reloader: what changed before it was made is handed out by the first poll", "[yaml]") {
    const temp_folder dir;
    dir.write("a.yaml", inflight(1));
    const auto from = watched::sources_of({dir.path("a.yaml")});
    const auto in_force = weir::yaml::load(from);
    dir.write("a.yaml", inflight(2));
    reloader files{from, in_force};
    const auto fresh = files.poll();
    REQUIRE(fresh);
    CHECK((*fresh)->global_max_inflight() == 2);
    CHECK_FALSE(files.poll());
}

TEST_CASE("reloader: two writes within one tick of the file system's clock are not taken for one", "[yaml]") {
    const temp_folder dir;
    dir.write("a.yaml", inflight(10));
    watched w{{dir.path("a.yaml")}, false};
    for (int max = 11; max < 60; ++max) {
        const auto now = std::chrono::system_clock::now();
        dir.write("a.yaml", inflight(max));  // of the same size each time, and mostly of the same time
        std::int64_t last = 0;
        for (const auto later : {0ms, 1'000ms, 2'100ms, 2'200ms})
            if (const auto fresh = w.files.poll(now + later)) {
                CHECK(last == 0);
                last = (*fresh)->global_max_inflight();
            }
        CHECK(last == max);
    }
}

TEST_CASE("reloader: it reads again on demand, which the next poll does not repeat", "[yaml]") {
    for (const bool notify : {true, false}) {
        const temp_folder dir;
        dir.write("a.yaml", inflight(1));
        watched w{{dir.path("a.yaml")}, notify};
        CHECK(w.files.reload_now()->global_max_inflight() == 1);
        dir.write("a.yaml", inflight(20));
        CHECK(w.files.reload_now()->global_max_inflight() == 20);
        CHECK(w.next() == 0);
    }
}

TEST_CASE("reloader: without files there is nothing to watch; it can be moved", "[yaml]") {
    const temp_folder dir;
    watched none{weir::yaml::sources{}, true};
    CHECK(none.files.fd() == -1);
    CHECK(none.files.is_notified());
    CHECK(*none.files.reload_now() == weir::configuration{});

    dir.write("a.yaml", inflight(1));
    watched w{{dir.path("a.yaml")}, true};
    const int fd = w.files.fd();
    CHECK((fd >= 0) == w.files.is_notified());
    reloader moved{std::move(w.files)};
    CHECK(moved.fd() == fd);
    dir.write("a.yaml", inflight(2));
    CHECK(moved.poll());
    CHECK_FALSE(watched({dir.path("a.yaml")}, false).files.is_notified());
}

TEST_CASE("reloader: where the system has no watch left, files are compared instead", "[yaml]") {
    const temp_folder dir;
    dir.write("a.yaml", inflight(1));
    const auto from = watched::sources_of({dir.path("a.yaml")});
    const auto in_force = weir::yaml::load(from);
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit none{0, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    reloader files{from, in_force};
    ::setrlimit(RLIMIT_NOFILE, &before);
    CHECK(files.fd() == -1);
    CHECK_FALSE(files.is_notified());
    dir.write("a.yaml", inflight(20));
    const auto fresh = files.poll();
    REQUIRE(fresh);
    CHECK((*fresh)->global_max_inflight() == 20);
}
