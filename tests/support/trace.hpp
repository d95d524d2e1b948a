// SPDX-License-Identifier: MIT
#pragma once

// One random life of a registry with tickets on a manual clock, checked against `naive_key` after every step.

#include "support/oracle.hpp"
#include "support/seed.hpp"

#include "weir/config/configuration.hpp"
#include "weir/registry/handle.hpp"
#include "weir/registry/registry.hpp"
#include "weir/registry/ticket.hpp"
#include "weir/storage/memory_store.hpp"
#include "weir/testing/manual_clock.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir_test {

class trace {
public:
    using store = weir::memory_store<weir::testing::manual_clock>;
    using registry = weir::registry<store>;

    trace(std::uint64_t seed, int number)
        : dice_(seed * std::uint64_t{0x9E3779B97F4A7C15} + static_cast<std::uint64_t>(number)) {}

    /// Throws `std::runtime_error`, with what went wrong and all operations so far.
    void run() {
        try {
            begin();
            const std::int64_t steps = dice_.from(10, 80);
            for (std::int64_t i = 0; i < steps; ++i)
                step();
            drain();
            audit();
        } catch (const std::runtime_error& e) {
            std::string text = fmt::format("{}\noperations so far:\n", e.what());
            for (const std::string& line : done_)
                text += "  " + line + "\n";
            throw std::runtime_error{text};
        }
    }

    [[nodiscard]] std::int64_t admissions() const { return admissions_; }
    [[nodiscard]] std::int64_t refusals() const { return refusals_; }
    [[nodiscard]] std::int64_t queued_grants() const { return queued_grants_; }
    [[nodiscard]] std::int64_t abandonments() const { return abandonments_; }

private:
    using instant = weir::instant;
    using duration = weir::duration;

    struct wait {
        int id;
        std::size_t key;
        std::int64_t cost;
        instant arrived;
        instant deadline;
        bool cancelled = false;
        std::unique_ptr<registry::ticket> ticket{};
    };
    struct live {
        int id;
        std::size_t key;
        std::int64_t cost;
        instant admitted;
        instant limit;  // when its time limit ends it, answered or not
        registry::permit permit{};
        bool answered = false;
    };
    struct key {
        std::string host;
        naive_key truth{};
        std::vector<wait*> queue{};
        std::optional<registry::handle> handle{};
        duration shortest_memory = weir::far_future - instant{};  // the log may have thinned what is older than this
        bool exact = true;                                        // false: the log may be late, never early
        instant last_end = weir::long_ago;                        // of what was abandoned
        bool assessments_are_old = false;                         // something was over while others waited for it
        struct arrival {
            instant at;
            std::int64_t cost;
        };
        std::vector<arrival> arrivals{};
    };

    static constexpr duration tick = std::chrono::microseconds{500};

    [[noreturn]] static void fail(std::string why) { throw std::runtime_error{std::move(why)}; }
    static std::string ms(instant t) {
        return t >= weir::far_future ? "never"
                                     : fmt::format("{:.6f}ms", static_cast<double>(t.time_since_epoch().count()) / 1e6);
    }
    template <class... Args>
    void note(fmt::format_string<Args...> text, Args&&... args) {
        done_.push_back(fmt::format("{} {}", ms(now()), fmt::format(text, std::forward<Args>(args)...)));
    }
    [[nodiscard]] instant now() const { return clock_.now(); }
    void set_clock(instant at) {
        clock_.set(at);
        for (key& k : keys_)
            k.assessments_are_old |= k.truth.expire(at) && !k.queue.empty();
    }

    // ---- random worlds

