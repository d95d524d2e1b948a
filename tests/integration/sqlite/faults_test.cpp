// SPDX-License-Identifier: MIT
#include "weir/ext/sqlite/sqlite_store.hpp"

#include "integration/sqlite/support/scratch.hpp"
#include "support/catch.hpp"

#include "weir/config/configuration.hpp"
#include "weir/registry/registry.hpp"

#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir_test::child;
using weir_test::scratch;
using weir_test::shared_memory;
using weir_test::signal_pipe;
using store = weir::sqlite::sqlite_store;
using registry = weir::registry<store>;

weir::window_plan plan_of(std::vector<weir::rate> rates, weir::counting from = weir::counting::admission) {
    weir::policy p;
    p.rates = std::move(rates);
    p.count_from = from;
    return weir::plan_windows(p);
}
weir::configuration limited(std::vector<weir::rate> rates, weir::counting from) {
    weir::policy p;
    p.rates = std::move(rates);
    p.max_delay = 1h;
    p.on_store_error = weir::store_failure::closed;
    p.count_from = from;
    return weir::configuration::builder{}.defaults("metadata", p).build().value();
}
weir::assessment count(store& s, const weir::window_plan& plan, std::string_view host = "h") {
    auto slot = s.make_slot(host, "r");
    return s.count(slot, plan, 1, s.now());
}
std::int64_t used(store& s, const weir::window_plan& plan, std::string_view host = "h") {
    auto slot = s.make_slot(host, "r");
    return s.read(slot, plan, s.now()).windows[0].used;
}

/// What a store says when it fails; empty when it does not.
std::string trouble(const std::function<void()>& step) {
    try {
        step();
    } catch (const weir::store_error& e) {
        return e.what();
    }
    return {};
}
bool says(const std::string& text, std::string_view part) {
    if (text.find(part) != std::string::npos)
        return true;
    std::cerr << "it says: " << text << "\n";
    return false;
}

/// Another program's connection.
class raw {
public:
    explicit raw(const std::string& path) {
        if (sqlite3_open(path.c_str(), &db_) != SQLITE_OK)
            throw std::runtime_error{"cannot open " + path};
    }
    raw(const raw&) = delete;
    raw& operator=(const raw&) = delete;
    ~raw() { sqlite3_close(db_); }
    void run(const std::string& sql) {
        if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
            throw std::runtime_error{sqlite3_errmsg(db_)};
    }
    std::string ask(const std::string& sql) {
        sqlite3_stmt* s = nullptr;
        std::string out;
        if (sqlite3_prepare_v2(db_, sql.c_str(), -1, &s, nullptr) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
            out = reinterpret_cast<const char*>(sqlite3_column_text(s, 0));
        sqlite3_finalize(s);
        return out;
    }

private:
    sqlite3* db_ = nullptr;
};

}  // namespace

TEST_CASE("sqlite: the entries of a killed process count for one window after its death, and not until they expire") {
    const scratch here;
    auto options = here.options();
    const auto config = limited({{3, 500ms}}, weir::counting::response);
    const signal_pipe holds;
    child worker{[&] {
        registry limits{store{options}, config};
        std::vector<registry::permit> held;
        for (int i = 0; i < 3; ++i)
            held.push_back(limits.acquire("h.org", "metadata"));
        holds.send();
        std::this_thread::sleep_for(1min);
        return 0;
    }};
    holds.receive();
    registry limits{store{options}, config};
    const weir::instant killed = limits.store().now();
    CHECK(worker.kill() == -SIGKILL);
    CHECK_FALSE(limits.try_acquire("h.org", "metadata"));
    for (int i = 0; i < 3; ++i)
        limits.acquire("h.org", "metadata").arrived();
    const weir::duration took = limits.store().now() - killed;
    CHECK(took >= 500ms);
    CHECK(took < options.entry_ttl);
    CHECK(limits.inspect("h.org", "metadata").value().state.open == 0);
}

