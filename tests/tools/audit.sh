#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir audit: every format it reads, what it says of coarse stamps, and of lines it cannot read.
set -euo pipefail
. "$(dirname "$0")/_check.sh"
find_program weir
weir=$program
in_scratch

audit() { status=0; "$weir" audit "$@" >out 2>err || status=$?; }
row() { # row N: the fields of the Nth row of the table, spaces squeezed
    sed -n "$(($1 + 1))p" out | tr -s ' '
}
last() { tail -1 out; }

# weir-origin's log. Half-open: what comes a whole second later is not in the window. 429s count.
arrival() { printf '{"t_ns":%s,"host":"h","role":"%s","status":%s}\n' "$@"; }
{ arrival 5 metadata 200; arrival 999999999 metadata 429; arrival 1000000005 metadata 200; arrival 7 landing 200; } >origin.log
audit origin.log --rate metadata=2/1s,2/h --rate '*=1/d'
check "origin: exit code" "$status" 1
check "origin: another role" "$(row 1)" "h landing 1 0 1/1d 1/1 1/1"
check "origin: half-open" "$(row 2)" "h metadata 3 1 2/1s 2/2 1/2"
check "origin: over" "$(row 3)" "h metadata 3 1 2/1h 3/2 2/2 OVER"
check "origin: sum" "$(last)" "audit: 4 requests, 1 answered 429; 3 windows judged over all arrivals, 1 over their limit"
audit origin.log --rate=metadata=2/1s
check "origin: within" "$status" 0
check "origin: what no rate names" "$(row 1)" "h landing 1 0 not judged - -"
check "origin: two logs are two clocks" "$(cp origin.log again.log && "$weir" audit origin.log again.log --rate metadata=2/1s | grep -c '2/2')" 2
audit --json origin.log --rate metadata=2/h
check "origin: json" "$(tail -1 out)" '{"log":"origin.log","format":"origin","stamped":"arrival","host":"h","role":"metadata","requests":3,"429s":1,"rate":"2/1h","worst":3,"worst_at_most":3,"worst_admitted":2,"worst_admitted_at_most":2,"over":true,"unclear":false}'
check "origin: standard input" "$("$weir" audit - --rate metadata=3/1h <origin.log | tail -1 | grep -c ' 0 over')" 1

# Our own log: admissions count, whatever else is in it is no request. Milliseconds leave one of them open.
event() { # event TIME TYPE [MORE]
    printf '{"timestamp":"2026-11-28T09:07:%sZ","stage":"rate-limiter","event_type":"%s","host":"h","role":"metadata"%s}\n' "$1" "$2" "${3:-}"
}
{
    printf '{"timestamp":"2026-11-28T09:07:00.000Z","stage":"rate-limiter","event_type":"reload","ok":true}\n'
    event 29.000 acquire ',"delay_ms":0,"acquired":true'
    event 29.400 shadow ',"delay_ms":0,"acquired":true'
    event 29.500 block ',"acquired":false'
    event 29.600 head_skip ',"acquired":true'
    event 29.700 response ',"status":429'
    event 30.001 acquire
} >events.log
audit events.log --rate metadata=2/1s,1/1s,2/1001ms,2/2s
check "events: exit code" "$status" 1
check "events: within" "$(row 1)" "h metadata 3 1 2/1s 2/2 -"
check "events: over" "$(row 2)" "h metadata 3 1 1/1s 2/1 - OVER"
check "events: a millisecond more or less" "$(row 3)" "h metadata 3 1 2/1001ms 2-3/2 - unclear"
check "events: says what it is" "$(grep -c 'events.log: admissions' out)" 1
check "events: says what it left out" "$(grep -c '^audit: 3 lines that tell of no request$' out)" 1
audit events.log --rate metadata=2/1001ms
check "events: too coarse" "$status" 3
audit events.log --rate metadata=2/1s --slack 5ms
check "events: slack" "$status $(row 1)" "3 h metadata 3 1 2/1s 2-3/2 - unclear"
audit events.log --rate metadata=1/1s --slack 2s
check "events: nothing is certain" "$status $(row 1)" "3 h metadata 3 1 1/1s 1-3/1 - unclear"

