// SPDX-License-Identifier: MIT
#include "weir/limiter/key_limiter.hpp"

#include "support/catch.hpp"

#include "weir/storage/memory_store.hpp"
#include "weir/testing/manual_clock.hpp"

#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

using namespace std::chrono_literals;
using weir::instant;

namespace {

using store_type = weir::memory_store<weir::testing::manual_clock>;

struct node final : weir::waiter {
    void completed() noexcept override { is_settled = true; }
    void wake_earlier() noexcept override { ++hurried; }
    bool is_settled = false;
    int hurried = 0;
};

struct fixture {
    store_type store{weir::testing::manual_clock{}};
    weir::inflight_ceiling ceiling{0};
    weir::policy policy = [] {
        weir::policy p;
        p.rates = {{1, 10s}};
        p.count_from = weir::counting::admission;
        return p;
    }();
    weir::key_limiter<store_type> key{rules(policy), {}};

    static std::shared_ptr<const weir::key_rules> rules(const weir::policy& p) {
        return std::make_shared<const weir::key_rules>(weir::key_rules{p, weir::plan_windows(p)});
    }
    bool submit(node& w, instant now, instant deadline, std::int64_t cost = 1) {
        weir::completions settled;
        w.cost = cost;
        w.deadline = deadline;
        const std::lock_guard guard{key};
        return key.submit(store, ceiling, w, now, settled);
    }
    void pump(instant now) {
        weir::completions settled;
        key.pump(store, ceiling, now, settled);
    }
};

}  // namespace

TEST_CASE("key_limiter: who cannot go waits in order, and is woken at the exact time") {
    fixture f;
    node a, b, c;
    CHECK_FALSE(f.submit(a, instant{0s}, instant{60s}));
    CHECK(a.verdict.granted());
    CHECK(f.submit(b, instant{1s}, instant{60s}));
    CHECK(f.submit(c, instant{2s}, instant{60s}));
    CHECK(f.key.is_head(b));
    CHECK(f.key.next_wake() == instant{10s});
    f.pump(instant{10s - 1ns});
    CHECK_FALSE(b.is_settled);
    f.pump(instant{10s});
    CHECK(b.is_settled);
    CHECK(b.verdict.waited == 9s);
    CHECK(c.hurried > 0);
    CHECK(f.key.next_wake() == instant{20s});
    f.pump(instant{20s});
    CHECK(c.verdict.granted());
    CHECK(f.key.waiting() == 0);
}

TEST_CASE("key_limiter: defect 14: whose best case is past the deadline is refused at once") {
    fixture f;
    node a, b, c, d;
    CHECK_FALSE(f.submit(a, instant{0s}, instant{60s}));
    CHECK(f.submit(b, instant{0s}, instant{10s}));
    CHECK_FALSE(f.submit(c, instant{0s}, instant{20s - 1ns}));
    CHECK(c.verdict.state == weir::outcome::denied);
    CHECK(c.verdict.retry_at == instant{20s});
    CHECK(c.verdict.limit == weir::rate{1, 10s});
    CHECK(f.submit(d, instant{0s}, instant{20s}));
    // The grant of b by time alone must not make those behind it look later than they are.
    f.pump(instant{10s});
    node e;
    CHECK(f.submit(e, instant{10s}, instant{30s}));
    weir::completions settled;
    f.key.cancel(f.store, f.ceiling, d, instant{11s}, settled);
    f.key.cancel(f.store, f.ceiling, e, instant{11s}, settled);
}

TEST_CASE("key_limiter: a refused cost at the head lets a cheaper request behind it go") {
    fixture f;
    f.policy.rates = {{3, 10s}};
    weir::completions settled;
    f.key.govern(f.store, f.ceiling, fixture::rules(f.policy), instant{0s}, settled);
    node a, big, small;
    CHECK_FALSE(f.submit(a, instant{0s}, instant{60s}, 1));
    CHECK(f.submit(big, instant{0s}, instant{10s}, 3));
    CHECK(f.submit(small, instant{1s}, instant{60s}, 1));
    CHECK(f.key.hold(f.store, f.ceiling, instant{11s}, instant{2s}, settled));
    settled.tell();
    CHECK(big.verdict.state == weir::outcome::denied);
    CHECK(big.verdict.why == weir::cause::gate);
    CHECK_FALSE(small.is_settled);
    f.pump(instant{11s});
    CHECK(small.verdict.granted());
}

