# SPDX-License-Identifier: MIT
# Source this in bash for a server of one's own on a Unix socket in FOLDER, which ends with the script by `server_stop`:
#
#   redis_start FOLDER [FLAGS]   sets redis_dsn and server_pid; fails where there is no redis-server or valkey-server
#   redis_say WORDS              a command to it, by redis-cli or valkey-cli
#   server_stop                  ends it

server_pid=
redis_program() {
    command -v "${WEIR_REDIS_SERVER:-redis-server}" || command -v valkey-server
}
redis_start() {
    local folder=$1 program tries
    shift
    program=$(redis_program) || return 1
    "$program" --port 0 --unixsocket "$folder/s" --save '' --dir "$folder" --logfile "$folder/redis.log" --daemonize no "$@" &
    server_pid=$!
    redis_dsn=redis+unix://$folder/s
    for ((tries = 0; tries < 200; ++tries)); do
        if [ -S "$folder/s" ]; then return 0; fi
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.05
    done
    echo "the server did not start: $(cat "$folder/redis.log" 2>/dev/null)" >&2
    return 1
}
redis_say() {
    local client
    client=$(command -v redis-cli || command -v valkey-cli) || return 1
    "$client" -s "${redis_dsn#redis+unix://}" "$@"
}
server_stop() {
    if [ -n "$server_pid" ]; then
        kill -TERM "$server_pid" 2>/dev/null || true
        wait "$server_pid" 2>/dev/null || true
        server_pid=
    fi
}
