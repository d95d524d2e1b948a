#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir simulate: figures, the same bytes for the same seed, plots, workloads, and what it refuses.
set -euo pipefail
. "$(dirname "$0")/_check.sh"
find_program weir
weir=$program
in_scratch

run() { status=0; said=$("$weir" simulate --rate 'api.example.org=10/s' "$@" 2>err) || status=$?; }
run_b() { status=0; said=$("$weir" simulate --rate 'b.example.org=5/s' "$@" 2>err) || status=$?; }
of() { jq -r "$1" <<<"$said"; }

run --requests 1000 --json
check "a plain run: exit code" "$status" 0
check "a plain run: all done, none refused" "$(of '[.requests, .refused, .done, .hosts[0].host] | join(" ")')" "1000 0 1000 api.example.org"
check "a plain run: what is lawful is used" "$(of '.goodput > 0.98')" true
once=$said
run --requests 1000 --json
check "the same seed, the same bytes" "$said" "$once"
run --requests 1000 --json --seed 2
check "another seed is another run" "$([ "$said" != "$once" ] && echo other)" other

run --requests 1000
check "in words" "$(tail -n 1 <<<"$said")" "1000 documents from 1 host: 1 min 49 s, 0 refused"

run --server-share 0.7,3min:1 --rate-aimd-enabled --for 10min --json --plot p.svg
check "a limit that changes: some are refused, and most are not" "$(of '.refused > 0 and .refused < 30 and .goodput > 0.6')" true
check "a plot: lines" "$(grep -c '<polyline' p.svg)" 5
check "a plot: title and host" "$(grep -c 'weir simulate: api.example.org metadata 10/1s<' p.svg)" 1
check "a plot: the server's limit" "$(grep -c "server's limit" p.svg)" 1
check "a plot: ticks" "$(grep -c '>[0-9]* min<' p.svg)" 5
run --requests 100 --plot p.html
check "a page" "$(grep -c '<svg' p.html)" 1

run --requests 1000 --json --latency 80ms+exp:10ms
check "a floor and an exponential: what is lawful is used" "$(of '.goodput > 0.98 and .goodput <= 1.02')" true
check "a floor and an exponential: less of N/T" "$(of '.share_of_rates > 0.88 and .share_of_rates < 0.95')" true
run --requests 1000 --json --latency 200ms,50s:0
check "a path that becomes faster is used" "$(of '.seconds > 104 and .seconds < 112')" true
run --requests 1000 --json --clients 2 --shared-store --latency 100ms --way-out 0.9,0.1
check "crossed paths on one store: none is refused" "$(of '[.done, .refused] | join(" ")')" "1000 0"
run --server gcra --server-burst 1 --requests 200 --json
check "a server without any burst refuses" "$(of '.refused > 100')" true

for law in docstokg aws none; do
    run --law "$law" --server-share 0.5 --for 5min --rate-aimd-enabled --json
    check "$law is refused more" "$(of '.refused > 100')" true
done
run --server two-counter --requests 500 --json
check "two counters refuse bursts" "$(of '.refused > 50')" true
run --server quota --server-share 0.5 --for 3min --json
check "a quota that tells what is left" "$(of '.refused <= 5')" true

printf 'api.example.org 30\n# a comment\nb.example.org:artifact 20\n' >hosts
run --hosts hosts --rate b.example.org=5/s --json
check "hosts from a file" "$(of '[.hosts[] | .role, .done] | join(" ")')" "metadata 30 artifact 20"
printf '%s\n' '{"t":0,"op":"acquire","id":"a","host":"b.example.org","role":"metadata"}' '{"t":1000,"op":"end"}' >trace
run_b --trace trace --json
check "a trace" "$(of '[.done, .hosts[0].host] | join(" ")')" "1 b.example.org"
printf '{"timestamp":"2026-11-28T09:07:%sZ","stage":"rate-limiter","event_type":"%s","host":"b.example.org","role":"metadata"%s}\n' \
    29.000 acquire ',"delay_ms":0' 29.100 response ',"status":429' 31.000 acquire ',"delay_ms":1500' 31.100 response ',"status":200' >events.jsonl
