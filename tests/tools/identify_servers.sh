#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir identify on what a real nginx and a real HAProxy, and a client of theirs, write of a run. WEIR_IDENTIFY_RUNS=20 and
# WEIR_IDENTIFY_LINES=2000 are the long form, which counts how often it is right.
set -euo pipefail
. "$(dirname "$0")/_check.sh"
find_program weir
weir=$(realpath "$program")
command -v python3 >/dev/null || { echo "skipped: there is no python3"; exit 77; }
tests=$(realpath "$(dirname "$0")")
PATH=$PATH:/usr/sbin:/usr/local/sbin
runs=${WEIR_IDENTIFY_RUNS:-1} lines=${WEIR_IDENTIFY_LINES:-500}
in_scratch
chmod 755 "$dir"
servers=()
stop() {
    for server in "${servers[@]}"; do
        kill -TERM "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    done
    servers=()
}
trap 'stop; rm -rf "$dir"' EXIT

answers() { python3 -c 'import sys, socket; socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1)' "$1" 2>/dev/null; }
# start NAME COMMAND...: on a port that is free; configure_NAME writes its configuration for $port.
start() {
    local tries wait name=$1
    shift
    for ((tries = 0; tries < 10; ++tries)); do
        port=$((20000 + RANDOM % 12000))
        if answers "$port"; then continue; fi
        "configure_$name"
        "$@" >"$name.out" 2>"$name.err" &
        servers+=("$!")
        for ((wait = 0; wait < 100; ++wait)); do
            if answers "$port"; then return; fi
            kill -0 "${servers[-1]}" 2>/dev/null || break
            sleep 0.05
        done
        unset 'servers[-1]'
    done
    check "$name starts" "$(tail -3 "$name.err")" ""
    return 1
}
configure_nginx() {
    local as_root='' folders='' kind
    if [ "$(id -u)" -eq 0 ]; then as_root='user root;'; fi
    for kind in client_body proxy fastcgi uwsgi scgi; do folders+="${kind}_temp_path $dir/temp; "; done
    cat >nginx.conf <<END_
daemon off; worker_processes 1; pid $dir/nginx.pid; error_log $dir/error.log crit; $as_root
events { worker_connections 64; }
http {
    $folders
    log_format weir '\$msec \$request_time \$host \$status "\$request"';
    limit_req_zone \$server_port zone=spaced:1m rate=20r/s;
    limit_req_zone \$server_name zone=saved:1m rate=20r/s;
    limit_req_status 429;
    server {
        listen 127.0.0.1:$port; server_name here; keepalive_requests 1000000;
        location /spaced { access_log $dir/spaced.log weir; limit_req zone=spaced; try_files /none @spaced; }
        location /saved { access_log $dir/saved.log weir; limit_req zone=saved burst=9 nodelay; try_files /none @saved; }
        location @spaced { access_log $dir/spaced.log weir; return 200 "ok"; }
        location @saved { access_log $dir/saved.log weir; return 200 "ok"; }
    }
}
END_
}
configure_haproxy() {
    cat >haproxy.cfg <<END_
global
    log stdout format raw local0
defaults
    mode http
    log global
    option httplog
    timeout client 30s
    timeout connect 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:$port
    capture request header Host len 64
    stick-table type ip size 1k expire 60s store http_req_rate(1s)
    http-request track-sc0 src
    http-request deny deny_status 429 if { sc_http_req_rate(0) gt 20 }
    http-request return status 200 content-type text/plain string ok
END_
}

declare -A right=() sure=() asked=()
wrong=0
judge() { # judge NAME LOG EXPECTED
    local said=0 found
    "$weir" identify "$2" --host h --json >found 2>err || said=$?
    found=$(jq -r '[.law, .limit, .period_ms, .burst // "-", .refusals_count] | join(" ")' found)
    asked[$1]=$((${asked[$1]:-0} + 1))
    if [ "$found" = "$3" ]; then
        right[$1]=$((${right[$1]:-0} + 1))
    elif [ "$said" -eq 0 ]; then
        wrong=$((wrong + 1))
        echo "wrong: $1: $(cat found)"
    else
        echo "cannot tell: $1: $(cut -c1-400 found)"
    fi
}

have_nginx=$(command -v nginx || true) have_haproxy=$(command -v haproxy || true)
if [ -z "$have_nginx$have_haproxy" ]; then echo "skipped: there is neither nginx nor HAProxy"; exit 77; fi
if [ -n "$have_nginx" ]; then start nginx nginx -e "$dir/error.log" -c "$dir/nginx.conf" -p "$dir" && nginx_port=$port; fi
if [ -n "$have_haproxy" ]; then start haproxy haproxy -db -f haproxy.cfg && haproxy_port=$port; fi
for ((run = 1; run <= runs; ++run)); do
    pids=()
    ask() { python3 "$tests/_requests.py" "$@" "$run" & pids+=("$!"); }
    if [ -n "$have_nginx" ]; then
        rm -f spaced.log saved.log
        kill -USR1 "$(cat nginx.pid)"
        ask "$nginx_port" /spaced "$lines" 35 >spaced.csv
        ask "$nginx_port" /saved "$lines" 35 >saved.csv
    fi
    before=$(wc -l <haproxy.out 2>/dev/null || echo 0)
    # HAProxy counts refused requests: above its rate all are refused, and nothing is to be seen.
    if [ -n "$have_haproxy" ]; then ask "$haproxy_port" / "$lines" 20 >rate.csv; fi
    for pid in "${pids[@]}"; do wait "$pid"; done
    if [ -n "$have_nginx" ]; then
        for log in log csv; do
            judge "nginx without burst, $log" "spaced.$log" "gcra 20 1000 1 false"
            judge "nginx with burst, $log" "saved.$log" "gcra 20 1000 10 false"
        done
    fi
    if [ -n "$have_haproxy" ]; then
        sleep 0.2
        tail -n "+$((before + 1))" haproxy.out | grep ' web ' >rate.log
        judge "HAProxy, log" rate.log "two-counter 20 1000 - true"
        judge "HAProxy, csv" rate.csv "two-counter 20 1000 - true"
    fi
done
total=0 all_right=0
for name in "${!asked[@]}"; do
    echo "$name: right ${right[$name]:-0} of ${asked[$name]}"
    total=$((total + asked[$name])) all_right=$((all_right + ${right[$name]:-0}))
done
check "none is wrong" "$wrong" 0
# One short run may be of a busy machine; twenty long ones are the measure.
if [ "$runs" -ge 5 ]; then check "95 % are right" "$((all_right * 100 >= total * 95))" 1; fi
finish "identify: $all_right of $total logs of real servers are right, $wrong wrong"
