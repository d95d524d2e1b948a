# SPDX-License-Identifier: MIT
"""compare.py DOCUMENTS MEAN SERVER,... CLIENT,...: lets each client fetch so many documents from each server; prints README.md's tables.

run.sh starts it in the folder in which everything has been built. The servers go at the same time, the clients of each one
after another. Before each server stands a relay, which counts; what a client says must agree with it.
"""

import concurrent.futures
import dataclasses
import json
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 10  # a second, as every server and every client has it
WORKERS = 8
LATENCY = (sys.argv[2], "0.5", "1")  # mean in ms, sigma of its logarithm, seed
PATIENCE = 3  # a client is stopped when it has taken so many times as long as the limit asks for
REST = 3  # seconds, in which every server forgets the client that it had

CLIENTS = {
    "weir": ("weir", ["./weir_peer", "response", "0"]),
    "weirt": ("weir, `aimd`", ["./weir_peer", "tuned", "0"]),
    "weir3": ("weir, `burst: 3`", ["./weir_peer", "response", "3"]),
    "weir1": ("weir, `burst: 1`", ["./weir_peer", "response", "1"]),
    "weira": ("weir, `count_from: admission`", ["./weir_peer", "admission", "0"]),
    "pyrate": ("pyrate-limiter", ["venv/bin/python", str(HERE / "peer.py")]),
    "governor": ("governor", ["./peer_rs"]),
    "xtime": ("x/time/rate", ["./peer_go", "10"]),
    "xtime1": ("x/time/rate, burst 1", ["./peer_go", "1"]),
    "bottleneck": ("bottleneck", ["node", "peer.mjs"]),
    "none": ("no limiter", ["./peer_go", "0"]),
}


def nginx(port):
    folder = pathlib.Path("nginx").resolve()
    folder.mkdir(exist_ok=True)
    (folder / "conf").write_text((HERE / "nginx.conf").read_text().replace("@PORT@", port))
    return ["nginx", "-e", "stderr", "-p", str(folder), "-c", "conf"]


SERVERS = {
    "origin": ("weir-origin", lambda port: ["./weir-origin", "--port", port, "--limit", "metadata=10/1s"]),
    "nginx": ("nginx", nginx),
    "haproxy": ("HAProxy", lambda port: ["env", f"PORT={port}", "haproxy", "-db", "-f", str(HERE / "haproxy.cfg")]),
    "express": ("express-rate-limit", lambda port: ["node", "server.mjs", port]),
    "flask": ("Flask-Limiter", lambda port: ["venv/bin/python", str(HERE / "server.py"), port]),
}

running, starting, is_over = [], threading.Lock(), False


def start(words, **more):
    with starting:
        if is_over:
            raise RuntimeError("the comparison is over")
        process = subprocess.Popen(words, text=True, **more)
        running.append(process)
    return process


def stop_all():
    global is_over
    with starting:
        is_over = True
    for process in running:
        if process.poll() is None:
            process.terminate()


def start_server(command):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = start(command(str(port)), stdout=subprocess.DEVNULL)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return str(port)
        except OSError:
            time.sleep(0.05)
            if server.poll() is not None:
                break
    raise RuntimeError(f"{server.args} did not start; see its message above")


@dataclasses.dataclass
class Met:
    """What a client met."""

    requests: int
    refused: int
    seconds: float
    fullest: int  # the most requests that came to the server within a second

    def refusals(self):
        return self.refused / self.requests * 10_000

    def goodput(self):
        return (self.requests - self.refused) / self.seconds / LIMIT * 100


def run(port, words, documents):
    relay = start(["./relay", port, *LATENCY], stdout=subprocess.PIPE)
    url = f"http://127.0.0.1:{relay.stdout.readline().strip()}/works?rows=1"
    most = PATIENCE * documents // LIMIT
    client = start([*words, url, str(documents), str(WORKERS), str(most)], stdout=subprocess.PIPE)
    said = client.communicate()[0].split()
    relay.terminate()
    seen = json.loads(relay.communicate()[0] or "{}")
    if client.returncode or relay.returncode or not said:
        raise RuntimeError(f"{words} at port {port} failed; see its message, or the relay's, above")
    met = Met(int(said[0]), int(said[1]), float(said[2]), seen["fullest"])
    answers = {"200": met.requests - met.refused, "429": met.refused}
    if seen["answers"] != {status: n for status, n in answers.items() if n}:
        raise RuntimeError(f"{words} says {answers}, the relay {seen['answers']}")
    return met


def meet(server, clients, documents):
    name, command = SERVERS[server]
    port = start_server(command)
    met = {}
    for client in clients:
        met[client] = run(port, CLIENTS[client][1], documents)
        print(f"{name}, {CLIENTS[client][0]}: {met[client]}", file=sys.stderr, flush=True)
        time.sleep(REST)
    return met


def table(title, clients, met, cell):
    print(f"\n| {title} | {' | '.join(SERVERS[s][0] for s in met)} | all |\n|---|{'---|' * (len(met) + 1)}")
    for client in clients:
        row = [met[s][client] for s in met]
        print(f"| {CLIENTS[client][0]} | {' | '.join(map(cell, row))} | {cell(together(row))} |")


def together(row):
    """Requests and refusals of all servers, as if they had been asked one after another."""
    return Met(*(sum(getattr(m, name) for m in row) for name in ("requests", "refused", "seconds")), max(m.fullest for m in row))


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    documents, servers, clients = int(sys.argv[1]), sys.argv[3].split(","), sys.argv[4].split(",")
    pool = concurrent.futures.ThreadPoolExecutor()
    try:
        futures = {s: pool.submit(meet, s, clients, documents) for s in servers}
        done, _ = concurrent.futures.wait(futures.values(), return_when=concurrent.futures.FIRST_EXCEPTION)
        for fault in filter(None, (future.exception() for future in done)):
            sys.exit(f"compare.py: {fault}")
        met = {s: f.result() for s, f in futures.items()}
    finally:
        stop_all()  # the servers; after a fault the clients too, which ends the other threads
        pool.shutdown()
    table("429s per 10,000 · goodput", clients, met, lambda m: f"{m.refusals():,.0f} · {m.goodput():.0f} %")
    table("fullest second", clients, met, lambda m: f"{m.fullest}")


main()
