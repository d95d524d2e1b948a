# SPDX-License-Identifier: MIT
"""peer.py STORE DSN KIND NAME N/MS...: pyrate-limiter on one key with these windows, by the commands of weir_peer.cpp.

KIND is `shared`, as its documentation has it for processes that share a store. For SQLite alone there are two that are not
safe among processes: `default`, which leaves the file to SQLite's own settings, and `tuned`, which has those of `shared`.
`stamps` are what the bucket holds, whichever process is asked; its milliseconds are made nanoseconds.
"""

import sys
import time

from pyrate_limiter import InMemoryBucket, Limiter, PostgresBucket, Rate, RedisBucket, SQLiteBucket


def bucket_of(store, dsn, kind, name, rates):
    """Each bucket as the README of pyrate-limiter makes it."""
    if store == "sqlite":
        bucket = SQLiteBucket.init_from_file(rates, db_path=dsn, use_file_lock=kind == "shared")
        if kind == "tuned":
            bucket.conn.execute("PRAGMA journal_mode=WAL").close()
            bucket.conn.execute("PRAGMA synchronous=NORMAL").close()
        return bucket
    if store == "redis":
        from redis import ConnectionPool, Redis

        server = ConnectionPool.from_url(dsn.replace("redis+unix:", "unix:"))
        return RedisBucket.init(rates, Redis(connection_pool=server), name)
    if store == "postgres":
        from psycopg_pool import ConnectionPool

        return PostgresBucket(ConnectionPool(dsn, open=True), name, rates)
    return InMemoryBucket(rates)


def main():
    store, dsn, kind, name, *windows = sys.argv[1:]
    bucket = bucket_of(store, dsn, kind, name, [Rate(*map(int, w.split("/"))) for w in windows])
    limiter = Limiter(bucket)
    for line in sys.stdin:
        command, *n = line.split()
        if command == "time":
            count = int(n[0])
            began = time.monotonic_ns()
            for _ in range(count):
                limiter.try_acquire(name)
            print(time.monotonic_ns() - began, flush=True)
        elif command in ("wait", "ask"):
            moments = []
            waits = command == "wait"
            until = time.monotonic_ns() + int(n[0]) * 10**9
            while time.monotonic_ns() < until:
                if limiter.try_acquire(name, blocking=waits):
                    moments.append(time.monotonic_ns())
            print(*moments, flush=True)
        elif command == "stamps":
            print(*(bucket.peek(i).timestamp * 10**6 for i in range(bucket.count())), flush=True)
    limiter.close()


main()
