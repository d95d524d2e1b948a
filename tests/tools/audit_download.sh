#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir audit on both logs of one download: the limiter's own and the server's tell of the same requests.
set -euo pipefail
. "$(dirname "$0")/_download.sh"
find_program weir

origin_start --documents 6 --pdf-size 2000
download files --topic x --rate "$origin_a.metadata=5/s" --rate "$origin_a.landing=4/s" --rate "$origin_a.artifact=3/s" \
    --workers 6 --log "$origin_dir/events" --log-level debug
check "exit code" "$status" 0
origin_stop

audit() { # audit LOG FACTOR: exit code, and how many requests each role made
    local status=0 sum
    sum=$("$program" audit "$1" --rate "metadata=$((5 * $2))/s" --rate "landing=$((4 * $2))/s" --rate "artifact=$((3 * $2))/s" \
        --json 2>"$origin_dir/audit.err" | jq -sc 'map({key: (.host + " " + .role), value: .requests}) | from_entries') || status=$?
    echo "$status $sum"
}
# The server's times are exact. Those of our own log are as late as this machine writes, so no count in them is judged here.
check "the server's log" "$(audit "$origin_dir/log" 1 | cut -d' ' -f1)" 0
check "both logs" "$(audit "$origin_dir/events" 1000)" "$(audit "$origin_dir/log" 1000)"
check "there are requests" "$(audit "$origin_dir/log" 1000 | grep -c artifact)" 1
status=0
"$program" audit "$origin_dir/log" --rate "artifact=2/10min" >"$origin_dir/table" || status=$?
check "a narrower limit" "$status $(grep -c ' OVER$' "$origin_dir/table")" "1 1"
finish "audit: both logs of a download agree"
