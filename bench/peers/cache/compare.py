#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare.py --proxy HOST:PORT [--origin PORT] [--peers A,B] [--show PEER] [--cases TEXT]

Runs the cases of cases.py with each client against an origin in this process, and prints the tables of README.md.
Ends with 1 if weir fails a case.
"""

import argparse
import concurrent.futures
import email.utils
import http.client
import http.server
import json
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time

import cases

lock = threading.Lock()
scratch = tempfile.TemporaryDirectory()
answers = {}  # (client, case) -> what the origin says now
seen = {}  # (client, case) -> the requests it has got


def expanded(value, path, now):
    value = value.replace("{path}", path)
    return re.sub(r"\{([+-]\d+)\}", lambda m: email.utils.formatdate(now + int(m.group(1)), usegmt=True), value)


class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        _, client, number, *_ = re.split(r"[/?]", self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if length:
            self.rfile.read(length)
        with lock:
            answer = answers[client, number]
            seen[client, number].append((self.command, dict(self.headers)))
        now = int(time.time())
        path = f"/{client}/{number}"
        fields = [(name, expanded(value, path, now)) for name, value in answer.fields]
        names = {name.lower() for name, _ in fields}
        body = answer.body.encode()
        lines = [f"HTTP/1.1 {answer.status} Said"]
        if "date" not in names:
            fields.append(("Date", email.utils.formatdate(now, usegmt=True)))
        cut = "x-cut" in names
        if "content-length" not in names and answer.status not in (204, 304):
            fields.append(("Content-Length", str(1000 if cut else len(body))))
        lines += [f"{name}: {value}" for name, value in fields]
        data = ("\r\n".join(lines) + "\r\n\r\n").encode()
        if self.command != "HEAD" and answer.status not in (204, 304):
            data += body
        self.wfile.write(data)
        self.close_connection = cut

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = handle_one

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True

    def handle_error(self, request, address):
        pass


def plain(host, port):
    def fetch(method, path, fields):
        connection = http.client.HTTPConnection(host, port, timeout=20)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in fields:
                connection.putheader(name, value)
            if method in ("POST", "PUT", "PATCH", "DELETE"):
                connection.putheader("Content-Length", "0")
            connection.endheaders()
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read().decode()
        finally:
            connection.close()

    return lambda: fetch


def joined(fields):
    out = {}
    for name, value in fields:
        out[name] = f"{out[name]}, {value}" if name in out else value
    return out


def hishel_client(origin):
    import hishel
    import httpx
    from hishel.httpx import CacheTransport

    def make():
        folder = tempfile.mkdtemp(dir=scratch.name)
        transport = CacheTransport(
            next_transport=httpx.HTTPTransport(), storage=hishel.SqliteStorage(database_path=f"{folder}/cache.db"),
            rfc=hishel.CacheOptions(shared=False, supported_methods=["GET", "HEAD"], allow_stale=False))
        client = httpx.Client(transport=transport, timeout=20)

        def fetch(method, path, fields):
            response = client.request(method, f"http://127.0.0.1:{origin}{path}", headers=list(fields))
            return response.status_code, response.headers.multi_items(), response.text

        return fetch

    return make


def requests_cache_client(origin):
    import requests_cache

    def make():
        session = requests_cache.CachedSession(
            backend="memory", cache_control=True, expire_after=0, allowable_methods=("GET", "HEAD"),
            allowable_codes=range(200, 600), match_headers=False, stale_if_error=False)

        def fetch(method, path, fields):
            response = session.request(method, f"http://127.0.0.1:{origin}{path}", headers=joined(fields), allow_redirects=False, timeout=20)
            return response.status_code, list(response.headers.items()), response.text

        return fetch

    return make


def undici_client(origin):
    """One process of Node for all cases; a line of JSON for each request and each response."""
    process = subprocess.Popen(["node", "peer.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    waiting, numbers = {}, iter(range(1 << 60))

    def read():
        for line in process.stdout:
            said = json.loads(line)
            waiting.pop(said["id"]).put(said)

    threading.Thread(target=read, daemon=True).start()

    def fetch(method, path, fields):
        with lock:
            number = next(numbers)
            waiting[number] = mine = queue.Queue()
            process.stdin.write(json.dumps({"id": number, "method": method, "url": f"http://127.0.0.1:{origin}{path}", "fields": joined(fields)}) + "\n")
            process.stdin.flush()
        said = mine.get(timeout=20)
        if "error" in said:
            raise OSError(said["error"])
        return said["status"], said["fields"], said["body"]

    return lambda: fetch


def what_is_wrong(step, requests, status, fields, body):
    """Nothing if a step went as it should."""
    if step.expect == "hit" and requests:
        return "it was asked for again"
    if step.expect in ("miss", "validate") and not requests:
        return "it was answered from the storage"
    if step.expect == "validate" and not {"if-none-match", "if-modified-since"} & {name.lower() for name in requests[-1][1]}:
        return "the request had no condition"
    if step.status is not None and status != step.status:
        return f"the status is {status}, not {step.status}"
    if step.body is not None and body != step.body:
        return f"the body is {body!r}, not {step.body!r}"
    got = {}
    for name, value in fields:
        got.setdefault(name.lower(), []).append(value)
    for name, value in step.has:
        now = ", ".join(got.get(name.lower(), []))
        wanted = ", ".join(got.get(value[1:].lower(), [])) if isinstance(value, str) and value.startswith("=") else value
        if now not in (wanted if isinstance(wanted, tuple) else (wanted,)):
            return f"{name} is {now!r}, not {wanted!r}"
    for one in step.lacks:
        name, value = one if isinstance(one, tuple) else (one, None)
        if any(value is None or value == v for v in got.get(name.lower(), [])):
            return f"{name} is there"
    for name, value in step.sent:
        now = {n.lower(): v for n, v in requests[-1][1].items()}.get(name.lower())
        if now != value:
            return f"{name} was sent as {now!r}, not {value!r}"
    return None


def run(client, number, case, fetch):
    key = client, str(number)
    said = cases.Answer()
    with lock:
        seen[key] = []
    for at, step in enumerate(case.steps):
        said = step.answer or said
        time.sleep(step.wait)
        with lock:
            answers[key] = said
            before = len(seen[key])
        try:
            status, fields, body = fetch(step.method, f"/{client}/{number}{step.path}", step.fields)
        except Exception as fault:
            if any(name == "X-Cut" for name, _ in said.fields):
                continue
            return f"step {at + 1}: {type(fault).__name__}: {fault}"
        with lock:
            requests = seen[key][before:]
        wrong = what_is_wrong(step, requests, status, fields, body)
        if wrong:
            return f"step {at + 1}: {wrong}"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--proxy", required=True, help="weir-proxy, started with --upstream http://127.0.0.1:ORIGIN")
    parser.add_argument("--origin", type=int, required=True)
    parser.add_argument("--peers", default="weir,undici,hishel,requests-cache,none")
    parser.add_argument("--show", default="", help="a client whose failed cases are printed")
    parser.add_argument("--cases", default="", help="only those whose name has this text")
    wanted = parser.parse_args()
    server = Server(("127.0.0.1", wanted.origin), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host, port = wanted.proxy.split(":")
    clients = {
        "weir": lambda: plain(host, int(port)),
        "undici": lambda: undici_client(wanted.origin),
        "hishel": lambda: hishel_client(wanted.origin),
        "requests-cache": lambda: requests_cache_client(wanted.origin),
        "none": lambda: plain("127.0.0.1", wanted.origin),
    }
    chosen = [(n, c) for n, c in enumerate(cases.CASES) if wanted.cases in c.name]
    results = {}
    token = time.time_ns()  # the proxy may have what an earlier run has stored
    for name in wanted.peers.split(","):
        make = clients[name]()
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            results[name] = dict(zip((n for n, _ in chosen), pool.map(lambda one: run(f"{name}-{token}", one[0], one[1], make()), chosen)))
    def count(name, keep):
        mine = [results[name][n] for n, c in chosen if keep(c)]
        return f"{sum(r is None for r in mine)} of {len(mine)}"
    print("| client | must | should and may | all |\n|---|---|---|---|")
    for name in results:
        print(f"| {name} | {count(name, lambda c: c.level == 'must')} | {count(name, lambda c: c.level != 'must')} | {count(name, lambda c: True)} |")
    sections = sorted({c.section for _, c in chosen}, key=lambda s: [int(p) for p in s.split(".")])
    print("\n| section | " + " | ".join(results) + " |\n|---|" + "---|" * len(results))
    for section in sections:
        print(f"| {section} | " + " | ".join(count(name, lambda c: c.section == section) for name in results) + " |")
    for n, c in chosen if wanted.show else []:
        if results[wanted.show][n]:
            print(f"{c.level:6} {c.section:8} {c.name}: {results[wanted.show][n]}", file=sys.stderr)
    return 1 if any(results.get("weir", {}).values()) else 0


sys.exit(main())
