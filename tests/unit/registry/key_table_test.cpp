// SPDX-License-Identifier: MIT
#include "weir/registry/key_table.hpp"

#include "support/catch.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace {
struct node {
    std::string host;
    std::string role;
    std::uint32_t hash = 0;
    bool busy = false;
    bool locked = false;
    bool others_wait = false;
    int references = 0;
    static void fetch(const node*) {}
    void lock() { locked = true; }
    bool lock_or_wait() {
        lock();
        return others_wait;
    }
    void unlock() { locked = false; }
    void refer() { ++references; }
    void release() { --references; }
};
node& insert(weir::key_table<node>& t, const std::string& host) {
    node& n = *t.insert_locked(
        host, "r", [&] { return std::make_unique<node>(node{host, "r"}); },
        [](const node& o) { return !o.busy && o.references == 0; });
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

TEST_CASE("key_table: a search says when to read the time, and when it had to wait after that") {
    weir::key_table<node> t;
    insert(t, "a").busy = true;
    int meanwhile = 0, waited = 0;
    const auto find = [&](const char* host) {
        node* n = t.find_locked(host, "r", [&] { ++meanwhile; }, [&] { ++waited; });
        if (n != nullptr)
            n->unlock();
        return n;
    };
    node* a = find("a");
    REQUIRE(a != nullptr);
    CHECK(meanwhile == 1);
    CHECK(waited == 0);
    a->others_wait = true;
    CHECK(find("a") == a);
    CHECK(meanwhile == 2);
    CHECK(waited == 1);
    CHECK(find("b") == nullptr);
    CHECK(waited == 1);
}

TEST_CASE("key_table: names of every length are told apart") {
    weir::key_table<node> t;
    const std::string text(70, 'x');
    for (std::size_t n = 1; n <= text.size(); ++n)
        insert(t, text.substr(0, n)).busy = true;
    CHECK(t.size() == text.size());
    for (std::size_t n = 1; n <= text.size(); ++n)
        for (std::size_t i = 0; i < n; ++i) {
            std::string other = text.substr(0, n);
            other[i] = 'y';
            CHECK(t.find_locked(other, "r") == nullptr);
        }
}

TEST_CASE("key_table: idle keys are forgotten as new ones come, and busy ones never") {
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

TEST_CASE("key_table: all nodes are pinned, unlocked, until their references go") {
    weir::key_table<node> t;
    CHECK(t.refer_all().empty());
    std::set<std::string> hosts;
    for (int i = 0; i < 5'000; ++i) {
        hosts.insert("h" + std::to_string(i));
        insert(t, "h" + std::to_string(i)).busy = true;
    }
    {
        auto pinned = t.refer_all();
        CHECK(pinned.size() == 5'000);
        for (const auto& n : pinned) {
            CHECK(n->references == 1);
            CHECK_FALSE(n->locked);
            n->busy = false;
            hosts.erase(n->host);
        }
        CHECK(hosts.empty());
        for (int i = 0; i < 5'000; ++i)
            insert(t, "new" + std::to_string(i)).busy = true;
        CHECK(t.size() == 10'000);
    }
    for (int i = 0; i < 40'000; ++i)
        insert(t, "newer" + std::to_string(i));
    int left = 0;
    t.for_each([&](const node& n) { left += n.host.starts_with('h'); });
    CHECK(left < 100);  // they could be forgotten again
}

TEST_CASE("key_table: the maker of a node may return none") {
    weir::key_table<node> t;
    CHECK(
        t.insert_locked("a", "r", [] { return std::unique_ptr<node>{}; }, [](const node&) { return true; }) == nullptr);
    CHECK(t.size() == 0);
    CHECK(t.find_locked("a", "r") == nullptr);
}

TEST_CASE("key_table: the selected nodes are forgotten, and no others") {
    weir::key_table<node> t;
    for (int i = 0; i < 500; ++i)
        insert(t, "k" + std::to_string(i)).busy = true;
    t.erase_if([](node& n) {
        CHECK(n.locked);
        return n.host.ends_with('7');
    });
    CHECK(t.size() == 450);
    CHECK(t.find_locked("k7", "r") == nullptr);
    node* left = t.find_locked("k8", "r");
    REQUIRE(left != nullptr);
    left->unlock();
    t.erase_if([](node&) { return true; });
    CHECK(t.size() == 0);
}
