#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir replay: one trace gives the same bytes on every store that is built in, leaves no log behind in it, and says what is
# wrong with a store that cannot be used.
set -euo pipefail
. "$(dirname "$0")/_check.sh"
. "$(dirname "$0")/../../examples/_server.sh"
find_program weir
weir=$program
for variable in ${!WEIR_RLIMIT@}; do unset "$variable"; done
dir=$(mktemp -d)
trap 'server_stop; rm -rf "$dir"' EXIT

# A random trace: its seed decides everything. Requests of two hosts and three roles, answers, refusals by the server, refunds,
# cancellations, reloads; times in thirds of a millisecond, so that nanoseconds count.
trace() { # trace SEED LINES
    awk -v seed="$1" -v lines="$2" -v dir="$dir" '
        function roll(n) { return int(rand() * n) }
        BEGIN {
            srand(seed)
            split("metadata landing artifact", role, " ")
            for (i = 1; i <= lines; i++) {
                if (rand() < 0.7) t += roll(400) / 3
                if (rand() < 0.02) t += 3000
                at = sprintf("%.6f", t)
                dice = roll(100)
                if (dice < 50 || busy == 0) {
                    id[++ids] = "r" ids
                    busy++
                    printf "{\"t\":%s,\"op\":\"acquire\",\"id\":\"r%d\",\"host\":\"%s\",\"role\":\"%s\",\"method\":\"%s\",\"cost\":%d,\"max_delay_ms\":%d}\n",
                        at, ids, roll(3) ? "a.org" : "b.org", role[1 + roll(3)], roll(10) ? "GET" : "HEAD", roll(6) ? 1 : 1 + roll(4), roll(4) ? roll(4000) : 0
                    continue
                }
                who = id[ids - roll(ids < 12 ? ids : 12)]
                if (dice < 65) printf "{\"t\":%s,\"op\":\"arrived\",\"id\":\"%s\",\"status\":200}\n", at, who
                else if (dice < 67) printf "{\"t\":%s,\"op\":\"arrived\",\"id\":\"%s\",\"status\":429,\"headers\":{\"Retry-After\":\"%d\"}}\n", at, who, roll(3)
                else if (dice < 90) printf "{\"t\":%s,\"op\":\"release\",\"id\":\"%s\"}\n", at, who
                else if (dice < 95) printf "{\"t\":%s,\"op\":\"refund\",\"id\":\"%s\"}\n", at, who
                else if (dice < 99) printf "{\"t\":%s,\"op\":\"cancel\",\"id\":\"%s\"}\n", at, who
                else printf "{\"t\":%s,\"op\":\"reload\",\"config\":\"%s/limits%d.yaml\"}\n", at, dir, 1 + roll(2)
            }
        }'
}
cat >"$dir/limits1.yaml" <<'END'
version: 1
global_max_inflight: 12
defaults:
  metadata: {rates: ["4/SECOND", "30/MINUTE"]}
  landing: {rates: ["3/SECOND"], count_from: admission, burst: 2}
  artifact: {rates: ["6/2SECOND"], max_concurrent: 2}
hosts: {b.org: {metadata: {rates: ["5/700ms"], max_hold_ms: 1500}, landing: {rates: ["2/SECOND"], enforce: false}}}
END
cat >"$dir/limits2.yaml" <<'END'
version: 1
global_max_inflight: 5
defaults:
  metadata: {rates: ["2/SECOND"], count_from: admission}
  landing: {rates: ["7/3SECOND"]}
  artifact: {rates: ["1/300ms"], max_concurrent: 3, count_from: admission}
END
for file in limits1 limits2; do
    check "$file.yaml" "$("$weir" check "$dir/$file.yaml" | tail -1)" "$dir/$file.yaml: ok"
done

# stores that are built in and can run here, as KIND=TEXT
stores=()
is_built_in() { ! "$weir" replay --rate-backend "$1" - </dev/null 2>&1 | grep -q 'built without'; }
if is_built_in sqlite; then stores+=("sqlite=sqlite://$dir/limits.db?synchronous=off"); fi
if is_built_in redis && redis_start "$dir"; then stores+=("redis=$redis_dsn"); fi
if is_built_in postgres && postgres_start; then stores+=("postgres=$postgres_dsn"); fi
if [ "${#stores[@]}" -eq 0 ]; then
    echo "skipped: no store but memory is built in and can run here (apt-get install libsqlite3-dev libhiredis-dev libpq-dev redis-server postgresql)"
    exit 77
fi

lines=0
for ((seed = ${WEIR_REPLAY_FIRST:-1}; seed < ${WEIR_REPLAY_FIRST:-1} + ${WEIR_REPLAY_TRACES:-12}; ++seed)); do
    trace "$seed" 400 >"$dir/trace"
    "$weir" replay --rate-config "$dir/limits1.yaml" "$dir/trace" >"$dir/memory"
    lines=$((lines + $(wc -l <"$dir/memory")))
    for store in "${stores[@]}"; do
        status=0
        "$weir" replay --rate-config "$dir/limits1.yaml" --rate-backend "${store%%=*}" --rate-dsn "${store#*=}" "$dir/trace" \
            >"$dir/other" 2>"$dir/err" || status=$?
        check "trace $seed on ${store%%=*}: exit code ($(head -c 300 "$dir/err"))" "$status" 0
        if ! cmp -s "$dir/memory" "$dir/other"; then
            check "trace $seed on ${store%%=*}: lines that differ" "$(diff "$dir/memory" "$dir/other" | head -6)" ""
        fi
    done
done
check "granted and denied are both there" "$(grep -c granted "$dir/memory" | sed 's/..*/many/'), $(grep -c denied "$dir/memory" | sed 's/..*/many/')" "many, many"

# No log stays, and what is left of its key goes by itself.
if [ -n "${redis_dsn:-}" ] && redis_say ping >/dev/null 2>&1; then
    check "keys that stay in Redis for ever, or hold a log" "$(redis_say eval "local bad = {}
        for _, key in ipairs(redis.call('KEYS', '*')) do
            if redis.call('PTTL', key) < 0 or redis.call('TYPE', key).ok ~= 'string' then bad[#bad + 1] = key end
        end
        return bad" 0)" ""
fi

says() { # says WHAT STATUS MESSAGE ARGUMENTS: ends so, with that on stderr
    local status=0
    "$weir" replay "${@:4}" - </dev/null >"$dir/out" 2>"$dir/err" || status=$?
    check "$1: exit code" "$status" "$2"
    check "$1: message" "$(cat "$dir/err")" "$3"
}
says "no text" 1 "--rate-backend: backend.dsn: the sqlite store needs a connection text; write sqlite:///var/lib/app/limits.db" \
    --rate-backend sqlite
says "another store's text" 1 "--rate-dsn: backend.dsn: it is a connection text of the sqlite store, and backend.kind is memory; set backend.kind to sqlite, or write a text of the memory store: none" \
    --rate-dsn "sqlite:///$dir/limits.db"
status=0
"$weir" replay --rate-backend sqlite --rate-dsn "sqlite:///$dir/none/limits.db" "$dir/trace" >"$dir/out" 2>"$dir/err" || status=$?
check "a store that fails: exit code" "$status" 1
check "a store that fails: nothing is printed as decided" "$(wc -l <"$dir/out")" 0
check "a store that fails: is named" "$(grep -c "^weir replay: $dir/trace:1: sqlite: .*$dir/none/limits.db" "$dir/err")" 1

finish "replay: $lines lines equal on memory and $(printf '%s ' "${stores[@]%%=*}")"
