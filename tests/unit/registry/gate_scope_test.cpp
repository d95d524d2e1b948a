// SPDX-License-Identifier: MIT
#include "weir/registry/registry.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"

#include "weir/storage/shared_memory_store.hpp"
#include "weir/storage/store_error.hpp"
#include "weir/testing/shared_store.hpp"

#include <array>
#include <chrono>
#include <functional>
#include <new>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using weir::gate_reach;
using weir::instant;

namespace {

using scoped_clock = weir::testing::manual_clock;
using scoped_store = weir::shared_memory_store<scoped_clock>;

constexpr std::array<std::string_view, 4> scoped_roles{"metadata", "landing", "artifact", "search"};

/// Four roles of which `metadata` has the scope and `artifact` no rates; a.org and b.org are one group.
weir::configuration scoped(gate_reach scope) {
    auto p = weir_test::limited({{100, 1s}});
    weir::policy free = p;
    free.rates.clear();
    free.unlimited = true;
    weir::configuration::builder b;
    b.role("search").defaults("landing", p).defaults("artifact", free).defaults("search", p);
    p.gate_scope = scope;
    return b.defaults("metadata", p).host_group("both", {"a.org", "b.org"}).build().value();
}

/// The roles of a host that admit a request, each with a space behind it.
template <class Limits>
std::string open_roles(Limits& limits, std::string_view host) {
    std::string out;
    for (const auto role : scoped_roles)
        if (const auto got = limits.try_acquire(host, role))
            out.append(role).append(" ");
        else
            CHECK(got.decision().cause == weir::cause::gate);
    return out;
}
const std::string all_roles = "metadata landing artifact search ";

template <class Limits>
void refuse_once(Limits& limits, std::string_view host, std::string_view role = "metadata") {
    limits.acquire(host, role).arrived({.status = 429, .retry_after = 3s});
}

/// Keeps the gates that moved, and calls what a test puts in.
struct gate_watcher {
    std::vector<std::string>* seen;
    std::function<void()>* also;
    void on_event(const weir::event& e) const {
        if (e.type != weir::event_type::gate)
            return;
        seen->push_back(std::string{e.host}.append("/").append(e.role));
        if (e.verdict.retry_at != instant{13s})
            seen->back().append(" elsewhere");
        if (*also)
            (*also)();
    }
};
struct watched_limits {
    explicit watched_limits(gate_reach scope)
        : limits{weir_test::manual_store{clock}, scoped(scope), gate_watcher{&gates, &also}} {}
    scoped_clock clock{instant{10s}};
    std::vector<std::string> gates;
    std::function<void()> also;
    weir::registry<weir_test::manual_store, gate_watcher> limits;
};

/// A store that lacks the memory for one role's keys.
struct cramped_store : scoped_store {
    using scoped_store::scoped_store;
    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) {
        if (role == "landing")
            throw std::bad_alloc{};
        return scoped_store::make_slot(host, role);
    }
};

}  // namespace

TEST_CASE("gate_scope: by default a refusal stops one role of one host") {
    watched_limits w{gate_reach::key};
    refuse_once(w.limits, "h.org");
    CHECK(w.limits.size() == 1);
    CHECK(open_roles(w.limits, "h.org") == "landing artifact search ");
    CHECK(w.gates == std::vector<std::string>{"h.org/metadata"});
}

TEST_CASE(
    "gate_scope: a refusal of one role stops every role of the host, known or not, until exactly the stated time") {
    watched_limits w{gate_reach::host};
    w.limits.acquire("h.org", "landing").arrived({.status = 200});
    refuse_once(w.limits, "h.org");
    CHECK(w.gates == std::vector<std::string>{"h.org/metadata", "h.org/landing", "h.org/artifact", "h.org/search"});
    w.clock.set(instant{13s} - 1ns);
    CHECK(open_roles(w.limits, "h.org").empty());
    CHECK(open_roles(w.limits, "other.org") == all_roles);
    CHECK(w.limits.try_acquire("h.org", "search").decision().retry_at == instant{13s});
    w.clock.set(instant{13s});
    CHECK(open_roles(w.limits, "h.org") == all_roles);
}

TEST_CASE(
    "gate_scope: a refusal in one process stops every role of the host in the other, until exactly the stated time") {
    for (const auto scope : {gate_reach::key, gate_reach::host}) {
        scoped_clock clock{instant{10s}};
        const scoped_store common{clock};
        weir::registry a{common, scoped(scope)}, b{common, scoped(scope)};
        b.acquire("h.org", "landing").arrived({.status = 200});
        refuse_once(a, "h.org");
        const std::string open = scope == gate_reach::key ? "landing artifact search " : "";
        for (; clock.now() < instant{13s}; clock.advance(100ms)) {
            CHECK(open_roles(b, "h.org") == open);
            CHECK(open_roles(a, "h.org") == open);
        }
        CHECK(open_roles(b, "h.org") == all_roles);
        CHECK(open_roles(a, "h.org") == all_roles);
    }
}