grep -v response events.log >admissions.log
audit admissions.log --rate metadata=2/1s
check "events: without answers none is called refused" "$(row 1)" "h metadata 3 - 2/1s 2/2 -"
check "events: says that answers are not there" "$(grep -c 'their answers not in the log' out)" 1
audit admissions.log --rate metadata=2/1s --json
check "events: without answers, json" "$(jq -r '."429s"' out)" null
for kind in tune gate store history_lost store_warning cancel; do
    { cat events.log; event 31.000 "$kind"; } >more.log
    audit more.log --rate metadata=2/1s
    check "events: $kind is known" "$status $(grep -c '^audit: 4 lines that tell of no request$' out)" "0 1"
done
{ cat events.log; event 31.000 teleport; } >more.log
audit more.log --rate metadata=2/1s
check "events: a kind that is not known is never passed over" "$status" 2

# A configuration gives each host its rates.
printf 'version: 1\nhosts: {h: {metadata: {rates: [1/SECOND]}}}\n' >limits.yaml
audit events.log --rate-config limits.yaml
check "configuration: over" "$status $(row 1)" "1 h metadata 3 1 1/1s 2/1 - OVER"
audit events.log --rate-config limits.yaml --rate metadata=2/1s
check "configuration: --rate has the last word" "$status $(row 1)" "0 h metadata 3 1 2/1s 2/2 -"
audit events.log --rate-config nowhere.yaml
check "configuration: one that cannot be read" "$status" 2

# nginx. Time of arrival is the end less $request_time; the zone counts; a line without a request is none.
cat >exact.log <<'END_'
1795858671.000 0.900 h 200 "GET /a HTTP/1.1"
1795858671.098 0.000 h 429 "GET /b HTTP/1.1"
1795858671.101 0.000 h 200 "GET /c HTTP/1.1"
1795858672.000 5.000  408 ""
END_
audit exact.log --rate metadata=2/1s
check "nginx: exact" "$status $(row 1)" "0 h metadata 3 1 2/1s 2/2 1/2"
check "nginx: no request" "$(grep -c '^audit: 1 lines that tell of no request$' out)" 1
sed 's/ [0-9.]* / /' exact.log >short.log
audit short.log --rate metadata=2/1s
check "nginx: ends" "$status $(row 1)" "1 h metadata 3 1 2/1s 3/2 2/2 OVER"
check "nginx: ends: says so" "$(grep -c 'short.log: stamped when the answer was finished' out)" 1
combined() { # combined SECOND ZONE [COUNT]
    local i
    for ((i = 0; i < ${3:-1}; ++i)); do
        printf '127.0.0.1 - a b [28/Nov/2026:%s %s] "GET / HTTP/1.1" 200 1 "-" "curl/8 (x; \\x22y\\x22)"\n' "$1" "$2"
    done
}
{ combined 09:07:29 +0000 4; combined 10:07:30 +0100 3; combined 07:37:31 -0130; } >combined.log
audit combined.log --rate metadata=3/1s,4/1s,7/1s,7/3s,8/3s,7/2s,39/100ms,1/500ms --host API.x.org:443
check "combined: certainly over" "$(row 1)" "api.x.org metadata 8 0 3/1s 4-7/3 4-7/3 OVER"
check "combined: cannot tell" "$(row 2)" "api.x.org metadata 8 0 4/1s 4-7/4 4-7/4 unclear"
check "combined: certainly within" "$(row 3)" "api.x.org metadata 8 0 7/1s 4-7/7 4-7/7"
check "combined: three seconds" "$(row 4)" "api.x.org metadata 8 0 7/3s 8/7 8/7 OVER"
check "combined: certainly all" "$(row 5)" "api.x.org metadata 8 0 8/3s 8/8 8/8"
check "combined: two seconds" "$(row 6)" "api.x.org metadata 8 0 7/2s 7-8/7 7-8/7 unclear"
check "combined: a tenth" "$(row 7)" "api.x.org metadata 8 0 39/100ms 1-7/39 1-7/39"
check "combined: of 4 in a second, 2 are in one half" "$(row 8)" "api.x.org metadata 8 0 1/500ms 2-7/1 2-7/1 OVER"
for rate in 3/1s:1 4/1s:3 7/1s:0 7/2s:3 8/3s:0; do
    audit combined.log --rate "metadata=${rate%:*}"
    check "combined: exit code for ${rate%:*}" "$status" "${rate#*:}"
