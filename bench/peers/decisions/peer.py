# SPDX-License-Identifier: MIT
"""pyrate-limiter, by the contract of weir_peer.cpp. Its keys are the buckets of a factory, as its documentation has them."""

import statistics
import sys
import threading
import time

from pyrate_limiter import BucketFactory, Duration, InMemoryBucket, Limiter, MonotonicClock, Rate, RateItem

KEYS = 10_000


def measure(one, taken=statistics.median):
    began = last = time.perf_counter_ns()
    runs = []
    while last - began < 20_000_000:
        for _ in range(20):
            one()
        now = time.perf_counter_ns()
        runs.append((now - last) / 20)
        last = now
    return taken(runs)


def measure_two(one):
    start, ns = threading.Barrier(2), []

    def run():
        start.wait()
        ns.append(measure(one, statistics.mean))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 1 / sum(1 / each for each in ns)


def check(right):
    if not right:
        sys.exit("a decision was not the expected one")


class Keys(BucketFactory):
    def __init__(self):
        self.clock, self.all = MonotonicClock(), {}

    def wrap_item(self, name, weight=1):
        return RateItem(name, self.clock.now(), weight=weight)

    def get(self, item):
        found = self.all.get(item.name)
        if found is None:
            found = self.all[item.name] = self.create(InMemoryBucket, [Rate(10**9, Duration.SECOND)])
        return found


def main():
    direct, full, keyed = Limiter(Rate(10**9, Duration.SECOND)), Limiter(Rate(1, Duration.HOUR)), Limiter(Keys())
    check(full.try_acquire("k", blocking=False))
    names, turn = [f"host-{i}.example.org" for i in range(KEYS)], 0

    def one_of_all():
        nonlocal turn
        check(keyed.try_acquire(names[turn], blocking=False))
        turn = (turn + 7919) % KEYS

    def admit():
        check(direct.try_acquire("k", blocking=False))

    cases = {
        "admit": lambda: measure(admit),
        "deny": lambda: measure(lambda: check(not full.try_acquire("k", blocking=False))),
        "keyed": lambda: measure(lambda: check(keyed.try_acquire(names[0], blocking=False))),
        "keyed10k": lambda: measure(one_of_all),
        "two": lambda: measure_two(admit),
    }
    for line in sys.stdin:
        one = cases.get(line.strip())
        print("-" if one is None else f"{one():.2f}", flush=True)


main()
