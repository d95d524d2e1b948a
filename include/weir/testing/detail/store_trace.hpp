// SPDX-License-Identifier: MIT
#pragma once

#include "weir/testing/detail/counted_inflight.hpp"
#include "weir/testing/detail/naive_key.hpp"
#include "weir/testing/detail/trace_dice.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/decision.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"
#include "weir/storage/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace weir::testing::detail {

/// One random history of one or two keys, on a store and on `naive_key` side by side.
template <class Make>
class store_trace {
public:
    using store_type = std::remove_cvref_t<std::invoke_result_t<Make&>>;
    static_assert(weir::store<store_type>);
    using slot = typename store_type::slot;

    struct setup {
        std::uint64_t seed;
        int number;
        int processes;
        duration entry_ttl;
        std::string_view prefix;
    };

    store_trace(Make& make, const setup& s)
        : make_(make), setup_(s),
          dice_(s.seed * std::uint64_t{0x9E3779B97F4A7C15} + static_cast<std::uint64_t>(s.number)) {}

    /// What went wrong, with all operations; empty if nothing did. Moves `now` behind every operation.
    [[nodiscard]] std::string run(instant& now) {
        now_ = now;
        std::string failure;
        try {
            dense_ = chance(8);
            name_keys();
            for (int p = 0; p < setup_.processes; ++p)
                start(processes_.emplace_back());
            for (std::int64_t steps = from(10, 80); steps > 0; --steps)
                step();
        } catch (const std::exception& e) {
            failure = fmt::format("trace {} of seed {}: {}\n", setup_.number, setup_.seed, e.what());
            for (const std::string& line : done_)
                failure += "  " + line + "\n";
        }
        now = now_ + std::chrono::minutes{10};
        return failure;
    }

private:
    struct process {
        std::unique_ptr<store_type> store;
        std::vector<slot> slots;
    };
    struct key {
        std::string host;
        std::string role;
        policy rules{};
        window_plan plan{};
        naive_key truth{};
        instant thinned = long_ago;

        /// A log may drop precision of stamps that are too old for the plan it gets. A later plan with a longer window
        /// then gets answers that are late, never early.
        [[nodiscard]] bool exact(instant t) const { return t - plan.kept.longest >= thinned; }
        void stamped(instant t) { thinned = std::max(thinned, t - plan.kept.longest); }
    };
    struct open_entry {
        std::size_t process;
        std::size_t key;
        entry mine;
        std::uint64_t id;
    };

    // ---- keys

    /// Names are bytes. The second key has a name that a wrong implementation takes for the first: one that joins names
    /// carelessly, ignores case, or stops at a zero byte.
    void name_keys() {
        std::string base = fmt::format("{}-{}-{}", setup_.prefix, setup_.seed, setup_.number);
        if (chance(20))
            base += std::string_view{"\0'\"\\;--{}%$1\r\n\xff", 15};
        static constexpr std::array<std::string_view, 4> joints{"|", ":", "", std::string_view{"\0", 1}};
        const std::string_view joint = joints[below(joints.size())];
        if (chance(3))
            base.append(4096 - base.size() - joint.size() - 1, 'x');
        keys_.push_back({fmt::format("{}{}a", base, joint), "b"});
        if (chance(50))
            keys_.push_back({base, fmt::format("a{}b", joint)});
        else if (chance(50))
            keys_.push_back({fmt::format("{}{}{}", base, joint, chance(50) ? "c" : "A"), "b"});
        for (key& k : keys_)
            set_rules(k);
    }

    // ---- verbs

    void set_rules(key& k) {
        const bool counts = k.rules.max_concurrent > 0;
        const bool is_new = k.plan.windows.empty() && k.plan.shown.empty() && !k.rules.unlimited;
        k.rules = dice_.any_policy(dense_);
        // A shared store need not know the requests in flight if there is no ceiling. So a key has a ceiling for all of
        // the trace, or never.
        if (!is_new && !store_type::is_local && counts != (k.rules.max_concurrent > 0))
            k.rules.max_concurrent = counts ? 2 : 0;
        replan(k);
        std::string text;
        for (const window& w : k.plan.windows)
            text += fmt::format(" {}/{}ns", w.limit, w.period.count());
        note("key {}: windows{}, from {}, concurrent {}, longest hold {}ns{}", &k - keys_.data(), text,
             k.plan.from_response ? "response" : "admission", k.plan.max_concurrent, k.plan.max_hold.count(),
             k.plan.enforce ? "" : ", not enforced");
    }
    void replan(key& k) { k.plan = plan_windows(k.rules, k.truth.factor); }

