# SPDX-License-Identifier: MIT
"""peer.py URL DOCUMENTS WORKERS SECONDS: pyrate-limiter, by the contract of peer.go."""

import http.client
import sys
import threading
import time
import urllib.parse

from pyrate_limiter import Duration, Limiter, Rate


def main():
    url = urllib.parse.urlsplit(sys.argv[1])
    left, workers, seconds = map(int, sys.argv[2:])
    requests = refused = 0
    lock = threading.Lock()
    limiter = Limiter(Rate(10, Duration.SECOND))
    began = time.monotonic()

    def work():
        nonlocal left, requests, refused
        connection = http.client.HTTPConnection(url.netloc)
        status = 200
        while True:
            with lock:
                left -= status == 200
                if left < 0:
                    return
            limiter.try_acquire("documents")  # waits
            if time.monotonic() > began + seconds:
                return
            connection.request("GET", f"{url.path}?{url.query}")
            answer = connection.getresponse()
            answer.read()
            status = answer.status
            if status not in (200, 429):
                raise SystemExit(f"the server answered {status}")
            with lock:
                requests += 1
                refused += status == 429

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(requests, refused, time.monotonic() - began)


main()