    weir::policy any_policy() {
        weir::policy p;
        const std::int64_t count = dice_.from(1, 4);
        for (std::int64_t i = 0; i < count; ++i)
            p.rates.push_back({dice_.from(1, dice_.chance(30) ? 12 : 5), std::chrono::milliseconds{dice_.from(1, 40)}});
        if (dice_.chance(4))
            p.rates.clear(), p.unlimited = true;
        p.max_delay = dice_.from(0, 60) * tick;
        if (dice_.chance(80))
            p.abandon_grace =
                dice_.chance(20) ? duration::zero() : dice_.from(0, 240) * tick + duration{dice_.from(0, 3)};
        p.count_head = dice_.chance(30);
        if (dice_.chance(30))
            p.max_concurrent = dice_.from(1, 4);
        if (dice_.chance(30) && !p.unlimited)
            p.burst = dice_.from(1, 3);
        if (dice_.chance(50))
            p.count_from = weir::counting::admission;
        if (dice_.chance(20))
            p.margin = std::chrono::microseconds{dice_.from(1, 3000)};
        return p;
    }
    std::string describe(const weir::policy& p) {
        std::string out;
        for (const auto& r : p.rates)
            out += weir::to_string(r) + " ";
        return out + fmt::format("delay={}ns head={} concurrent={} burst={} from={} margin={}ns grace={}ns",
                                 p.max_delay.count(), p.count_head, p.max_concurrent, p.burst,
                                 p.count_from == weir::counting::response ? "response" : "admission", p.margin.count(),
                                 p.abandon_grace ? p.abandon_grace->count() : -1);
    }
    weir::configuration configure() {
        weir::configuration::builder b;
        for (key& k : keys_) {
            b.host(k.host, "metadata", k.truth.rules);
            note("{}: {}", k.host, describe(k.truth.rules));
        }
        note("ceiling {}", ceiling_);
        return b.global_max_inflight(ceiling_).build().value();
    }
    void remember(key& k) {
        duration longest{};
        for (const auto& w : k.truth.windows())
            longest = std::max(longest, w.period);
        k.shortest_memory = std::min(k.shortest_memory, longest);
    }

    void begin() {
        keys_.resize(static_cast<std::size_t>(dice_.from(1, 3)));
        for (std::size_t i = 0; i < keys_.size(); ++i) {
            keys_[i].host = fmt::format("h{}", i);
            keys_[i].truth.rules = any_policy();
            remember(keys_[i]);
        }
        ceiling_ = dice_.chance(30) ? dice_.from(1, 4) : 0;
        changes_rates_ = dice_.chance(50);
        limits_.emplace(store{clock_}, configure());
        for (key& k : keys_)
            k.handle.emplace(limits_->at(k.host, "metadata"));
    }

    // ---- steps

    void step() {
        const instant target = now() + (dice_.chance(20) ? dice_.from(0, 40) * tick + duration{dice_.from(0, 3)}
                                                         : dice_.from(0, 6) * tick);
        advance(target);
        if (dice_.chance(15))
            operate(false);  // before anybody has polled at this instant
        poll();
        const std::int64_t count = dice_.from(1, 3);
        for (std::int64_t i = 0; i < count; ++i)
            operate(true);
    }

    /// Moves the clock to `target` and stops wherever the oracle or the library has something to do.
    void advance(instant target) {
        while (true) {
            instant next = target;
            for (key& k : keys_) {
                for (const wait* w : k.queue)
                    next = std::min(next, w->deadline);
                if (const instant lawful = next_lawful(k); lawful > now())
                    next = std::min(next, lawful);
                next = std::min(next, k.truth.next_end());
            }
            for (const live& l : alive_)
                next = std::min(next, l.limit);
            if (const instant wake = limits_->next_wake(); wake > now())
                next = std::min(next, wake);
            set_clock(std::max(next, now()));
            end_at_limits();
            if (next >= target)
                return;
            poll();
        }
    }
    /// Ends the requests whose time limit has come, before or after what else is due at that instant.
    void end_at_limits() {
        if (dice_.chance(50))
            poll();
        for (std::size_t i = 0; i < alive_.size();) {
            if (alive_[i].limit > now()) {
                ++i;
                continue;
            }
            live l = std::move(alive_[i]);
            alive_.erase(alive_.begin() + static_cast<std::ptrdiff_t>(i));
            changed_ = nullptr;
            finish(std::move(l), dice_.chance(80) ? ending::dropped : ending::answered);
            i = 0;  // its slot may have let others in
        }
        changed_ = nullptr;
    }
    void poll() {
        const instant wake = limits_->poll();
        apply_events();
        if (wake <= now())
            fail(fmt::format("poll() wants to be called at {}, which is not later than now", ms(wake)));
        check_all();
    }
    /// When time alone lets somebody of `k` go.
    instant next_lawful(const key& k) const {
        instant next = weir::far_future;
        bool first = true;
        for (const wait* w : k.queue) {
            if (w->cost > 0 && !std::exchange(first, false))
                continue;
            const auto a = k.truth.look(w->cost, now(), weir::far_future);
            if (a.cause != weir::cause::never && a.at > now())
                next = std::min(next, a.at);
        }
        return next;
    }

