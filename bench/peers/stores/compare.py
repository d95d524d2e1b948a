# SPDX-License-Identifier: MIT
"""compare.py WEIR_PEER STORE=DSN...: runs the contenders and prints the tables of README.md.

WEIR_PEER is weir_peer.cpp compiled; the DSN of SQLite is a folder. To be run by a Python that has pyrate-limiter.
"""

import atexit
import pathlib
import signal
import statistics
import subprocess
import sys

ROUNDS, BATCH = 9, 300  # of each contender in turn
FILLS = (0, 5_000)  # stamps in the log when the rounds begin
ROOMY = ("60000/1000", "65000/3600000")  # never full
TIGHT = ("20/100", "150/1000", "500000/3600000")  # two that fill again and again, and one that keeps every stamp
PROCESSES, SECONDS = 4, 6
WEIR = ("admission", "response")
LABELS = {
    "admission": "weir, counted from admission",
    "response": "weir, counted from response",
    "default": "pyrate, default (DELETE, FULL; one process)",
    "tuned": "pyrate, WAL, NORMAL (one process)",
    "shared": "pyrate, as for processes",
}


class Contender:
    """A process that answers one line to each line."""

    def __init__(self, programs, kind, store, dsn, name, windows):
        self.kind = kind
        if store == "sqlite":
            dsn = f"{dsn}/{name}-{kind}.db"
        words = [*programs[kind], store, dsn, kind, f"{name}{kind}", *windows]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)  # one that waits for a server that is gone does not see that its input is

    def tell(self, command):
        print(command, file=self.process.stdin, flush=True)

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{LABELS[self.kind]}: it has ended; see its message above")
        return [int(word) for word in line.split()]

    def ask(self, command):
        self.tell(command)
        return self.hear()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def compare_speed(programs, store, dsn):
    kinds = ["admission", "response", "shared", *(("tuned", "default") if store == "sqlite" else ())]
    all_of = {kind: Contender(programs, kind, store, dsn, "speed", ROOMY) for kind in kinds}
    for fill in FILLS:
        if fill and "default" in all_of:
            all_of.pop("default").close()  # its commits wait for the disk: filling it up would take minutes
        for c in all_of.values():
            c.ask(f"time {fill - ROUNDS * BATCH if fill else 1}")
        times = {kind: [] for kind in all_of}
        for _ in range(ROUNDS):
            for kind, c in all_of.items():
                count = BATCH if kind != "default" else BATCH // 10
                times[kind] += [ns / count for ns in c.ask(f"time {count}")]
        for kind, theirs in times.items():
            columns = [f"{1e9 / statistics.median(theirs):,.0f}"]
            for weir in ("admission", "response"):
                ratio = statistics.median(t / w for t, w in zip(theirs, times[weir]))
                columns.append("" if kind in WEIR else f"{ratio:.3g}x")
            print(f"| {store} | {fill:,} to {fill + ROUNDS * BATCH:,} | {LABELS[kind]} | {' | '.join(columns)} |", flush=True)
    for c in all_of.values():
        c.close()


def audit(moments, windows):
    """How many windows that end with an admission hold more than they may, and the most that one holds above its limit."""
    over, worst = 0, 0
    for limit, ms in (map(int, w.split("/")) for w in windows):
        for last in moments:
            held = sum(last - ms * 10**6 < at <= last for at in moments)
            over += held > limit
            worst = max(worst, held - limit)
    return f"{over} ({worst:+d})" if over else "0"


def compare_exactness(programs, store, dsn, how):
    for kind in ("admission", "response", "shared"):
        all_of = [Contender(programs, kind, store, dsn, how, TIGHT) for _ in range(PROCESSES)]
        for c in all_of:
            c.ask("stamps")  # they have started
        for c in all_of:
            c.tell(f"{how} {SECONDS}")
        moments = [at for c in all_of for at in c.hear()]
        stamps = [at for c in (all_of if kind in WEIR else all_of[:1]) for at in c.ask("stamps")]
        if stamps and len(stamps) != len(moments):
            sys.exit(f"{store}, {LABELS[kind]}: {len(moments)} admissions, but {len(stamps)} stamps")
        own = audit(stamps, TIGHT) if stamps else "–"
        print(f"| {store} | {how} | {LABELS[kind]} | {len(moments):,} | {audit(moments, TIGHT)} | {own} |", flush=True)
        for c in all_of:
            c.close()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    weir, *stores = sys.argv[1:]
    peer = [sys.executable, str(pathlib.Path(__file__).with_name("peer.py"))]
    programs = dict.fromkeys(LABELS, peer) | dict.fromkeys(WEIR, [weir])
    stores = [s.split("=", 1) for s in stores]
    print("\n| store | log of | who | acquires/s | weir from admission | from response |\n|---|---|---|---|---|---|")
    for store, dsn in stores:
        compare_speed(programs, store, dsn)
    print("\n| store | callers | who | admitted | windows over, to the callers | by its own stamps |")
    print("|---|---|---|---|---|---|")
    for store, dsn in stores:
        for how in ("wait", "ask") if store != "memory" else ():
            compare_exactness(programs, store, dsn, how)


main()
