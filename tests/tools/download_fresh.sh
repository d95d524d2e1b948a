#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir-download from nothing to everything: files, manifest, events, plain output; and again, when there is nothing left to do.
set -euo pipefail
. "$(dirname "$0")/_download.sh"

origin_start --listen 127.0.0.1:0 --listen 127.0.0.1:0 --redirect-landing --documents 12 --pdf-size 30000 \
    --limit metadata=10/1s --limit landing=10/1s --limit artifact=10/1s --latency 20ms
cat >"$origin_dir/rates.yaml" <<END
version: 1
defaults:
  metadata: {rates: ["10/SECOND"], max_delay_ms: 1}
  landing: {rates: ["10/SECOND"], max_delay_ms: 1}
  artifact: {rates: ["10/SECOND"], max_delay_ms: 1}
END
topic=(--topic "river & flow" --year-start 2024 --year-end 2024 --workers 8 --rate-config "$origin_dir/rates.yaml")

download fresh "${topic[@]}" --log "$origin_dir/events" --log-level debug
check "exit code" "$status" 0
check_files fresh
check "lines of the manifest" "$(wc -l <"$origin_dir/fresh/manifest.jsonl")" 36
check "fields of the manifest" "$(jq -rs 'map(keys_unsorted - ["final_url"] | join(" ")) | unique | join("|")' \
    "$origin_dir/fresh/manifest.jsonl")" "url role path bytes sha256 status fetched_at"
check "roles" "$(jq -rsc 'group_by(.role) | map([.[0].role, length])' "$origin_dir/fresh/manifest.jsonl")" \
    '[["artifact",12],["landing",12],["metadata",12]]'
check "records are JSON of their DOI" "$(cat "$origin_dir"/fresh/metadata/*.json | jq -r .message.DOI | sort -u | wc -l)" 12
check "no answer 429, though max_delay_ms is 1" "$(jq -s 'map(select(.status == 429)) | length' "$origin_dir/log")" 0
check "summary" "$(grep -c '^36 files wanted: 36 fetched, 0 complete already, 0 failed' "$origin_dir/out")" 1
check "table: keys" "$(grep -cE '^127\.0\.0\.1:[0-9]+ +(metadata|landing|artifact) .* (10|[1-9])/10 per 1s$' "$origin_dir/out")" 4
check "start-up lines" "$(grep -cE '^(Loaded rate config from .*rates\.yaml|Rate limiter initialized: backend memory)' \
    "$origin_dir/err")" 2
check "no escape codes in a pipe" "$(grep -cP '[\x00-\x08\x0b-\x1f]' "$origin_dir/out" "$origin_dir/err" | cut -d: -f2 | tr '\n' ' ')" \
    "0 0 "
check "events: stage" "$(jq -rs 'map(.stage) | unique | join(" ")' "$origin_dir/events")" rate-limiter
check "events: acquired" "$(jq -s 'map(select(.event_type == "acquire" and .acquired)) | length' "$origin_dir/events")" \
    "$(wc -l <"$origin_dir/log")"
check "events: responses at level debug" "$(jq -s 'map(select(.event_type == "response")) | length' "$origin_dir/events")" \
    "$(wc -l <"$origin_dir/log")"
origin_stop

# Again, on a server that has the same documents on other ports: other URLs, so other files.
origin_start --documents 3
download again --topic x --max 2
check "exit code of the first" "$status" 0
check "two documents" "$(wc -l <"$origin_dir/again/manifest.jsonl")" 6
before=$(wc -l <"$origin_dir/again/manifest.jsonl")
download again --topic x --max 2
check "exit code of the second" "$status" 0
check "nothing is fetched twice" "$(grep -c '^6 files wanted: 0 fetched, 6 complete already' "$origin_dir/out")" 1
check "nothing is entered twice" "$(wc -l <"$origin_dir/again/manifest.jsonl")" "$before"

# A file that was changed on disk is fetched again; the others are not.
printf x >>"$(echo "$origin_dir"/again/artifact/*.pdf | cut -d' ' -f1)"
download again --topic x --max 2
check "a changed file is fetched again" "$(grep -c '^6 files wanted: 1 fetched, 5 complete already' "$origin_dir/out")" 1
check "and right" "$(cd "$origin_dir/again" && jq -r '"\(.sha256)  \(.path)"' manifest.jsonl | sha256sum --check --quiet 2>&1)" ""

# A dry run asks the API and writes nothing.
download dry --topic x --dry-run
check "dry run: exit code" "$status" 0
check "dry run: no folder" "$([ -e "$origin_dir/dry" ] && echo there || true)" ""
check "dry run: files named" "$(grep -c '^would fetch: ' "$origin_dir/out")" 9
download again --topic x --dry-run
check "dry run: what is complete is not named" "$(grep -c '^would fetch: ' "$origin_dir/out")" 3

# Two at a time would spoil each other's files.
exec 9>"$origin_dir/again/.lock"
flock -n 9
download again --topic x
check "locked: exit code" "$status" 1
check "locked: message" "$(grep -c 'another weir-download is writing there' "$origin_dir/err")" 1
exec 9>&-

finish "weir-download: a fresh download, a second one and a dry run are right"