    void start(process& p) {
        p.slots.clear();
        p.store.reset();
        p.store.reset(new store_type(make_()));
        for (const key& k : keys_)
            p.slots.push_back(p.store->make_slot(k.host, k.role));
    }

    void step() {
        now_ += chance(30)   ? duration::zero()
                : chance(70) ? from(1, 10) * tick
                             : duration{from(1, chance(80) ? 8'000'000 : 60'000'000)};
        // A clock that stepped back. Not if entries expire, and not past the end of an abandoned one: a verb that
        // changes nothing need not record that an entry has expired.
        const instant before = now_ - from(1, 20) * tick;
        const bool back = chance(3) && setup_.processes == 1 && before >= abandoned_until_;
        const instant asked = back ? before : now_;
        const std::size_t p = below(processes_.size());
        const std::size_t k = below(keys_.size());
        const std::int64_t dice = from(1, 100);
        if (dice <= 42)
            admit(p, k, asked);
        else if (dice <= 52)
            count(p, k, asked);
        else if (dice <= 78)
            settle(store_type::is_local ? asked : now_);
        else if (dice <= 82)
            chance(75) ? hold(p, k) : open_gate(p, k);
        else if (dice <= 86)
            tune(p, k);
        else if (dice <= 88)
            erase(p, k);
        else if (dice <= 90)
            set_rules(keys_[k]);
        else if (dice <= 92 && setup_.processes > 1)
            restart(p);
        else if (dice <= 95)
            learn(p, k);
        else
            read(p, k, asked);
    }

    void admit(std::size_t p, std::size_t k, instant asked) {
        key& key_ = keys_[k];
        const std::int64_t cost = any_cost();
        if constexpr (store_type::is_local)
            assess_behind(p, k, cost, asked);
        counted_inflight inflight{!store_type::is_local || !chance(8)};
        entry mine;
        const assessment said = admit(store(p), slot_of(p, k), key_.plan, cost, asked, inflight, mine);
        const instant t = key_.truth.begin(asked);
        assessment right = key_.truth.decide(key_.plan, cost, t);
        if (right.admits() && cost > 0 && !inflight.free)
            right.cause = cause::inflight;
        right.passed = !right.admits() && !key_.plan.enforce;
        note("admit by {} key {} at {} cost {} place {}: {}", p, k, asked.time_since_epoch().count(), cost,
             inflight.free, text(said));
        compare(key_, said, right, t);
        const bool entered = said.admits() && cost > 0;
        // A request that passes in spite of a denial gets no slot from the store: the caller takes it.
        if (inflight.taken != (store_type::is_local && entered && inflight.free && !said.passed))
            fail(fmt::format("{} places are taken", inflight.taken));
        if (said.cause == cause::inflight)
            key_.stamped(t);  // room was made for it
        if (!entered)
            return;
        if (mine.cost != cost || !mine.in_flight ||
            mine.state != (key_.plan.from_response ? entry_state::open : entry_state::stamped))
            fail("the entry is not what was admitted");
        key_.stamped(t);
        key_.truth.enter(cost, t, key_.plan.from_response,
                         setup_.entry_ttl > duration::zero() ? t + setup_.entry_ttl : far_future);
        entries_.push_back({p, k, mine, key_.truth.last_id});
    }

    /// With a shared store the limiter takes the in-flight slot.
    static assessment admit(store_type& store, slot& slot, const window_plan& plan, std::int64_t cost, instant now,
                            [[maybe_unused]] counted_inflight& inflight, entry& out) {
        if constexpr (store_type::is_local)
            return store.admit(slot, plan, cost, now, inflight, out);
        else
            return store.admit(slot, plan, cost, now, out);
    }