TEST_CASE("sqlite: a file whose writers are killed again and again is sound and has every granted admission") {
    const scratch here;
    const auto plan = plan_of({{1'000'000, 24h}});
    const shared_memory<std::int64_t> reported;
    constexpr int kills = weir_test::slowness > 1 ? 5 : 25;
    for (int i = 0; i < kills; ++i) {
        const std::int64_t before = *reported;
        child worker{[&] {
            store s{here.options()};
            auto slot = s.make_slot("h", "r");
            for (;;)
                if (s.count(slot, plan, 1, s.now()).admits())
                    ++*reported;
            return 0;
        }};
        const auto patience = std::chrono::steady_clock::now() + 20s;
        while (*const_cast<const volatile std::int64_t*>(&*reported) < before + 10 * (i % 4 + 1) &&
               std::chrono::steady_clock::now() < patience)
            std::this_thread::sleep_for(1ms);
        CHECK(worker.kill() == -SIGKILL);
        CHECK(*reported > before);
    }
    store s{here.options()};
    const std::int64_t in_file = used(s, plan);
    CHECK(in_file >= *reported);
    CHECK(in_file <= *reported + kills);
    CHECK(raw{here.file()}.ask("PRAGMA integrity_check") == "ok");
}

TEST_CASE("sqlite: everything about a key survives a restart") {
    const scratch here;
    const auto plan = plan_of({{300, 1h}, {1000, 24h}});
    weir::instant gate{};
    {
        store s{here.options()};
        auto slot = s.make_slot("h", "r");
        for (int i = 0; i < 300; ++i)
            REQUIRE(s.count(slot, plan, 1, s.now()).admits());
        gate = s.now() + 1min;
        CHECK(s.hold(slot, gate));
        s.tune(slot, weir::multiplier::of(0.25));
    }
    store s{here.options()};
    auto slot = s.make_slot("h", "r");
    const auto denied = s.count(slot, plan, 1, s.now());
    CHECK(denied.cause == weir::cause::window);
    CHECK(denied.at > s.now() + 59min);
    CHECK(denied.at <= s.now() + 1h);
    const auto seen = s.read(slot, plan, s.now());
    CHECK(seen.windows[0].used == 300);
    CHECK(seen.windows[1].used == 300);
    CHECK(seen.factor == weir::multiplier::of(0.25));
    CHECK(s.factor(slot) == weir::multiplier::of(0.25));
    CHECK(seen.gate > gate - 1ms);
    CHECK(seen.gate < gate + 1ms);
    CHECK_FALSE(s.hold(slot, gate - 1s));
}

TEST_CASE("sqlite: several processes that make or update the file at once do it once") {
    const auto plan = plan_of({{1000, 1h}});
    for (int round = 0; round < (weir_test::slowness > 1 ? 5 : 30); ++round) {
        const scratch here;
        // Every second time the file is there, and of the first version.
        if (round % 2 != 0) {
            namespace detail = weir::sqlite::detail;
            detail::patience waiting;
            waiting.begin(std::chrono::steady_clock::now() + 1s);
            detail::connection db{here.file(), waiting};
            detail::use_wal(db);
            detail::migrate(db, std::span{detail::migrations}.first(1));
        }
        const shared_memory<int> gate;
        std::vector<child> all;
        for (int i = 0; i < 3; ++i)
            all.emplace_back([&] {
                while (*const_cast<const volatile int*>(&*gate) == 0) {
                }
                store s{here.options()};
                return count(s, plan).admits() ? 0 : 1;
            });
        *gate = 1;
        for (child& c : all)
            CHECK(c.wait() == 0);
        store s{here.options()};
        CHECK(used(s, plan) == 3);
    }
}

