# SPDX-License-Identifier: MIT
# Source this in bash for servers of one's own, each on a Unix socket, until `server_stop`:
#
#   redis_start FOLDER [FLAGS]   in a folder of the caller's; sets redis_dsn; fails where there is no redis-server or valkey-server
#   redis_say WORDS              a command to it, by redis-cli or valkey-cli
#   postgres_start               sets postgres_dsn; fails where there is no Postgres server
#   server_stop                  ends them
#
# WEIR_REDIS_SERVER and WEIR_POSTGRES_BIN name a program, or the folder of initdb and postgres, where it should not be the one that
# is found.

server_pids=() server_folders=()
server_wait() { # server_wait WHAT LOG COMMAND...: until the command succeeds, or the server last started is gone
    local what=$1 log=$2 tries
    shift 2
    for ((tries = 0; tries < 600; ++tries)); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        kill -0 "${server_pids[-1]}" 2>/dev/null || break
        sleep 0.05
    done
    echo "$what did not start: $(cat "$log" 2>/dev/null)" >&2
    return 1
}
server_stop() {
    local pid
    for pid in "${server_pids[@]}"; do
        kill -INT "$pid" 2>/dev/null || true # to Postgres: do not wait for clients
        wait "$pid" 2>/dev/null || true
    done
    rm -rf -- "${server_folders[@]}"
    server_pids=() server_folders=()
}

redis_start() {
    local folder=$1 program
    shift
    program=$(command -v "${WEIR_REDIS_SERVER:-redis-server}" || command -v valkey-server) || return 1
    "$program" --port 0 --unixsocket "$folder/s" --save '' --dir "$folder" --logfile "$folder/redis.log" --daemonize no "$@" &
    server_pids+=("$!")
    redis_dsn=redis+unix://$folder/s
    server_wait "$program" "$folder/redis.log" test -S "$folder/s"
}
redis_say() {
    local client
    client=$(command -v redis-cli || command -v valkey-cli) || return 1
    "$client" -s "${redis_dsn#redis+unix://}" "$@"
}

postgres_start() {
    local programs=${WEIR_POSTGRES_BIN:-} folder as=()
    if [ -z "$programs" ]; then
        programs=$(find /usr/lib/postgresql/*/bin/postgres 2>/dev/null | sort -V | tail -n 1)
        programs=$(dirname -- "$(command -v "${programs:-postgres}")") || return 1
    fi
    folder=$(mktemp -d) || return 1
    server_folders+=("$folder")
    if [ "$(id -u)" -eq 0 ]; then # it refuses to run as root
        chown postgres -- "$folder" || return 1
        as=(setpriv --reuid postgres --regid postgres --clear-groups)
    fi
    "${as[@]}" "$programs/initdb" -D "$folder/data" -U limiter -A trust -E UTF8 --no-sync >"$folder/log" 2>&1 || {
        cat -- "$folder/log" >&2
        return 1
    }
    "${as[@]}" "$programs/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off >>"$folder/log" 2>&1 &
    server_pids+=("$!")
    postgres_dsn="host=$folder user=limiter dbname=postgres"
    server_wait postgres "$folder/log" "$programs/pg_isready" -q -h "$folder"
}
