// SPDX-License-Identifier: MIT
#pragma once

#include "support/catch.hpp"
#include "support/sanitized.hpp"
#include "support/seed.hpp"
#include "support/workers.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/config/configuration.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"
#include "weir/registry/registry.hpp"
#include "weir/storage/store.hpp"
#include "weir/storage/store_error.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// What every store on a server does alike, checked once for all of them.

namespace weir_test {

/// A policy whose callers wait, and which admits nothing without its store.
inline weir::policy rates(std::vector<weir::rate> all, weir::counting from = weir::counting::response) {
    weir::policy p;
    p.rates = std::move(all);
    p.max_delay = std::chrono::seconds{30};
    p.on_store_error = weir::store_failure::closed;
    p.count_from = from;
    return p;
}

/// What the store says instead of deciding; nothing if it decides.
template <class Store>
std::string trouble_of(Store& store, const weir::policy& p = rates({{10, std::chrono::seconds{1}}}),
                       std::string_view host = "h.org") {
    auto slot = store.make_slot(host, "metadata");
    weir::entry e;
    try {
        static_cast<void>(store.admit(slot, weir::plan_windows(p), 1, store.now(), e));
    } catch (const weir::store_error& error) {
        return error.what();
    }
    return {};
}

/// An admission whose reply does not come within the store's limit is taken back; `pause` is how long it then takes.
template <class Store, class Server>
void check_taken_back(Store& store, Server& server, std::chrono::milliseconds pause) {
    auto slot = store.make_slot("h.org", "metadata");
    const auto plan = weir::plan_windows(rates({{10, std::chrono::hours{1}}}));
    weir::entry e;
    const auto admit = [&] { return store.admit(slot, plan, 1, store.now(), e); };
    CHECK(admit().admits());
    server.freeze();
    CHECK_THROWS_AS(admit(), weir::store_error);
    server.thaw();
    std::this_thread::sleep_for(pause);
    CHECK(admit().admits());
    store.flush();
    CHECK(store.read(slot, plan, store.now()).open == 2);
}

/// Who finds the only connection in use is told so, and `advice`, in time.
template <class Store, class Server>
void check_in_use(Store& store, Server& server, std::string_view advice) {
    using namespace std::chrono_literals;
    CHECK(trouble_of(store).empty());
    server.freeze();
    std::jthread first{[&] { static_cast<void>(trouble_of(store)); }};
    std::this_thread::sleep_for(100ms);
    const auto began = std::chrono::steady_clock::now();
    CHECK(trouble_of(store, rates({{10, 1s}}), "other.org").find(advice) != std::string::npos);
    CHECK(std::chrono::steady_clock::now() - began < 500ms);
    server.thaw();
}

/// What a killed process held counts for one window after its death. `make()` gives stores whose entries live for
/// 400 ms.
template <class Make>
void check_killed_holder(Make&& make) {
    using namespace std::chrono_literals;
    const auto config = limited({{5, 200ms}}, weir::counting::response);
    std::array<int, 2> ready{};
    REQUIRE(::pipe(ready.data()) == 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        weir::registry limits{make(), config};
        std::vector<typename decltype(limits)::permit> held;
        for (int i = 0; i < 5; ++i)
            held.push_back(limits.acquire("h.org", "metadata"));
        static_cast<void>(!::write(ready[1], "x", 1));
        ::pause();
    }
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    const auto held = std::chrono::steady_clock::now();
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);

    weir::registry limits{make(), config};
    CHECK_FALSE(limits.try_acquire("h.org", "metadata"));
    auto permit = limits.acquire("h.org", "metadata");
    const auto waited = std::chrono::steady_clock::now() - held;
    CHECK(waited > 190ms);
    CHECK(waited < 2s);
    std::cout << "after a killed holder: " << std::chrono::duration<double>(waited).count() << " s" << std::endl;
}

/// Two processes learn at once: no step is lost, who comes later finds all of it, also after `restart()`. `make()`
/// gives stores that share their state.
template <class Make, class Restart>
void check_learning(Make&& make, Restart&& restart) {
    constexpr int each = 500;
    const int failed = in_processes(2, [&](int p) {
        auto store = make();
        auto slot = store.make_slot("h.org", "metadata");
        std::int64_t last = 0;
        for (int i = 0; i < each; ++i) {
            const weir::tuner_state said = store.learn(slot, [&](weir::tuner_state s) {
                ++s.answers;
                s.refusals += p;
                s.factor = weir::multiplier::of_millionths(1'000'000 - s.answers);
                s.recovered = store.now() + std::chrono::hours{1};
                return s;
            });
            if (said.answers <= last || store.factor(slot) != said.factor)
                throw std::runtime_error{"a step is gone"};
            last = said.answers;
        }
    });
    CHECK(failed == 0);
    const auto same = [](const weir::tuner_state& s) { return s; };
    for (int i = 0; i < 2; ++i) {
        auto store = make();
        auto slot = store.make_slot("h.org", "metadata");
        const weir::tuner_state found = store.learn(slot, same);
        CHECK(found.answers == 2 * each);
        CHECK(found.refusals == each);
        CHECK(found.factor.millionths() == 1'000'000 - 2 * each);
        CHECK(store.factor(slot) == found.factor);
        CHECK(found.recovered > store.now() + std::chrono::minutes{50});
        CHECK(found.recovered < store.now() + std::chrono::minutes{61});
        if (i == 0)
            restart();
    }
}

