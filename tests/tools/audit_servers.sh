#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir audit on the access logs that a real nginx and a real HAProxy write of a burst.
set -euo pipefail
. "$(dirname "$0")/_check.sh"
find_program weir
weir=$(realpath "$program")
command -v curl >/dev/null || { echo "skipped: there is no curl"; exit 77; }
PATH=$PATH:/usr/sbin:/usr/local/sbin
dir=$(mktemp -d)
chmod 755 "$dir"
server=
stop() {
    [ -n "$server" ] || return 0
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
}
trap 'stop; rm -rf "$dir"' EXIT
cd "$dir"

# start NAME COMMAND...: on a port that is free; configure_NAME writes its configuration for $port.
start() {
    local name=$1 tries wait
    shift
    for ((tries = 0; tries < 10; ++tries)); do
        port=$((20000 + RANDOM % 12000))
        "configure_$name"
        "$@" >"$name.stdout" 2>"$name.stderr" &
        server=$!
        for ((wait = 0; wait < 200; ++wait)); do
            if [ "$(curl -s "http://127.0.0.1:$port/ready")" = "$name" ]; then return; fi
            kill -0 "$server" 2>/dev/null || break
            sleep 0.05
        done
        stop
    done
    check "$name starts" "$(tail -3 "$name.stderr")" ""
    return 1
}
burst() { # burst COUNT PATH [FLAGS]: over one connection
    local urls=() i
    for ((i = 0; i < $1; ++i)); do urls+=(-o /dev/null "http://127.0.0.1:$port$2"); done
    curl -sS --max-time 30 "${@:3}" "${urls[@]}"
}
judge() { # judge LOG RATES [FLAGS]: sets said to exit code, worst and admitted of each row
    local status=0
    "$weir" audit "$1" --rate "metadata=$2" "${@:3}" >table 2>err || status=$?
    said="$status $(awk '/ metadata / { printf "%s %s %s;", $1, $6, $7 }' table)$(cat err)"
}

configure_nginx() {
    local as_root='' folders='' kind
    if [ "$(id -u)" -eq 0 ]; then as_root='user root;'; fi
    for kind in client_body proxy fastcgi uwsgi scgi; do folders+="${kind}_temp_path $dir/temp; "; done
    cat >nginx.conf <<END_
daemon off; worker_processes 1; pid $dir/nginx.pid; error_log $dir/error.log error; $as_root
events { worker_connections 64; }
http {
    default_type text/plain; $folders
    log_format weir '\$msec \$request_time \$host \$status "\$request"';
    log_format short '\$msec \$host \$status "\$request"';
    limit_req_zone \$server_port zone=slow:1m rate=1r/s;
    server {
        listen 127.0.0.1:$port;
        location / { access_log $dir/exact.log weir; access_log $dir/combined.log combined; return 200 "ok"; }
        location /refused { access_log $dir/exact.log weir; access_log $dir/combined.log combined; return 429; }
        location /ready { access_log off; return 200 "nginx"; }
        location /slow {
            access_log $dir/slow-exact.log weir; access_log $dir/slow-short.log short;
            limit_req zone=slow burst=10; try_files /none @ok;
        }
        location @ok { access_log $dir/slow-exact.log weir; access_log $dir/slow-short.log short; return 200 "ok"; }
    }
}
END_
}
try_nginx() {
    start nginx nginx -e "$dir/error.log" -c "$dir/nginx.conf" -p "$dir" || return 0
    burst 3 /a
    burst 1 /refused
    sleep 2.2
    burst 4 "/b?q=%22x" -A 'a "quoted" agent \ [1]' -e 'http://r.example/'
    # Each answer waits for a second after the one before, but all four came at once.
    burst 4 /slow --parallel 2>/dev/null # which shows a meter, whatever it is told
    stop
    for log in exact combined; do
        host=$([ "$log" = exact ] && echo 127.0.0.1 || echo -)
        judge "$log.log" 8/1000s
        check "nginx, $log: within" "$said" "0 $host 8/8 7/8;"
        judge "$log.log" 7/1000s
        check "nginx, $log: over" "$said" "1 $host 8/7 7/7;"
        judge "$log.log" 4/1s
        check "nginx, $log: the pause" "${said%% *}" 0
    done
    judge combined.log 7/1000s --host Api.example.org
    check "nginx, combined: a host by name" "$said" "1 api.example.org 8/7 7/7;"
    judge slow-exact.log 3/2s
    check "nginx: by arrival" "$said" "1 127.0.0.1 4/3 4/3;"
    judge slow-short.log 3/2s
    check "nginx: by the answer's end" "${said%% *}" 0
    judge slow-short.log 3/2s --slack 4s
    check "nginx: by the answer's end, which may take 4 s" "${said%% *}" 3
}

configure_haproxy() {
    cat >haproxy.cfg <<END_
global
    log stdout format raw local0
    log stderr format rfc3164 local0
defaults
    mode http
    log global
    option httplog
    timeout client 5s
    timeout connect 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:$port
    capture request header Host len 64
    capture request header User-Agent len 64
    http-request set-log-level silent if { path /ready }
    http-request return status 429 if { path /refused }
    http-request return status 200 content-type text/plain string haproxy
END_
}
try_haproxy() {
    start haproxy haproxy -db -f haproxy.cfg || return 0
    burst 3 /a
    burst 1 /refused
    sleep 1.2
    burst 4 "/b" -A 'agent {1} | [28/Nov/2026:09:07:29.123] "x"'
    burst 1 /other -H 'Host: Other.Example.org.'
    stop
    grep '^<[0-9]*>' haproxy.stderr >haproxy.syslog || true # without what it says of its start
    mv haproxy.stdout haproxy.raw
    for log in raw syslog; do
        judge "haproxy.$log" 8/1000s
        check "HAProxy, $log: within" "$said" "0 127.0.0.1:$port 8/8 7/8;other.example.org 1/8 1/8;"
        judge "haproxy.$log" 7/1000s
        check "HAProxy, $log: over" "$said" "1 127.0.0.1:$port 8/7 7/7;other.example.org 1/7 1/7;"
        judge "haproxy.$log" 4/1s
        check "HAProxy, $log: the pause" "${said%% *}" 0
        judge "haproxy.$log" 8/1000s --host lb
        check "HAProxy, $log: one host" "$said" "1 lb 9/8 8/8;"
    done
}

passed=0 failed=0 skipped=0
for name in nginx haproxy; do
    if ! command -v "$name" >/dev/null; then
        echo "skipped: there is no $name"
        skipped=$((skipped + 1))
        continue
    fi
    before=$failures
    "try_$name"
    if [ "$failures" -eq "$before" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
echo "weir-tests: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] || exit 1
[ "$passed" -gt 0 ] || exit 77
