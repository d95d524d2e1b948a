#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# _law_log.py LAW LIMIT PERIOD BURST [COUNT [SEED]]: the log of a client at a server with one law, with a latency of 5 ms and more.
# LAW: sliding, counting (refusals count too), fixed, two-counter, bucket, none. The servers are written down a second time here,
# so that no fault is in both.

import collections
import random
import sys

law, limit, period, burst = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
count = int(sys.argv[5]) if len(sys.argv) > 5 else 2000
draw = random.Random(int(sys.argv[6]) if len(sys.argv) > 6 else 1)
times, windows, tat = collections.deque(), collections.Counter(), 0.0


def admits(t):
    global tat
    if law in ("sliding", "counting"):
        while times and times[0] <= t - period:
            times.popleft()
        fits = len(times) < limit
        if fits or law == "counting":
            times.append(t)
        return fits
    window = int(t // period)
    if law == "fixed":
        fits = windows[window] < limit
    elif law == "two-counter":
        fits = windows[window - 1] * (1 - t % period / period) + windows[window] + 1 <= limit
    elif law == "bucket":
        fits = max(tat - t, 0) <= (burst - 1) * period / limit + 1e-9
        if fits:
            tat = max(tat, t) + period / limit
        return fits
    else:
        return True
    windows[window] += fits
    return fits


sent, arrivals = 1_796_000_000.0, []
while len(arrivals) < count:
    # Bursts and pauses, on average a little more than the limit.
    for _ in range(draw.randint(1, 2 * limit)):
        out, back = 0.002 + draw.expovariate(1000), 0.003 + draw.expovariate(1000)
        arrivals.append((sent + out, sent, out + back))
        sent += draw.expovariate(4 * limit / period)
    sent += draw.expovariate(1) * period * 0.7
status = {arrival: 200 if admits(arrival[0]) else 429 for arrival in sorted(arrivals[:count])}
print("time,status,latency_ms")
for arrival in arrivals[:count]:
    print(f"{arrival[1]:.6f},{status[arrival]},{arrival[2] * 1000:.3f}")
