// SPDX-License-Identifier: MIT
//
// A store of one's own: five verbs on a server that runs one transaction after the other. The server here is a map. It
// runs the conformance kit on itself. docs/stores/writing-a-store.md goes through it part by part.

#include "weir/registry/registry.hpp"
#include "weir/storage/any_store.hpp"
#include "weir/testing/conformance.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

using weir::entry_state, weir::instant, weir::settlement, weir::window_plan;

// [state]
/// One request. Open, it counts in every window; its stamp is then `far_future`.
struct item {
    std::uint64_t id;  // 0 = nothing settles it any more
    std::int64_t cost;
    instant stamp, expires;  // expires: when its holder is taken for dead, and it is stamped
    bool in_flight;
};

struct key_record {
    instant newest = weir::long_ago, gate = weir::long_ago;
    instant forgotten = weir::long_ago;  // the newest stamp that is too old to keep
    std::vector<item> items{};           // by stamp, the open ones last
    std::uint64_t last_id = 0;
    std::int64_t open = 0, in_flight = 0;

    /// The time of a step: never before the newest stamp. What has expired is stamped first.
    instant begin(instant now) {
        const instant t = std::max(now, newest);
        std::ranges::sort(items, {}, &item::expires);
        for (item& i : items)
            if (i.expires <= t) {
                if (i.stamp == weir::far_future)
                    i.stamp = newest = std::max(newest, i.expires);
                i.in_flight = false;
            }
        std::ranges::sort(items, {}, &item::stamp);
        open = in_flight = 0;
        for (const item& i : items) {
            open += i.stamp == weir::far_future ? i.cost : 0;
            in_flight += i.in_flight;
        }
        return t;
    }
    /// Forgets what no window of the plan looks at, but not that it was there: a reload may bring a longer window.
    void end(const window_plan& plan, instant t) {
        std::erase_if(items, [&](const item& i) {
            const bool is_old = i.stamp <= t - plan.kept.longest && !i.in_flight;
            forgotten = is_old ? std::max(forgotten, i.stamp) : forgotten;
            return is_old;
        });
    }
    // What weir::assess asks of a log: the stamp of the k-th newest unit.
    [[nodiscard]] instant nth_newest(std::int64_t k, instant) const {
        for (auto i = items.rbegin(); i != items.rend(); ++i)
            if (i->stamp != weir::far_future && (k -= i->cost) < 0)
                return std::max(i->stamp, forgotten);
        return forgotten;
    }
};
// And of a key.
struct key_view {
    const key_record& log;
    std::int64_t open = log.open, in_flight = log.in_flight;
    instant gate = log.gate;
};
// [state]

// [step]
struct server {
    std::mutex transaction;
    std::map<std::string, key_record> keys;
};
// [step]

// [store]
struct own_store {
    static constexpr bool is_local = false;
    struct slot {
        std::string name;
        std::unique_ptr<std::atomic<int>> held = std::make_unique<std::atomic<int>>(0);  // permits of this process
    };
    server& at;
    weir::duration entry_ttl = std::chrono::minutes{10};
    weir::store_time time = weir::store_time::own;

