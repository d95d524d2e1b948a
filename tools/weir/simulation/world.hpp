// SPDX-License-Identifier: MIT
#pragma once

#include "dice.hpp"
#include "rivals.hpp"
#include "server.hpp"
#include "spans.hpp"

#include "weir/http/response_feedback.hpp"
#include "weir/storage/shared_memory_store.hpp"
#include "weir/testing/manual_clock.hpp"
#include "weir/weir.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

namespace weir::simulation {

/// Who decides when a request may go.
enum class law : std::uint8_t { weir, docstokg, aws, none };

/// What is asked of one host for one role.
struct task {
    std::string host;
    std::string role;
    std::int64_t requests = 0;           ///< to be answered with 200; 0 = as many as fit into the time
    std::optional<duration> mean_gap{};  ///< they come independent of each other, so far apart; absent = all are there
    std::vector<instant> at{};           ///< they come then
};

struct plan {
    std::vector<task> tasks;
    server_options server{};
    latency under_way{std::chrono::milliseconds{100}, 0.5};
    std::vector<latency_change> path_changes{};  ///< sorted by time; from then on instead of `under_way`
    std::vector<double> ways_out{0.5};  ///< the way out's share of the round trip, of one client after the other
    law by = law::weir;
    std::size_t clients = 1;     ///< processes
    bool is_shared = false;      ///< whether the clients share one store
    std::size_t workers = 16;    ///< of each client and task: requests that wait or are under way
    duration longest = forever;  ///< the end, where it is not the last request's
    duration skipped{};          ///< what is not counted, at the beginning
    double lost = 0;             ///< the share of requests that get no answer, half of them before they arrive
    duration timeout = std::chrono::seconds{30};  ///< after which a client gives up an answer
    std::vector<const configuration*>
        client_limits{};  ///< of one process after the other; empty = those of the servers
    std::optional<std::pair<duration, const configuration*>> change{};  ///< of the processes' own limits, from then on
    std::uint64_t seed = 1;
    std::size_t points = 0;  ///< of the series in the outcome
};

/// The latency in force at `since`.
[[nodiscard]] inline const latency& path_at(const plan& p, duration since) {
    const latency* out = &p.under_way;
    for (const latency_change& c : p.path_changes)
        if (c.from <= since)
            out = &c.then;
    return *out;
}

/// What happened in one of equally long parts of the time.
struct point {
    std::int64_t admitted = 0, arrived = 0, refused = 0;
    double factor = 1;     ///< at its end; the least of all keys
    double limit = 0;      ///< requests a second that all servers together allow in the long run
    bool is_held = false;  ///< whether a gate moved in it
};

/// What happened between requests of one task and its server.
struct outcome_of {
    const task* of = nullptr;
    std::int64_t requests = 0;  ///< that arrived
    std::int64_t refused = 0;
    std::int64_t failed = 0;  ///< answered with 5xx by an outage, or not at all
    std::int64_t done = 0;    ///< answered with 200
    std::int64_t denied = 0;  ///< by us: not waited for
    instant last{};           ///< answer
    std::int64_t lawful = 0;  ///< what could have been done in the same time at best
    std::int64_t full = 0;    ///< the same if requests took no time: what the server's limits allow
    std::vector<instant> refusals{};
};

struct outcome {
    std::vector<outcome_of> tasks;
    std::vector<float> waited_s;  ///< of each request, from its wish to its admission
    std::vector<point> series;
    duration length{};  ///< until the last answer, or the end
    duration part{};    ///< of one point
};

/// A run in virtual time: clients, the network and servers. The clients run the library's own code.
///
/// One seed, one outcome. **Complexity.** O(log requests under way) a request.
class world {
public:
    world(const configuration& c, const plan& p, idna_function idna = nullptr)
        : plan_(p), config_(c), dice_(p.seed), common_(clock_) {
        for (const task& t : plan_.tasks) {
            const policy rules = config_.policy_for(t.host, t.role).value();
            servers_.push_back(std::make_unique<server>(rules.rates, plan_.server));
            out_.tasks.push_back({.of = &t});
        }
        for (std::size_t i = 0; i < std::max<std::size_t>(1, plan_.clients); ++i)
            clients_.push_back(make_client(i, idna));
        if (plan_.change)
            schedule(instant{plan_.change->first}, kind::change, 0);
        if (plan_.points > 0)
            divide_time();
    }

