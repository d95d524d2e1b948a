#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir state: it shows, opens and resets the keys of a store while a program uses it, on every store that is built in, and
# says what is wrong with a store or a key.
set -euo pipefail
. "$(dirname "$0")/_check.sh"
. "$(dirname "$0")/../../examples/_server.sh"
find_program weir
weir=$program
find_program weir_soak
user=$program
for variable in ${!WEIR_RLIMIT@}; do unset "$variable"; done
dir=$(mktemp -d)
trap 'server_stop; rm -rf "$dir"' EXIT
cd "$dir"

says() { # says WHAT FILE TEXT
    grep -qF -- "$3" "$2" || check "$1" "$(cat -- "$2")" "...$3..."
}

cat >limits.yaml <<'END'
version: 1
hosts:
  api.example.org:
    metadata: {rates: [7/MINUTE]}
END

tried=
for backend in sqlite redis postgres; do
    case $backend in
    sqlite) dsn=sqlite://$dir/limits.db ;;
    redis)
        mkdir -p redis
        redis_start "$dir/redis" || continue
        dsn=$redis_dsn
        ;;
    postgres)
        postgres_start || continue
        dsn=$postgres_dsn
        ;;
    esac
    status=0
    "$user" --hold "$backend" "$dsn" 60000 >ready 2>err &
    pid=$!
    for _ in $(seq 200); do
        [ -s ready ] || kill -0 "$pid" 2>/dev/null || break
        [ ! -s ready ] || break
        sleep 0.05
    done
    if ! grep -q ready ready; then
        cat err
        continue # not built in
    fi
    tried+=" $backend"
    state() { "$weir" state "$@" --rate-backend "$backend" --rate-dsn "$dsn"; }

    status=0
    state show --json >out || status=$?
    check "$backend: show: exit code" "$status" 0
    check "$backend: keys" "$(jq -r '.keys[] | .host + " " + .role' out)" \
        $'api.example.org metadata\ngated.example.org metadata'
    check "$backend: open" "$(jq -c '[.keys[] | .open]' out)" '[2,0]'
    check "$backend: in flight" "$(jq -c '.keys[0].in_flight' out)" 2
    check "$backend: used" "$(jq -c '[.keys[0].windows[] | .used]' out)" '[2,2]'
    check "$backend: limits" "$(jq -c '[.keys[0].windows[] | [.limit, .period_ms]]' out)" '[[20,500],[60,2500]]'
    check "$backend: windows" "$(jq -r '.keys[0].windows_from' out)" store
    check "$backend: why" "$(jq -c '[.keys[] | .gate_reason, .refusals]' out)" '[null,0,"refusal",1]'
    check "$backend: gate" "$(jq -c '[.keys[] | .gate_ms != null and .gate_ms > 3000000]' out)" '[false,true]'
    check "$backend: factor" "$(jq -c '[.keys[] | .factor == 1]' out)" '[true,true]'

    state show >out
    check "$backend: lines longer than 80 characters" "$(awk 'length > 80' out | wc -l)" 0
    says "$backend: table" out 'api.example.org metadata'
    says "$backend: table" out '2 of 60'
    check "$backend: hosts shown" "$(state show gated.example.org metadata | grep -c example.org)" 1

    check "$backend: holders" "$(state holders --json | jq -c '[.holders[] | select(.alive) | .pid]')" "[$pid]"
    state holders >out
    check "$backend: holders: lines longer than 80 characters" "$(awk 'length > 80' out | wc -l)" 0

    # A configuration says other limits.
    check "$backend: limits of a file" \
        "$(state show api.example.org --json --rate-config limits.yaml | jq -c '.keys[0] | [.windows_from, .windows[0].limit]')" \
        '["configuration",7]'

    state watch --count 3 --every 100ms --json >out
    check "$backend: watch" "$(jq -c '.keys | length' out | sort | uniq -c | tr -s ' ')" ' 3 2'

    check "$backend: open-gate" "$(state open-gate gated.example.org | sed 's/ had .*//')" \
        'gated.example.org metadata: the gate is open; it'
    check "$backend: open-gate again" "$(state open-gate gated.example.org)" 'gated.example.org metadata: there was no gate'
    check "$backend: reset" "$(state reset api.example.org metadata)" \
        'api.example.org metadata: history, gate and factor are gone; 2 units of open requests stay'
    check "$backend: no gate is left" "$(state show --json | jq -c '[.keys[] | .gate_ms]')" '[null,null]'

    status=0
    state show api.exmple.org >out 2>err || status=$?
    check "$backend: unknown host: exit code" "$status" 1
    says "$backend: unknown host" err 'did you mean "api.example.org"?'
    status=0
    state reset api.example.org metdata >out 2>err || status=$?
    check "$backend: unknown role: exit code" "$status" 1
    says "$backend: unknown role" err 'did you mean "metadata"?'
    kill "$pid"
    wait "$pid" 2>/dev/null || true
done
[ -n "$tried" ] || { echo "skipped: no shared store is built in"; exit 77; }

# ---- what cannot be done

fails() { # fails WHAT CODE TEXT ARGUMENTS...
    local what=$1 code=$2 text=$3 status=0
    shift 3
    "$weir" state "$@" >out 2>err || status=$?
    check "$what: exit code" "$status" "$code"
    says "$what" err "$text"
}
fails "no verb" 2 "say what to do"
fails "unknown verb" 2 "did you mean reset?" rest api.example.org
fails "reset of everything" 2 "reset needs a host" reset
fails "memory" 2 "inside each program" show
fails "unknown store" 2 'did you mean "redis"?' show --rate-backend rediss --rate-dsn redis://x
fails "text of another store" 2 "redis" show --rate-backend sqlite --rate-dsn redis://x
fails "a host that is none" 2 "without scheme" show https://api.example.org
fails "too short a pause" 2 "at least 100ms" watch --every 5ms
fails "no such file" 2 "there is no such file" show --rate-backend sqlite --rate-dsn "sqlite://$dir/none.db"
check "no file was made" "$(ls none.db 2>/dev/null || echo none)" none
fails "no server" 2 "is the server running there?" show --rate-backend redis --rate-dsn redis://127.0.0.1:1
finish "a live store is shown, opened and reset on$tried"