    void operate(bool polled) {
        key& k = dice_.pick(keys_);
        changed_ = nullptr;
        const std::int64_t what = dice_.from(1, 100);
        if (what <= 34)
            submit(k);
        else if (what <= 48)
            attempt(k, polled);
        else if (what <= 52)
            count(k);
        else if (what <= 66)
            answer();
        else if (what <= 75)
            end(ending::answered);
        else if (what <= 80)
            end(ending::dropped);
        else if (what <= 84)
            end(ending::refunded);
        else if (what <= 89)
            cancel();
        else if (what <= 92)
            hold(k);
        else if (what <= 94)
            erase(k);
        else if (!changes_rates_)
            submit(k);
        else if (what <= 97)
            tune(k);
        else
            reload();
        if (polled)
            check_all();
        changed_ = nullptr;
    }

    weir::acquire_options any_ask() {
        weir::acquire_options a;
        a.cost = dice_.chance(70) ? 1 : dice_.from(1, 5);
        if (dice_.chance(15))
            a.method = dice_.chance(50) ? "HEAD" : "head";
        if (dice_.chance(60))
            a.max_delay = dice_.from(0, dice_.chance(20) ? 200 : 50) * tick;
        return a;
    }
    static std::int64_t counted(const key& k, const weir::acquire_options& a) {
        return a.method != "GET" && !k.truth.rules.count_head ? 0 : a.cost;
    }

    void submit(key& k) {
        const weir::acquire_options a = any_ask();
        auto w = std::make_unique<wait>();
        w->id = ++last_id_;
        w->key = index(k);
        w->cost = counted(k, a);
        w->arrived = now();
        w->deadline = now() + a.max_delay.value_or(k.truth.rules.max_delay);
        w->ticket =
            std::make_unique<registry::ticket>([this, raw = w.get()](registry::ticket&) { settled_.push_back(raw); });
        note("submit #{} {} {} cost {} until {}", w->id, k.host, a.method, a.cost, ms(w->deadline));
        if (k.queue.empty())
            k.assessments_are_old = false;
        k.queue.push_back(w.get());
        waits_.push_back(std::move(w));
        limits_->submit(*waits_.back()->ticket, k.host, "metadata", a);
        apply_events();
    }

    void attempt(key& k, bool polled) {
        const weir::acquire_options a = any_ask();
        const std::int64_t cost = counted(k, a);
        // A clock may step back; nobody waits then, or they would be told of the past. Not behind the end of an
        // abandoned request: a verb that changes nothing need not keep what it found to be over.
        instant at = k.queue.empty() && dice_.chance(10) ? now() - dice_.from(0, 8) * tick : now();
        if (at < k.last_end)
            at = now();
        const instant effective = std::max(at, k.truth.newest);
        const bool by_handle = dice_.chance(50);
        note("try {} {} cost {} at {}", k.host, a.method, a.cost, ms(at));
        const auto before = k.handle->inspect();
        auto got = by_handle ? k.handle->try_acquire(a, at) : limits_->try_acquire(k.host, "metadata", a, at);
        const bool quiet = settled_.empty();
        apply_events();
        const int id = ++last_id_;
        judge(k, cost, effective, got.decision(), at == now(), true);
        if (got) {
            granted(k, id, cost, effective, std::move(got).take());
        } else if (polled && quiet) {
            const auto after = k.handle->inspect();
            if (!same(before, after))
                fail("a refusal had a side effect");
        }
    }

