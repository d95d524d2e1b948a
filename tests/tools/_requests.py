#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# _requests.py PORT PATH COUNT PER_SECOND SEED: asks a server COUNT times, in bursts and pauses that come by chance, with
# PER_SECOND in the mean, over 8 connections. Prints a client's log: time, status, latency_ms.

import http.client
import queue
import random
import sys
import threading
import time

port, path, count, per_second, seed = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])
draw = random.Random(seed)
wishes = queue.Queue()
lines, lock = [], threading.Lock()


def work():
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    while wishes.get():
        sent = time.time()
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        with lock:
            lines.append((sent, answer.status, (time.time() - sent) * 1000))


threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
due, left = time.time(), 0
for _ in range(count):
    # A burst of up to 12 about five times as fast as the mean, and then a pause.
    if left == 0:
        left = draw.randint(1, 12)
        due += draw.expovariate(1) * left * 0.8 / per_second
    left -= 1
    due += draw.expovariate(1) * 0.2 / per_second
    time.sleep(max(0, due - time.time()))
    wishes.put(True)
for _ in threads:
    wishes.put(False)
for thread in threads:
    thread.join()
print("time,status,latency_ms")
for sent, status, latency in sorted(lines):
    print(f"{sent:.6f},{status},{latency:.3f}")
