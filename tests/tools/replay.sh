#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir replay: what it prints for one trace that has everything, and what it says of bad lines.
set -euo pipefail

weir=${WEIR_BIN_DIR:-${WEIR_BUILD_DIR:-build}/bin}/weir
[ -x "$weir" ] || { echo "skipped: weir is not built (set WEIR_BUILD_DIR)"; exit 77; }
for variable in ${!WEIR_RLIMIT@}; do unset "$variable"; done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0

same() { # same WHAT EXPECTED ACTUAL
    [ "$2" = "$3" ] && return
    printf 'FAILED: %s\nexpected:\n%s\ngot:\n%s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
}
bad() { # bad LINE EXPECTED: the first line is always fine
    local status=0 said
    said=$(printf '{"t":5,"op":"acquire","id":"a","host":"h","role":"metadata"}\n%s\n' "$1" | "$weir" replay - 2>&1 >/dev/null) || status=$?
    same "exit code of $1" 1 "$status"
    same "message of $1" "weir replay: standard input:2: $2" "$said"
}

cat >"$dir/tight.yaml" <<'END'
version: 1
hosts: {h: {metadata: {rates: ["1/MINUTE"]}}}
END
cat >"$dir/trace" <<END
{"t":0,"op":"acquire","id":"a","host":"h","role":"metadata","max_delay_ms":0}
{"t":0,"op":"acquire","id":"b","host":"H.","role":"metadata","max_delay_ms":0}
{"t":0,"op":"acquire","id":"c","host":"h","role":"metadata","max_delay_ms":0}
{"t":0,"op":"acquire","id":"head","host":"h","role":"metadata","method":"head"}
{"t":80,"op":"arrived","id":"a","status":200}
{"t":95,"op":"release","id":"a"}
{"t":100.5,"op":"release","id":"b"}
{"t":200,"op":"acquire","id":"d","host":"h","role":"metadata","max_delay_ms":5000}
{"t":200,"op":"acquire","id":"e","host":"h","role":"metadata","max_delay_ms":900.5}
{"t":200,"op":"acquire","id":"f","host":"h","role":"metadata","max_delay_ms":5000}
{"t":200,"op":"acquire","id":"big","host":"h","role":"metadata","cost":3}
{"t":300,"op":"cancel","id":"f"}
{"t":1080,"op":"refund","id":"d"}
{"t":1200,"op":"release","id":"e"}
{"t":1300,"op":"acquire","id":"g","host":"h","role":"metadata"}
{"t":1310,"op":"arrived","id":"g","status":429,"headers":{"Retry-After":"3"}}
{"t":1320,"op":"release","id":"g"}
{"t":1330,"op":"acquire","id":"i","host":"h","role":"metadata","max_delay_ms":2000}
{"t":1340,"op":"reload","config":"$dir/none.yaml"}
{"t":1350,"op":"acquire","id":"j","host":"h","role":"metadata","max_delay_ms":9000}
{"t":9000,"op":"reload","config":"$dir/tight.yaml"}
{"t":9000,"op":"acquire","id":"k","host":"h","role":"metadata","max_delay_ms":60000}
END
cat >"$dir/start.yaml" <<'END'
version: 1
hosts: {h: {metadata: {rates: ["2/SECOND"]}}}
END
expected='{"t":0,"id":"a","event":"granted","waited_ms":0}
{"t":0,"id":"b","event":"granted","waited_ms":0}
{"t":0,"id":"c","event":"denied","cause":"window","limit":"2/1s","retry_at_ms":1000,"waited_ms":0}
{"t":0,"id":"head","event":"granted","waited_ms":0}
{"t":200,"id":"big","event":"denied","cause":"never","limit":"2/1s","retry_at_ms":null,"waited_ms":0}
{"t":300,"id":"f","event":"cancelled","waited_ms":100}
{"t":1080,"id":"d","event":"granted","waited_ms":880}
{"t":1080,"id":"e","event":"granted","waited_ms":880}
{"t":1300,"id":"g","event":"granted","waited_ms":0}
{"t":1330,"id":"i","event":"denied","cause":"gate","retry_at_ms":4310,"waited_ms":0}
{"t":1340,"event":"reload","ok":false,"error":"'$dir'/none.yaml: cannot read the configuration file: No such file or directory"}
{"t":4310,"id":"j","event":"granted","waited_ms":2960}
{"t":9000,"event":"reload","ok":true}
{"t":69000,"id":"k","event":"denied","cause":"window","limit":"1/1min","retry_at_ms":129000,"waited_ms":60000}'
same "a trace with everything" "$expected" "$("$weir" replay --rate-config "$dir/start.yaml" "$dir/trace")"