TEST_CASE("sqlite: a verb waits no longer than busy_timeout for another user of the file") {
    const scratch here;
    auto options = here.options();
    const auto plan = plan_of({{1000, 1h}});
    options.busy_timeout = 150ms;
    store s{options};
    REQUIRE(count(s, plan).admits());
    raw other{here.file()};
    other.run("BEGIN IMMEDIATE");
    const auto begin = std::chrono::steady_clock::now();
    const std::string said = trouble([&] { static_cast<void>(count(s, plan)); });
    const auto took = std::chrono::steady_clock::now() - begin;
    CHECK(says(said, "busy_timeout"));
    CHECK(took >= 140ms);
    CHECK(took < 2s);
    other.run("ROLLBACK");
    CHECK(count(s, plan).admits());
    CHECK(used(s, plan) == 2);
}

TEST_CASE("sqlite: a stopped process that holds the file costs the others an error, and nothing is lost when it goes") {
    const scratch here;
    auto options = here.options();
    const auto plan = plan_of({{1000, 1h}});
    options.busy_timeout = 100ms;
    const signal_pipe holds;
    child stopped{[&] {
        {
            store s{here.options()};
            s.open();
        }
        raw other{here.file()};
        other.run("BEGIN IMMEDIATE");
        other.run("DELETE FROM keys");
        holds.send();
        std::this_thread::sleep_for(1min);
        return 0;
    }};
    holds.receive();
    stopped.signal(SIGSTOP);
    store s{options};
    CHECK(says(trouble([&] { static_cast<void>(count(s, plan)); }), "stopped"));
    CHECK(stopped.kill() == -SIGKILL);
    CHECK(count(s, plan).admits());
}

TEST_CASE("sqlite: a file that must not be written is a clear error") {
    const scratch here;
    const auto plan = plan_of({{1000, 1h}});
    {
        store s{here.options()};
        REQUIRE(count(s, plan).admits());
    }
    std::filesystem::permissions(here.file(), std::filesystem::perms::owner_read | std::filesystem::perms::group_read |
                                                  std::filesystem::perms::others_read);
    std::filesystem::permissions(here.path(), std::filesystem::perms{0555});
    child reader{[&] {
        // Root may write anything.
        if (::geteuid() == 0 && ::setuid(65534) != 0)
            return 77;
        store s{here.options()};
        const std::string said = trouble([&] { static_cast<void>(count(s, plan)); });
        return says(said, "let this user write the file and its folder") && says(said, here.file()) ? 0 : 1;
    }};
    CHECK(reader.wait() == 0);
    child newcomer{[&] {
        if (::geteuid() == 0 && ::setuid(65534) != 0)
            return 77;
        auto options = here.options();
        options.path = here.file("other.db");
        store s{options};
        return says(trouble([&] { s.open(); }), "let this user write in it") ? 0 : 1;
    }};
    CHECK(newcomer.wait() == 0);
    std::filesystem::permissions(here.path(), std::filesystem::perms::owner_all);
}

TEST_CASE("sqlite: a file that may not grow is a clear error, and granted admissions are kept") {
    const scratch here;
    const auto plan = plan_of({{1'000'000, 24h}});
    const shared_memory<std::int64_t> reported;
    child limited_writer{[&] {
        ::signal(SIGXFSZ, SIG_IGN);
        store s{here.options()};
        s.open();
        const rlimit small{256 << 10, 256 << 10};
        if (::setrlimit(RLIMIT_FSIZE, &small) != 0)
            return 77;
        for (int i = 0; i < 100'000; ++i) {
            const std::string said = trouble([&] { *reported += count(s, plan).admits(); });
            if (!said.empty())
                return says(said, "full disk, a quota, a file size limit") ? 0 : 1;
        }
        return 2;
    }};
    CHECK(limited_writer.wait() == 0);
    store s{here.options()};
    CHECK(used(s, plan) == *reported);
    CHECK(raw{here.file()}.ask("PRAGMA integrity_check") == "ok");
}

