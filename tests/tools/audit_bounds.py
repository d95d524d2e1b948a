#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# weir audit against the truth: random arrivals, written down as each server would, and counted here pair by pair. Exact
# stamps give the exact count; from rounded ones the count lies between the two that are reported, and the bounds are no
# wider than the rounding makes them.

import datetime
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

weir = pathlib.Path(os.environ.get("WEIR_BIN_DIR", "build/dev/bin")) / "weir"
if not os.access(weir, os.X_OK):
    print("skipped: weir is not built (set WEIR_BIN_DIR)")
    sys.exit(77)
seed = int(os.environ.get("WEIR_SEED", random.randrange(1 << 32)))
print(f"audit_bounds: seed {seed}")
dice = random.Random(seed)
ms, s = 10**6, 10**9
rates = [(3, "7ms", 7 * ms), (4, "100ms", 100 * ms), (6, "700ms", 700 * ms), (8, "1s", s), (9, "1500ms", 1500 * ms),
         (15, "3s", 3 * s), (40, "1min", 60 * s)]
start = 1_795_858_649 * s
checks = failures = 0


def check(good, what):
    global checks, failures
    checks += 1
    if not good:
        failures += 1
        print(f"FAILED: {what}")


def fullest(stamps, length):
    """The most of them of which the last is less than length after the first."""
    return max((sum(0 <= b - a < length for b in stamps) for a in stamps), default=0)


def date(ns, form):
    return datetime.datetime.fromtimestamp(ns // s, datetime.timezone.utc).strftime(form)


def decimal(ns):
    return f"{ns // s}.{ns % s // ms:03}"


def origin(at, took, host):
    return json.dumps({"t_ns": at, "host": host, "role": "metadata", "status": 200})


def events(at, took, host):
    return json.dumps({"timestamp": date(at, "%Y-%m-%dT%H:%M:%S") + f".{at % s // ms:03}Z", "stage": "rate-limiter",
                       "event_type": "acquire", "host": host, "role": "metadata", "acquired": True})


def exact(at, took, host):
    return f'{decimal(at + took)} {decimal(took)} {host} 200 "GET / HTTP/1.1"'


def combined(at, took, host):
    ahead = dice.choice([-570, 0, 60])
    zone = f"{'-' if ahead < 0 else '+'}{abs(ahead) // 60:02}{abs(ahead) % 60:02}"
    stamp = date(at + ahead * 60 * s, "%d/%b/%Y:%H:%M:%S")
    return f'127.0.0.1 - - [{stamp} {zone}] "GET / HTTP/1.1" 200 1 "-" "curl"'


def haproxy(at, took, host):
    stamp = date(at, "%d/%b/%Y:%H:%M:%S") + f".{at % s // ms:03}"
    return f'127.0.0.1:1 [{stamp}] web b/n 0/0/0/4/4 200 1 - - ---- 1/1/0/0/0 0/0 {{{host}}} "GET / HTTP/1.1"'


def judge(folder, write, grain, arrivals):
    lines = [(at + took, write(at, took, host)) for at, took, host in arrivals]
    lines.sort()  # written when the answer is finished
    # Either one file, or a log that was rotated; a clock of its own allows only the first.
    cuts = [len(lines)] if write is origin else [dice.randrange(len(lines) + 1), len(lines)]
    names, before = [], 0
    for i, cut in enumerate(cuts):
        path = folder / f"{write.__name__}.{i}"
        path.write_text("".join(line + "\n" for _, line in lines[before:cut]))
        names.append(str(path))
        before = cut
    asked = "metadata=" + ",".join(f"{limit}/{span}" for limit, span, _ in rates)
    ran = subprocess.run([weir, "audit", *names, "--rate", asked, "--json"], capture_output=True, text=True)
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    hosts = {"-"} if write is combined else {host for _, _, host in arrivals}
    check(len(rows) == len(hosts) * len(rates), f"{write.__name__}: {len(rows)} rows; {ran.stderr}")
    over = unclear = False
    for i, row in enumerate(rows):
        limit, span, length = rates[i % len(rates)]
        mine = [at for at, _, host in arrivals if row["host"] in ("-", host)]
        truth, low, high = fullest(mine, length), row["worst"], row["worst_at_most"]
        where = f"{write.__name__} {row['host']} {span}: {low}..{high}, in truth {truth}"
        check(low <= truth <= high, where)
        # A stamp is the start of a grain. At most: any two grains that one interval can touch.
        grains = [at // grain for at in mine]
        check(high == fullest([g * grain for g in grains], length + grain - 1), f"{where}: not the upper bound")
        whole = fullest([g * grain for g in grains], length - grain + 1) if length >= grain else 1
        check(low == whole if length % grain == 0 else low >= whole, f"{where}: not the lower bound {whole}")
        check(row["over"] == (low > limit) and row["unclear"] == (low <= limit < high), f"{where}: verdict")
        over, unclear = over or low > limit, unclear or low <= limit < high
    check(ran.returncode == (1 if over else 3 if unclear else 0), f"{write.__name__}: exit code {ran.returncode}")


with tempfile.TemporaryDirectory() as name:
    for turn in range(25):
        arrivals, at = [], start + dice.randrange(s)
        for _ in range(dice.choice([1, 10, 60, 150])):
            at += dice.choice([0, dice.randrange(20 * ms), dice.randrange(300 * ms), s, 3 * s - ms, dice.randrange(3 * s)])
            # Both times of nginx are in milliseconds of one clock, so the answer takes whole ones here.
            arrivals.append((at, dice.randrange(2000) * ms, dice.choice("abb") + ".org"))
        for write, grain in ((origin, 1), (events, ms), (exact, ms), (combined, s), (haproxy, ms)):
            judge(pathlib.Path(name), write, grain, arrivals)

print(f"audit_bounds: {checks - failures} of {checks} checks hold")
sys.exit(failures > 0)