bad '{"t":4,"op":"end"}' 't goes back; the line before was at 5 ms'
bad '{"t":6}' 'it has no "op"'
bad '{"t":6,"op":"aquire","id":"b"}' 'unknown op "aquire"; it is one of acquire, arrived, release, abandon, cancel, refund, reload, end: did you mean "acquire"?'
bad '{"t":6,"op":"release","id":"b"}' 'no acquire before this has the id "b"'
bad '{"t":6,"op":"acquire","id":"a","host":"h","role":"metadata"}' 'the id "a" is still in use'
bad '{"t":6,"op":"acquire","id":"b","host":"h"}' '"acquire" needs "role"'
bad '{"t":6,"op":"acquire","id":"b","host":"h","role":"metadata","cost":0}' '"cost" is 0; it must be a whole number, 1 or more'
bad '{"t":6,"op":"end","t":7}' '"t" stands twice'
bad '{"t":6,"op":"end"' 'it is not a JSON object: wrong at byte 18'
bad '[]' 'it is an array; a line is a JSON object'

# Without an answer a request counts until a second after its end and the longest latency, its own 200 ms.
gone='{"t":0,"op":"acquire","id":"a","host":"h","role":"metadata"}
{"t":200,"op":"abandon","id":"a"}
{"t":300,"op":"acquire","id":"b","host":"h","role":"metadata","max_delay_ms":5000}'
same "an abandoned request" '{"t":0,"id":"a","event":"granted","waited_ms":0}
{"t":1400,"id":"b","event":"granted","waited_ms":1100}' "$("$weir" replay --rate h.metadata=1/SECOND - <<<"$gone")"

# The event log of a run under one limit, under another: three at once, whose answers took 100 ms.
event() { printf '{"timestamp":"2026-11-28T09:07:%sZ","stage":"rate-limiter","event_type":"%s","host":"h","role":"metadata"%s}\n' "$@"; }
{
    printf '{"timestamp":"2026-11-28T09:07:28.000Z","stage":"rate-limiter","event_type":"reload","ok":true}\n'
    event 29.000 acquire ',"delay_ms":0,"acquired":true'
    event 29.100 response ',"status":200'
    event 30.100 acquire ',"delay_ms":1100,"acquired":true'
    event 30.150 head_skip ',"delay_ms":0,"acquired":true'
    event 30.180 tune ',"before":1,"after":0.9,"reason":"refused","answers":1,"refusals":1'
    event 30.200 response ',"status":200'
    event 30.300 block ',"delay_ms":1300,"policy_max_delay_ms":1300,"acquired":false,"cause":"window"'
    event 31.000 cancel ',"delay_ms":500,"acquired":false'
} >"$dir/events.jsonl"
same "an event log under a wider limit" '{"t":0,"id":"1","event":"granted","waited_ms":0}
{"t":0,"id":"2","event":"granted","waited_ms":0}
{"t":0,"id":"3","event":"denied","cause":"window","limit":"2/1s","retry_at_ms":1000,"waited_ms":0}
{"t":1150,"id":"4","event":"granted","waited_ms":0}
{"t":1500,"id":"5","event":"granted","waited_ms":0}' "$("$weir" replay --rate h.metadata=2/SECOND "$dir/events.jsonl" 2>"$dir/said")"
same "an event log under a tighter limit: the cancelled one gives up when it did" '{"t":2000,"id":"5","event":"cancelled","waited_ms":500}' \
    "$("$weir" replay --rate h.metadata=1/MINUTE --rate-max-delay h.metadata=600000 "$dir/events.jsonl" 2>/dev/null | grep cancelled)"
grep -v response "$dir/events.jsonl" >"$dir/admissions.jsonl"
same "an event log without answers says so" "weir replay: an event log: t = 0 is 2026-11-28T09:07:29.000Z; it has no answers, so each request ends with its admission" \
    "$("$weir" replay --rate h.metadata=2/SECOND "$dir/admissions.jsonl" 2>&1 >/dev/null)"
event 32.000 teleport '' >>"$dir/events.jsonl"
same "a line of an unknown kind" 'weir replay: '"$dir"'/events.jsonl:10: the lines before are of an event log, and it is not: it needs timestamp, event_type, and a key' \
    "$("$weir" replay "$dir/events.jsonl" 2>&1 >/dev/null || true)"

[ "$failures" -eq 0 ] || exit 1
echo "replay: one trace and ten bad lines as expected"
