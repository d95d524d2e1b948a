// SPDX-License-Identifier: MIT
#include "weir/registry/registry.hpp"

#include "support/catch.hpp"
#include "support/limits.hpp"

#include "weir/http/headers.hpp"
#include "weir/http/response_feedback.hpp"
#include "weir/storage/shared_memory_store.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using weir::instant;

namespace half_open_tests {

using store_of_all = weir::shared_memory_store<weir::testing::manual_clock>;

/// What a server answers while it refuses.
struct refusal_form {
    int status;
    std::vector<weir::http::header> fields;
    bool is_honest = false;  // `Retry-After` is the time that is left
};

struct loop_result {
    int before_first_answer = 0;
    int after = 0;
    int served = 0;
};

/// A closed loop in virtual time: each worker sends one request after the other, as soon as it may. The server refuses
/// everything for a minute, and needs 100 ms for each answer.
template <class Registry>
class closed_loop {
public:
    closed_loop(weir::testing::manual_clock& clock, std::vector<Registry*> processes, int workers, refusal_form form)
        : clock_(clock), form_(std::move(form)) {
        for (int i = 0; i < workers; ++i)
            workers_.push_back(std::make_unique<worker>(*processes[static_cast<std::size_t>(i) % processes.size()]));
    }

    loop_result run(weir::duration length) {
        const instant begin = clock_.now(), end = begin + length;
        healthy_ = begin + 1min;
        first_answer_ = begin + latency;
        while (clock_.now() < end) {
            instant next = end;
            for (const auto& w : workers_)
                next = std::min(next, step(*w));
            for (const auto& w : workers_)
                next = std::min(next, w->limits.poll(clock_.now()));
            for (const auto& w : workers_)
                if (w->is_waiting && w->ticket.done())
                    next = clock_.now();
            if (next > clock_.now())
                clock_.set(next);
        }
        return result_;
    }

private:
    static constexpr weir::duration latency = 100ms;
    struct worker {
        explicit worker(Registry& r) : limits(r) {}
        Registry& limits;
        typename Registry::ticket ticket;
        typename Registry::permit permit;
        bool is_waiting = false;
        std::optional<instant> answer_at;
        instant again_at = weir::long_ago;
    };

    /// Does what the worker can do now. Returns when it is to be looked at again.
    instant step(worker& w) {
        const instant now = clock_.now();
        if (w.answer_at) {
            if (*w.answer_at > now)
                return *w.answer_at;
            answer(w);
        }
        if (w.is_waiting && w.ticket.done()) {
            w.is_waiting = false;
            if (w.ticket.decision().granted()) {
                w.permit = w.ticket.take();
                ++(now < first_answer_ ? result_.before_first_answer : now < healthy_ ? result_.after : result_.served);
                w.answer_at = now + latency;
                return *w.answer_at;
            }
            w.again_at = std::max(w.ticket.decision().retry_at, now + 1ms);
        }
        if (w.is_waiting)
            return weir::far_future;
        if (w.again_at > now)
            return w.again_at;
        w.is_waiting = true;
        std::destroy_at(&w.ticket);
        std::construct_at(&w.ticket);
        w.limits.submit(w.ticket, "h", "metadata", {.max_delay = 1h});
        return w.ticket.done() ? now : weir::far_future;
    }
    void answer(worker& w) {
        const bool refuses = *w.answer_at - latency < healthy_;
        w.answer_at.reset();
        weir::http::headers fields{{"Date", "Sat, 28 Nov 2026 12:00:00 GMT"}};
        if (refuses)
            for (const auto& f : form_.fields)
                fields.add(f.name, f.value);
        if (refuses && form_.is_honest)
            fields.add("Retry-After",
                       std::to_string(std::chrono::ceil<std::chrono::seconds>(healthy_ - clock_.now()).count()));
        const std::chrono::sys_seconds noon{std::chrono::sys_days{std::chrono::year{2026} / 11 / 28} + 12h};
        w.permit.arrived(weir::http::response_feedback{refuses ? form_.status : 200, fields, noon}.said());
        w.permit.release();
    }

