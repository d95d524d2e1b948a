#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir-download's limits changed while it runs: SIGHUP reads the files again. A file with faults changes nothing.
set -euo pipefail
. "$(dirname "$0")/_download.sh"

documents=20
origin_start --documents "$documents" --pdf-size 2000 --latency 5ms \
    --limit metadata=20/1s --limit landing=20/1s --limit artifact=20/1s
config=$origin_dir/limits.yaml
manifest=$origin_dir/run/manifest.jsonl
limits() { # limits RATE: of every role, put in place of what is there
    printf 'version: 1\ndefaults:\n  metadata: {rates: [%s]}\n  landing: {rates: [%s]}\n  artifact: {rates: [%s]}\n' \
        "$1" "$1" "$1" >"$config.new"
    mv "$config.new" "$config"
}
# hang_up COUNT TEXT: sends SIGHUP, and waits until TEXT has been said COUNT times.
hang_up() {
    local tries
    kill -HUP "$download_pid"
    for ((tries = 0; tries < 400; ++tries)); do
        if [ "$(grep -c -- "$2" "$origin_dir/err")" -ge "$1" ]; then return 0; fi
        sleep 0.05
    done
    check "said after SIGHUP: $2" "$(cat "$origin_dir/err")" "it $1 times"
    finish never
}

# At three a minute nothing goes on after the first three of each role.
limits 3/min
start_download run --topic "river flow" --workers 4 --rate-config "$config" --log "$origin_dir/events"
wait_for_lines "$manifest" 6
limits 6/min
hang_up 1 "SIGHUP: reloaded, the new limits are in force"
wait_for_lines "$manifest" 12

# A file with two faults: both are printed with their places, and the six a minute stay.
printf 'version: 1\ndefaults:\n  metadata: {rates: [90/min]}\n  landing: {rats: [90/min]}\nglobal_max_inflight: -1\n' >"$config"
hang_up 1 "SIGHUP: not reloaded, the old limits stay:"
check "the first fault" "$(grep -c "^error: $config:4:.*rats" "$origin_dir/err")" 1
check "the second fault" "$(grep -c "^error: $config:5:.*global_max_inflight" "$origin_dir/err")" 1
printf 'backend: {kind: redis, dsn: "redis://127.0.0.1"}\n' >"$config"
hang_up 2 "SIGHUP: not reloaded, the old limits stay:"
check "another store" "$(grep -c "^error: $config:1:.*backend.kind: the store in use is memory; another takes a restart" "$origin_dir/err")" 1
rm "$config"
hang_up 3 "SIGHUP: not reloaded, the old limits stay:"
check "a file that is gone" "$(grep -c "^error: $config: cannot read the configuration file" "$origin_dir/err")" 1
# Nor did the end of a reload let anybody go: at most one page and six of each role.
check "the old limits stay" "$(($(wc -l <"$manifest") <= 17))" 1

limits 20/s
hang_up 2 "SIGHUP: reloaded, the new limits are in force"
status=0
wait "$download_pid" || status=$?
check "exit code" "$status" 0
check "all of it" "$(grep -c "^$((3 * documents)) files wanted: $((3 * documents)) fetched" "$origin_dir/out")" 1
check "the table shows the limits at the end" "$(grep -c "20 per 1s" "$origin_dir/out")" 3
check "events" "$(jq -r 'select(.event_type == "reload") | .ok' "$origin_dir/events" | tr '\n' ' ')" \
    "true false false false true "
check "an event has the faults" "$(jq -r 'select(.event_type == "reload" and .ok == false) | .error' "$origin_dir/events" |
    grep -c "rats")" 1
origin_stop
check "answers of 429" "$(jq -r 'select(.status == 429) | .status' "$origin_dir/log" | wc -l)" 0
check_files run

# A role that the list of URLs needs cannot go. Who waits for an hour hears of new limits at once.
origin_start --documents 3 --pdf-size 2000 --limit artifact=5/1s
for i in 1 2 3; do echo "http://$origin_a/pdf/d00000$i.pdf slow"; done >"$origin_dir/urls"
slow() { printf 'roles: [slow]\ndefaults: {slow: {rates: [%s]}}\n' "$1" >"$config"; }
slow 1/h
start_download roles --urls "$origin_dir/urls" --rate-config "$config"
wait_for_lines "$origin_dir/roles/manifest.jsonl" 1
echo "global_max_inflight: 5" >"$config"
hang_up 1 "SIGHUP: not reloaded, the old limits stay:"
check "a role that is needed" "$(grep -c "^error: roles: slow: it is gone, and --urls has http" "$origin_dir/err")" 3
slow 2/h
hang_up 1 "SIGHUP: reloaded, the new limits are in force"
wait_for_lines "$origin_dir/roles/manifest.jsonl" 2
slow 3/h
hang_up 2 "SIGHUP: reloaded, the new limits are in force"
status=0
wait "$download_pid" || status=$?
check "roles: exit code" "$status" 0
origin_stop

finish "weir-download: limits change while it runs"
