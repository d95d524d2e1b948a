#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir identify: every command of docs/identify.md prints what the document says; formats; what it refuses.
set -euo pipefail
. "$(dirname "$0")/_check.sh"
find_program weir
weir=$(realpath "$program")
command -v python3 >/dev/null || { echo "skipped: there is no python3"; exit 77; }
tests=$(realpath "$(dirname "$0")")
document=$tests/../../docs/identify.md
in_scratch

law_log() { python3 "$tests/_law_log.py" "$@"; }
law_log sliding 10 1 0 >sliding.csv
law_log counting 10 1 0 >counting.csv
law_log fixed 100 60 0 >fixed.csv
law_log two-counter 10 1 0 >two-counter.csv
law_log bucket 5 1 1 >leaky.csv
law_log bucket 60 60 10 >bucket.csv
law_log none 10 1 0 200 >patient.csv
law_log sliding 10 1 0 40 >short.csv

# Of a block ```console each line after a command is one that the command prints.
commands=0
: >printed
while IFS= read -r line; do
    if [[ $line == '$ weir '* ]]; then
        words=${line#'$ weir '} expected=0 status=0
        if [[ $line =~ '# exit '([0-9]+)$ ]]; then expected=${BASH_REMATCH[1]}; fi
        read -ra words <<<"${words%%#*}"
        "$weir" "${words[@]}" >printed 2>err || status=$?
        commands=$((commands + 1))
        check "docs/identify.md: $line: exit code" "$status" "$expected"
    elif ! grep -qxF -- "$line" printed; then
        check "docs/identify.md: a line" "$(cat printed err)" "$line"
    fi
done < <(awk '/^```/ { inside = /^```console/; next } inside' "$document")
check "docs/identify.md has commands" "$((commands >= 8))" 1

identify() { status=0; "$weir" identify "$@" >out 2>err || status=$?; }
law() { jq -r '[.law, .limit, .period_ms] | join(" ")' out; }

# The same requests in other formats.
tail -n +2 sliding.csv | awk -F, '{ printf "{\"timestamp\":%s,\"status_code\":%s,\"duration_ms\":%s,\"host\":\"H:443\",\"url\":\"x\"}\n", $1, $2, $3 }' >sliding.jsonl
identify sliding.jsonl --json
check "json: the law" "$status $(law)" "0 sliding-log 10 1000"
check "json: the host" "$(jq -r .host out)" h
tail -n +2 sliding.csv | awk -F, '{ printf "%s;%s;%s\n", $2, $3, $1 }' | { echo 'status;latency_ms;time'; cat; } >other.csv
identify other.csv --json
check "csv: columns in another order" "$status $(law)" "0 sliding-log 10 1000"
tail -n +2 leaky.csv | awk -F, '{ printf "%.3f 0.000 h %s \"GET / HTTP/1.1\"\n", $1 + 0.002, $2 == 429 ? 503 : $2 }' >nginx.log
identify nginx.log --json
check "nginx: the law, of refusals with 503" "$status $(law) $(jq -r .burst out)" "0 gcra 5 1000 1"
{
    tail -n +2 counting.csv | awk -F, '
        function stamp(t) { return strftime("%Y-%m-%dT%H:%M:%S", int(t), 1) sprintf(".%03d", (t - int(t)) * 1000) }
        {
            printf "%s {\"timestamp\":\"%sZ\",\"stage\":\"rate-limiter\",\"event_type\":\"acquire\",\"host\":\"h\",\"role\":\"landing\",\"delay_ms\":0,\"acquired\":true}\n", $1, stamp($1)
            printf "%.6f {\"timestamp\":\"%sZ\",\"stage\":\"rate-limiter\",\"event_type\":\"response\",\"host\":\"h\",\"role\":\"landing\",\"status\":%s}\n", $1 + $3 / 1000, stamp($1 + $3 / 1000), $2
        }'
} 2>/dev/null | sort -n | cut -d' ' -f2- >events.jsonl
if [ -s events.jsonl ]; then # an awk without strftime writes none
    identify events.jsonl --json
    check "events: the law" "$status $(law) $(jq -r '[.role, .refusals_count] | join(" ")' out)" "0 sliding-log 10 1000 landing true"
fi

# What it cannot know, it says.
identify patient.csv
check "no refusals: exit code" "$status" 3
sed 's/,429,/,403,/' short.csv >forbidden.csv
identify forbidden.csv
check "another status: a hint" "$(grep -c 'answers 403: --refused 403 if that is a refusal' out)" 1
identify forbidden.csv --refused 403 --json
check "another status: refusals are seen" "$(jq -r '.refused > 0' out)" true
sed 's/,200,/,429,/' short.csv >refused.csv
identify refused.csv
check "only refusals" "$status $(grep -c 'every request was refused' out)" "3 1"
awk -F, 'NR > 1 { $2 = rand() < 0.3 ? 429 : 200 } { print $1 "," $2 "," $3 }' sliding.csv >chance.csv
identify chance.csv
check "refusals by chance are no law" "$status" 3

refused() { # refused TEXT ARGUMENT...
    identify "${@:2}"
    check "refused: ${*:2}" "$status $(grep -cF -- "$1" err)" "2 1"
}
: >empty.csv
refused 'name at least one log'
refused 'the logs have no requests' empty.csv
refused 'did you mean --refused?' sliding.csv --refuse 3
refused 'no list of statuses' sliding.csv --refused 4xx
refused 'no span such as 5ms' sliding.csv --resolution soon
refused 'unknown format "cvs"; it is one of events, origin, nginx, haproxy, json, csv: did you mean "csv"?' sliding.csv --format cvs
refused 'cannot be opened' nowhere.csv
echo 'hello,world' >garbage.csv
refused 'not one of its lines' garbage.csv --skip-lines all
finish "identify: $commands commands of its page, formats and faults as expected"