TEST_CASE("key_limiter: a refusal by a rule that a reload took away names no rate of the new rules") {
    fixture f;
    f.policy.rates = {{100, 1s}, {100, 2s}, {100, 3s}, {1, 10s}};
    weir::completions settled;
    f.key.govern(f.store, f.ceiling, fixture::rules(f.policy), instant{0s}, settled);
    node a, late;
    CHECK_FALSE(f.submit(a, instant{0s}, instant{60s}));
    CHECK(f.submit(late, instant{0s}, instant{15s}));
    f.policy.rates = {{1, 20s}};
    // Its deadline passes before anybody pumps; the window it waited for is the fourth of one now.
    f.key.govern(f.store, f.ceiling, fixture::rules(f.policy), instant{16s}, settled);
    settled.tell();
    CHECK(late.verdict.state == weir::outcome::denied);
    CHECK(late.verdict.limit == weir::rate{1, 20s});
}

TEST_CASE("key_limiter: an uncounted request leaves when the gate opens, whatever stands before it") {
    fixture f;
    node a, b, head;
    CHECK_FALSE(f.submit(a, instant{0s}, instant{60s}));
    CHECK(f.submit(b, instant{0s}, instant{60s}));
    weir::completions settled;
    CHECK(f.key.hold(f.store, f.ceiling, instant{5s}, instant{0s}, settled));
    CHECK(f.submit(head, instant{1s}, instant{60s}, 0));
    CHECK(f.key.next_wake() == instant{5s});
    f.pump(instant{5s});
    CHECK(head.verdict.granted());
    CHECK_FALSE(b.is_settled);
    CHECK(f.key.next_wake() == instant{10s});
    f.pump(instant{10s});
}

TEST_CASE("key_limiter: the last waiter's cancel takes the key out of the line for places") {
    fixture f;
    f.ceiling.limit(1);
    REQUIRE(f.ceiling.try_take());
    node w;
    CHECK(f.submit(w, instant{0s}, instant{60s}));
    weir::completions settled;
    CHECK(f.key.cancel(f.store, f.ceiling, w, instant{1s}, settled));
    CHECK_FALSE(f.key.cancel(f.store, f.ceiling, w, instant{1s}, settled));
    settled.tell();
    CHECK(w.verdict.state == weir::outcome::cancelled);
    CHECK_FALSE(f.ceiling.give_back());  // nobody starves any more
    CHECK(f.ceiling.next_starving() == nullptr);
}

// The first deadline of the queue was taken for the time by which the head wakes.
TEST_CASE("key_limiter: the head is told when its time comes, though another's deadline is nearer") {
    fixture f;
    f.policy.max_concurrent = 1;
    weir::completions settled;
    f.key.govern(f.store, f.ceiling, fixture::rules(f.policy), instant{0s}, settled);
    node a, w, impatient;
    CHECK_FALSE(f.submit(a, instant{0s}, instant{60s}));
    CHECK(f.submit(w, instant{0s}, instant{600s}));
    CHECK(f.submit(impatient, instant{0s}, instant{60s}));
    f.pump(instant{20s});
    CHECK(f.key.head_at() == weir::far_future);  // only a release can move it
    const int before = w.hurried;
    CHECK(f.key.hold(f.store, f.ceiling, instant{65s}, instant{50s}, settled));
    f.key.settle(f.store, f.ceiling, a.admitted, weir::settlement::released, instant{55s}, settled);
    CHECK(f.key.head_at() == instant{65s});
    CHECK(w.hurried > before);
    f.pump(instant{65s});
    CHECK(w.verdict.granted());
    settled.tell();
    CHECK(impatient.verdict.state == weir::outcome::denied);
}

