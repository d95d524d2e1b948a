#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# run.sh [--documents N] [--latency MS] [--servers A,B] [--clients A,B] [--plot FILE]: weir beside other limiters at five real servers; prints
# the tables of README.md and draws its plot. Everything it makes is in one folder below TMPDIR that goes when it ends, and so
# do the servers. A server or client that lacks something here is left out, with a sentence.

set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd -- "$here/../../.." && pwd)

pip_packages=(pyrate-limiter==4.5.1 Flask==3.1.3 Flask-Limiter==4.1.1 limits==5.8.0 waitress==3.0.2)
npm_packages=(express@5.3.0 express-rate-limit@8.7.5 bottleneck@2.19.5)
go_packages=(golang.org/x/time@v0.16.0)
cargo_packages=(governor@=0.10.4 futures-executor@=0.3.34)
cargo_http=ureq@=3.5.2

documents=600 latency=100 plot=
all_servers=origin,nginx,haproxy,express,flask
all_clients=weir,weirt,weir3,weir1,weira,pyrate,governor,xtime,xtime1,bottleneck,none
servers=$all_servers clients=$all_clients
usage() {
    cat >&2 <<USAGE
usage: run.sh [--documents N] [--latency MS] [--servers A,B] [--clients A,B] [--plot FILE]

  --documents N   that each client fetches from each server (default $documents)
  --latency MS    mean of the way there and back (default $latency)
  --servers A,B   of $all_servers (default: all)
  --clients A,B   of $all_clients (default: all)
  --plot FILE     where the plot goes, an SVG (default: nowhere)
USAGE
}
while [ "$#" -gt 0 ]; do
    case $1 in
    --documents | --latency | --servers | --clients | --plot)
        [ "$#" -ge 2 ] || { usage; exit 2; }
        printf -v "${1#--}" %s "$2"
        shift 2
        ;;
    *) usage; exit 2 ;;
    esac
done
if [ -n "$plot" ]; then plot=$(realpath -- "$plot"); fi
case $latency in '' | *[!0-9]* | 0*) usage; exit 2 ;; esac
case $documents in '' | *[!0-9]* | 0*) usage; exit 2 ;; esac
known() { # known ALL SOME
    local name
    for name in ${2//,/ }; do
        case ",$1," in *",$name,"*) ;; *) echo "run.sh: there is no $name; there are $1" >&2; exit 2 ;; esac
    done
}
known "$all_servers" "$servers"
known "$all_clients" "$clients"

wanted() { case ",$servers,$clients," in *",$1,"*) ;; *) return 1 ;; esac }
leave_out() { # leave_out NAME WHY
    if ! wanted "$1"; then return; fi
    echo "$1 is left out: $2" >&2
    servers=$(tr , '\n' <<<"$servers" | sed "/^$1$/d" | paste -sd ,)
    clients=$(tr , '\n' <<<"$clients" | sed "/^$1$/d" | paste -sd ,)
}

folder=$(mktemp -d)
comparing=
clean_up() {
    if [ -n "$comparing" ]; then
        kill "$comparing" 2>/dev/null || true # it ends servers and clients
        wait "$comparing" || true
    fi
    rm -rf -- "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
cd -- "$folder"

for tool in go python3; do
    command -v "$tool" >/dev/null || { echo "run.sh: $tool is missing, which every run needs" >&2; exit 2; }
done

python_works() {
    python3 -m venv venv && venv/bin/pip install --quiet --disable-pip-version-check "${pip_packages[@]}"
}
node_works() {
    command -v node && npm install --silent --no-audit --no-fund "${npm_packages[@]}" && cp -- "$here"/{server,peer}.mjs .
}
rust_works() {
    command -v cargo && cargo init --quiet --vcs none --name peer rust && cp -- "$here/peer.rs" rust/src/main.rs &&
        cargo add --quiet --manifest-path rust/Cargo.toml "${cargo_packages[@]}" &&
        cargo add --quiet --manifest-path rust/Cargo.toml --no-default-features "$cargo_http" &&
        cargo build --quiet --release --manifest-path rust/Cargo.toml && cp -- rust/target/release/peer peer_rs
}
go_works() {
    mkdir go && cp -- "$here/peer.go" go && (cd go && go mod init peer && go get "${go_packages[@]}" && go build -o ../peer_go .)
}
weir_works() {
    local flags
    read -ra flags <<<"$(pkg-config --cflags --libs libcurl)"
    "${CXX:-g++}" -std=c++20 -O2 -pthread -I"$root/include" "$here/weir_peer.cpp" "${flags[@]}" -lfmt -o weir_peer
}
origin_works() {
    local built=$root/build/release
    if ! [ -x "$built/bin/weir-origin" ]; then
        (cd -- "$root" && cmake --preset release && cmake --build "$built" --target weir-origin) || return 1
    fi
    cp -- "$built/bin/weir-origin" .
}
try() { # try WHAT WHY NAME...: NAMEs need WHAT_works
    local what=$1 why=$2 name
    shift 2
    for name in "$@"; do
        if wanted "$name"; then
            "${what}_works" >"$what.log" 2>&1 && return
            cat -- "$what.log" >&2
            break
        fi
    done
    for name in "$@"; do leave_out "$name" "$why"; done
}
export GOMODCACHE=$folder/go-modules GOFLAGS="-modcacherw ${GOFLAGS:-}"
go build -o relay "$here/relay.go"
try go "what it needs cannot be built with go" xtime xtime1 none
try python "pip cannot install what it needs" flask pyrate
try node "node or what it needs from npm is missing" express bottleneck
try rust "cargo is missing or cannot build it" governor
try weir "it cannot be compiled" weir weirt weir3 weir1 weira
try origin "it is not built, and cannot be; see ./dev run" origin
for server in nginx haproxy; do
    command -v "$server" >/dev/null || leave_out "$server" "there is no $server here"
done
[ -n "$servers" ] && [ -n "$clients" ] || { echo "run.sh: nothing is left to compare" >&2; exit 1; }

echo "$(uname -sr), $(nproc) cores; $documents documents, $latency ms"
echo "${pip_packages[*]} ${npm_packages[*]} ${cargo_packages[*]} $cargo_http ${go_packages[*]}"
echo "$(go version), $(python3 --version), $(node --version)"
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
python3 "$here/compare.py" "$documents" "$latency" "$servers" "$clients" >tables &
comparing=$!
wait "$comparing"
comparing=
cat -- tables
if [ -n "$plot" ]; then python3 "$here/plot.py" <tables >"$plot"; fi
