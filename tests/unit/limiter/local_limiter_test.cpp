// SPDX-License-Identifier: MIT
#include "weir/limiter/local_limiter.hpp"

#include "support/catch.hpp"
#include "support/limiter.hpp"

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
using node = weir_test::noting_waiter;

struct fixture {
    weir::policy policy = [] {
        weir::policy p;
        p.rates = {{1, 10s}};
        p.count_from = weir::counting::admission;
        return p;
    }();
    weir_test::one_key<store_type> key{store_type{weir::testing::manual_clock{}}, policy};

    bool submit(node& w, instant now, instant deadline, std::int64_t cost = 1) {
        w.cost = cost;
        w.deadline = deadline;
        return key.submit(w, now);
    }
    void serve(instant now) { key.serve(now); }
};

}  // namespace

TEST_CASE("local_limiter: a request that cannot be admitted waits in order, and is woken at the exact time") {
    fixture f;
    node a, b, c;
    CHECK_FALSE(f.submit(a, instant{0s}, instant{60s}));
    CHECK(a.verdict.granted());
    CHECK(f.submit(b, instant{1s}, instant{60s}));
    CHECK(f.submit(c, instant{2s}, instant{60s}));
    CHECK(f.key.core.queue().is_front(b));
    CHECK(f.key.next_due() == instant{10s});
    f.serve(instant{10s - 1ns});
    CHECK_FALSE(b.is_completed);
    f.serve(instant{10s});
    CHECK(b.is_completed);
    CHECK(b.verdict.waited == 9s);
    CHECK(c.woken > 0);
    CHECK(f.key.next_due() == instant{20s});
    f.serve(instant{20s});
    CHECK(c.verdict.granted());
    CHECK(f.key.core.waiting() == 0);
}

TEST_CASE("local_limiter: a waiter whose best case is past its deadline is refused at once") {
    fixture f;
    node a, b, c, d;
    CHECK_FALSE(f.submit(a, instant{0s}, instant{60s}));
    CHECK(f.submit(b, instant{0s}, instant{10s}));
    CHECK_FALSE(f.submit(c, instant{0s}, instant{20s - 1ns}));
    CHECK(c.verdict.outcome == weir::outcome::denied);
    CHECK(c.verdict.retry_at == instant{20s});
    CHECK(c.verdict.limit == weir::rate{1, 10s});
    CHECK(f.submit(d, instant{0s}, instant{20s}));
    // The grant of b by time alone must not make those behind it look later than they are.
    f.serve(instant{10s});
    node e;
    CHECK(f.submit(e, instant{10s}, instant{30s}));
    f.key.cancel(d, instant{11s});
    f.key.cancel(e, instant{11s});
}

TEST_CASE("local_limiter: a refused cost at the head lets a cheaper request behind it go") {
    fixture f;
    f.policy.rates = {{3, 10s}};
    f.key.set_rules(f.policy, instant{0s});
    node a, big, small;
    CHECK_FALSE(f.submit(a, instant{0s}, instant{60s}, 1));
    CHECK(f.submit(big, instant{0s}, instant{10s}, 3));
    CHECK(f.submit(small, instant{1s}, instant{60s}, 1));
    CHECK(f.key.hold(instant{11s}, instant{2s}));
    CHECK(big.verdict.outcome == weir::outcome::denied);
    CHECK(big.verdict.cause == weir::cause::gate);
    CHECK_FALSE(small.is_completed);
    f.serve(instant{11s});
    CHECK(small.verdict.granted());
}

TEST_CASE("local_limiter: a refusal by a rule that a reload took away names no rate of the new rules") {
    fixture f;
    f.policy.rates = {{100, 1s}, {100, 2s}, {100, 3s}, {1, 10s}};
    f.key.set_rules(f.policy, instant{0s});
    node a, late;
    CHECK_FALSE(f.submit(a, instant{0s}, instant{60s}));
    CHECK(f.submit(late, instant{0s}, instant{15s}));
    f.policy.rates = {{1, 20s}};
    // Its deadline passes before anybody pumps; the window it waited for is the fourth of one now.
    f.key.set_rules(f.policy, instant{16s});
    CHECK(late.verdict.outcome == weir::outcome::denied);
    CHECK(late.verdict.limit == weir::rate{1, 20s});
}

TEST_CASE("local_limiter: an uncounted request leaves when the gate opens, whatever waits before it") {
    fixture f;
    node a, b, head;
    CHECK_FALSE(f.submit(a, instant{0s}, instant{60s}));
    CHECK(f.submit(b, instant{0s}, instant{60s}));
    CHECK(f.key.hold(instant{5s}, instant{0s}));
    CHECK(f.submit(head, instant{1s}, instant{60s}, 0));
    CHECK(f.key.next_due() == instant{5s});
    f.serve(instant{5s});
    CHECK(head.verdict.granted());
    CHECK_FALSE(b.is_completed);
    CHECK(f.key.next_due() == instant{10s});
    f.serve(instant{10s});
}

TEST_CASE("local_limiter: the cancel of the last waiter removes the key from the ceiling's line") {
    fixture f;
    f.key.ceiling.limit(1);
    REQUIRE(f.key.ceiling.try_take());
    node w;
    CHECK(f.submit(w, instant{0s}, instant{60s}));
    CHECK(f.key.cancel(w, instant{1s}));
    CHECK_FALSE(f.key.cancel(w, instant{1s}));
    CHECK(w.verdict.outcome == weir::outcome::cancelled);
    CHECK_FALSE(f.key.ceiling.give_back());  // no key waits for a slot any more
    CHECK(f.key.ceiling.next_turn() == nullptr);
}