// Its thread had looked at the first time it was told, slept on to a later one, and overslept a nearer one.
TEST_CASE("key_limiter: a head that looked too early is told when its time comes nearer again") {
    fixture f;
    const auto every = [&f](weir::duration period) {
        f.policy.rates = {{1, period}};
        return fixture::rules(f.policy);
    };
    weir::completions settled;
    weir::entry first;
    REQUIRE(f.key.decide(f.store, f.ceiling, 1, instant{0s}, first, settled).admits());
    node w;
    REQUIRE(f.submit(w, instant{1s}, instant{1h}));
    REQUIRE(f.key.next_wake() == instant{10s});
    f.key.govern(f.store, f.ceiling, every(100s), instant{2s}, settled);
    f.pump(instant{10s});
    REQUIRE(f.key.next_wake() == instant{100s});
    const int before = w.hurried;
    f.key.govern(f.store, f.ceiling, every(30s), instant{11s}, settled);
    REQUIRE(f.key.next_wake() == instant{30s});
    CHECK(w.hurried == before + 1);
    f.pump(instant{30s});
    settled.tell();
    CHECK(w.verdict.granted());
}

TEST_CASE("key_limiter: nobody waits for a gate that is farther away than max_hold, nor goes on waiting once it is") {
    fixture f;
    f.policy.max_hold = 5s;
    weir::completions settled;
    f.key.govern(f.store, f.ceiling, fixture::rules(f.policy), instant{0s}, settled);
    node a, near, far, uncounted, late;
    CHECK_FALSE(f.submit(a, instant{0s}, instant{60s}));
    CHECK(f.key.hold(f.store, f.ceiling, instant{6s}, instant{0s}, settled));
    CHECK(f.submit(near, instant{1s}, instant{60s}));  // six is five from one, and the window comes later
    CHECK(f.submit(uncounted, instant{1s}, instant{60s}, 0));
    CHECK(f.key.hold(f.store, f.ceiling, instant{7s}, instant{2s}, settled));
    settled.tell();
    CHECK_FALSE(near.is_settled);
    CHECK(f.key.hold(f.store, f.ceiling, instant{8s}, instant{2s}, settled));
    settled.tell();
    REQUIRE(near.is_settled);
    CHECK(near.verdict.state == weir::outcome::denied);
    CHECK(near.verdict.why == weir::cause::gate);
    CHECK(near.verdict.retry_at == instant{10s});  // the window's time, which is later than the gate's
    REQUIRE(uncounted.is_settled);
    CHECK(uncounted.verdict.retry_at == instant{8s});
    CHECK(f.key.waiting() == 0);
    CHECK_FALSE(f.submit(late, instant{2s}, instant{60s}));
    CHECK(late.verdict.state == weir::outcome::denied);
    CHECK(late.verdict.why == weir::cause::gate);
    CHECK(f.submit(far, instant{3s}, instant{60s}));
    f.pump(instant{10s});
    CHECK(far.verdict.granted());
}

TEST_CASE("key_limiter: rules that are not enforced let everybody go, and the log holds them all") {
    fixture f;
    f.ceiling.limit(2);
    weir::completions settled;
    node a, b, c, head;
    CHECK_FALSE(f.submit(a, instant{0s}, instant{60s}));
    CHECK(f.submit(b, instant{0s}, instant{60s}));
    CHECK(f.submit(c, instant{0s}, instant{60s}));
    f.policy.enforce = false;
    f.key.govern(f.store, f.ceiling, fixture::rules(f.policy), instant{1s}, settled);
    settled.tell();
    for (const node* w : {&b, &c}) {
        REQUIRE(w->is_settled);
        CHECK(w->verdict.granted());
        CHECK(w->verdict.why == weir::cause::window);
        CHECK(w->verdict.limit == weir::rate{1, 10s});
        CHECK(w->verdict.waited == 1s);
    }
    CHECK(b.verdict.retry_at == instant{10s});
    CHECK(f.ceiling.taken() == 3);
    CHECK(f.key.read(f.store, instant{1s}).windows.front().used == 3);
    CHECK(f.key.hold(f.store, f.ceiling, instant{90s}, instant{1s}, settled));
    CHECK_FALSE(f.submit(head, instant{1s}, instant{60s}, 0));  // not counted: it takes no place
    CHECK(head.verdict.granted());
    CHECK(head.verdict.why == weir::cause::gate);
    CHECK(f.ceiling.taken() == 3);
    node dear;
    CHECK_FALSE(f.submit(dear, instant{2s}, instant{60s}, 100'000));
    CHECK(dear.verdict.granted());
    CHECK(dear.verdict.why == weir::cause::never);
    f.key.settle(f.store, f.ceiling, dear.admitted, weir::settlement::refunded, instant{2s}, settled);
    CHECK(f.key.read(f.store, instant{2s}).in_flight == 3);
}
