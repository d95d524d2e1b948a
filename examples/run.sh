#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The demonstration: downloads documents from a server that enforces limits, and proves from the server's own log that no limit
# was passed. `./dev run` builds the programs and runs this.
#
# Nothing but bash, awk and coreutils is needed beside the programs.

set -euo pipefail
export LC_ALL=C
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY WEIR_CONFIG ${!DOCSTOKG_RLIMIT@}

source_dir=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
. "$source_dir/examples/_server.sh"
documents=120 workers=8 processes=1 backend=memory limit=10 period_ms=1000 attempts=3 compare=no

usage() {
    cat <<END
usage: examples/run.sh [--compare] [--documents N] [--workers N] [--backend KIND] [--processes N]

  --compare       afterwards the same downloads with limiting off, and with requests counted from their admission alone
  --documents N   documents to download, each with metadata, landing page and PDF (default $documents)
  --workers N     requests under way at a time, in each process (default $workers)
  --backend KIND  the store of the rate limiter: memory, sqlite, redis or postgres (default $backend)
  --processes N   downloaders that share the work and one budget; more than one needs a store that is not memory (default $processes)

The programs are taken from WEIR_BIN_DIR, or from build/release/bin. Exit code: 0 everything was fetched, right, within the
limits and without an answer 429; 1 it was not; 2 the command is wrong or a program is missing.
END
}
wrong() {
    echo "run: $*" >&2
    exit 2
}

while [ "$#" -gt 0 ]; do
    case $1 in
    --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}"; continue ;;
    --compare) compare=yes ;;
    --documents | --workers | --backend | --processes)
        [ "$#" -ge 2 ] || wrong "$1 needs a value"
        case $1 in
        --documents) documents=$2 ;;
        --workers) workers=$2 ;;
        --backend) backend=$2 ;;
        --processes) processes=$2 ;;
        esac
        shift
        ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; wrong "unknown argument $1" ;;
    esac
    shift
done
for number in "$documents" "$workers" "$processes"; do
    case $number in '' | *[!0-9]* | 0*) wrong "\"$number\" is not a whole number above 0" ;; esac
done

case $backend in
memory)
    [ "$processes" -eq 1 ] || wrong "memory is one process's own; for $processes processes take --backend sqlite, redis or postgres"
    ;;
sqlite | redis | postgres) ;;
*) wrong "\"$backend\" is no store; it is memory, sqlite, redis or postgres" ;;
esac

find_program() { # find_program NAME: below WEIR_BIN_DIR, which may have folders of its own
    local folder found
    for folder in "${WEIR_BIN_DIR:-$source_dir/build/release/bin}"; do
        for found in "$folder/$1" "$folder/examples/$1" "$folder/tools/$1"; do
            if [ -f "$found" ] && [ -x "$found" ]; then printf '%s\n' "$found"; return; fi
        done
    done
    wrong "$1 is not built; ./dev run builds it"
}
origin=$(find_program weir-origin) download=$(find_program weir-download) weir=$(find_program weir)

dir=$(mktemp -d)
origin_pid='' download_pids=()
end_process() { # end_process PID
    [ -n "$1" ] || return 0
    kill -TERM "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}
clean_up() {
    for pid in "${download_pids[@]}"; do end_process "$pid"; done
    end_process "$origin_pid"
    server_stop
    rm -rf -- "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

rates=$limit/${period_ms}ms
limits=(--limit "metadata=$rates" --limit "landing=$rates" --limit "artifact=$rates")

write_config() { # write_config FILE COUNT_FROM: the limits of the server, as the client is told them
    local role
    {
        printf 'version: 1\ndefaults:\n'
        for role in metadata landing artifact; do
            printf '  %s:\n    rates: ["%s"]\n    count_from: %s\n' "$role" "$rates" "$2"
        done
    } >"$1"
}

start_origin() { # start_origin MODEL: two hosts, each with limits of its own; sets base
    rm -f -- "$dir"/arrivals "$dir"/expected
    : >"$dir/ready"
    "$origin" --listen 127.0.0.1:0 --listen 127.0.0.1:0 --redirect-landing --documents "$documents" --pdf-size 65536 \
        --model "$1" "${limits[@]}" --latency-mean 100ms --latency-sigma 0.5 \
        --log "$dir/arrivals" --manifest "$dir/expected" >"$dir/ready" &
    origin_pid=$!
    local tries
    for ((tries = 0; tries < 200; ++tries)); do
        if [ -s "$dir/ready" ]; then
            base=http://$(sed -n 's/.*\["\([^"]*\)".*/\1/p' "$dir/ready")
            return 0
        fi
        kill -0 "$origin_pid" 2>/dev/null || break
        sleep 0.05
    done
    echo "run: weir-origin did not start" >&2
    exit 1
}
stop_origin() {
    end_process "$origin_pid"
    origin_pid=''
}

# start_store: the store that the processes share, empty; sets store_flags.
start_store() {
    local folder
    folder=$(mktemp -d -- "$dir/store.XXXXXX")
    store_flags=(--rate-backend "$backend")
    case $backend in
    sqlite)
        store_flags+=(--rate-dsn "sqlite://$folder/limits.db")
        ;;
    redis)
        redis_start "$folder" || wrong "no Redis could be started; Debian and Ubuntu: apt-get install redis-server"
        store_flags+=(--rate-dsn "$redis_dsn")
        ;;
    postgres)
        postgres_start || wrong "no Postgres could be started; Debian and Ubuntu: apt-get install postgresql"
        store_flags+=(--rate-dsn "$postgres_dsn")
        ;;
    esac
}