// The first deadline of the queue was taken for the time by which the head wakes.
TEST_CASE("local_limiter: the head is notified at its time, though another waiter's deadline is earlier") {
    fixture f;
    f.policy.max_concurrent = 1;
    f.key.set_rules(f.policy, instant{0s});
    node a, w, impatient;
    CHECK_FALSE(f.submit(a, instant{0s}, instant{60s}));
    CHECK(f.submit(w, instant{0s}, instant{600s}));
    CHECK(f.submit(impatient, instant{0s}, instant{60s}));
    f.serve(instant{20s});
    CHECK(f.key.core.queue().front_due() == weir::far_future);  // only a release can move it
    const int before = w.woken;
    CHECK(f.key.hold(instant{65s}, instant{50s}));
    f.key.settle(a.admitted, weir::settlement::released, instant{55s});
    CHECK(f.key.core.queue().front_due() == instant{65s});
    CHECK(w.woken > before);
    f.serve(instant{65s});
    CHECK(w.verdict.granted());
    CHECK(impatient.verdict.outcome == weir::outcome::denied);
}

// Its thread had looked at the first time it was told, slept on to a later one, and overslept a nearer one.
TEST_CASE("local_limiter: a head that woke too early is notified when its time moves earlier again") {
    fixture f;
    const auto every = [&f](weir::duration period) {
        f.policy.rates = {{1, period}};
        return f.policy;
    };
    weir::entry first;
    REQUIRE(f.key.decide(first, instant{0s}).admits());
    node w;
    REQUIRE(f.submit(w, instant{1s}, instant{1h}));
    REQUIRE(f.key.next_due() == instant{10s});
    f.key.set_rules(every(100s), instant{2s});
    f.serve(instant{10s});
    REQUIRE(f.key.next_due() == instant{100s});
    const int before = w.woken;
    f.key.set_rules(every(30s), instant{11s});
    REQUIRE(f.key.next_due() == instant{30s});
    CHECK(w.woken == before + 1);
    f.serve(instant{30s});
    CHECK(w.verdict.granted());
}

TEST_CASE("local_limiter: no request waits, or goes on waiting, for a gate that is farther away than max_hold") {
    fixture f;
    f.policy.max_hold = 5s;
    f.key.set_rules(f.policy, instant{0s});
    node a, near, far, uncounted, late;
    CHECK_FALSE(f.submit(a, instant{0s}, instant{60s}));
    CHECK(f.key.hold(instant{6s}, instant{0s}));
    CHECK(f.submit(near, instant{1s}, instant{60s}));  // six is five from one, and the window comes later
    CHECK(f.submit(uncounted, instant{1s}, instant{60s}, 0));
    CHECK(f.key.hold(instant{7s}, instant{2s}));
    CHECK_FALSE(near.is_completed);
    CHECK(f.key.hold(instant{8s}, instant{2s}));
    REQUIRE(near.is_completed);
    CHECK(near.verdict.outcome == weir::outcome::denied);
    CHECK(near.verdict.cause == weir::cause::gate);
    CHECK(near.verdict.retry_at == instant{10s});  // the window's time, which is later than the gate's
    REQUIRE(uncounted.is_completed);
    CHECK(uncounted.verdict.retry_at == instant{8s});
    CHECK(f.key.core.waiting() == 0);
    CHECK_FALSE(f.submit(late, instant{2s}, instant{60s}));
    CHECK(late.verdict.outcome == weir::outcome::denied);
    CHECK(late.verdict.cause == weir::cause::gate);
    CHECK(f.submit(far, instant{3s}, instant{60s}));
    f.serve(instant{10s});
    CHECK(far.verdict.granted());
}

TEST_CASE("local_limiter: rules that are not enforced admit every request, and the log has them all") {
    fixture f;
    f.key.ceiling.limit(2);
    node a, b, c, head;
    CHECK_FALSE(f.submit(a, instant{0s}, instant{60s}));
    CHECK(f.submit(b, instant{0s}, instant{60s}));
    CHECK(f.submit(c, instant{0s}, instant{60s}));
    f.policy.enforce = false;
    f.key.set_rules(f.policy, instant{1s});
    for (const node* w : {&b, &c}) {
        REQUIRE(w->is_completed);
        CHECK(w->verdict.granted());
        CHECK(w->verdict.cause == weir::cause::window);
        CHECK(w->verdict.limit == weir::rate{1, 10s});
        CHECK(w->verdict.waited == 1s);
    }
    CHECK(b.verdict.retry_at == instant{10s});
    CHECK(f.key.ceiling.taken() == 3);
    CHECK(f.key.read(instant{1s}).windows.front().used == 3);
    CHECK(f.key.hold(instant{90s}, instant{1s}));
    CHECK_FALSE(f.submit(head, instant{1s}, instant{60s}, 0));  // not counted: it takes no place
    CHECK(head.verdict.granted());
    CHECK(head.verdict.cause == weir::cause::gate);
    CHECK(f.key.ceiling.taken() == 3);
    node dear;
    CHECK_FALSE(f.submit(dear, instant{2s}, instant{60s}, 100'000));
    CHECK(dear.verdict.granted());
    CHECK(dear.verdict.cause == weir::cause::never);
    f.key.settle(dear.admitted, weir::settlement::refunded, instant{2s});
    CHECK(f.key.read(instant{2s}).in_flight == 3);
}