    void count(std::size_t p, std::size_t k, instant asked) { read(p, k, asked); }
    void count(std::size_t p, std::size_t k, instant asked)
        requires counting_store<store_type>
    {
        key& key_ = keys_[k];
        const std::int64_t cost = any_cost();
        const assessment said = store(p).count(slot_of(p, k), key_.plan, cost, asked);
        const instant t = key_.truth.begin(asked);
        note("count by {} key {} at {} cost {}: {}", p, k, asked.time_since_epoch().count(), cost, text(said));
        assessment right = key_.truth.decide(key_.plan, cost, t);
        right.passed = !right.admits() && !key_.plan.enforce;
        compare(key_, said, right, t);
        if (said.admits() && cost > 0) {
            key_.stamped(t);
            key_.truth.stamp(t, cost);
        }
    }

    void assess_behind(std::size_t p, std::size_t k, std::int64_t cost, instant asked) {
        const key& key_ = keys_[k];
        const assessment said =
            store(p).assess_behind(std::as_const(processes_[p].slots[k]), key_.plan, cost, asked, weir::none_ahead{});
        naive_key then = key_.truth;
        const instant t = then.begin(asked);
        compare(key_, said, then.decide(key_.plan, cost, t), t);
    }

    void settle(instant asked) {
        if (entries_.empty())
            return;
        const std::size_t which = below(entries_.size());
        open_entry& h = entries_[which];
        naive_key& truth = keys_[h.key].truth;
        const instant t = truth.begin(asked);
        if (h.mine.cost > 1 && chance(40) && (knows(truth, h.id) || setup_.entry_ttl == duration::zero()))
            return reduce(h, asked, t);
        auto how = chance(45)   ? settlement::answered
                   : chance(60) ? settlement::released
                   : chance(50) ? settlement::refunded
                                : settlement::abandoned;
        // A store may decide itself whether a refund after the entry's expiry still finds its stamp.
        if (how == settlement::refunded && setup_.entry_ttl > duration::zero() && !knows(truth, h.id))
            how = settlement::released;
        const duration grace = from(1, 60) * tick;
        h.mine.grace = grace;
        store(h.process).settle(slot_of(h.process, h.key), keys_[h.key].plan, h.mine, how, asked);
        if (setup_.processes > 1)
            flush(h.process);
        static constexpr std::array<std::string_view, 4> words{"answered", "released", "refunded", "abandoned"};
        note("settle {} of {} key {} at {}: {}, grace {}", h.id, h.process, h.key, asked.time_since_epoch().count(),
             words[static_cast<std::size_t>(how)], grace.count());
        keys_[h.key].stamped(t);
        // A refund removes the newest units. The units behind them may have lost precision.
        if (how == settlement::refunded && truth.stamps.size() > keys_[h.key].plan.kept.exact)
            keys_[h.key].thinned = t;
        if (how == settlement::abandoned)
            abandoned_until_ = std::max(abandoned_until_, t + grace);
        truth.settle(h.id, how, t, grace);
        // Sometimes an ended entry is settled again, which changes nothing.
        if (how != settlement::answered && !chance(5))
            entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(which));
    }

    /// Some of an entry's units never left the machine.
    void reduce(open_entry&, instant, instant) {}
    void reduce(open_entry& h, instant asked, instant t)
        requires reducible_store<store_type>
    {
        key& key_ = keys_[h.key];
        const std::int64_t cost = from(1, h.mine.cost - 1);
        store(h.process).reduce(slot_of(h.process, h.key), key_.plan, h.mine, cost, asked);
        if (setup_.processes > 1)
            flush(h.process);
        note("reduce {} of {} key {} at {} to {}", h.id, h.process, h.key, asked.time_since_epoch().count(), cost);
        if (h.mine.cost != cost)
            fail("the entry is not what is left of it");
        key_.stamped(t);
        if (key_.truth.stamps.size() > key_.plan.kept.exact)
            key_.thinned = t;  // as for a refund
        key_.truth.reduce(h.id, cost);
    }

    void hold(std::size_t p, std::size_t k) {
        const instant until = now_ + from(-20, 60) * tick;
        const bool moved = store(p).hold(slot_of(p, k), until);
        note("hold by {} key {} until {}: {}", p, k, until.time_since_epoch().count(), moved);
        if (moved != keys_[k].truth.hold(until))
            fail("the gate moves forward, and only forward");
    }

    void open_gate(std::size_t, std::size_t) {}
    void open_gate(std::size_t p, std::size_t k)
        requires openable_store<store_type>
    {
        store(p).open_gate(slot_of(p, k));
        note("open the gate by {} key {}", p, k);
        keys_[k].truth.open_gate();
    }

    void tune(std::size_t, std::size_t) {}
    void tune(std::size_t p, std::size_t k)
        requires tunable_store<store_type>
    {
        key& key_ = keys_[k];
        key_.truth.factor = chance(30) ? multiplier{} : multiplier::of(static_cast<double>(from(50, 1000)) / 1000);
        store(p).tune(slot_of(p, k), key_.truth.factor);
        replan(key_);
        note("tune by {} key {}: {} millionths", p, k, key_.truth.factor.millionths());
    }

    /// Changes the tuner's state by a step that depends on the old state.
    void learn(std::size_t, std::size_t) {}
    void learn(std::size_t p, std::size_t k)
        requires tunable_store<store_type>
    {
        key& key_ = keys_[k];
        tuner_state more;
        more.factor = chance(30) ? multiplier{} : multiplier::of(static_cast<double>(from(50, 1000)) / 1000);
        for (instant* at : {&more.window, &more.bound, &more.cut, &more.recovered})
            *at = chance(20) ? long_ago : chance(10) ? far_future : now_ + from(-60, 60) * tick;
        const bool changes = !chance(15);
        const auto step = [&](const tuner_state& before) {
            tuner_state after = before;
            if (!changes)
                return after;
            after.factor = more.factor;
            after.window = more.window;
            after.bound = std::max(before.bound, more.bound);
            after.cut = before.recovered;
            after.recovered = more.recovered;
            after.refusals = before.answers % 3;
            after.answers = before.answers + 1;
            after.excess = after.answers * 700'000 - before.excess;
            after.border = before.factor.millionths();
            after.waits = before.failures;
            after.failures = before.waits + 1;
            return after;
        };
        const tuner_state said = store(p).learn(slot_of(p, k), step);
        const tuner_state right = key_.truth.learn(step);
        replan(key_);
        note("learn by {} key {}: {} answers, {} millionths", p, k, said.answers, said.factor.millionths());
        if (said != right || store(p).factor(slot_of(p, k)) != right.factor)
            fail(fmt::format("what the tuner keeps is not what the step made of it: {} answers, {} millionths",
                             right.answers, right.factor.millionths()));
    }

    void erase(std::size_t p, std::size_t k) {
        // `erase` has no time parameter: a verb that decides finds the expired entries first, and records them.
        counted_inflight inflight;
        entry uncounted;
        static_cast<void>(admit(store(p), slot_of(p, k), keys_[k].plan, 0, now_, inflight, uncounted));
        keys_[k].truth.begin(now_);
        store(p).erase(slot_of(p, k));
        keys_[k].truth.erase();
        keys_[k].thinned = long_ago;
        replan(keys_[k]);
        note("erase by {} key {}", p, k);
    }

    void read(std::size_t p, std::size_t k, instant asked) {
        key& key_ = keys_[k];
        const key_snapshot said = store(p).read(slot_of(p, k), key_.plan, asked);
        naive_key& truth = key_.truth;
        const instant t = truth.begin(asked);
        note("read by {} key {} at {}: open {} in flight {} newest {}", p, k, asked.time_since_epoch().count(),
             said.open, said.in_flight, said.newest.time_since_epoch().count());
        if (said.windows.size() != key_.plan.windows.size())
            fail("a window is missing");
        for (std::size_t i = 0; i < said.windows.size(); ++i) {
            const window& w = key_.plan.windows[i];
            const window_usage& fill = said.windows[i];
            const std::int64_t right = truth.used(w.period, t);
            // A plan that is not enforced may have admitted more units than the log keeps.
            const std::int64_t min = std::min(right, w.limit);
            const bool exact = key_.exact(t) && right <= w.limit;
            if (fill.limit != w.limit || fill.period != w.period || fill.used < min || (fill.used > right && exact))
                fail(fmt::format("window {} holds {} of {}, where {} is right", i, fill.used, fill.limit, right));
        }
        if (said.open != truth.open_units())
            fail(fmt::format("{} units are open", truth.open_units()));
        // A store need not know the requests in flight if there is no ceiling.
        if (said.in_flight != truth.in_flight() && (store_type::is_local || key_.plan.max_concurrent > 0))
            fail(fmt::format("{} entries are in flight", truth.in_flight()));
        if (said.gate != truth.gate || said.newest != truth.newest)
            fail("gate or newest stamp are not what they were");
        if constexpr (tunable_store<store_type>)
            if (said.factor != truth.factor || store(p).factor(slot_of(p, k)) != truth.factor)
                fail("the factor is not what it was set to");
        idle(p, k, asked);
    }

    /// Forgetting a slot must lose nothing: in a local store no state at all, in a shared store no entry of this
    /// process.
    void idle(std::size_t p, std::size_t k, instant asked) {
        if (!store(p).idle(std::as_const(processes_[p].slots[k]), keys_[k].plan, asked))
            return;
        const bool holds = std::ranges::any_of(entries_, [&](const open_entry& h) {
            return h.process == p && h.key == k && h.mine.in_flight && knows(keys_[k].truth, h.id);
        });
        if (holds)
            fail("a slot that has an entry is not idle");
        if (!store_type::is_local)
            return;
        naive_key then = keys_[k].truth;
        const instant t = then.begin(asked);
        if (then.in_flight() > 0 || then.used(keys_[k].plan.kept.longest, t) > 0)
            fail("a slot that has an entry, or stamps in a window, is not idle");
        if (then.tuned.recovered > asked)
            fail("a slot whose factor has not recovered is not idle");
    }
    static bool knows(const naive_key& truth, std::uint64_t id) {
        return std::ranges::find(truth.entries, id, &naive_key::item::id) != truth.entries.end();
    }

    /// A process ends without settling its entries: they expire.
    void restart(std::size_t p) {
        std::erase_if(entries_, [p](const open_entry& h) { return h.process == p; });
        start(processes_[p]);
        note("process {} is another one", p);
    }

    void flush(std::size_t p) {
        if constexpr (requires(store_type& s) { s.flush(); })
            store(p).flush();
    }

    // ---- chance

    static constexpr duration tick = trace_dice::tick;
    std::int64_t from(std::int64_t low, std::int64_t high) { return dice_.from(low, high); }
    bool chance(int percent) { return dice_.chance(percent); }
    std::size_t below(std::size_t count) { return dice_.below(count); }
    std::int64_t any_cost() {
        if (dense_ && chance(80))
            return from(1, 24);
        return chance(70) ? 1 : chance(20) ? 0 : from(1, 6);
    }

    // ---- words

    store_type& store(std::size_t p) { return *processes_[p].store; }
    slot& slot_of(std::size_t p, std::size_t k) { return processes_[p].slots[k]; }

    static std::string text(const assessment& f) {
        return fmt::format("{}{}{} window {} at {}", to_string(f.cause), f.beyond_max_hold ? ", held" : "",
                           f.passed ? ", passed" : "", f.window, f.at.time_since_epoch().count());
    }
    void compare(const key& k, const assessment& said, const assessment& right, instant t) {
        const bool early = said.at < right.at || (said.cause == cause::none && right.cause != cause::none);
        if (!early && !k.exact(t))
            return;
        if (said.at != right.at || said.cause != right.cause || said.window != right.window ||
            said.beyond_max_hold != right.beyond_max_hold || said.passed != right.passed)
            fail(fmt::format("it says {}, where {} is right", text(said), text(right)));
    }
    template <class... Args>
    void note(fmt::format_string<Args...> what, Args&&... args) {
        done_.push_back(fmt::format(what, std::forward<Args>(args)...));
    }
    [[noreturn]] static void fail(const std::string& why) { throw std::runtime_error{why}; }

    Make& make_;
    setup setup_;
    trace_dice dice_;
    instant now_{};
    instant abandoned_until_ = long_ago;
    bool dense_ = false;  ///< many units at a time: logs get long and lose precision
    std::vector<key> keys_;
    std::vector<process> processes_;
    std::vector<open_entry> entries_;
    std::vector<std::string> done_;
};

}  // namespace weir::testing::detail
