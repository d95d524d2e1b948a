#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir-proxy in front of a server that counts its requests: hits, limits, methods, framing and refusals.
set -euo pipefail
source_dir=${WEIR_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
. "$source_dir/tests/tools/_check.sh"
find_program weir-proxy
proxy_program=$program
in_scratch
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$dir"' EXIT

cat >server.py <<'PYTHON'
import http.server
seen = {}
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, body, *fields):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        if body is not None and ("Transfer-Encoding", "chunked") not in fields:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return body
    def do_GET(self):
        if self.path == "/seen":
            return self.wfile.write(self.answer(200, repr(sorted(seen.items())).encode()))
        seen[self.path] = seen.get(self.path, 0) + 1
        if self.path.startswith("/cached"):
            self.wfile.write(self.answer(200, b"0123456789", ("Cache-Control", "max-age=60"), ("ETag", '"a"')))
        elif self.path == "/chunked":
            self.answer(200, b"", ("Transfer-Encoding", "chunked"), ("Connection", "X-Hop"), ("X-Hop", "1"))
            self.wfile.write(b"5\r\nhello\r\n4\r\n you\r\n0\r\n\r\n")
        elif self.path == "/cut":
            self.answer(200, None, ("Content-Length", "1000"))
            self.wfile.write(b"short")
            self.close_connection = True
        else:
            self.wfile.write(self.answer(200, b"page"))
    def do_POST(self):
        self.wfile.write(self.answer(201, self.rfile.read(int(self.headers["Content-Length"]))))
    def do_PURGE(self):
        self.answer(204, None)
    def log_message(self, *arguments):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
PYTHON

# started FILE PATTERN: waits for a line and prints what the pattern takes of it.
started() {
    local tries
    for ((tries = 0; tries < 400; ++tries)); do
        if grep -qE -- "$2" "$1" 2>/dev/null; then
            sed -nE "s|$2|\1|p" "$1" | head -1
            return
        fi
        sleep 0.05
    done
    echo "FAILED: nothing was started: $(cat "$1" "${1%.out}.err")" >&2
    exit 1
}
# proxy NAME FLAGS...: starts one; sets proxy_port.
proxy() {
    local name=$1
    shift
    "$proxy_program" --listen 127.0.0.1:0 "$@" >"$name.out" 2>"$name.err" &
    servers+=("$!")
    proxy_port=$(started "$name.out" '^weir-proxy: listening on http://127.0.0.1:([0-9]+)/$')
}
python3 server.py >server.out &
servers+=("$!")
port=$(started server.out '^([0-9]+)$')
get() { curl -sS --max-time 20 -D head -o body -w '%{http_code}' "$@"; }
field() { tr -d '\r' <head | sed -n "s/^$1: //Ip" | tail -1; }

proxy reverse --rate-disable --upstream "http://127.0.0.1:$port"
at=http://127.0.0.1:$proxy_port
check "a miss" "$(get "$at/cached") $(cat body)" "200 0123456789"
check "a hit" "$(get "$at/cached") $(cat body) $(field Cache-Status)" "200 0123456789 weir; hit"
check "a part of it" "$(get -H 'Range: bytes=2-4' "$at/cached") $(cat body) $(field Content-Range)" "206 234 bytes 2-4/10"
check "its validation" "$(get -H 'If-None-Match: "a"' "$at/cached")" 304
check "HEAD" "$(curl -sSI --max-time 20 "$at/cached" | tr -d '\r' | sed -n 1p)" "HTTP/1.1 200 OK"
check "chunks" "$(get "$at/chunked") $(cat body) $(field X-Hop)" "200 hello you "
check "chunks for HTTP/1.0" "$(get --http1.0 "$at/chunked") $(cat body)" "200 hello you"
check "POST" "$(get -d 'some text' "$at/any") $(cat body)" "201 some text"
check "a method of the server's own" "$(get -X PURGE "$at/cached")" 204
check "which dropped what was stored" "$(get "$at/cached") $(field Cache-Status)" "200 "
check "a body that is cut short stays short" "$(curl -sS --max-time 20 -o body "$at/cut" 2>/dev/null || echo "$?")" 18
check "requests of the server" "$(curl -sS "http://127.0.0.1:$port/seen")" "[('/cached', 2), ('/chunked', 2), ('/cut', 1)]"

proxy forward --rate-disable --cache off
at=http://127.0.0.1:$proxy_port
check "a URL in the path" "$(get "$at/http://127.0.0.1:$port/page") $(cat body)" "200 page"
check "a forward proxy" "$(get --proxy "$at" "http://127.0.0.1:$port/page") $(cat body)" "200 page"
check "no URL" "$(get "$at/page")" 400
check "CONNECT" "$(curl -sS --max-time 20 -o body --proxy "$at" https://127.0.0.1:1/ 2>&1 | grep -o '501' || true)" 501
check "a server that is not there" "$(get "$at/http://127.0.0.1:1/")" 502
check "without a cache" "$(get "$at/http://127.0.0.1:$port/cached") $(get "$at/http://127.0.0.1:$port/cached") $(field Age)" "200 200 "

proxy limited --rate "127.0.0.1:$port=1/HOUR" --rate-max-delay "127.0.0.1:$port=0" --upstream "http://127.0.0.1:$port" --cache cache.db
at=http://127.0.0.1:$proxy_port
check "within the limit" "$(get "$at/cached")" 200
check "a hit takes no permit" "$(get "$at/cached")" 200
check "above it" "$(get "$at/page") $([ "$(field Retry-After)" -gt 3000 ] && echo late)" "503 late"
kill "${servers[-1]}" && wait "${servers[-1]}" || true
proxy again --rate "127.0.0.1:$port=1/HOUR" --rate-max-delay "127.0.0.1:$port=0" --upstream "http://127.0.0.1:$port" --cache cache.db
check "the file has what an earlier process stored" "$(get "http://127.0.0.1:$proxy_port/cached") $(field Cache-Status)" "200 weir; hit"

check "an unknown flag" "$("$proxy_program" --upstraem x 2>&1 | head -1 || true)" 'weir-proxy: unknown flag "--upstraem"; did you mean --upstream?'
check "a bad upstream" "$("$proxy_program" --upstream ftp://a 2>error || echo $?)" 2
"$proxy_program" --help >help
for flag in $(sed -n '/constexpr std::array.*flags/,/};/p' "$source_dir/examples/weir-proxy/options.hpp" | grep -oE -- '--[a-z-]+'); do
    check "--help names $flag" "$(grep -cE -- "^  $flag( |\$)" help)" 1
done
finish "weir-proxy: hits, parts, chunks, methods, limits and refusals"