    weir::testing::manual_clock& clock_;
    refusal_form form_;
    std::vector<std::unique_ptr<worker>> workers_;
    instant healthy_, first_answer_;
    loop_result result_;
};

weir::policy ten_per_second() {
    weir::policy p = weir_test::limited({{10, 1s}});
    p.refusal_statuses = {403, 420, 429, 503, 529};
    p.max_hold = weir::forever;
    return p;
}

const std::vector<refusal_form>& forms() {
    static const std::vector<refusal_form> all{
        {429, {}},
        {503, {}},
        {403, {}},
        {420, {}},
        {529, {}},
        {429, {{"Retry-After", "0"}}},
        {429, {{"Retry-After", "-1"}}},
        {429, {{"Retry-After", "null"}}},
        {429, {{"Retry-After", "0.493"}}},
        {429, {{"Retry-After", "1"}}},
        {429, {{"Retry-After", "3"}}},
        {429, {{"Retry-After", "5"}}},
        {429, {{"Retry-After", "7"}}},
        {429, {{"Retry-After", "10"}}},
        {429, {{"Retry-After", "20"}}},
        {429, {{"Retry-After", "2, 5"}}},
        {429, {{"Retry-After", "Sat, 28 Nov 2026 11:59:00 GMT"}}},
        {429, {{"Retry-After", "Sat, 28 Nov 2026 12:00:04 GMT"}}},
        {429, {{"Retry-After", "2026-11-28T12:00:04Z"}}},
        {429, {{"retry-after-ms", "2500"}}},
        {429, {{"X-RateLimit-Reset", "4"}}},
        {429, {{"X-RateLimit-Limit", "10"}, {"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", "0"}}},
        {500, {{"Retry-After", "2"}}},
        {502, {{"Retry-After", "4"}}},
        {429, {}, true},
        {503, {}, true},
    };
    return all;
}

}  // namespace half_open_tests

using half_open_tests::closed_loop;
using half_open_tests::store_of_all;

TEST_CASE("half open: while a server refuses for a minute, hardly more is sent than before its first answer") {
    for (const auto& form : half_open_tests::forms())
        for (const int workers : {1, 2, 8, 16, 64}) {
            CAPTURE(form.status, form.fields.empty() ? "" : form.fields[0].value, form.is_honest, workers);
            weir_test::manual_limits one{half_open_tests::ten_per_second()};
            closed_loop loop{one.clock, std::vector{&one.limits}, workers, form};
            const auto got = loop.run(3min);
            CHECK(got.before_first_answer <= std::min(workers, 10));
            CHECK(got.after <= 8);
            CHECK(got.served > 500);  // the key is open again: two minutes less one pause
        }
}

TEST_CASE("half open: the processes that share a store send one probe") {
    for (const auto& form :
         {half_open_tests::refusal_form{429, {}}, half_open_tests::refusal_form{503, {{"Retry-After", "2"}}}}) {
        CAPTURE(form.status);
        weir::testing::manual_clock clock{instant{10s}};
        store_of_all store{clock};
        const auto config = weir_test::configured(half_open_tests::ten_per_second());
        weir::registry a{store, config}, b{store, config}, c{store, config};
        closed_loop loop{clock, std::vector{&a, &b, &c}, 24, form};
        const auto got = loop.run(3min);
        CHECK(got.before_first_answer <= 10);
        CHECK(got.after <= 8);
        CHECK(got.served > 500);
    }
}