/// What one store learnt the other finds, with its times on this process's clock; what did not change does not move.
/// `one` and `other` share their state.
template <class Store>
void check_learnt(Store& one, Store& other) {
    using namespace std::chrono_literals;
    const auto plan = weir::plan_windows(rates({{10, 1h}}));
    auto here = one.make_slot("h.org", "metadata");
    auto there = other.make_slot("h.org", "metadata");
    const auto same = [](const weir::tuner_state& s) { return s; };
    CHECK(one.learn(here, same) == weir::tuner_state{});
    const weir::instant now = one.now();
    weir::tuner_state made{weir::multiplier::of(0.7),
                           now,
                           weir::long_ago,
                           now - 10s,
                           weir::far_future,
                           7,
                           3,
                           -2'500'000'000'000,
                           900'000,
                           4,
                           INT64_MAX};
    const weir::tuner_state given = one.learn(here, [&](const weir::tuner_state&) { return made; });
    CHECK(given == made);
    CHECK(one.factor(here) == made.factor);
    const auto check_found = [&](const weir::tuner_state& found) {
        CHECK(found.window > now - 1s);
        CHECK(found.window < now + 1s);
        CHECK(found.cut > now - 11s);
        CHECK(found.cut < now - 9s);
        weir::tuner_state exact = found;
        exact.window = made.window;
        exact.cut = made.cut;
        CHECK(exact == made);
    };
    for (int i = 0; i < 50; ++i) {
        check_found(other.learn(there, same));
        check_found(one.learn(here, same));
    }
    CHECK(other.factor(there) == made.factor);

    // A factor that is set is the one that the next step finds, and all else is as it was.
    other.tune(there, weir::multiplier::of(0.5));
    made.factor = weir::multiplier::of(0.5);
    check_found(one.learn(here, same));
    CHECK(one.factor(here) == made.factor);
    CHECK(other.read(there, plan, other.now()).factor == made.factor);

    other.erase(there);
    CHECK(one.learn(here, same) == weir::tuner_state{});
    CHECK(one.factor(here).is_one());
    // A step that throws has changed nothing.
    const auto fails = [](const weir::tuner_state&) -> weir::tuner_state { throw std::runtime_error{"no"}; };
    CHECK_THROWS_AS(one.learn(here, fails), std::runtime_error);
    CHECK(other.learn(there, same) == weir::tuner_state{});
}

/// A child of fork cannot use its parent's store, and can make its own.
template <class Make>
void check_forked(Make&& make) {
    const auto config = limited({{100, std::chrono::hours{1}}}, weir::counting::response);
    weir::registry limits{make(), config};
    auto permit = limits.acquire("h.org", "metadata");
    const int failed = in_processes(2, [&](int) {
        if (trouble_of(limits.store(), config.policy_for("h.org", "metadata").value()).find("fork") ==
            std::string::npos)
            throw std::runtime_error{"the parent's store could be used"};
        weir::registry own{make(), config};
        own.acquire("h.org", "metadata").arrived();
        own.store().flush();
    });
    CHECK(failed == 0);
    permit.arrived();
    limits.acquire("h.org", "metadata").arrived();
    limits.store().flush();
    CHECK(limits.inspect("h.org", "metadata")->state.windows.at(0).used == 4);
}

