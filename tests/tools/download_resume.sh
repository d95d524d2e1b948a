#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir-download interrupted, killed and run again: nothing is lost, nothing is fetched twice without need, every hash is right.
set -euo pipefail
. "$(dirname "$0")/_download.sh"

documents=20
origin_flags=(--documents "$documents" --pdf-size 3000000 --latency 40ms)
topic=(--topic "river flow" --workers 4 --rate-host-override "127.0.0.1:artifact=rates:10/s" --rate 127.0.0.1.metadata=20/s
    --rate 127.0.0.1.landing=20/s)

# Interrupted in the middle, as by Ctrl-C; then again until it is done.
for signal in INT TERM; do
    origin_start "${origin_flags[@]}"
    start_download "$signal" "${topic[@]}"
    wait_for_lines "$origin_dir/$signal/manifest.jsonl" 15
    kill "-$signal" "$download_pid"
    status=0
    wait "$download_pid" || status=$?
    check "$signal: exit code" "$status" 130
    check "$signal: the summary is there" "$(grep -c 'interrupted, run it again to go on' "$origin_dir/out")" 1
    kept=$(wc -l <"$origin_dir/$signal/manifest.jsonl")
    check "$signal: it was in the middle ($kept)" "$((kept >= 15 && kept < 3 * documents))" 1
    download "$signal" "${topic[@]}"
    check "$signal: exit code of the second run" "$status" 0
    check "$signal: what was complete is kept" "$(grep -c "^$((3 * documents)) files wanted: $((3 * documents - kept)) fetched, $kept complete already" \
        "$origin_dir/out")" 1
    origin_stop
    check_files "$signal"
    check "$signal: no line twice" "$(jq -r .path "$origin_dir/$signal/manifest.jsonl" | sort | uniq -d | wc -l)" 0
    # Only what was under way, on at most 4 workers, was asked for again.
    total=$(($(arrivals metadata) + $(arrivals landing) + $(arrivals artifact)))
    check "$signal: $total requests" "$((total >= 3 * documents && total <= 3 * documents + 4))" 1
done

# Killed in the middle, three times over.
origin_start "${origin_flags[@]}"
for lines in 10 25 40; do
    start_download killed "${topic[@]}"
    wait_for_lines "$origin_dir/killed/manifest.jsonl" "$lines"
    kill -KILL "$download_pid"
    status=0
    wait "$download_pid" 2>/dev/null || status=$?
    check "killed at $lines: exit code" "$status" 137
done
printf '{"url":"http://torn' >>"$origin_dir/killed/manifest.jsonl"
download killed "${topic[@]}"
check "killed: exit code of the last run" "$status" 0
origin_stop
check_files killed
check "killed: no line twice, none torn" "$(jq -r .path "$origin_dir/killed/manifest.jsonl" | sort | uniq -d | wc -l)" 0
total=$(($(arrivals metadata) + $(arrivals landing) + $(arrivals artifact)))
check "killed: $total requests" "$((total <= 3 * documents + 12))" 1

# A part is gone on from, by a Range under the tag it was begun with, and only under that one.
origin_start --documents 1 --pdf-size 500000 --pdf-sigma 0
url=http://$origin_a/pdf/d000001.pdf
echo "$url" >"$origin_dir/urls"
download part --urls "$origin_dir/urls"
file=$origin_dir/part/$(jq -r .path "$origin_dir/part/manifest.jsonl")
size=$(wc -c <"$file")
tag=$(curl -sI "$url" | sed -n 's/^ETag: //Ip' | tr -d '\r')
write_notes() { # write_notes TAG
    jq -n --arg url "$url" --arg tag "$1" --argjson total "$size" \
        '{url: $url, final_url: $url, etag: $tag, status: 200, total: $total}' >"$file.part.json"
}
cut_back() { # cut_back TAG: as if a run had been killed after 200000 bytes
    head -c 200000 "$file" >"$file.part"
    write_notes "$1"
    rm -f "$file" "$origin_dir/part/manifest.jsonl"
}
received() { awk '$2 == "artifact" {print $11, $12}' "$origin_dir/out"; }
cut_back "$tag"
download part --urls "$origin_dir/urls"
check "part: exit code" "$status" 0
check "part: only the rest was sent" "$(received)" "300.0 kB"
check_files_of_part() {
    check "$1: bytes" "$(sha256sum <"$file" | cut -d' ' -f1)" \
        "$(jq -r --arg url "$url" 'select(.url == $url) | .sha256' "$origin_dir/manifest")"
    check "$1: nothing is left over" "$(find "$origin_dir/part" -name '*.part*')" ""
    check "$1: manifest" "$(jq -r .sha256 "$origin_dir/part/manifest.jsonl")" "$(sha256sum <"$file" | cut -d' ' -f1)"
}
check_files_of_part "part"
cut_back '"another"'
download part --urls "$origin_dir/urls"
check "changed: exit code" "$status" 0
check "changed: all of it was sent" "$(received)" "500.0 kB"
check_files_of_part "changed"

# Killed between the last byte and the name, and between the name and the manifest: nothing is asked for.
cut_back "$tag"
curl -s "$url" >"$file.part"
download part --urls "$origin_dir/urls"
check "unnamed: exit code" "$status" 0
check "unnamed: no request" "$(grep -c ' artifact ' "$origin_dir/out" || true)" 0
check_files_of_part "unnamed"
cut_back "$tag"
curl -s "$url" >"$file"
rm -f "$file.part"
download part --urls "$origin_dir/urls"
check "unrecorded: exit code" "$status" 0
check "unrecorded: no request" "$(grep -c ' artifact ' "$origin_dir/out" || true)" 0
check_files_of_part "unrecorded"

# Killed between the manifest's line and the end of the notes: the file is complete, and what lies beside it goes. A run
# that only looks leaves it.
leave_rest() {
    write_notes "$tag"
    printf '{"url":"http://to' >"$file.part.json.new"
    head -c 1000 "$file" >"$file.part"
}
leave_rest
rm "$file.part" "$file.part.json.new" # as the kill leaves it
download part --urls "$origin_dir/urls" --dry-run
check "recorded: a dry run removes nothing" "$(find "$origin_dir/part" -name '*.part.json' | wc -l)" 1
download part --urls "$origin_dir/urls"
check "recorded: exit code" "$status" 0
check "recorded: no request" "$(grep -c ' artifact ' "$origin_dir/out" || true)" 0
check_files_of_part "recorded"
leave_rest
download part --urls "$origin_dir/urls"
check "recorded, with all: no request" "$(grep -c ' artifact ' "$origin_dir/out" || true)" 0
check_files_of_part "recorded, with all"
# The same in a run that has to fetch: nothing of another kind is left beside what it fetched.
cut_back "$tag"
printf '{"url":"http://to' >"$file.part.json.new"
curl -s "$url" >"$file"
rm -f "$file.part"
download part --urls "$origin_dir/urls"
check "unrecorded, with notes begun: exit code" "$status" 0
check_files_of_part "unrecorded, with notes begun"

finish "weir-download: interrupted and killed runs are gone on from"