    [[nodiscard]] outcome run() {
        for (std::size_t t = 0; t < plan_.tasks.size(); ++t)
            begin(t);
        const instant end = saturating_add(instant{}, plan_.longest);
        for (;;) {
            instant next = events_.empty() ? far_future : events_.top().at;
            for (const auto& c : clients_)
                next = std::min(next, c->next());
            if (next > end || next == far_future)
                break;
            clock_.set(next);
            for (const auto& c : clients_)
                if (c->next() <= next)
                    c->poll(next);
            while (!events_.empty() && events_.top().at <= next) {
                const event e = events_.top();
                events_.pop();
                happen(e);
            }
        }
        finish(end);
        return std::move(out_);
    }

private:
    enum class kind : std::uint8_t { wish, arrive, answer, again, change };

    /// One attempt at one document.
    struct attempt {
        std::size_t task = 0;
        std::size_t client = 0;
        instant wished{};
        instant answered{};
        instant gives_up{};
        bool is_lost = false;
        server::answer answer{0, {}};
    };
    struct event {
        instant at;
        std::uint64_t number;
        kind what;
        std::size_t which;  // attempt, or task for a wish
        [[nodiscard]] bool operator<(const event& o) const noexcept {
            return at != o.at ? at > o.at : number > o.number;
        }
    };

    /// One process.
    struct client {
        client() = default;
        client(const client&) = delete;
        client& operator=(const client&) = delete;
        virtual ~client() = default;
        virtual void submit(std::size_t a, instant now) = 0;
        virtual void answered(std::size_t a, instant now) = 0;
        virtual void poll(instant now) = 0;
        [[nodiscard]] virtual instant next() = 0;
        virtual void reload(const configuration& c, instant now) = 0;
    };

    template <class Store>
    struct weir_client final : client {
        struct watcher {
            world* owner;
            void on_event(const weir::event& e) const { owner->seen(e); }
        };
        using limits_t = registry<Store, watcher>;
        using ticket_t = typename limits_t::ticket;
        struct held {
            std::optional<ticket_t> ticket;
            typename limits_t::permit permit;
        };

        weir_client(world& w, Store s, const configuration& c, idna_function idna)
            : owner(w), limits(std::move(s), c, watcher{&w}, {idna}) {}

        void submit(std::size_t a, instant now) override {
            const attempt& what = owner.attempts_[a];
            if (tickets.size() <= a)
                tickets.resize(a + 1);
            if (tickets[a] == nullptr)
                tickets[a] = std::make_unique<held>();
            const task& t = owner.plan_.tasks[what.task];
            tickets[a]->ticket.emplace([this, a](ticket_t&) { done.push_back(a); });
            limits.submit(*tickets[a]->ticket, t.host, t.role, {.max_delay = forever}, now);
            settle();
        }
        void answered(std::size_t a, instant now) override {
            const server::answer& said = owner.attempts_[a].answer;
            // Without an answer, it is not known whether the request arrived.
            if (said.status != 0)
                tickets[a]->permit.arrived(http::response_feedback{said.status, said.fields,
                                                                   tools::calendar_time(now + owner.plan_.server.start)}
                                               .said(),
                                           now);
            tickets[a]->permit.release(now);
            settle();
        }
        void poll(instant now) override {
            limits.poll(now);
            settle();
        }
        [[nodiscard]] instant next() override { return limits.next_wake(); }
        void reload(const configuration& c, instant now) override {
            static_cast<void>(limits.reload(c, now));
            settle();
        }

        /// Outside of the steps that settled them.
        void settle() {
            while (!done.empty()) {
                const std::size_t a = done.front();
                done.pop_front();
                auto& ticket = tickets[a]->ticket;
                const decision why = ticket->decision();
                if (why.granted())
                    tickets[a]->permit = ticket->take();
                ticket.reset();
                if (why.granted())
                    owner.admitted(a, owner.clock_.now());
                else
                    owner.denied(a, why.outcome == weir::outcome::never ? far_future : why.retry_at);
            }
        }

        world& owner;
        limits_t limits;
        std::deque<std::size_t> done;
        std::vector<std::unique_ptr<held>> tickets;  // tell `done` of their end
    };

    struct rival_client final : client {
        explicit rival_client(world& w) : owner(w) {
            for (const task& t : w.plan_.tasks) {
                const policy p = w.config_.policy_for(t.host, t.role).value();
                if (w.plan_.by == law::docstokg)
                    laws.push_back(std::make_unique<docstokg_law>(p.rates, p.aimd));
                else if (w.plan_.by == law::aws)
                    laws.push_back(std::make_unique<aws_law>(p.rates));
                else
                    laws.push_back(std::make_unique<no_limiter>());
            }
            queues.resize(laws.size());
        }
        void submit(std::size_t a, instant now) override {
            queues[owner.attempts_[a].task].push_back(a);
            poll(now);
        }
        void answered(std::size_t a, instant now) override {
            laws[owner.attempts_[a].task]->answered(owner.attempts_[a].answer.status, now);
            poll(now);
        }
        void poll(instant now) override {
            for (std::size_t t = 0; t < laws.size(); ++t)
                while (!queues[t].empty() && laws[t]->earliest(now) <= now) {
                    const std::size_t a = queues[t].front();
                    queues[t].pop_front();
                    laws[t]->sent(now);
                    owner.admitted(a, now);
                }
        }
        [[nodiscard]] instant next() override {
            instant out = far_future;
            for (std::size_t t = 0; t < laws.size(); ++t)
                if (!queues[t].empty())
                    out = std::min(out, laws[t]->earliest(owner.clock_.now()));
            return out;
        }
        void reload(const configuration&, instant) override {}
        world& owner;
        std::vector<std::unique_ptr<rival>> laws;
        std::vector<std::deque<std::size_t>> queues;
    };