run_b --trace events.jsonl --json
check "an event log: a refused request is there once" "$(of '[.done, .hosts[0].host] | join(" ")')" "1 b.example.org"
: >empty
run --poisson 2/s --for 5min --clients 3 --shared-store --json
check "by chance: about as many as were asked" "$(of '.done > 500 and .done < 700')" true

# What an operator fears.
run --server-share 0.5 --requests 300 --json
plain=$(of .seconds)
run --server-share 0.5 --ban 5:1min --requests 300 --json
check "bans: all is done, later" "$(of ".done == 300 and .seconds > $plain + 600")" true
run --server-share 0.5 --retry-after 1d --requests 20 --json
check "a Retry-After of a day is obeyed" "$(of '.done == 20 and .seconds > 86400')" true
run --outage 10s:20s:502,40s:5s:lost --requests 500 --json
check "outages: all is done" "$(of '.done == 500 and .failed > 20 and .refused == 0')" true
run --lost 0.1 --timeout 2s --requests 500 --json
check "lost connections: all is done, and the limit is kept" "$(of '.done == 500 and .failed > 20 and .refused == 0')" true
run --server-share 0.5 --feedback retry-after-date --server-clock 1h --requests 300 --json
check "a wrong clock: dates are measured against the server's" "$(of '.done == 300 and .seconds < 300')" true
run --server-share 0.5 --feedback retry-after-date --server-clock=-1h --start 2h --requests 300 --json
check "a clock that is behind" "$(of '.done == 300 and .seconds < 300')" true
quota() { status=0; said=$("$weir" simulate --rate api.example.org=100/d --server fixed-window --requests 200 --json "$@" 2>err) || status=$?; }
quota --start 23h --law none
check "a daily quota begins anew at midnight" "$(of '[.done, .seconds < 4000] | join(" ")')" "200 true"
limits() { printf 'version: 1\nhosts: {api.example.org: {metadata: {rates: [%s]}}}\n' "$1"; }
limits 2/s >slow.yaml
limits 4/s >quick.yaml
run --clients 2 --client-config slow.yaml --client-config quick.yaml --for 5min --json
check "two processes with different limits" "$(of '.done > 1600 and .done < 1810 and .refused == 0')" true
run --reload 1min:slow.yaml --for 2min --json
check "a change of our own limits" "$(of '.done > 640 and .done < 740')" true
status=0
said=$("$weir" simulate --rate-preset arxiv --requests 5 --json 2>err) || status=$?
check "hosts are those of the limits" "$(of '.hosts[0].host, .seconds > 11' | tr '\n' ' ')" "arxiv.org true "
status=0
said=$("$weir" simulate --rate api.exmple.org=10/s --host api.example.org 2>err) || status=$?
check "a rate of a host that nothing is asked of" "$status $(grep -c 'no document is of this host (did you mean api.example.org?)' err)" "2 1"

refuses() { # refuses TEXT ARGUMENT...
    local text=$1
    shift
    run "$@"
    check "refused: $*" "$status" 2
    check "refused: $*: $(cat err)" "$(grep -cF -- "$text" err)" 1
}
refuses 'did you mean --requests?' --request 5
refuses 'a whole number from 1 to' --requests 0
refuses 'did you mean gcra?' --server gcraa
refuses 'it has no request' --trace empty
refuses 'such as 250ms, 90s, 5min or 1h' --for soon
refuses 'the first share is from 0 on' --server-share 10s:1
refuses 'begins at a later time' --latency 1ms,2s:3ms,1s:2ms
refuses 'such as 250ms' --latency fast
refuses 'a number from 0 to 1' --way-out 0.5,2
refuses 'ends in .svg or .html' --plot p.png
refuses 'add --for TIME' --poisson 2/s
refuses 'a value is missing' --seed
refuses 'such as 10min:5min or 10min:5min:502' --outage 10min
refuses 'a whole number from 400 to 599' --outage 10min:5min:200
refuses 'a time is needed' --ban 5
refuses 'such as 12h:night.yaml' --reload soon
refuses 'a number from 0 to 0.99' --lost 1
refuses 'metdata' --host api.example.org:metdata
finish "weir simulate: all checks passed"