    void count(key& k) {
        weir::acquire_options a = any_ask();
        a.method = "GET";
        const std::int64_t cost = a.cost;
        note("admit {} cost {}", k.host, a.cost);
        const auto d = k.handle->admit(a);
        apply_events();
        judge(k, cost, std::max(now(), k.truth.newest), d, true, false);
        if (d.granted()) {
            check_windows(k, cost, std::max(now(), k.truth.newest));
            k.truth.admit(++last_id_, cost, now(), false);
            ++admissions_;
            if (k.truth.rules.count_from == weir::counting::response)
                audited_ = false;
        }
    }

    void answer() {
        if (alive_.empty())
            return;
        live& l = dice_.pick(alive_);
        key& k = keys_[l.key];
        weir::feedback said{200, {}};
        if (dice_.chance(10))
            said = {429, dice_.from(0, 20) * tick};
        note("arrived #{} {} retry-after {}", l.id, k.host, said.retry_after ? said.retry_after->count() : -1);
        const bool is_first = !l.answered;
        arrived(l);
        if (is_first && said.retry_after && now() + *said.retry_after > k.truth.gate) {
            k.truth.gate = now() + *said.retry_after;
            changed_ = &k;
        }
        l.permit.arrived(said);
        apply_events();
    }
    void arrived(live& l) {
        if (std::exchange(l.answered, true))
            return;
        key& k = keys_[l.key];
        k.truth.longest_latency = std::max(k.truth.longest_latency, now() - l.admitted);
        if (const auto before = k.truth.open.size(); k.truth.answered(l.id, now()), k.truth.open.size() < before)
            changed_ = &k;
        if (l.cost > 0)
            k.arrivals.push_back({l.admitted + duration{dice_.from(0, (now() - l.admitted).count())}, l.cost});
    }

    enum class ending { answered, dropped, refunded };

    void end(ending how) {
        if (alive_.empty())
            return;
        const auto at = static_cast<std::size_t>(dice_.from(0, static_cast<std::int64_t>(alive_.size()) - 1));
        live l = std::move(alive_[at]);
        alive_.erase(alive_.begin() + static_cast<std::ptrdiff_t>(at));
        finish(std::move(l), how);
    }
    void finish(live l, ending how) {
        key& k = keys_[l.key];
        static constexpr std::array<std::string_view, 3> words{"release", "drop", "refund"};
        note("{} #{} {}", words[static_cast<std::size_t>(how)], l.id, k.host);
        if (how == ending::answered && !l.answered) {
            arrived(l);
            l.permit.arrived();  // a step of its own, in which the request is still in flight
            apply_events();
        }
        if (l.cost > 0) {
            --k.truth.in_flight;
            --in_flight_;
        }
        if (how == ending::refunded) {
            for (const auto& i : l.answered ? std::vector<naive_key::item>{} : k.truth.stamped)
                // What the log has thinned out cannot be taken back any more.
                if (i.id == l.id && i.stamp + k.shortest_memory <= now())
                    k.exact = false;
            if (!l.answered)  // an answered request has left the machine: its refund is a release
                k.truth.refunded(l.id);
            l.permit.refund();
            if (dice_.chance(50))
                l.permit.refund();
            l.permit.release();
        } else {
            dropped(l);
            if (dice_.chance(50))
                l.permit.release();
            else
                l.permit = {};
        }
        apply_events();
    }
    /// What has no answer may arrive at the server until its grace is over.
    void dropped(const live& l) {
        if (l.answered)
            return;
        key& k = keys_[l.key];
        k.truth.abandoned(l.id, now());
        const auto at =
            std::find_if(k.truth.open.begin(), k.truth.open.end(), [&](const auto& i) { return i.id == l.id; });
        if (at == k.truth.open.end())
            return;
        ++abandonments_;
        const instant end = at->end;
        k.last_end = std::max(k.last_end, end);
        k.assessments_are_old |= k.truth.expire(now()) && !k.queue.empty();
        k.arrivals.push_back({l.admitted + duration{dice_.from(0, (end - l.admitted).count())}, l.cost});
    }