done
sed 's/$/ "-"/' combined.log >main.log
audit main.log --rate metadata=3/1s
check "main" "$status $(row 1)" "1 - metadata 8 0 3/1s 4-7/3 4-7/3 OVER"
# A log that was rotated is one timeline.
sed -n 3p exact.log >rotated.1
head -2 exact.log >rotated.2
audit rotated.1 rotated.2 --rate metadata=1/1s
check "rotated" "$status $(row 1)" "1 h metadata 3 1 1/1s 2/1 1/1 OVER"
# A format of one's own, with a role.
cat >own.log <<'END_'
<Example.org.> landing|2026-11-28T09:07:29+00:00|200
<example.org:80> landing|2026-11-28T10:07:29+01:00|429
<example.org> -|2026-11-28T10:07:29+01:00|200
END_
audit own.log --rate '*=1/1s' --nginx-format '<$http_host> $role|${time_iso8601}|$status'
check "own format" "$status $(row 1) $(row 2)" "1 example.org landing 2 1 1/1s 2/1 1/1 OVER example.org metadata 1 0 1/1s 1/1 1/1"
audit own.log --rate '*=1/1s' --nginx-format '<$http_host> $role|${time_iso8601}|$status' --role artifact --host x
check "own format, names given" "$status $(row 1)" "1 x artifact 3 1 1/1s 3/1 2/1 OVER"

# HAProxy: with and without syslog's words, a captured host, over TLS, with flags in the numbers, and what is no request.
cat >haproxy.log <<'END_'
Nov 28 09:07:29 lb haproxy[7]: Proxy web started.
Nov 28 09:07:29 lb haproxy[7]: 127.0.0.1:1 [28/Nov/2026:09:07:29.100] web~ b/n 0/0/0/4/4 200 167 - - ---- 1/1/0/0/0 0/0 {H.:443|curl [8]} {x} "GET /a HTTP/1.1"
<134>1 2026-11-28T09:07:29Z lb haproxy 7 - [a b="c"] ::1:2 [28/Nov/2026:09:07:29.200] web b/n 0/0/0/4/+4 429 +167 - - ---- 1/1/0/0/+1 0/0 {h} "GET /a HTTP/1.1"
127.0.0.1:3 [28/Nov/2026:09:07:30.101] web web/<NOSRV> -1/-1/-1/-1/0 -1 0 - - CR-- 1/1/0/0/0 0/0 {h} "GET /a HTTP/1.1"
127.0.0.1:4 [28/Nov/2026:09:07:30.100] web~ web/<NOSRV> 0/-1/-1/-1/0 200 0 - - LR-- 1/1/0/0/0 0/0 {} "GET /a HTTP/1.1"
127.0.0.1:5 [28/Nov/2026:09:07:30.100] web web/<NOSRV> -1/-1/-1/-1/0 408 0 - - cR-- 1/1/0/0/0 0/0 {} "<BADREQ>"
127.0.0.1:6 [28/Nov/2026:09:07:30.100] web/1: SSL handshake failure
END_
audit haproxy.log --rate metadata=1/1s,2/1s
check "haproxy: over" "$status $(row 1)" "1 h metadata 3 1 1/1s 2/1 1/1 OVER"
check "haproxy: a millisecond" "$(row 2)" "h metadata 3 1 2/1s 2/2 1/2"
check "haproxy: no captured host" "$(row 3)" "web metadata 1 0 1/1s 1/1 1/1"
check "haproxy: no request" "$(grep -c '^audit: 3 lines that tell of no request$' out)" 1
audit haproxy.log exact.log --rate metadata=3/1s --host h
check "two formats are two timelines" "$status $(row 1) $(row 2)" "0 h metadata 4 1 3/1s 3/3 2/3 h metadata 3 1 3/1s 2/3 1/3"

