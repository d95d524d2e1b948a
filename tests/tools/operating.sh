#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs/stores/operating.md: every command in it is run while a program uses the store, and prints what the document says.
set -euo pipefail
source_dir=${WEIR_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
. "$source_dir/tests/tools/_check.sh"
. "$source_dir/tests/tools/_document.sh"
find_program weir
weir=$(realpath "$program")
find_program weir_soak
user=$(realpath "$program")
for needed in sqlite3 psql pg_dump redis-cli jq; do
    command -v "$needed" >/dev/null || { echo "skipped: there is no $needed"; exit 77; }
done
for variable in ${!WEIR_RLIMIT@}; do unset "$variable"; done
origin_dir=$(mktemp -d)
users=()
trap 'kill "${users[@]}" 2>/dev/null || true; server_stop; rm -rf "$origin_dir"' EXIT
cd "$origin_dir"
block_runner
mkdir bin
ln -s "$weir" bin/weir
PATH=$origin_dir/bin:$PATH
redis_start "$origin_dir" && postgres_start || { echo "skipped: Redis or Postgres is not here"; exit 77; }
export PGHOST PGUSER PGDATABASE
PGHOST=$(sed 's/.*host=\([^ ]*\).*/\1/' <<<"$postgres_dsn") PGUSER=limiter PGDATABASE=postgres
# The document's redis-cli goes to the server's port; here it is a socket.
printf '#!/bin/sh\nexec %s -s %s "$@"\n' "$(command -v redis-cli)" "${redis_dsn#redis+unix://}" >bin/redis-cli
chmod +x bin/redis-cli
use() { # use KIND DSN: a program with two open requests, and a key with a gate
    local ready=ready-$1
    "$user" --hold "$1" "$2" 300000 >"$ready" &
    users+=("$!")
    for _ in $(seq 200); do
        [ ! -s "$ready" ] || return 0
        sleep 0.05
    done
    echo "skipped: weir_soak cannot use $1"
    exit 77
}
use redis "$redis_dsn"
use postgres "$postgres_dsn"
use sqlite "sqlite://$origin_dir/limits.db"

# A block has a folder of its own, and the file of the store is beside them.
sed "s|sqlite3 limits.db|sqlite3 $origin_dir/limits.db|; s|sqlite:limits.db|sqlite:$origin_dir/limits.db|" \
    "$source_dir/docs/stores/operating.md" >operating.md
run_blocks operating.md
check "there are many ($commands)" "$((commands + skipped >= 25))" 1
finish "operating.md: $commands commands do what it says"