TEST_CASE("half open: a probe that gets no answer does not lock the key") {
    auto p = half_open_tests::ten_per_second();
    p.abandon_grace = 1s;
    weir_test::manual_limits one{p};
    auto refused = one.limits.try_acquire("h", "metadata");
    refused.permit().arrived({.status = 429});
    refused.permit().release();
    one.clock.advance(1s);
    SECTION("because it is lost") {
        auto probe = one.limits.try_acquire("h", "metadata");
        REQUIRE(probe);
        const auto other = one.limits.try_acquire("h", "metadata");
        REQUIRE(!other);
        CHECK(other.decision().cause == weir::cause::gate);
        CHECK(other.decision().retry_at > one.clock.now());
        one.clock.advance(10s);
        const auto next = one.limits.try_acquire("h", "metadata");
        CHECK(next);
        CHECK(!one.limits.try_acquire("h", "metadata"));
        probe.permit().arrived({.status = 200});  // late, but it is the answer
        CHECK(one.limits.try_acquire("h", "metadata"));
        CHECK(one.limits.try_acquire("h", "metadata"));
    }
    SECTION("because it never left the machine") {
        auto probe = one.limits.try_acquire("h", "metadata");
        REQUIRE(probe);
        probe.permit().refund();
        const auto next = one.limits.try_acquire("h", "metadata");
        CHECK(next);
        CHECK(!one.limits.try_acquire("h", "metadata"));
    }
    SECTION("because its connection failed") {
        auto probe = one.limits.try_acquire("h", "metadata");
        REQUIRE(probe);
        probe.permit().release();
        const auto next = one.limits.try_acquire("h", "metadata");
        CHECK(next);
        CHECK(!one.limits.try_acquire("h", "metadata"));
    }
    SECTION("and it can be opened by hand") {
        auto probe = one.limits.try_acquire("h", "metadata");
        REQUIRE(probe);
        CHECK(one.limits.at("h", "metadata").open_gate());
        CHECK(one.limits.try_acquire("h", "metadata"));
    }
}

TEST_CASE("half open: the answer to a request that was sent before the refusal does not open the key") {
    weir_test::manual_limits one{half_open_tests::ten_per_second()};
    auto slow = one.limits.try_acquire("h", "metadata");
    auto refused = one.limits.try_acquire("h", "metadata");
    one.clock.advance(1ms);
    refused.permit().arrived({.status = 429});
    one.clock.advance(1s);
    slow.permit().arrived({.status = 200});
    slow.permit().release();
    const auto probe = one.limits.try_acquire("h", "metadata");
    CHECK(probe);
    CHECK(!one.limits.try_acquire("h", "metadata"));
}

TEST_CASE("half open: the other roles of a host probe one by one too, if they pause together") {
    auto p = half_open_tests::ten_per_second();
    p.gate_scope = weir::gate_reach::host;
    weir::testing::manual_clock clock{instant{10s}};
    const auto config = weir::configuration::builder{}.defaults("metadata", p).defaults("landing", p).build().value();
    weir::registry limits{weir_test::manual_store{clock}, config};
    auto refused = limits.try_acquire("h", "metadata");
    refused.permit().arrived({.status = 429});
    clock.advance(1s);
    const auto probe = limits.try_acquire("h", "landing");
    CHECK(probe);
    CHECK(!limits.try_acquire("h", "landing"));
}

TEST_CASE("half open: a policy that only reports lets everything pass") {
    auto p = half_open_tests::ten_per_second();
    p.enforce = false;
    weir_test::manual_limits one{p};
    auto refused = one.limits.try_acquire("h", "metadata");
    refused.permit().arrived({.status = 429});
    for (int i = 0; i < 3; ++i)
        CHECK(one.limits.try_acquire("h", "metadata"));
}

TEST_CASE("half open: a waiter is looked at when the gate opens, though an open entry fills the window") {
    weir::policy p;
    p.rates = {{2, 1s}};
    p.max_delay = 1h;
    weir_test::manual_limits l{p};
    const auto open = l.limits.acquire("a.org", "metadata");
    l.limits.acquire("a.org", "metadata").arrived(weir::feedback{429, 5s});
    weir_test::manual_registry::ticket waits;
    l.limits.submit(waits, "a.org", "metadata");
    REQUIRE_FALSE(waits.done());
    const auto due = l.limits.poll();
    CHECK(due > l.clock.now());
    CHECK(due <= l.clock.now() + 6s);
}
