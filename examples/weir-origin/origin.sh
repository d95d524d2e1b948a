# SPDX-License-Identifier: MIT
# Source this in bash to try things against weir-origin:
#
#   origin_start [FLAGS]    starts a server; sets origin_a, origin_b (HOST:PORT of the first and the last listener) and
#                           origin_dir (scratch folder with its log and manifest)
#   origin_stop             ends it; its log is complete afterwards
#
# The program is $WEIR_ORIGIN, or bin/weir-origin or examples/weir-origin below $WEIR_BUILD_DIR. Exit code 77, which
# ctest reads as skipped, if it or a tool is missing. The server and the folder go when the shell exits.

origin_program=${WEIR_ORIGIN:-}
for origin_candidate in "${WEIR_BUILD_DIR:-build}/bin/weir-origin" "${WEIR_BUILD_DIR:-build}/examples/weir-origin"; do
    if [ -z "$origin_program" ] && [ -f "$origin_candidate" ] && [ -x "$origin_candidate" ]; then
        origin_program=$origin_candidate
    fi
done
if [ -z "$origin_program" ]; then
    echo "skipped: weir-origin is not built (set WEIR_BUILD_DIR or WEIR_ORIGIN)"
    exit 77
fi
for origin_tool in curl jq sha256sum; do
    if ! command -v "$origin_tool" >/dev/null; then
        echo "skipped: $origin_tool is missing"
        exit 77
    fi
done
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY

origin_pid=
origin_dir=$(mktemp -d)
trap 'origin_stop; rm -rf "$origin_dir"' EXIT

origin_start() {
    origin_stop
    : >"$origin_dir/ready"
    "$origin_program" --log "$origin_dir/log" --manifest "$origin_dir/manifest" "$@" >"$origin_dir/ready" &
    origin_pid=$!
    for ((origin_try = 0; origin_try < 200; ++origin_try)); do
        if [ -s "$origin_dir/ready" ]; then
            origin_a=$(jq -r '[.listening] | flatten | first' "$origin_dir/ready")
            origin_b=$(jq -r '[.listening] | flatten | last' "$origin_dir/ready")
            return 0
        fi
        kill -0 "$origin_pid" 2>/dev/null || break
        sleep 0.05
    done
    echo "weir-origin did not start: $*" >&2
    return 1
}

origin_stop() {
    if [ -n "$origin_pid" ]; then
        kill -TERM "$origin_pid" 2>/dev/null || true
        wait "$origin_pid" || echo "weir-origin ended with $?" >&2
        origin_pid=
    fi
}
