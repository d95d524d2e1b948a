#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every case of bench/peers/cache/cases.py holds for weir-proxy.
set -euo pipefail
source_dir=${WEIR_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
. "$source_dir/tests/tools/_check.sh"
find_program weir-proxy
in_scratch
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
origin=$(free_port)
"$program" --rate-disable --listen 127.0.0.1:0 --upstream "http://127.0.0.1:$origin" >proxy.log &
proxy_pid=$!
trap 'kill "$proxy_pid" 2>/dev/null || true; rm -rf "$dir"' EXIT
for _ in $(seq 400); do
    grep -q listening proxy.log && break
    sleep 0.05
done
proxy=$(sed -nE 's|.*http://([^/]+)/.*|\1|p' proxy.log)
status=0
python3 -B "$source_dir/bench/peers/cache/compare.py" --peers weir --show weir --proxy "$proxy" --origin "$origin" || status=$?
check "exit code" "$status" 0
finish "weir-proxy: the cases of RFC 9111"