/// A 429 in one process stops another at once, until the moment it named. `make()` gives one store to all.
template <class Make>
void check_stopped(Make&& make) {
    using namespace std::chrono_literals;
    using clock = std::chrono::steady_clock;  // of the machine, and so of both processes
    const auto config = limited({{100'000, 1s}}, weir::counting::response);
    struct grant {
        clock::time_point asked, given;
    };
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        weir::registry limits{make(), config};
        for (const auto end = clock::now() + 1800ms; clock::now() < end;) {
            grant g{clock::now(), {}};
            limits.acquire("h.org", "metadata").arrived({.status = 200});
            g.given = clock::now();
            static_cast<void>(!::write(ends[1], &g, sizeof g));
        }
        ::_exit(0);
    }
    ::close(ends[1]);
    std::vector<grant> all;
    std::jthread reader{[&] {
        for (grant g; ::read(ends[0], &g, sizeof g) == sizeof g;)
            all.push_back(g);
    }};
    weir::registry limits{make(), config};
    auto permit = limits.acquire("h.org", "metadata");
    std::this_thread::sleep_for(300ms);
    const auto heard = clock::now();
    permit.arrived({.status = 429, .retry_after = 1s});
    const auto known = clock::now();
    reader.join();
    ::waitpid(pid, nullptr, 0);
    ::close(ends[0]);
    std::size_t before = 0, inside = 0, after = 0;
    for (const grant& g : all) {
        before += g.given < heard ? 1U : 0U;
        inside += g.asked >= known && g.given < heard + 1s ? 1U : 0U;
        after += g.given >= heard + 1s ? 1U : 0U;
    }
    std::cout << "a 429 in another process: " << before << " before it, " << inside << " in the forbidden second, "
              << after << " after it" << std::endl;
    CHECK(before > 0);
    CHECK(inside == 0);
    CHECK(after > 0);
}

/// A gate that one process takes away by hand lets another one's waiter go within a second or so; history stays.
template <class Make>
void check_opened(Make&& make) {
    using namespace std::chrono_literals;
    using clock = std::chrono::steady_clock;
    const auto config = limited({{2, 1h}}, weir::counting::admission);
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        weir::registry limits{make(), config};
        auto h = limits.at("h.org", "metadata");
        bool is_right = h.hold_until(limits.store().now() + 30min);  // less than max_hold
        is_right = is_right && h.try_acquire().decision().cause == weir::cause::gate;
        static_cast<void>(!::write(ends[1], &is_right, 1));
        // Longer than the gate: a request that could not outwait it would be refused at once.
        is_right = h.wait_acquire({.max_delay = 2h}).decision().granted();
        static_cast<void>(!::write(ends[1], &is_right, 1));
        ::_exit(0);
    }
    ::close(ends[1]);
    bool said = false;
    REQUIRE(::read(ends[0], &said, 1) == 1);
    REQUIRE(said);
    weir::registry limits{make(), config};
    auto h = limits.at("h.org", "metadata");
    CHECK(h.try_acquire().decision().cause == weir::cause::gate);
    std::this_thread::sleep_for(300ms);
    CHECK(h.open_gate());
    const auto opened = clock::now();
    CHECK(h.open_gate());  // there is none any more
    CHECK(h.inspect().state.gate < limits.store().now());
    CHECK(h.try_acquire());
    pollfd reply{ends[0], POLLIN, 0};
    const bool has_replied = ::poll(&reply, 1, 10'000) == 1 && ::read(ends[0], &said, 1) == 1;
    const std::chrono::duration<double> took = clock::now() - opened;
    if (!has_replied)
        ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    ::close(ends[0]);
    CHECK(has_replied);
    CHECK(said);
    std::cout << "a gate that another process took away: gone after " << took.count() << " s" << std::endl;
    CHECK(took.count() < (sanitized ? 10 : 3));
    // What was admitted still counts, and a new gate closes as before.
    CHECK(h.try_acquire().decision().cause == weir::cause::window);
    CHECK(h.hold_until(limits.store().now() + 2h));
    CHECK(h.try_acquire().decision().cause == weir::cause::gate);
}

/// Hosts and roles of any bytes, no two alike, with `more` that only one kind of store could mistake.
inline std::set<std::pair<std::string, std::string>> hostile_names(dice& dice, int count,
                                                                   std::set<std::pair<std::string, std::string>> more) {
    more.insert({{"", ""},
                 {"|", ""},
                 {"", "|"},
                 {"a|b", "c"},
                 {"a", "b|c"},
                 {std::string("nul\0here", 8), "metadata"},
                 {"nul", "metadata"},
                 {std::string(4096, '*'), "metadata"},
                 {std::string(4096, '\xff'), "metadata"}});
    for (int i = 0; i < count; ++i) {
        std::string host(static_cast<std::size_t>(dice.from(0, dice.chance(5) ? 4096 : 12)), '\0');
        for (char& c : host)
            c = static_cast<char>(dice.from(0, 255));
        more.emplace(host, i % 2 == 0 ? "metadata" : std::string(1, static_cast<char>(dice.from(0, 255))));
    }
    return more;
}

/// Each of the names has a budget of its own, which is one.
template <class Store>
void check_apart(Store& store, const std::set<std::pair<std::string, std::string>>& names) {
    const auto plan = weir::plan_windows(rates({{1, std::chrono::hours{1}}}, weir::counting::admission));
    for (const auto& [host, role] : names) {
        auto slot = store.make_slot(host, role);
        CHECK(store.count(slot, plan, 1, store.now()).admits());
        CHECK_FALSE(store.count(slot, plan, 1, store.now()).admits());
    }
}

}  // namespace weir_test
