#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir-download's command line, lists of URLs, and what it says when something is wrong.
set -euo pipefail
. "$(dirname "$0")/_download.sh"

origin_start --documents 6 --limit artifact=3/1s

# Mistakes: what, where, and what to do; exit code 2.
wrong() { # wrong EXPECTED [FLAGS]
    local expected=$1
    shift
    download wrong "$@"
    check "exit code of: $*" "$status" 2
    check "message of: $*" "$(grep -cF -- "$expected" "$origin_dir/err")" 1
    check "nothing is written by: $*" "$([ -e "$origin_dir/wrong" ] && echo there || true)" ""
}
wrong 'unknown flag "--worker"; did you mean --workers?' --topic x --worker 3
wrong 'did you mean --rate-config?' --topic x --rate-confg a.yaml
wrong '--workers: found "0"' --topic x --workers 0
wrong '--part K/N: K: found "3"; it is a whole number from 1 to 2' --topic x --part 3/2
wrong '--part K/N: N: found ""' --topic x --part 1
wrong '--log-level: found "debg"; did you mean "debug"?' --topic x --log-level debg
wrong 'say what to fetch: --topic TEXT or --urls FILE' --workers 2
wrong '--year-start 2025 is after --year-end 2024' --topic x --year-start 2025 --year-end 2024
wrong '--max: it needs a value' --topic x --max
wrong 'there is no such file' --urls "$origin_dir/none"
wrong '--rate-backend: backend.' --topic x --rate-backend sqlite # it needs a text, or was not built in
wrong '--rate-dsn: backend.dsn: it is a connection text of the redis store, and backend.kind is memory' \
    --topic x --rate-dsn redis://127.0.0.1
printf 'backend:\n  kind: redis\n  dsn: "sqlite:///limits.db"\n' >"$origin_dir/store.yaml"
if "$download_program" --topic x --rate-backend redis 2>&1 | grep -q 'built without'; then
    wrong "$origin_dir/store.yaml:2:9: backend.kind: this program was built without the redis store; add weir::redis" \
        --topic x --rate-config "$origin_dir/store.yaml"
else
    wrong "$origin_dir/store.yaml:3:8: backend.dsn: it is a connection text of the sqlite store, and backend.kind is redis" \
        --topic x --rate-config "$origin_dir/store.yaml"
    DOCSTOKG_RLIMIT_DSN='redis://u:secret@h:0' wrong '$DOCSTOKG_RLIMIT_DSN: backend.dsn: address 1 has no port from 1 to 65535' \
        --topic x --rate-config "$origin_dir/store.yaml"
fi
wrong 'did you mean' --topic x --rate 'h=10/SECND'
DOCSTOKG_RLIMIT_BACKEN=memory wrong 'DOCSTOKG_RLIMIT_BACKEN' --topic x

"$download_program" --help >"$origin_dir/help"
for flag in --part --topic --year-start --year-end --max --workers --dry-run --log-level --out --base-url --urls --log --max-attempts \
    --rate-config --rate --rate-max-inflight --rate-backend --rate-aimd-enabled --rate-disable; do
    check "--help names $flag" "$(grep -cE -- "^  $flag( |\[|$)" "$origin_dir/help" | sed 's/^[1-9].*/yes/')" yes
done

# A list of URLs, with roles and comments.
cat >"$origin_dir/urls" <<END
# three PDFs and a page
http://$origin_a/pdf/d000001.pdf
http://$origin_a/pdf/d000002.pdf	artifact   # a tab, and a comment
  http://$origin_a/pdf/d000003.pdf artifact

http://$origin_a/landing/d000001 landing
http://$origin_a/pdf/d000001.pdf
END
download list --urls "$origin_dir/urls"
check "list: exit code" "$status" 0
check "list: files" "$(jq -rs 'map(.role) | sort | join(" ")' "$origin_dir/list/manifest.jsonl")" "artifact artifact artifact landing"
check "list: right" "$(jq -rn --slurpfile own "$origin_dir/list/manifest.jsonl" '
    (reduce inputs as $l ({}; .[$l.url] = $l.sha256)) as $want | [$own[] | select($want[.url] != .sha256)] | length' \
    <"$origin_dir/manifest")" 0

# Parts: every URL is in exactly one.
download part1 --urls "$origin_dir/urls" --part 1/2
first=$(jq -r .path "$origin_dir/part1/manifest.jsonl" | sort)
download part2 --urls "$origin_dir/urls" --part 2/2
check "parts: together they are the whole" "$(jq -r .path "$origin_dir/part2/manifest.jsonl" | cat - <(echo "$first") | sort -u)" \
    "$(jq -r .path "$origin_dir/list/manifest.jsonl" | sort)"

printf 'ftp://h/x\nhttp://%s/pdf/d000001.pdf artefact\n' "$origin_a" >"$origin_dir/urls"
download list --urls "$origin_dir/urls"
check "bad list: exit code" "$status" 2
check "bad list: both lines are named" "$(grep -cE 'urls:(1|2): ' "$origin_dir/err")" 2
check "bad list: nearest role" "$(grep -c 'artifact' "$origin_dir/err")" 1

# What is not there is a failure, named and counted; the rest is fetched.
printf 'http://%s/pdf/d000004.pdf\nhttp://%s/pdf/none.pdf\n' "$origin_a" "$origin_a" >"$origin_dir/urls"
download list --urls "$origin_dir/urls"
check "missing: exit code" "$status" 1
check "missing: named" "$(grep -c '^failed: artifact http://.*/pdf/none.pdf: the server answered 404$' "$origin_dir/out")" 1
check "missing: the other is there" "$(grep -c '1 fetched, 0 complete already, 1 failed' "$origin_dir/out")" 1

# Nobody listens: a failed connection is tried again, and then told.
printf 'http://127.0.0.1:9/x\n' >"$origin_dir/urls"
download list --urls "$origin_dir/urls" --max-attempts 2 --log-level debug
check "refused connection: exit code" "$status" 1
check "refused connection: attempts" "$(grep -c 'the last of 2 attempts' "$origin_dir/out")" 1
check "no API: exit code" "$("$download_program" --topic x --base-url "http://$origin_a/landing/d000001" \
    --out "$origin_dir/none" >"$origin_dir/out" 2>&1 || echo $?)" 1

# With limits off the server refuses; Retry-After is honoured, and in the end all is there.
for document in 1 2 3 4 5 6; do echo "http://$origin_a/pdf/d00000$document.pdf"; done >"$origin_dir/urls"
sleep 1.1
download off --urls "$origin_dir/urls" --rate-disable --workers 6 --max-attempts 20
check "--rate-disable: exit code" "$status" 0
check "--rate-disable: it says so" "$(grep -c 'warning: rate limiting is off' "$origin_dir/err")" 1
refused=$(awk '$2 == "artifact" {print $4}' "$origin_dir/out")
check "--rate-disable: refusals ($refused) are shown" "$((refused > 0))" 1
check "--rate-disable: no limit" "$(grep -c 'no limit$' "$origin_dir/out")" 1
check "--rate-disable: files" "$(wc -l <"$origin_dir/off/manifest.jsonl")" 6

# A flag's rate is kept: three a second, so six take more than a second, and none is refused.
sleep 1.1
download on --urls "$origin_dir/urls" --rate "$origin_a.artifact=3/SECOND" --workers 6
check "--rate: exit code" "$status" 0
check "--rate: no refusal, full windows" "$(grep -cE ' artifact +6 +0 .* 3/3 per 1s$' "$origin_dir/out")" 1

finish "weir-download: flags, lists and failures are right"
