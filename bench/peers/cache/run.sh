#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# run.sh [--peers A,B] [--show PEER]: the cases of cases.py with weir-proxy and with the caches of other clients, in one run; prints
# the tables of README.md. Everything it makes is in one folder below TMPDIR that goes when it ends.

set -euo pipefail
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(CDPATH='' cd -- "$here/../../.." && pwd)
folder=$(mktemp -d)
proxy_pid=
trap 'kill $proxy_pid 2>/dev/null || true; rm -rf -- "$folder"' EXIT
trap 'exit 130' INT TERM
cd -- "$folder"

"${CXX:-g++}" -std=c++20 -O1 -pthread -DWEIR_HAS_SQLITE=1 -I"$root/include" -I"$root/examples" -I"$root/examples/weir-proxy" \
    "$root/examples/weir-proxy/main.cpp" -lfmt -lcurl -lyaml-cpp -lsqlite3 -o weir-proxy
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'hishel[httpx]==2.0.0' requests-cache==1.3.3
npm init -y >/dev/null
npm install --silent --no-fund undici@7.30.2
cp -- "$here"/*.py "$here/peer.mjs" .

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
origin=$(free_port) proxy=$(free_port)
./weir-proxy --rate-disable --listen "127.0.0.1:$proxy" --upstream "http://127.0.0.1:$origin" >proxy.log &
proxy_pid=$!
for _ in $(seq 200); do
    grep -q listening proxy.log && break
    sleep 0.05
done
venv/bin/python compare.py --proxy "127.0.0.1:$proxy" --origin "$origin" "$@"
