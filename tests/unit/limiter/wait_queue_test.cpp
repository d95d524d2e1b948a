// SPDX-License-Identifier: MIT
#include "weir/limiter/wait_queue.hpp"

#include "support/catch.hpp"
#include "support/limiter.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

using namespace std::chrono_literals;
using weir::assessment;
using weir::cause;
using weir::instant;
using noting = weir_test::noting_waiter;

namespace {

assessment at(instant t) { return {t, cause::window, 0}; }

struct queue_fixture {
    noting& add(instant deadline, std::int64_t cost = 1, instant expected = instant{1s}) {
        noting& w = nodes.emplace_back(deadline);
        w.cost = cost;
        queue.push(w, at(expected));
        return w;
    }
    void complete(noting& w) { queue.complete(w, {}, instant{0s}, done); }

    weir::wait_queue queue;
    weir::completions done;
    std::deque<noting> nodes;
};

}  // namespace

TEST_CASE("wait_queue: waiters leave from anywhere, and the others stay in order") {
    queue_fixture f;
    noting& a = f.add(instant{9s});
    noting& b = f.add(instant{9s});
    noting& c = f.add(instant{9s});
    CHECK(f.queue.is_front(a));
    f.complete(b);
    CHECK(f.queue.size() == 2);
    CHECK_FALSE(weir::wait_queue::is_queued(b));
    f.complete(a);
    CHECK(f.queue.is_front(c));
    f.complete(c);
    CHECK(f.queue.empty());
    CHECK_FALSE(a.is_completed);
    f.done.call();
    CHECK(a.is_completed);
}

TEST_CASE("wait_queue: the earliest deadline is known, also after its waiter has left") {
    queue_fixture f;
    f.add(instant{9s});
    noting& b = f.add(instant{3s});
    noting& c = f.add(instant{5s});
    CHECK(f.queue.first_deadline() == instant{3s});
    CHECK(f.queue.next_late(instant{3s - 1ns}) == nullptr);
    CHECK(f.queue.next_late(instant{3s}) == &b);
    f.complete(b);
    CHECK(f.queue.first_deadline() == instant{5s});
    f.complete(c);
    CHECK(f.queue.first_deadline() == instant{9s});
}

TEST_CASE(
    "wait_queue: the waiters ahead are a sequence of units with their assessments, and empty places count nothing") {
    queue_fixture f;
    f.add(instant{99s}, 2, instant{10s});
    noting& gone = f.add(instant{99s}, 3, instant{20s});
    f.add(instant{99s}, 1, instant{30s});
    CHECK(f.queue.all_ahead().units() == 6);
    CHECK(f.queue.all_ahead().nth_newest(0) == instant{30s});
    CHECK(f.queue.all_ahead().nth_newest(1) == instant{20s});
    CHECK(f.queue.all_ahead().nth_newest(4) == instant{10s});
    f.complete(gone);
    f.queue.mark_stale();
    std::vector<std::size_t> ahead;
    f.queue.assess_all(
        instant{0s}, f.done,
        [&](weir::waiter&, const weir::wait_queue::ahead& before) {
            ahead.push_back(static_cast<std::size_t>(before.units()));
            return at(instant{15s});
        },
        [](const weir::waiter&, const assessment&) { return false; },
        [](const assessment&) { return weir::decision{}; });
    CHECK(ahead == std::vector<std::size_t>{2});
    CHECK(f.queue.all_ahead().units() == 3);
    CHECK(f.queue.all_ahead().nth_newest(0) == instant{15s});
    CHECK(f.queue.all_ahead().nth_newest(1) == instant{10s});
}

TEST_CASE("wait_queue: a long queue assesses its waiters again after as many changes as it has waiters") {
    queue_fixture f;
    for (std::size_t i = 0; i <= weir::wait_queue::always_exact; ++i)
        f.add(instant{99s});
    for (std::size_t i = 0; i < weir::wait_queue::always_exact; ++i) {
        f.queue.mark_stale();
        CHECK_FALSE(f.queue.wants_assessment());
    }
    f.queue.mark_stale();
    CHECK(f.queue.wants_assessment());
}

TEST_CASE("wait_queue: a cancel that comes during the first decision is kept") {
    noting w;
    CHECK_FALSE(weir::wait_queue::cancel_early(w));
    weir::wait_queue::begin(w);
    CHECK(weir::wait_queue::cancel_early(w));
    CHECK(weir::wait_queue::was_cancelled(w));
    CHECK_FALSE(weir::wait_queue::cancel_early(w));
}

TEST_CASE("wait_queue: waiters that come and leave behind a long-waiting front use no memory afterwards") {
    queue_fixture f;
    noting& front = f.add(instant{99s});
    for (int i = 0; i < 10'000; ++i) {
        noting w{instant{50s}};
        f.queue.push(w, at(instant{1s}));
        f.queue.complete(w, {}, instant{0s}, f.done);
        f.done.call();
        CHECK(f.queue.all_ahead().count <= 2 + 2 * weir::wait_queue::always_exact);
    }
    CHECK(f.queue.is_front(front));
    CHECK(f.queue.first_deadline() == instant{99s});
}

TEST_CASE("wait_queue: the front is woken when its time becomes earlier, and not when it becomes later") {
    queue_fixture f;
    noting& a = f.add(instant{99s});
    f.queue.set_front_due(instant{10s});
    f.queue.notify_front();
    CHECK(a.woken == 1);
    f.queue.set_front_due(instant{20s});
    f.queue.notify_front();
    CHECK(a.woken == 1);
    f.queue.set_front_due(instant{15s});
    f.queue.notify_front();
    CHECK(a.woken == 2);
}
