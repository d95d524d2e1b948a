#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# run.sh: weir beside pyrate-limiter on the same stores; prints the tables of README.md. Everything it makes is in one folder
# below TMPDIR that goes when it ends, and so do the servers. A store that lacks something here is left out, with a sentence.

set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd -- "$here/../../.." && pwd)
# shellcheck source=/dev/null
. "$root/examples/_server.sh"

# The newest of each but filelock: under filelock 4, pyrate-limiter 4.5.1 cannot ask for its file lock without waiting.
packages=(pyrate-limiter==4.5.1 filelock==3.32.7 redis==8.1.0 'psycopg[binary,pool]==3.3.9')

folder=$(mktemp -d)
comparing=
clean_up() {
    if [ -n "$comparing" ]; then
        kill "$comparing" 2>/dev/null || true # it ends the contenders
        wait "$comparing" || true
    fi
    server_stop
    rm -rf -- "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

flags=()
stores=("memory=-")
usable() { # usable STORE CLIENT: whether both can be tried on it; CLIENT is pkg-config's name of what weir's store needs
    local words
    if ! [ -f "$root/include/weir/ext/$1/${1}_store.hpp" ]; then
        echo "$1 is left out: there is no include/weir/ext/$1" >&2
    elif ! pkg-config --exists "$2"; then
        echo "$1 is left out: pkg-config knows no $2" >&2
    elif [ "$1" != sqlite ] && ! "${1}_start" "$folder"; then
        echo "$1 is left out: its server cannot be started" >&2
    else
        read -ra words <<<"-DWITH_${1^^} $(pkg-config --cflags --libs "$2")"
        flags+=("${words[@]}")
        return
    fi
    return 1
}
if usable sqlite sqlite3; then stores+=("sqlite=$folder"); fi
if usable redis hiredis; then stores+=("redis=$redis_dsn"); fi
if usable postgres libpq; then stores+=("postgres=$postgres_dsn"); fi

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
"${CXX:-g++}" -std=c++20 -O2 -I"$root/include" "$here/weir_peer.cpp" "${flags[@]}" -lfmt -o "$folder/weir_peer"

echo "$(uname -sr), $(nproc) cores, $("$folder/venv/bin/python" --version), ${packages[*]}"
"$folder/venv/bin/python" "$here/compare.py" "$folder/weir_peer" "${stores[@]}" &
comparing=$!
wait "$comparing"
comparing=
