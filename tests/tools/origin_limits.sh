#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir-origin as a judge: each model refuses what it must, says when to come back, and logs what it decided.
set -euo pipefail
source_dir=${WEIR_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
. "$source_dir/tests/tools/_check.sh"
. "$source_dir/examples/weir-origin/origin.sh" # finds the program: WEIR_ORIGIN, or below WEIR_BUILD_DIR

fetch() { curl -sS --max-time 20 "$@"; }
header() { grep -i "^$1:" "$origin_dir/head" | head -1 | sed 's/^[^:]*: *//' | tr -d '\r' || true; }
status() { head -1 "$origin_dir/head" | cut -d' ' -f2; }
statuses() { # statuses COUNT URL: over one connection, as "200x5 429x2"
    local urls=() i
    for ((i = 0; i < $1; ++i)); do urls+=(-o /dev/null "$2"); done
    fetch -w '%{http_code}\n' "${urls[@]}" | uniq -c | awk '{printf "%s%sx%s", sep, $2, $1; sep = " "}'
}

# Five per 1000 s: no test is slow enough to see one come back, so the decisions are exact. The time to come back is the
# window's rest, or a fifth of it with gcra, less the seconds the test has taken.
for model in sliding-log fixed-window two-counter gcra; do
    origin_start --model "$model" --limit artifact=5/1000s --documents 3
    check "$model" "$(statuses 7 "http://$origin_a/pdf/d000001.pdf")" "200x5 429x2"
    fetch -D "$origin_dir/head" "http://$origin_a/pdf/d000001.pdf" -H "Range: bytes=0-9" >"$origin_dir/body"
    check "$model: status" "$(status)" 429
    check "$model: body" "$(jq .status "$origin_dir/body")" 429
    check "$model: type" "$(header Content-Type)" application/problem+json
    after=$(header Retry-After)
    case $model in
        sliding-log | fixed-window) low=940 high=1000 ;;
        two-counter) low=1140 high=1200 ;; # in the next window, when 5 weigh no more than 4
        gcra) low=140 high=200 ;;
    esac
    check "$model: Retry-After $after is in $low..$high" "$((after >= low && after <= high))" 1
    check "$model: other roles are free" "$(statuses 20 "http://$origin_a/landing/d000001")" "200x20"
    fetch "http://$origin_a/stats" >"$origin_dir/stats"
    check "$model: counts" "$(jq -c .roles.artifact "$origin_dir/stats")" '{"200":5,"429":3}'
    origin_stop
    check "$model: log" \
        "$(jq -sSc 'reduce .[] as $l ({}; .[$l.role][$l.status | tostring] += 1)' "$origin_dir/log")" \
        "$(jq -Sc .roles "$origin_dir/stats")"
done

# Come back when told, and be admitted: refusals were not counted.
origin_start --limit metadata=2/3s
check "before" "$(statuses 4 "http://$origin_a/works/10.5555/weir.d000001")" "200x2 429x2"
fetch -D "$origin_dir/head" "http://$origin_a/works?rows=0" -o /dev/null
after=$(header Retry-After)
check "delta $after" "$((after >= 1 && after <= 3))" 1
sleep "$after"
check "after" "$(statuses 4 "http://$origin_a/works/10.5555/weir.d000001")" "200x2 429x2"

# Two rates of one role: the longer one refuses, and names the longer time. Flags may be repeated.
origin_start --limit landing=3/1s --limit landing=4/1000s,100/h
check "three at once" "$(statuses 4 "http://$origin_a/landing/d000001")" "200x3 429x1"
sleep 1.1
check "one more" "$(statuses 2 "http://$origin_a/doi/d000001")" "302x1 429x1"
fetch -D "$origin_dir/head" "http://$origin_a/landing/d000001" -o /dev/null
after=$(header Retry-After)
check "the longer time ($after)" "$((after > 900 && after <= 1000))" 1

# The other forms of Retry-After.
origin_start --limit artifact=1/1000s --retry-after date
statuses 1 "http://$origin_a/pdf/d000001.pdf" >/dev/null
fetch -D "$origin_dir/head" "http://$origin_a/pdf/d000001.pdf" -o /dev/null
check "a date" "$(header Retry-After | grep -cE '^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT$')" 1
ahead=$(($(date -d "$(header Retry-After)" +%s) - $(date -d "$(header Date)" +%s)))
check "a date $ahead s ahead of Date" "$((ahead > 940 && ahead <= 1001))" 1
origin_start --limit artifact=1/1000s --retry-after none
statuses 1 "http://$origin_a/pdf/d000001.pdf" >/dev/null
fetch -D "$origin_dir/head" "http://$origin_a/pdf/d000001.pdf" -o /dev/null
check "none" "$(status) $(header Retry-After)" "429 "

# Off, per listener, burst.
origin_start --limit artifact=1/1000s --no-limit
check "--no-limit" "$(statuses 5 "http://$origin_a/pdf/d000001.pdf")" "200x5"
origin_start --listen 127.0.0.1:0 --listen 127.0.0.1:0 --limit artifact=2/1000s
check "first listener" "$(statuses 3 "http://$origin_a/pdf/d000001.pdf")" "200x2 429x1"
check "second listener" "$(statuses 3 "http://$origin_b/pdf/d000001.pdf")" "200x2 429x1"
origin_start --model gcra --burst 2 --limit artifact=10/1000s
check "--burst" "$(statuses 3 "http://$origin_a/pdf/d000001.pdf")" "200x2 429x1"
check "health and stats are never limited" "$(statuses 30 "http://$origin_a/healthz")" "200x30"

# The latency passes before or after the judgement, as asked, and the reply takes all of it.
for share in 0 1; do
    origin_start --latency 800ms --latency-sigma 0 --latency-before "$share"
    sent=$(date +%s%3N)
    took=$(fetch -o /dev/null -w '%{time_total}' "http://$origin_a/landing/d000001" | tr -d .)
    check "latency $took us" "$((10#$took >= 800000))" 1
    origin_stop
    stamp=$(jq -r .ts "$origin_dir/log")
    travelled=$(($(date -d "$stamp" +%s%3N) - sent))
    check "share $share: judged $travelled ms after sending" "$((travelled >= 799))" "$share"
done

# Under load the log still obeys the limit to the nanosecond, holds every arrival once, and is in order.
origin_start --limit artifact=20/200ms --latency 20ms --documents 8 --pdf-size 2000
for ((worker = 0; worker < 8; ++worker)); do
    statuses 60 "http://$origin_a/pdf/d00000$((worker + 1)).pdf" >"$origin_dir/worker$worker" &
    workers[worker]=$!
done
wait "${workers[@]}"
origin_stop
check "arrivals" "$(jq -s length "$origin_dir/log")" 480
check "order" "$(jq -s 'map(.t_ns) | . == sort' "$origin_dir/log")" true
check "connections" "$(jq -s 'map(.conn) | unique | length' "$origin_dir/log")" 8
check "both decisions" "$(jq -sc 'map(.status) | unique' "$origin_dir/log")" "[200,429]"
check "no 21 admitted within 200 ms" "$(jq -sc 'map(select(.status == 200).t_ns) | . as $t
    | [range(20; length) | select($t[.] - $t[. - 20] < 200000000)] | length' "$origin_dir/log")" 0

finish "weir-origin: models, Retry-After and log are right"
