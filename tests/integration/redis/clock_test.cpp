// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"

#include "integration/redis/support/server.hpp"
#include "support/catch.hpp"
#include "support/store_checks.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

// The server's clock is set.

namespace {

using namespace std::chrono_literals;
using weir::redis::redis_store;

/// A server whose clock can be set: a preloaded library gives it the time.
class stepped_server {
public:
    stepped_server() {
        std::string name = (std::filesystem::temp_directory_path() / "weir-clock-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            return;
        folder_ = name;
        std::ofstream{folder_ + "/clock.c"}
            << "#define _GNU_SOURCE\n#include <sys/time.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n#include "
               "<fcntl.h>\n"
               "#include <stdlib.h>\n#include <time.h>\n"
               "int gettimeofday(struct timeval* tv, void* tz) { char b[32] = {0}; struct timespec t; (void)tz;\n"
               "int f = open(\"" +
                   folder_ +
                   "/step\", O_RDONLY); if (f >= 0) { if (read(f, b, 31) < 0) b[0] = 0; close(f); }\n"
                   "syscall(SYS_clock_gettime, CLOCK_REALTIME, &t); tv->tv_sec = t.tv_sec + atol(b);\n"
                   "tv->tv_usec = t.tv_nsec / 1000; return 0; }\n";
        is_made_ =
            std::system(
                ("cc -shared -fPIC -o " + folder_ + "/clock.so " + folder_ + "/clock.c >/dev/null 2>&1").c_str()) == 0;
        if (!is_made_)
            return;
        ::setenv("LD_PRELOAD", (folder_ + "/clock.so").c_str(), 1);
        server_ = std::make_unique<weir_test::redis_server>();
        ::unsetenv("LD_PRELOAD");
        const std::int64_t before = clock();
        step(-100);
        is_made_ = clock() < before - 50;
        step(0);
    }
    stepped_server(const stepped_server&) = delete;
    stepped_server& operator=(const stepped_server&) = delete;
    ~stepped_server() {
        server_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    [[nodiscard]] bool is_made() const { return is_made_; }
    [[nodiscard]] weir_test::redis_server& operator*() { return *server_; }
    /// Sets the clock ahead of the machine's by that number of seconds.
    void step(int seconds) {
        std::ofstream{folder_ + "/step.new"} << seconds;
        std::filesystem::rename(folder_ + "/step.new", folder_ + "/step");
        std::this_thread::sleep_for(20ms);  // the server caches the time for one round of its loop
    }
    [[nodiscard]] std::int64_t clock() { return server_->number({"TIME"}); }

private:
    std::string folder_;
    bool is_made_ = false;
    std::unique_ptr<weir_test::redis_server> server_;
};

}  // namespace

TEST_CASE("redis: the server's clock steps back: no key stops, and no window ends early") {
    WEIR_NEEDS_REDIS();
    stepped_server server;
    if (!server.is_made())
        WEIR_SKIP("there is no C compiler, or the server takes its time from elsewhere");
    int base = 0;
    for (const auto from : {weir::counting::response, weir::counting::admission})
        for (const std::int64_t limit : {10, 100})
            for (const int back : {-2, -20, -100'000}) {
                INFO((from == weir::counting::response ? "response" : "admission")
                     << ", " << limit << ", " << back << " s");
                const std::string host = "h" + std::to_string(base) + ".org";
                redis_store store{weir::redis::parse_redis_dsn((*server).unix_dsn()).value()};
                const auto plan = weir::plan_windows(weir_test::rates({{limit, 600ms}, {limit * 3, 1h}}, from));
                auto slot = store.make_slot(host, "metadata");
                const auto asks = [&](redis_store& by, redis_store::slot& at) {
                    int admitted = 0;
                    for (int i = 0; i < limit + 2; ++i) {
                        weir::entry e;
                        if (!by.admit(at, plan, 1, by.now(), e).admits())
                            continue;
                        ++admitted;
                        by.settle(at, plan, e, weir::settlement::released, by.now());
                    }
                    by.flush();
                    return admitted;
                };
                CHECK(asks(store, slot) == limit);
                weir::entry open;
                base += back;
                server.step(base);
                const auto stepped = std::chrono::steady_clock::now();
                const auto f = store.admit(slot, plan, 1, store.now(), open);
                CHECK_FALSE(f.admits());
                CHECK(f.at < store.now() + 700ms);
                redis_store other{weir::redis::parse_redis_dsn((*server).unix_dsn()).value()};
                auto theirs = other.make_slot(host, "metadata");
                CHECK(asks(other, theirs) == 0);
                // The stamps from before the step still count.
                CHECK(store.read(slot, plan, store.now()).windows.at(1).used == limit);
                while (!store.admit(slot, plan, 1, store.now(), open).admits() &&
                       std::chrono::steady_clock::now() - stepped < 5s)
                    std::this_thread::sleep_for(5ms);
                CHECK(std::chrono::steady_clock::now() - stepped > 400ms);
                CHECK(std::chrono::steady_clock::now() - stepped < 1500ms);
                std::this_thread::sleep_for(200ms);  // so that the stamps from before the step have different times
                CHECK(asks(other, theirs) == limit - 1);
                CHECK(store.losses() == 0);
                store.settle(slot, plan, open, weir::settlement::released, store.now());
                store.flush();
                CHECK(store.read(slot, plan, store.now()).open == 0);
                CHECK(store.read(slot, plan, store.now()).windows.at(1).used == 2 * limit);
                for (const std::string& key : (*server).keys())
                    CHECK((*server).number({"PTTL", key}) > 0);
            }
}

TEST_CASE("redis: the server's clock steps back while requests are open and a gate is closed: both end on time") {
    WEIR_NEEDS_REDIS();
    stepped_server server;
    if (!server.is_made())
        WEIR_SKIP("there is no C compiler, or the server takes its time from elsewhere");
    auto options = weir::redis::parse_redis_dsn((*server).unix_dsn()).value();
    options.entry_ttl = 800ms;
    redis_store store{options};
    weir::policy p = weir_test::rates({{100, 100ms}});
    p.max_concurrent = 2;
    const auto plan = weir::plan_windows(p);
    auto slot = store.make_slot("h.org", "metadata");
    weir::entry e, dead;
    REQUIRE(store.admit(slot, plan, 1, store.now(), e).admits());
    store.settle(slot, plan, e, weir::settlement::released, store.now());
    REQUIRE(store.admit(slot, plan, 1, store.now(), e).admits());
    REQUIRE(store.admit(slot, plan, 1, store.now(), dead).admits());
    CHECK(store.hold(slot, store.now() + 500ms));
    server.step(-30);
    const auto stepped = std::chrono::steady_clock::now();
    CHECK(store.read(slot, plan, store.now()).in_flight == 2);
    store.settle(slot, plan, e, weir::settlement::released, store.now());
    store.flush();
    CHECK(store.read(slot, plan, store.now()).open == 1);
    weir::entry next;
    CHECK(store.admit(slot, plan, 1, store.now(), next).cause == weir::cause::gate);
    while (!store.admit(slot, plan, 1, store.now(), next).admits() && std::chrono::steady_clock::now() - stepped < 5s)
        std::this_thread::sleep_for(5ms);
    CHECK(std::chrono::steady_clock::now() - stepped < 1s);
    CHECK(std::chrono::steady_clock::now() - stepped > 350ms);
    std::this_thread::sleep_until(stepped + 1100ms);
    CHECK(store.read(slot, plan, store.now()).in_flight <= 1);
}