    [[nodiscard]] instant now() const noexcept { return weir::steady_clock{}.now(); }
    [[nodiscard]] instant after(instant t) const noexcept { return time == weir::store_time::own ? now() : t; }
    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) const {
        return {fmt::format("{}:{}{}", host.size(), host, role)};  // names are bytes: a joint could be part of one
    }
    [[nodiscard]] bool idle(const slot& s, const window_plan&, instant) const { return *s.held == 0; }

    // [step]
    /// One atomic step on one key. The clock is read inside it: a stamp taken before a wait is too old.
    template <class F>
    auto step(const slot& s, instant asked, F&& f) const {
        const std::lock_guard guard{at.transaction};
        key_record& k = at.keys[s.name];
        return f(k, k.begin(after(asked)));
    }
    // [step]

    [[nodiscard]] weir::assessment admit(slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                         weir::entry& e) {
        return step(s, now, [&](key_record& k, instant t) {
            weir::assessment f = weir::assess(key_view{k}, plan, cost, t);
            f.passed = !f.admits() && !plan.enforce;
            if (!f.admits() || cost == 0)
                return f;
            const auto state = plan.from_response ? entry_state::open : entry_state::stamped;
            e = {.cost = cost, .stamp = t, .state = state, .in_flight = true, .id = ++k.last_id};
            k.newest = plan.from_response ? k.newest : t;
            k.items.push_back(
                {e.id, cost, plan.from_response ? weir::far_future : t, weir::saturating_add(t, entry_ttl), true});
            k.end(plan, t);
            ++*s.held;
            return f;
        });
    }
    void settle(const slot& s, const window_plan& plan, weir::entry& e, settlement how, instant now) {
        step(s, now, [&](key_record& k, instant t) {
            const auto i = std::ranges::find(k.items, e.id, &item::id);
            if (e.id == 0 || i == k.items.end())
                return false;  // it is over, or was forgotten
            const bool is_open = i->stamp == weir::far_future;
            if (how == settlement::abandoned && is_open)
                i->expires = std::min(i->expires, weir::saturating_add(t, e.grace));
            else if (how != settlement::refunded && is_open)
                e.stamp = i->stamp = k.newest = t;
            if (how != settlement::answered)
                *i = {0, i->cost, i->stamp, i->expires, false};
            if (how == settlement::refunded)
                k.items.erase(i);
            k.end(plan, t);
            return true;
        });
        if (how == settlement::answered)
            e.state = e.state == entry_state::open ? entry_state::stamped : e.state;
        else if (std::exchange(e, {}).in_flight)
            --*s.held;
    }
    [[nodiscard]] bool hold(slot& s, instant until) {
        return step(s, weir::long_ago,
                    [&](key_record& k, instant) { return until > std::exchange(k.gate, std::max(k.gate, until)); });
    }
    [[nodiscard]] weir::key_snapshot read(slot& s, const window_plan& plan, instant now) {
        return step(s, now, [&](key_record& k, instant t) {
            weir::key_snapshot out{{}, k.open, k.in_flight, k.gate, {}, k.newest, 0};
            for (std::size_t n = 0; n < plan.windows.size(); ++n) {
                const weir::window& w = plan.windows[n];
                std::int64_t used =
                    k.forgotten > t - w.period ? w.limit : 0;  // that there was more is all that is known
                for (const item& i : k.items)
                    used += i.stamp > t - w.period ? i.cost : 0;
                out.windows.push_back({plan.shown[n], w.limit, w.period, used});
            }
            return out;
        });
    }
    void erase(slot& s) {
        step(s, weir::long_ago, [](key_record& k, instant) {
            std::erase_if(k.items, [](const item& i) { return i.stamp != weir::far_future && !i.in_flight; });
            for (item& i : k.items)
                i.cost = i.stamp == weir::far_future ? i.cost : 0;  // open entries are real requests and stay
            k.newest = k.gate = k.forgotten = weir::long_ago;
            return true;
        });
    }
};
static_assert(weir::store<own_store>);
// [store]

int main() {
    server here;
    // [conformance]
    const weir::testing::conformance_options options{.processes = 3, .entry_ttl = std::chrono::milliseconds{40}};
    const auto make = [&] { return own_store{here, options.entry_ttl, weir::store_time::injected}; };
    const auto failures = weir::testing::conform(make, options);
    fmt::print("{}{} of {} random lives are wrong\n", fmt::join(failures, "\n"), failures.size(), options.traces);
    // [conformance]

    // [use]
    weir::policy two;
    two.rates = {weir::parse_rate("2/MINUTE").value()};
    const auto config = weir::configuration::builder{}.host("api.example.org", "metadata", two).build().value();
    weir::registry one{weir::any_store{own_store{here}}, config}, other{weir::any_store{own_store{here}}, config};
    for (auto* limits : {&one, &other, &one})
        fmt::print("{}\n", limits->try_acquire("api.example.org", "metadata") ? "granted" : "denied");
    // [use]
    return failures.empty() ? 0 : 1;
}
