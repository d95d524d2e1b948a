#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# examples/run.sh with several processes on one budget: no answer 429, no window over its limit, every file right, on each
# shared store that is built in; and memory refuses to be shared.
set -euo pipefail
. "$(dirname "$0")/_check.sh"
for name in weir weir-download weir-origin; do find_program "$name"; done
WEIR_BIN_DIR=$(dirname "$(realpath "$program")")
export WEIR_BIN_DIR
run=${WEIR_SOURCE_DIR:-$(dirname "$0")/../..}/examples/run.sh
out=$(mktemp)
trap 'rm -f "$out"' EXIT

status=0
bash "$run" --processes 2 >"$out" 2>&1 || status=$?
check "memory: exit code" "$status" 2
check "memory: says why" "$(grep -c "memory is one process's own" "$out")" 1

tried=
has_store() { ! "$WEIR_BIN_DIR/weir-download" --topic x --rate-backend "$1" 2>&1 | grep -q 'built without'; }
for backend in sqlite redis postgres; do
    has_store "$backend" || continue
    case $backend in
    redis) programs=("${WEIR_REDIS_SERVER:-redis-server}" valkey-server) ;;
    postgres) programs=("${WEIR_POSTGRES_BIN:-/nowhere}/postgres" /usr/lib/postgresql/*/bin/postgres postgres) ;;
    *) programs=(true) ;;
    esac
    command -v "${programs[@]}" >/dev/null || continue
    status=0
    bash "$run" --backend "$backend" --processes 3 --workers 3 --documents 24 >"$out" 2>&1 || status=$?
    check "$backend: exit code" "$status" 0
    check "$backend: verdict" "$(tail -1 "$out")" \
        "run: 0 answers 429, no window over its limit, all files right (3 processes, store $backend)"
    tried+=" $backend"
done
[ -n "$tried" ] || { echo "skipped: no shared store is built in"; exit 77; }
finish "three processes share one budget on$tried"