# Lines it cannot read.
{ cat exact.log; echo 'what is this'; combined 09:07:29 +0000; } >mixed.log
audit mixed.log --rate metadata=9/1s
check "a bad line: exit code" "$status" 2
check "a bad line" "$(cat err)" 'weir audit: mixed.log:5: the lines before are of the format nginx, and it is not: $msec $request_time $host $status "$request"'
audit mixed.log --rate metadata=9/1s --skip-lines 1
check "more bad lines than allowed" "$status $(tail -1 err | grep -c 'mixed.log:6: .*; more lines than --skip-lines 1$')" "2 1"
audit mixed.log --rate metadata=9/1s --skip-lines 2
check "as many as allowed" "$status $(grep -c '^weir audit: left out: mixed.log:[56]: ' err)" "0 2"
check "they are counted" "$(grep -c '^audit: 2 lines of no known format left out$' out)" 1
audit --json mixed.log --rate metadata=9/1s --skip-lines all
check "json: also counted" "$status $(grep -c '^audit: 2 lines of no known format left out$' err) $(jq -r .worst out)" "0 1 2"
for i in {1..30}; do echo "word $i"; done >words.log
audit words.log exact.log --rate metadata=9/1s --skip-lines all
check "not one good line" "$status $(tail -1 err)" "2 weir audit: words.log: not one of its lines is of a known format"
check "not every bad line is told of" "$(wc -l <err)" 11
audit combined.log --rate metadata=9/1s --format haproxy
check "another format than asked for" "$status $(cut -d: -f1-3 err)" "2 weir audit: combined.log:1"
for line in '127.0.0.1 - - [31/Feb/2026:09:07:29 +0000] "GET / HTTP/1.1" 200 1 "-" "-"' \
    '127.0.0.1 - - [28/Nov/2026:24:07:29 +0000] "GET / HTTP/1.1" 200 1 "-" "-"' \
    '127.0.0.1 - - [28/Nov/2026:09:07:29] "GET / HTTP/1.1" 200 1 "-" "-"' \
    '127.0.0.1 - - [28/Nov/2026:09:07:29 +0000] "GET / HTTP/1.1" 200 1 "-"' \
    '1795858671.1 0.000 h 200 "GET / HTTP/1.1"' '1795858671.100 0.000 h 2x0 "GET / HTTP/1.1"' \
    '{"timestamp":"2026-11-28T09:07:29Z","event_type":"acquire","host":"h","role":"r"}' \
    '{"timestamp":"2026-11-28T09:07:29.000Z","event_type":"acquired","host":"h","role":"r"}' \
    '{"timestamp":"2026-11-28T09:07:29.000Z","event_type":"acquire","host":"h"}' '{"t_ns":1' \
    '{"t_ns":-1,"host":"h","role":"r","status":200}' '{"t_ns":18446744073709551615,"host":"h","role":"r","status":200}' '' \
    'Nov 28 09:07:29 lb haproxy[7]: Connect from 127.0.0.1:3 to 127.0.0.1:80 (web/HTTP)' \
    '127.0.0.1:3 [28/Nov/2026:09:07:30.101] tcp b/n 0/0/1 212 -- 0/0/0/0/0 0/0'; do
    echo "$line" >one.log
    audit one.log --rate '*=9/1s'
    check "\"$line\" is not read" "$status $(cat err)" "2 weir audit: one.log:1: it is of none of the formats that --help lists"
done

# The command itself.
audit none.log --rate metadata=1/s
check "no such log" "$status $(cat err)" "2 weir audit: none.log: the log cannot be opened; check the path"
audit origin.log --rate lading=1/s
check "a misspelt role" "$status $(head -1 err)" '2 weir audit: warning: no request has the role "lading" of --rate'
refused() { # refused WHAT WORD...
    local what=$1
    shift
    audit "$@"
    check "\"$*\" is refused" "$status $(cat err)" "2 weir audit: $what"
}
refused "name at least one log" --rate metadata=1/s
refused "give at least one --rate, such as --rate metadata=10/1s, or a --rate-config" origin.log
refused "--rate: it needs a value, such as metadata=10/1s" origin.log --rate
refused '--rate: "10/s" is not ROLE=RATES, such as metadata=10/1s,5000/h' origin.log --rate 10/s
refused "unknown flag --skip-line=3; did you mean --skip-lines?" origin.log --skip-line=3
refused '--format: unknown format "ngnix"; it is one of events, origin, nginx, haproxy: did you mean "nginx"?' origin.log --rate a=1/s --format ngnix
refused '--slack: "5" is no span such as 50ms or 2s' origin.log --slack 5
refused '--skip-lines: "-1" is neither a number of lines nor "all"' origin.log --skip-lines -1
refused "the log origin.log is named twice" origin.log origin.log
refused "--nginx-format: no \$status in '\$msec'" own.log --rate a=1/s --nginx-format '$msec'
refused "--nginx-format: no \$msec, \$time_local or \$time_iso8601 in '\$status'" own.log --rate a=1/s --nginx-format '$status'
refused "--nginx-format: two variables with nothing between them in '\$msec\$status'" own.log --rate a=1/s --nginx-format '$msec$status'

finish "audit: every format, bounds and bad lines as expected"