# run_download NAME [FLAGS]: process K writes its files to $dir/NAME/K. Waited for in the background, so that a signal reaches
# the trap at once; the status is the greatest of all.
run_download() {
    local name=$1 level=warning status=0 one part
    shift
    if [ -t 2 ] && [ "$processes" -eq 1 ]; then level=info; fi
    mkdir -- "$dir/$name"
    for ((part = 1; part <= processes; ++part)); do
        "$download" --topic "river flow" --year-start 2024 --year-end 2024 --max "$documents" --part "$part/$processes" \
            --base-url "$base" --workers "$workers" "${store_flags[@]}" --out "$dir/$name/$part" --log-level "$level" "$@" \
            >"$dir/said.$part" &
        download_pids+=("$!")
    done
    for ((part = 1; part <= processes; ++part)); do
        one=0
        wait "${download_pids[part - 1]}" || one=$?
        [ "$one" -le "$status" ] || status=$one
    done
    download_pids=()
    for ((part = 1; part <= processes; ++part)); do
        [ "$processes" -eq 1 ] || echo "-- process $part of $processes"
        cat -- "$dir/said.$part"
    done
    return "$status"
}

# Each landing page and PDF the server says it has is in the manifest, and its file has the hash that the server says.
check_files() { # check_files NAME
    local missing=0 wrong=0
    awk -v folder="$dir/$1" -v parts="$processes" '
        function field(line, name,   at) {
            at = index(line, "\"" name "\":\"")
            if (at == 0) return ""
            line = substr(line, at + length(name) + 4)
            return substr(line, 1, index(line, "\"") - 1)
        }
        BEGIN {
            for (part = 1; part <= parts; part++)
                while ((getline line < (folder "/" part "/manifest.jsonl")) > 0) {
                    url = field(line, "final_url")
                    if (url == "") url = field(line, "url")
                    path[url] = part "/" field(line, "path")
                }
        }
        { url = field($0, "url"); print (url in path) ? field($0, "sha256") "  " path[url] : "missing  " url }
    ' "$dir/expected" >"$dir/sums"
    missing=$(grep -c '^missing ' "$dir/sums" || true)
    (cd -- "$dir/$1" && grep -v '^missing ' "$dir/sums" | sha256sum --check --quiet --strict >"$dir/bad" 2>&1) ||
        wrong=$(grep -c FAILED "$dir/bad" || echo all)
    printf 'files: %s expected (landing pages and PDFs), %s missing, %s with a wrong SHA-256\n' \
        "$(wc -l <"$dir/expected")" "$missing" "$wrong"
    [ "$missing" = 0 ] && [ "$wrong" = 0 ] && [ -s "$dir/expected" ]
}

# Sustained rate of each host and role as a share of N/T: what came after the first N, over the time from the first arrival to
# the last. The first N are a gift of the empty window.
goodput() {
    awk -v n="$limit" -v t="$((period_ms * 1000000))" '
        function text(name) { match($0, "\"" name "\":\"[^\"]*"); return substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 4) }
        function whole(name) { match($0, "\"" name "\":[0-9]+"); return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) }
        whole("status") != 429 {
            key = text("host") " " text("role")
            if (!(key in count)) { first[key] = whole("t_ns"); order[++keys] = key }
            count[key]++
            last[key] = whole("t_ns")
        }
        END {
            for (i = 1; i <= keys; i++) {
                key = order[i]
                span = last[key] - first[key]
                if (count[key] > n && span > 0)
                    printf "goodput: %-28s %3d answered, %5.1f %% of N/T\n", key, count[key], 100 * (count[key] - n) * t / (n * span)
            }
        }' "$dir/arrivals"
}

failures=0
verdict() { # verdict WHAT STATUS
    if [ "$2" -ne 0 ]; then
        echo "FAILED: $1"
        failures=$((failures + 1))
    fi
}

# scenario TITLE MODEL judged|shown [FLAGS]: one download, its table, and the audit of the server's log.
scenario() {
    local title=$1 model=$2 judged=$3 status
    shift 3
    printf '\n== %s: server model %s, latency 100 ms (sigma 0.5), %s per host and role; %s documents, %s x %s workers, store %s\n' \
        "$title" "$model" "$limit/$((period_ms / 1000))s" "$documents" "$processes" "$workers" "$backend"
    start_origin "$model"
    start_store
    status=0
    run_download files "$@" || status=$?
    if [ "$status" -eq 130 ]; then exit 130; fi
    stop_origin
    server_stop
    if [ "$judged" = judged ]; then verdict "weir-download ended with $status" "$status"; fi

    status=0
    "$weir" audit "$dir/arrivals" --rate "metadata=$rates" --rate "landing=$rates" --rate "artifact=$rates" || status=$?
    local refused
    refused=$(grep -c '"status":429' "$dir/arrivals" || true)
    if [ "$judged" = judged ]; then
        verdict "a window held more than its limit" "$status"
        verdict "the server answered 429 $refused times" "$((refused > 0))"
        status=0
        check_files files || status=$?
        verdict "files are missing or wrong" "$status"
        goodput
    fi
    rm -rf -- "$dir/files"
}

write_config "$dir/response.yaml" response
write_config "$dir/admission.yaml" admission
scenario "weir" sliding-log judged --rate-config "$dir/response.yaml"
scenario "weir" gcra judged --rate-config "$dir/response.yaml"
if [ "$compare" = yes ]; then
    for model in sliding-log gcra; do
        scenario "limiting off" "$model" shown --rate-disable --max-attempts "$attempts" --log-level error
        scenario "count_from: admission" "$model" shown --rate-config "$dir/admission.yaml" --max-attempts "$attempts" \
            --log-level error
    done
fi

echo
if [ "$failures" -eq 0 ]; then
    echo "run: 0 answers 429, no window over its limit, all files right ($processes processes, store $backend)"
else
    echo "run: $failures checks failed"
fi
[ "$failures" -eq 0 ]
