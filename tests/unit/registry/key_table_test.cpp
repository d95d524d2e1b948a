// SPDX-License-Identifier: MIT
#include "weir/registry/key_table.hpp"

#include "support/catch.hpp"

#include <memory>
#include <mutex>
#include <string>

namespace {
struct node {
    std::string host;
    std::string role;
    std::size_t hash = 0;
    std::size_t position = 0;
    bool busy = false;
    bool locked = false;
    void lock() { locked = true; }
    void unlock() { locked = false; }
};
node& insert(weir::key_table<node>& t, const std::string& host) {
    node& n = t.insert_locked(
        host, "r", [&] { return std::make_unique<node>(node{host, "r"}); }, [](const node& o) { return !o.busy; });
    CHECK(n.locked);
    n.unlock();
    return n;
}
}  // namespace

TEST_CASE("key_table: a key is found by host and role, locked") {
    weir::key_table<node> t;
    CHECK(t.find_locked("a", "r") == nullptr);
    node& a = insert(t, "a");
    a.busy = true;
    CHECK(&insert(t, "a") == &a);
    CHECK(t.find_locked("a", "other") == nullptr);
    CHECK(t.find_locked("b", "r") == nullptr);
    node* found = t.find_locked("a", "r");
    REQUIRE(found == &a);
    CHECK(found->locked);
    found->unlock();
    CHECK(t.size() == 1);
}

TEST_CASE("key_table: defect 15: idle keys are forgotten as new ones come, and busy ones never") {
    weir::key_table<node> t;
    for (int i = 0; i < 100; ++i)
        insert(t, "busy" + std::to_string(i)).busy = true;
    for (int i = 0; i < 20'000; ++i)
        insert(t, "idle" + std::to_string(i));
    CHECK(t.size() < 1'000);
    int busy = 0;
    t.for_each([&](node& n) {
        CHECK(n.locked);
        busy += n.busy;
    });
    CHECK(busy == 100);
}
