# SPDX-License-Identifier: MIT
"""compare.py ROUNDS PEER,...: what one decision takes in each peer; prints README.md's tables.

run.sh starts it in the folder in which everything has been built. All peers live until the end, and take turns: each round
measures each case in each of them once, for 20 ms, so what disturbs the machine disturbs all.
"""

import statistics
import subprocess
import sys

WARM_UP = 3  # rounds that are not counted: compilers that compile while the program runs need them
CLOCK = "clock"
CASES = {
    "admit": "admit",
    "deny": "deny",
    "keyed": "admit by text, 1 key",
    "keyed10k": "admit by text, 10,000 keys",
    "two": "two threads, one key",
}
PEERS = {
    "weir": ("weir", ["./weir_peer"]),
    "governor": ("governor", ["./peer_rs"]),
    "xtime": ("x/time/rate", ["./peer_go", "xtime"]),
    "uber": ("uber ratelimit", ["./peer_go", "uber"]),
    "bucket4j": ("Bucket4j", ["java", "-cp", "java/*:java", "Peer"]),
    "pyrate": ("pyrate-limiter", ["venv/bin/python", "peer.py"]),
}


class Peer:
    def __init__(self, name):
        self.label, words = PEERS[name]
        self.process = subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.ns = {}

    def measure(self, case, counts):
        print(case, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().strip()
        if not answer:
            sys.exit(f"compare.py: {self.label} ended at {case}")
        if counts and answer != "-":
            self.ns.setdefault(case, []).append(float(answer))

    def median(self, case):
        return statistics.median(self.ns[case]) if case in self.ns else None


def number(ns):
    return f"{ns:.1f}" if ns < 1000 else f"{ns:,.0f}"


def table(title, peers, cell):
    print(f"\n| {title} | {' | '.join(CASES.values())} |\n|---|{'---|' * len(CASES)}")
    for peer in peers:
        cells = ("–" if case not in peer.ns else cell(peer, case) for case in CASES)
        print(f"| {peer.label} | {' | '.join(cells)} |")


def main():
    rounds, names = int(sys.argv[1]), sys.argv[2].split(",")
    clock = Peer("weir")
    peers = [Peer(name) for name in names]
    try:
        for turn in range(-WARM_UP, rounds):
            for case in CASES:
                clock.measure(CLOCK, turn >= 0)
                for peer in peers:
                    peer.measure(case, turn >= 0)
    finally:
        for peer in [clock, *peers]:
            peer.process.stdin.close()
            peer.process.wait()
    read = clock.median(CLOCK)
    print(f"One read of steady_clock: median {read:.1f} ns, least {min(clock.ns[CLOCK]):.1f} ns.")
    weir = next((peer for peer in peers if peer.label == PEERS["weir"][0]), peers[0])
    table("ns a decision, median", peers, lambda peer, case: number(peer.median(case)))
    table("the same, least", peers, lambda peer, case: number(min(peer.ns[case])))
    table("median, in clock reads", peers, lambda peer, case: f"{peer.median(case) / read:.2f}")
    table(f"median, to {weir.label}", peers, lambda peer, case: f"{peer.median(case) / weir.median(case):.2f}")


main()