TEST_CASE("gate_scope: the hosts of a group share a gate") {
    scoped_clock clock{instant{10s}};
    const scoped_store common{clock};
    weir::registry a{common, scoped(gate_reach::host)}, b{common, scoped(gate_reach::host)};
    refuse_once(a, "a.org");
    CHECK(open_roles(b, "b.org").empty());
    CHECK(open_roles(b, "a.org").empty());
    CHECK(open_roles(b, "c.org") == all_roles);
    CHECK(a.size() == scoped_roles.size());
    clock.set(instant{13s});
    CHECK(open_roles(b, "b.org") == all_roles);
    scoped_clock other{instant{10s}};
    weir::registry alone{weir_test::manual_store{other}, scoped(gate_reach::key)};
    refuse_once(alone, "a.org");
    CHECK(open_roles(alone, "b.org") == "landing artifact search ");
}

TEST_CASE("gate_scope: hold_until moves the same gates as a refusal") {
    scoped_clock clock{instant{10s}};
    const scoped_store common{clock};
    weir::registry a{common, scoped(gate_reach::host)}, b{common, scoped(gate_reach::host)};
    auto h = a.at("h.org", "metadata");
    CHECK(h.hold_until(instant{13s}));
    CHECK_FALSE(h.hold_until(instant{12s}));
    CHECK(open_roles(a, "h.org").empty());
    clock.set(instant{13s} - 1ns);
    CHECK(open_roles(b, "h.org").empty());
    clock.set(instant{13s});
    CHECK(open_roles(b, "h.org") == all_roles);
}

TEST_CASE("gate_scope: a time that has passed stops no request and makes no key") {
    watched_limits w{gate_reach::host};
    auto h = w.limits.at("h.org", "metadata");
    CHECK(h.hold_until(instant{9s}));
    w.limits.acquire("h.org", "metadata").arrived({.status = 301, .retry_after = 0s});
    CHECK(w.limits.size() == 1);
}

TEST_CASE("gate_scope: that of the answered key applies") {
    watched_limits w{gate_reach::host};
    refuse_once(w.limits, "h.org", "landing");
    CHECK(open_roles(w.limits, "h.org") == "metadata artifact search ");
}

TEST_CASE("gate_scope: a gate that is farther away stays where it is and is no event") {
    watched_limits w{gate_reach::host};
    w.limits.at("h.org", "landing").hold_until(instant{1min});
    w.gates.clear();
    refuse_once(w.limits, "h.org");
    CHECK(w.gates == std::vector<std::string>{"h.org/metadata", "h.org/artifact", "h.org/search"});
    w.clock.set(instant{13s});
    CHECK(open_roles(w.limits, "h.org") == "metadata artifact search ");
}

TEST_CASE("gate_scope: a waiter for another role of the host goes on waiting, and is admitted when the gate opens") {
    watched_limits w{gate_reach::host};
    w.limits.at("h.org", "landing").hold_until(instant{11s});
    decltype(w.limits)::ticket t;
    w.limits.submit(t, "h.org", "landing", {.max_delay = 1min});
    REQUIRE_FALSE(t.done());
    refuse_once(w.limits, "h.org");
    w.limits.poll(instant{12s});
    CHECK_FALSE(t.done());
    w.limits.poll(instant{13s});
    CHECK(t.done());
    CHECK(t.decision().granted());
}

TEST_CASE("gate_scope: no key is locked while another one's gate moves or the observer is called") {
    watched_limits w{gate_reach::host};
    w.also = [&] {
        for (const auto role : scoped_roles)
            static_cast<void>(w.limits.inspect("h.org", role));
        static_cast<void>(w.limits.reload(scoped(gate_reach::host)));
    };
    refuse_once(w.limits, "h.org");
    CHECK(w.gates.size() == scoped_roles.size());
}

TEST_CASE("gate_scope: a reload changes it") {
    watched_limits w{gate_reach::key};
    refuse_once(w.limits, "h.org");
    CHECK(w.limits.reload(scoped(gate_reach::host)));
    w.clock.set(instant{13s});
    refuse_once(w.limits, "h.org");
    CHECK(open_roles(w.limits, "h.org").empty());
}

TEST_CASE("gate_scope: if one key cannot be made, the other gates still move") {
    scoped_clock clock{instant{10s}};
    weir::registry limits{cramped_store{clock}, scoped(gate_reach::host)};
    refuse_once(limits, "h.org");
    CHECK(limits.size() == 3);
    CHECK_FALSE(limits.try_acquire("h.org", "search"));
}

TEST_CASE("gate_scope: while the store cannot be reached, this process stops every role of the host") {
    scoped_clock clock{instant{10s}};
    weir::testing::shared_store<scoped_clock> common{clock};
    weir::registry limits{common, scoped(gate_reach::host)};
    auto sent = limits.acquire("h.org", "metadata");
    common.before([](std::string_view) { throw weir::store_error{"no route to the store"}; });
    sent.arrived({.status = 429, .retry_after = 3s});
    clock.set(instant{13s} - 1ns);
    CHECK(open_roles(limits, "h.org").empty());
    clock.set(instant{13s});
    CHECK(open_roles(limits, "h.org") == all_roles);
}
