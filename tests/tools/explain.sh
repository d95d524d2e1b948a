#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir explain: one key across all layers, and what is said when something is wrong.
#
# explain.golden.json is what the first case prints, by jq. When a leaf is added or a built-in value changes on purpose,
# read the difference the test shows, and re-pin with
#   WEIR_REPIN=1 WEIR_BUILD_DIR=$PWD/build/dev bash tests/tools/explain.sh
set -euo pipefail
. "$(dirname "$0")/_check.sh"
find_program weir
weir=$program
command -v jq >/dev/null || { echo "skipped: jq is missing"; exit 77; }
source_dir=${WEIR_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
for variable in ${!WEIR_RLIMIT@}; do unset "$variable"; done
unset NO_COLOR
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

run() { status=0; said=$("$weir" explain "$@" 2>"$dir/err") || status=$?; }

# 1. Every layer and every name has a say in the rates of one key.
cd "$dir"
cat >base.yaml <<'END'
version: 1
defaults:
  metadata: {rates: [10/s], count_head: true, max_concurrent: 9}
hosts:
  "*.datacite.org":
    metadata: {rates: [2/s], margin_ms: 20}
  api.datacite.org:
    "*": {rates: [1/2s]}
aimd: {enabled: true, window_s: 30}
backend: {kind: memory, dsn: "user:secret@host"}
END
cat >local.yaml <<'END'
hosts: {api.datacite.org: {metadata: {rates: ["1/4s", "900/h"], max_delay_ms: 2s}}}
global_max_inflight: 40
END
WEIR_RLIMIT__api_datacite_org__metadata="rates:1/5s,burst:1" WEIR_RLIMIT_GLOBAL_INFLIGHT=50 \
    run --json --rate-preset datacite --rate-config base.yaml --rate-config local.yaml --rate api.datacite.org=1/6s \
    --rate-max-delay api.datacite.org.metadata=1500 --rate-max-inflight none api.datacite.org metadata
check "every layer: exit code" "$status" 0
golden=$source_dir/tests/tools/explain.golden.json
if [ -n "${WEIR_REPIN:-}" ]; then jq . <<<"$said" >"$golden"; fi
check "every layer, as pinned in explain.golden.json" "$(diff "$golden" <(jq . <<<"$said") || true)" ""
check "secrets stay hidden" "$(grep -c secret <<<"$said" || true)" 0
cd "$source_dir"

# 2. What the README of the deployment promises.
run --rate-config config/ratelimits.yaml --rate api.crossref.org=20/s api.crossref.org metadata --json
check "flag over file" "$(jq -c '.roles.metadata.rates | [.value, .place]' <<<"$said")" '[["20/SECOND"],"--rate"]'
line=$(grep -n '50/SECOND' config/ratelimits.yaml | cut -d: -f1)
check "the shadowed file" "$(jq -c '.roles.metadata.rates.shadows[0] | [.value, .layer, .line]' <<<"$said")" \
    '[["50/SECOND","10000/HOUR"],"file",'"$line"']'
check "its place" "$(jq -r '.roles.metadata.rates.shadows[0].place' <<<"$said" | cut -d: -f1,2)" "config/ratelimits.yaml:$line"
check "the delay stays the file's" "$(jq -c '.roles.metadata.max_delay_ms | [.value, .layer, .line]' <<<"$said")" \
    '[250,"file",'"$((line + 1))"']'

# 3. A table for people: every role without a role, no colour where no terminal is.
run --rate h.org=1/s h.org
check "all roles" "$(grep -cE '^h\.org (metadata|landing|artifact)$' <<<"$said")" 3
check "the process" "$(grep -c '^the whole process$' <<<"$said")" 1
check "the flag's line" "$(grep -E '^rates ' <<<"$said" | head -1 | tr -s ' ')" "rates 1/SECOND command line --rate hosts.h.org.metadata.rates"
check "no colour in a pipe" "$(grep -c $'\x1b' <<<"$said" || true)" 0
if script -qec true /dev/null >/dev/null 2>&1; then
    colours() { script -qec "$weir explain h.org" /dev/null | grep -c $'\x1b' | sed 's/^[1-9].*/some/' || true; }
    check "colours on a terminal" "$(colours)" some
    check "NO_COLOR on a terminal" "$(NO_COLOR=1 colours)" 0
fi

# 4. Nothing is explained of a configuration that is wrong, or of a key that cannot be.
run --rate h.org=1/x --rate-bakend redis h.org
check "faults: exit code" "$status" 1
check "faults: all of them, and no table" "$(wc -l <"$dir/err") $said" "2 "
run h.org metdata
check "unknown role" "$status $(grep -c 'did you mean "metadata"' "$dir/err")" "1 1"
run 'http://h.org' metadata
check "no host" "$status $(grep -c 'without scheme' "$dir/err")" "1 1"
run h.org metadata more
check "too many words" "$status" 2

# 5. --rate-explain in place of another command's work.
status=0
said=$("$weir" replay --rate h.org=1/s --rate-explain=h.org.landing) || status=$?
check "--rate-explain: exit code" "$status" 0
check "--rate-explain" "$(head -1 <<<"$said")" "h.org landing"

finish "weir explain: one key across all layers is told as it is"