    void cancel() {
        std::vector<wait*> all;
        for (key& k : keys_)
            all.insert(all.end(), k.queue.begin(), k.queue.end());
        if (all.empty())
            return;
        wait& w = *dice_.pick(all);
        note("cancel #{}", w.id);
        w.cancelled = true;
        if (!w.ticket->cancel())
            fail("a waiter could not be cancelled");
        apply_events();
        if (w.ticket->cancel())
            fail("a waiter was cancelled twice");
    }
    void hold(key& k) {
        const instant until = now() + dice_.from(-2, 30) * tick;
        note("hold {} until {}", k.host, ms(until));
        const bool moves = until > k.truth.gate;
        k.truth.gate = std::max(k.truth.gate, until);
        if (k.handle->hold_until(until) != moves)
            fail("hold_until() did not say whether the gate moved");
        if (moves)
            changed_ = &k;
        apply_events();
    }
    void erase(key& k) {
        poll();                          // or the next line would make those late whose time it is
        set_clock(now() + duration{1});  // what was stamped before is told apart from what comes
        note("erase {}", k.host);
        k.truth.stamped.clear();
        k.truth.gate = k.truth.newest = weir::long_ago;
        k.truth.millionths = 1'000'000;
        audited_ = false;
        limits_->erase(k.host, "metadata");
        apply_events();
        set_clock(now() + duration{1});
        limits_->poll();
        apply_events();
    }
    void tune(key& k) {
        k.truth.millionths = dice_.chance(20) ? 1'000'000 : dice_.from(200'000, 1'000'000);
        audited_ = false;
        note("tune {} to {} millionths", k.host, k.truth.millionths);
        remember(k);
        changed_ = &k;
        k.handle->tune(weir::multiplier::of(static_cast<double>(k.truth.millionths) / 1e6));
        apply_events();
    }
    void reload() {
        note("reload");
        for (key& k : keys_) {
            if (dice_.chance(60))
                k.truth.rules = any_policy();
            remember(k);
        }
        if (dice_.chance(40))
            ceiling_ = dice_.chance(50) ? dice_.from(1, 4) : 0;
        audited_ = false;
        everything_changed_ = true;
        if (const auto done = limits_->reload(configure()); !done)
            fail("reload: " + done.error().message);
        apply_events();
        check_all();
        everything_changed_ = false;
    }

    // ---- what must hold

    [[nodiscard]] std::size_t index(const key& k) const { return static_cast<std::size_t>(&k - keys_.data()); }
    [[nodiscard]] bool place_free() const { return ceiling_ == 0 || in_flight_ < ceiling_; }
    /// Whether forecasts depend on time and the log alone: nobody waits for an answer or a place.
    [[nodiscard]] bool steady(const key& k) const {
        return k.truth.open.empty() && k.truth.rules.max_concurrent == 0 && ceiling_ == 0 && !k.assessments_are_old;
    }

    /// Best cases of all who wait for `k` before `last`, in order.
    std::vector<naive_key::item> ahead_of(const key& k, const wait* last) const {
        std::vector<naive_key::item> ahead;
        for (const wait* w : k.queue) {
            if (w == last)
                break;
            if (w->cost > 0)
                ahead.push_back({w->id, w->cost, k.truth.look(w->cost, now(), now(), ahead).at});
        }
        return ahead;
    }

    void apply_events() {
        for (std::size_t i = 0; i < settled_.size(); ++i)
            apply(*settled_[i]);
        settled_.clear();
    }
    void apply(wait& w) {
        key& k = keys_[w.key];
        const auto place = std::find(k.queue.begin(), k.queue.end(), &w);
        if (place == k.queue.end())
            fail(fmt::format("#{} was settled twice", w.id));
        const weir::decision d = w.ticket->decision();
        note("  -> #{} {} {} retry {}", w.id, to_string(d.outcome), to_string(d.cause), ms(d.retry_at));
        if (d.waited != now() - w.arrived)
            fail(fmt::format("#{} does not know how long it waited", w.id));
        const auto ahead = ahead_of(k, &w);
        if (d.outcome == weir::outcome::granted) {
            if (w.cost > 0 && !ahead.empty())
                fail(fmt::format("#{} was granted before #{}: not first come, first served", w.id, ahead[0].id));
            if (w.arrived < now())
                ++queued_grants_;
            k.queue.erase(place);
            judge(k, w.cost, now(), d, true, true, true);
            granted(k, w.id, w.cost, now(), w.ticket->take());
            return;
        }
        ++refusals_;
        k.queue.erase(place);
        if (d.outcome == weir::outcome::cancelled) {
            if (!w.cancelled)
                fail(fmt::format("#{} was cancelled by nobody", w.id));
            return;
        }
        const auto best = k.truth.look(w.cost, now(), now(), ahead);
        if (!k.exact)
            return;
        if ((d.outcome == weir::outcome::never) != (best.cause == weir::cause::never))
            fail(fmt::format("#{} is {}, but the oracle says {}", w.id, to_string(d.outcome), to_string(best.cause)));
        if (d.outcome == weir::outcome::never)
            return;
        // A free place may be owed to a key that has starved longer.
        const bool owed = ceiling_ > 0 && d.cause == weir::cause::inflight;
        if (best.cause == weir::cause::none && ahead.empty() && place_free() && !owed)
            fail(fmt::format("#{} was refused though it fits", w.id));
        if (w.deadline > now() && best.at <= w.deadline)
            fail(fmt::format("#{} was refused at once, but its best case {} is not past its deadline", w.id,
                             ms(best.at)));
        if (steady(k) && d.retry_at != best.at)
            fail(fmt::format("#{}: retry_at is {}, the best case {}", w.id, ms(d.retry_at), ms(best.at)));
        if (steady(k) && ahead.empty() && d.cause != best.cause)
            fail(fmt::format("#{}: cause {} where it is {}", w.id, to_string(d.cause), to_string(best.cause)));
    }

    /// An answer given at once, behind all who wait.
    void judge(const key& k, std::int64_t cost, instant at, const weir::decision& d, bool current, bool takes_place,
               bool as_head = false) {
        const auto ahead = cost == 0 || as_head ? std::vector<naive_key::item>{} : ahead_of(k, nullptr);
        const auto best = k.truth.look(cost, at, at, ahead);
        const bool lawful =
            best.cause == weir::cause::none && ahead.empty() && (place_free() || cost == 0 || !takes_place);
        if (d.granted() && !lawful)
            fail(fmt::format("{}: cost {} granted against {} until {}", k.host, cost, to_string(best.cause),
                             ms(best.at)));
        if (!k.exact)
            return;
        if (!d.granted() && lawful && current)
            fail(fmt::format("{}: cost {} refused by {} though it fits", k.host, cost, to_string(d.cause)));
        if (d.granted())
            return;
        if ((d.outcome == weir::outcome::never) != (best.cause == weir::cause::never))
            fail("never, or not?");
        if (d.outcome == weir::outcome::never || !current || !steady(k))
            return;
        if (d.retry_at != best.at)
            fail(fmt::format("{}: retry_at is {}, the best case {}", k.host, ms(d.retry_at), ms(best.at)));
        if (ahead.empty() && d.cause != best.cause)
            fail(fmt::format("{}: cause {} where it is {}", k.host, to_string(d.cause), to_string(best.cause)));
        if ((d.cause == weir::cause::window) != d.limit.has_value())
            fail("a denial by a window names its rate, and no other does");
    }

    void check_windows(const key& k, std::int64_t cost, instant at) const {
        for (const naive_window& w : k.truth.windows())
            if (const auto used = k.truth.used(w, at); used + cost > w.limit && used > 0)
                fail(fmt::format("{}: window over: {} used + {} > {} in {} ns", k.host, used, cost, w.limit,
                                 w.period.count()));
    }
    void granted(key& k, int id, std::int64_t cost, instant at, registry::permit p) {
        if (cost > 0) {
            check_windows(k, cost, at);
            if (!place_free())
                fail("more in flight than the ceiling allows");
            if (k.truth.rules.max_concurrent > 0 && k.truth.in_flight >= k.truth.rules.max_concurrent)
                fail("more in flight than max_concurrent");
            ++in_flight_;
            if (k.truth.rules.count_from != weir::counting::response)
                audited_ = false;
        }
        ++admissions_;
        k.truth.admit(id, cost, at, true);
        const instant limit = dice_.chance(20) ? now() + dice_.from(1, 60) * tick : weir::far_future;
        alive_.push_back({id, index(k), cost, at, limit, std::move(p)});
    }

    void check_all() {
        if (limits_->in_flight() != in_flight_)
            fail(fmt::format("in flight: {} instead of {}", limits_->in_flight(), in_flight_));
        for (key& k : keys_)
            check(k);
    }
    void check(key& k) {
        bool first = true;
        std::vector<naive_key::item> ahead;
        for (const wait* w : k.queue) {
            const auto alone = k.truth.look(w->cost, now(), now());
            const bool head = w->cost == 0 || std::exchange(first, false);
            if (w->deadline <= now())
                fail(fmt::format("#{} waits past its deadline", w->id));
            if (k.exact && head && alone.cause == weir::cause::none && (w->cost == 0 || place_free()))
                fail(fmt::format("#{} fits and was not granted", w->id));
            const auto best = w->cost == 0 ? alone : k.truth.look(w->cost, now(), now(), ahead);
            if (k.exact && (steady(k) || changed_ == &k || everything_changed_) && best.at > w->deadline)
                fail(fmt::format("#{} waits for nothing: its best case {} is past its deadline {}", w->id, ms(best.at),
                                 ms(w->deadline)));
            if (w->cost > 0)
                ahead.push_back({w->id, w->cost, best.at});
        }
        const auto seen = k.handle->inspect();
        if (seen.waiting != k.queue.size())
            fail(fmt::format("{} waiting instead of {}", seen.waiting, k.queue.size()));
        if (seen.state.open != k.truth.open_units())
            fail(fmt::format("open: {} instead of {}", seen.state.open, k.truth.open_units()));
        if (seen.state.in_flight != k.truth.in_flight)
            fail("the key's in-flight count is wrong");
        if (seen.state.gate != k.truth.gate)
            fail("the gate is wrong");
        if (seen.state.factor.millionths() != k.truth.millionths)
            fail("the multiplier is wrong");
        const auto windows = k.truth.windows();
        if (seen.state.windows.size() != windows.size())
            fail("the number of windows is wrong");
        for (std::size_t i = 0; i < windows.size(); ++i) {
            const auto& w = seen.state.windows[i];
            if (w.limit != windows[i].limit || w.period != windows[i].period)
                fail(fmt::format("{}: window {} is {} in {} ns instead of {} in {} ns", k.host, i, w.limit,
                                 w.period.count(), windows[i].limit, windows[i].period.count()));
            const auto used = k.truth.used(windows[i], std::max(now(), k.truth.newest));
            if (k.exact ? w.used != used : w.used < used)
                fail(fmt::format("{}: window {} shows {} used instead of {}", k.host, i, w.used, used));
        }
    }
    /// But for memory: a store makes room before it asks for a place in flight.
    static bool same(const weir::key_report& a, const weir::key_report& b) {
        if (a.waiting != b.waiting || a.state.open != b.state.open || a.state.in_flight != b.state.in_flight ||
            a.state.gate != b.state.gate || a.state.factor != b.state.factor || a.state.newest != b.state.newest ||
            a.state.windows.size() != b.state.windows.size())
            return false;
        for (std::size_t i = 0; i < a.state.windows.size(); ++i)
            if (a.state.windows[i].used != b.state.windows[i].used)
                return false;
        return true;
    }

    void drain() {
        note("drain");
        const auto all_quiet = [&] {
            for (const key& k : keys_)
                if (!k.queue.empty())
                    return false;
            return alive_.empty();
        };
        for (int i = 0; !all_quiet(); ++i) {
            if (i > 10'000)
                fail("it does not come to an end");
            while (!alive_.empty()) {
                live l = std::move(alive_.back());
                alive_.pop_back();
                finish(std::move(l), ending::answered);
            }
            changed_ = nullptr;
            advance(now() + 4 * tick);
            poll();
        }
        if (limits_->in_flight() != 0 || limits_->next_wake() != weir::far_future)
            fail("it is not at rest");
        duration longest{};
        instant last = now();
        for (key& k : keys_) {
            for (const auto& w : k.truth.windows())
                longest = std::max(longest, w.period);
            longest = std::max(longest, k.truth.gate - now());
        }
        for (const key& k : keys_)
            if (k.last_end > now())
                last = std::max(last, k.last_end);
        set_clock(last + longest);
        for (key& k : keys_) {
            const auto seen = k.handle->inspect();
            if (seen.state.open != 0 || seen.state.in_flight != 0 || seen.waiting != 0)
                fail("a key is not at rest");
            for (const auto& w : seen.state.windows)
                if (w.used != 0)
                    fail("a window is not empty at the end");
        }
    }

    /// The promise itself: at the server, no half-open interval of length T holds more than N.
    void audit() {
        if (!audited_)
            return;
        for (key& k : keys_) {
            std::sort(k.arrivals.begin(), k.arrivals.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
            for (const weir::rate& r : k.truth.rules.rates)
                for (std::size_t i = 0; i < k.arrivals.size(); ++i) {
                    std::int64_t sum = 0;
                    for (std::size_t j = i; j < k.arrivals.size() && k.arrivals[j].at < k.arrivals[i].at + r.period;
                         ++j)
                        sum += k.arrivals[j].cost;
                    if (sum > r.limit)
                        fail(fmt::format("{}: the server saw {} in {}", k.host, sum, weir::to_string(r)));
                }
        }
    }

    dice dice_;
    weir::testing::manual_clock clock_{instant{std::chrono::seconds{1}}};
    std::vector<std::string> done_;
    std::vector<wait*> settled_;
    std::optional<registry> limits_;  // before all that refers to it, which goes first
    std::vector<key> keys_;
    std::vector<std::unique_ptr<wait>> waits_;
    std::vector<live> alive_;
    std::int64_t ceiling_ = 0;
    std::int64_t in_flight_ = 0;
    bool changes_rates_ = false;
    bool audited_ =
        true;  // whether the promise at the server can be checked: nothing counted from admission, no cut, no reload
    const key* changed_ = nullptr;  // whose forecasts are fresh
    bool everything_changed_ = false;
    int last_id_ = 0;
    std::int64_t admissions_ = 0;
    std::int64_t refusals_ = 0;
    std::int64_t queued_grants_ = 0;
    std::int64_t abandonments_ = 0;
};

}  // namespace weir_test
