// SPDX-License-Identifier: MIT
#include "weir/registry/key_table.hpp"

#include "weir/limiter/detail/spin_lock.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

struct table_node {
    table_node(std::string h, std::string r) : host(std::move(h)), role(std::move(r)) {}
    const std::string host;
    const std::string role;
    std::uint32_t hash = 0;
    int references = 0;
    int found = 0;
    static void fetch(const table_node* n) noexcept { __builtin_prefetch(n); }
    void lock() noexcept { spin.lock(); }
    bool lock_or_wait() noexcept { return spin.lock_or_wait(); }
    void unlock() noexcept { spin.unlock(); }
    void refer() noexcept {
        lock();
        ++references;
        unlock();
    }
    void release() noexcept {
        lock();
        --references;
        unlock();
    }
    weir::detail::spin_lock spin;
};

}  // namespace

TEST_CASE("key_table: keys are found, forgotten and listed by several threads at once") {
    constexpr int threads = 4, kept = 50, steps = 4'000;
    weir::key_table<table_node> table;
    const auto name = [](int i) { return "host-" + std::to_string(i) + ".example.org"; };
    const auto find_or_make = [&](const std::string& host, bool is_kept) {
        int reads = 0;
        table_node* n = table.find_locked(host, "role", [&] { ++reads; }, [] {});
        CHECK(reads >= 1);
        if (n == nullptr)
            n = table.insert_locked(
                host, "role", [&] { return std::make_unique<table_node>(host, "role"); },
                [](const table_node& other) { return other.references == 0; });
        REQUIRE(n != nullptr);
        REQUIRE(n->host == host);
        if (is_kept && n->found++ == 0)
            ++n->references;
        n->unlock();
    };
    for (int i = 0; i < kept; ++i)
        find_or_make(name(i), true);
    std::atomic<bool> is_over{false};
    std::atomic<int> missed{0};
    std::thread lister{[&] {
        while (!is_over.load()) {
            int seen = 0;
            for (const auto& n : table.refer_all())
                seen += n->host.size() < std::string{"host-50.example.org"}.size() + 1 ? 1 : 0;
            missed += seen < kept ? 1 : 0;
        }
    }};
    std::vector<std::thread> users;
    for (int t = 0; t < threads; ++t)
        users.emplace_back([&, t] {
            for (int i = 0; i < steps; ++i) {
                if (table_node* n = table.find_locked(name(i % kept), "role"))
                    n->unlock();
                else
                    ++missed;
                table_node* passing = table.find_locked(name(1'000 + i / 2 * threads + t), "role");
                if (passing == nullptr)
                    passing = table.insert_locked(
                        name(1'000 + i / 2 * threads + t), "role",
                        [&] { return std::make_unique<table_node>(name(1'000 + i / 2 * threads + t), "role"); },
                        [](const table_node& other) { return other.references == 0; });
                ++passing->found;
                passing->unlock();
            }
        });
    for (std::thread& t : users)
        t.join();
    is_over = true;
    lister.join();
    CHECK(missed == 0);
    CHECK(table.size() >= kept);
    CHECK(table.size() < threads * steps / 4);
}