    std::unique_ptr<client> make_client(std::size_t i, idna_function idna) {
        const configuration& own =
            plan_.client_limits.empty() ? config_ : *plan_.client_limits[i % plan_.client_limits.size()];
        if (plan_.by != law::weir)
            return std::make_unique<rival_client>(*this);
        if (plan_.is_shared)
            return std::make_unique<weir_client<shared_memory_store<testing::manual_clock>>>(*this, common_, own, idna);
        return std::make_unique<weir_client<memory_store<testing::manual_clock>>>(*this, memory_store{clock_}, own,
                                                                                  idna);
    }

    void schedule(instant at, kind what, std::size_t which) {
        if (at < far_future)
            events_.push({at, ++number_, what, which});
    }

    // ---- wishes

    void begin(std::size_t t) {
        const task& what = plan_.tasks[t];
        wished_.push_back(0);
        if (!what.at.empty()) {
            for (const instant at : what.at)
                schedule(at, kind::wish, t);
        } else if (what.mean_gap) {
            schedule(instant{dice_.until_next(*what.mean_gap)}, kind::wish, t);
        } else {
            for (std::size_t i = 0; i < plan_.workers * clients_.size(); ++i)
                wish(t, i % clients_.size(), instant{});
        }
    }
    [[nodiscard]] bool has_more(std::size_t t) const {
        return plan_.tasks[t].requests == 0 || wished_[t] < plan_.tasks[t].requests;
    }
    void wish(std::size_t t, std::size_t who, instant now) {
        if (!has_more(t))
            return;
        ++wished_[t];
        const std::size_t a = new_attempt();
        attempts_[a] = {t, who, now, {}, {}, false, {0, {}}};
        schedule(now, kind::again, a);
    }
    [[nodiscard]] std::size_t new_attempt() {
        if (free_.empty()) {
            attempts_.emplace_back();
            return attempts_.size() - 1;
        }
        const std::size_t a = free_.back();
        free_.pop_back();
        return a;
    }

    // ---- what happens

    void happen(const event& e) {
        switch (e.what) {
        case kind::wish: {
            const task& what = plan_.tasks[e.which];
            wish(e.which, next_client_++ % clients_.size(), e.at);
            if (what.mean_gap && has_more(e.which))
                schedule(e.at + dice_.until_next(*what.mean_gap), kind::wish, e.which);
            break;
        }
        case kind::again:
            clients_[attempts_[e.which].client]->submit(e.which, e.at);
            break;
        case kind::arrive:
            arrive(e.which, e.at);
            break;
        case kind::answer:
            answer(e.which, e.at);
            break;
        case kind::change:
            for (const auto& c : clients_)
                c->reload(*plan_.change->second, e.at);
            break;
        }
    }