TEST_CASE("sqlite: a full disk is a clear error, and the store goes on as soon as there is space") {
    const scratch here;
    if (::mount("tmpfs", here.path().c_str(), "tmpfs", 0, "size=1m") != 0)
        WEIR_SKIP("a small disk of its own can be mounted by root only");
    struct unmounting {
        const scratch& of;
        ~unmounting() { ::umount2(of.path().c_str(), MNT_DETACH); }
    } const at_end{here};
    const auto plan = plan_of({{1'000'000, 24h}});
    store s{here.options()};
    std::int64_t reported = count(s, plan).admits();
    std::string said;
    {
        std::ofstream ballast{here.file("ballast"), std::ios::binary};
        const std::string block(4096, 'x');
        while (ballast.write(block.data(), 4096).flush()) {
        }
    }
    for (int i = 0; i < 10'000 && said.empty(); ++i)
        said = trouble([&] { reported += count(s, plan).admits(); });
    CHECK(says(said, "free some space"));
    CHECK_FALSE(trouble([&] { static_cast<void>(count(s, plan)); }).empty());
    std::filesystem::remove(here.file("ballast"));
    CHECK(count(s, plan).admits());
    CHECK(used(s, plan) == reported + 1);
}

TEST_CASE("sqlite: a file that is not a database, or another program's, is not changed") {
    const scratch here;
    const auto plan = plan_of({{1000, 1h}});
    std::ofstream{here.file("text")} << std::string(5000, 'x');
    auto options = here.options();
    options.path = here.file("text");
    store text{options};
    CHECK(says(trouble([&] { text.open(); }), "move the file away"));
    CHECK(std::filesystem::file_size(options.path) == 5000);
    {
        raw other{here.file("theirs")};
        other.run("CREATE TABLE keys (a); INSERT INTO keys VALUES (7)");
    }
    options.path = here.file("theirs");
    store theirs{options};
    CHECK(says(trouble([&] { theirs.open(); }), "another program"));
    CHECK(raw{options.path}.ask("SELECT a FROM keys") == "7");
}

TEST_CASE("sqlite: a damaged row is an error of only its key") {
    const scratch here;
    const auto plan = plan_of({{1000, 1h}});
    store s{here.options()};
    REQUIRE(count(s, plan, "good").admits());
    REQUIRE(count(s, plan, "bad").admits());
    raw{here.file()}.run("UPDATE keys SET state = x'00112233' WHERE id = 2");
    CHECK(says(trouble([&] { static_cast<void>(count(s, plan, "bad")); }), "damaged"));
    CHECK(count(s, plan, "good").admits());
}

TEST_CASE("sqlite: when the file is taken away, a new one is made and keys warm up first") {
    const scratch here;
    const auto plan = plan_of({{1, 300ms}, {10, 1h}});
    store s{here.options()};
    REQUIRE(count(s, plan).admits());
    for (const char* end : {"", "-wal", "-shm"})
        std::filesystem::remove(here.file() + end);
    std::this_thread::sleep_for(120ms);
    const auto begin = s.now();
    const auto cold = count(s, plan, "other");
    CHECK(cold.cause == weir::cause::window);
    CHECK(cold.window == 0);
    CHECK(cold.at > begin + 290ms);
    CHECK(std::filesystem::exists(here.file()));
    while (s.now() < cold.at)
        std::this_thread::sleep_for(cold.at - s.now());
    CHECK(count(s, plan, "other").admits());
}

TEST_CASE("sqlite: in a forked child a store says so, and so does a new one if the parent has a file open") {
    const scratch here;
    const auto plan = plan_of({{1000, 1h}});
    {
        store s{here.options()};
        REQUIRE(count(s, plan).admits());
        child forked{[&] {
            const std::string old = trouble([&] { static_cast<void>(count(s, plan)); });
            store mine{here.options()};
            const std::string fresh = trouble([&] { mine.open(); });
            return says(old, "fork") && says(fresh, "fork") ? 0 : 1;
        }};
        CHECK(forked.wait() == 0);
        CHECK(count(s, plan).admits());
    }
    store unopened{here.options()};
    child forked{[&] {
        store mine{here.options()};
        return count(mine, plan).admits() ? 0 : 1;
    }};
    CHECK(forked.wait() == 0);
    CHECK(used(unopened, plan) == 3);
}