    void admitted(std::size_t a, instant now) {
        attempt& what = attempts_[a];
        if (counts(now))
            out_.waited_s.push_back(std::chrono::duration<float>(now - what.wished).count());
        if (point* p = at(now))
            ++p->admitted;
        const latency& path = path_at(plan_, now.time_since_epoch());
        const double out = plan_.ways_out[what.client % plan_.ways_out.size()];
        const instant arrives = now + dice_.one_way(path, out);
        what.answered = arrives + dice_.one_way(path, 1 - out);
        what.gives_up = now + plan_.timeout;
        what.is_lost = plan_.lost > 0 && dice_.share() < plan_.lost;
        what.answer = {0, {}};
        if (what.is_lost && dice_.share() < 0.5)
            schedule(what.gives_up, kind::answer, a);
        else
            schedule(arrives, kind::arrive, a);
    }
    void denied(std::size_t a, instant again) {
        ++out_.tasks[attempts_[a].task].denied;
        schedule(std::max(again, clock_.now() + duration{1}), kind::again, a);
    }
    void arrive(std::size_t a, instant now) {
        attempt& what = attempts_[a];
        what.answer = servers_[what.task]->receive(now);
        outcome_of& of = out_.tasks[what.task];
        const bool is_refused = what.answer.status == 429;
        if (what.is_lost)
            what.answer = {0, {}};
        if (counts(now)) {
            ++of.requests;
            of.refused += is_refused ? 1 : 0;
            if (is_refused)
                of.refusals.push_back(now);
        }
        if (point* p = at(now)) {
            ++p->arrived;
            p->refused += is_refused ? 1 : 0;
        }
        schedule(what.answer.status == 0 ? std::max(now, what.gives_up) : what.answered, kind::answer, a);
    }
    void answer(std::size_t a, instant now) {
        attempt& what = attempts_[a];
        outcome_of& of = out_.tasks[what.task];
        of.last = now;
        clients_[what.client]->answered(a, now);
        const auto [t, who] = std::pair{what.task, what.client};
        if (what.answer.status != 200 && what.answer.status != 429)
            ++of.failed;
        if (what.answer.status != 200) {
            what.wished = now;  // at the end of the queue
            schedule(now, kind::again, a);
            return;
        }
        of.done += counts(now) ? 1 : 0;
        free_.push_back(a);
        const task& whole = plan_.tasks[t];
        if (whole.at.empty() && !whole.mean_gap)
            wish(t, who, now);
    }

    void seen(const weir::event& e) {
        point* p = at(e.at);
        if (e.type == event_type::tune)
            factors_[weir::key{std::string{e.host}, std::string{e.role}}] = e.after.value();
        if (p == nullptr)
            return;
        p->is_held |= e.type == event_type::gate;
        if (e.type == event_type::tune) {
            const std::size_t i = static_cast<std::size_t>(p - out_.series.data());
            double min = 1;
            for (const auto& [who, factor] : factors_)
                min = std::min(min, factor);
            for (std::size_t j = i; j < out_.series.size(); ++j)
                out_.series[j].factor = min;
        }
    }

    [[nodiscard]] bool counts(instant at) const noexcept { return at.time_since_epoch() >= plan_.skipped; }
    [[nodiscard]] point* at(instant when) noexcept {
        if (out_.series.empty())
            return nullptr;
        const auto i = static_cast<std::size_t>(when.time_since_epoch() / out_.part);
        return i < out_.series.size() ? &out_.series[i] : nullptr;
    }

    /// Parts are whole periods of the densest rate, or what is admitted at once would make a saw of the series.
    void divide_time() {
        duration period = plan_.longest;
        for (const auto& s : servers_)
            for (const rate& r : s->rates_at(duration{}))
                period = std::min(period, r.period);
        const auto parts = static_cast<std::int64_t>(plan_.points);
        const duration exact = (plan_.longest + duration{parts - 1}) / parts;
        out_.part = period * ((exact + period - duration{1}) / period);
        out_.series.resize(static_cast<std::size_t>((plan_.longest + out_.part - duration{1}) / out_.part));
        for (std::size_t i = 0; i < out_.series.size(); ++i)
            for (const auto& s : servers_) {
                double slowest = 1e18;
                for (const rate& r : s->rates_at(out_.part * static_cast<std::int64_t>(i)))
                    slowest = std::min(slowest,
                                       static_cast<double>(r.limit) / std::chrono::duration<double>(r.period).count());
                out_.series[i].limit += slowest;
            }
    }

    void finish(instant end) {
        for (std::size_t t = 0; t < plan_.tasks.size(); ++t) {
            outcome_of& of = out_.tasks[t];
            const bool is_finite = plan_.tasks[t].requests > 0 && end == far_future;
            const instant last = is_finite ? of.last : end;
            out_.length = std::max(out_.length, last.time_since_epoch());
            const server fresh{config_.policy_for(plan_.tasks[t].host, plan_.tasks[t].role)->rates, plan_.server};
            of.lawful = max_lawful(fresh, plan_.skipped, last.time_since_epoch(),
                                   [this](duration at) { return path_at(plan_, at).whole_mean(); });
            of.full = max_lawful(fresh, plan_.skipped, last.time_since_epoch(), [](duration) { return duration{}; });
        }
    }

    const plan& plan_;
    const configuration& config_;
    dice dice_;
    testing::manual_clock clock_;
    shared_memory_store<testing::manual_clock> common_;
    std::vector<std::unique_ptr<server>> servers_;
    std::vector<std::unique_ptr<client>> clients_;
    std::priority_queue<event> events_;
    std::uint64_t number_ = 0;
    std::vector<attempt> attempts_;
    std::vector<std::size_t> free_;
    std::vector<std::int64_t> wished_;
    std::size_t next_client_ = 0;
    std::map<weir::key, double> factors_;
    outcome out_;
};

}  // namespace weir::simulation
