#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# run.sh [--rounds N] [--peers A,B] [--plot FILE]: what one decision takes in weir and in other limiters, in one run; prints the
# tables of README.md and draws its plot. Everything it makes is in one folder below TMPDIR that goes when it ends. A peer that
# lacks something here is left out, with a sentence.

set -euo pipefail
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(CDPATH='' cd -- "$here/../../.." && pwd)

pip_packages=(pyrate-limiter==4.5.1)
go_packages=(golang.org/x/time@v0.16.0 go.uber.org/ratelimit@v0.3.1)
cargo_packages=(governor@=0.10.4)
bucket4j=8.19.0

rounds=21 plot=
all_peers=weir,governor,xtime,uber,bucket4j,pyrate
peers=$all_peers
usage() {
    cat >&2 <<USAGE
usage: run.sh [--rounds N] [--peers A,B] [--plot FILE]

  --rounds N    turns that each peer has in each case, 1 to 60 (default $rounds); weir's runs last for 137 s at most
  --peers A,B   of $all_peers (default: all)
  --plot FILE   where the plot goes, an SVG (default: nowhere)
USAGE
}
while [ "$#" -gt 0 ]; do
    case $1 in
    --rounds | --peers | --plot)
        [ "$#" -ge 2 ] || { usage; exit 2; }
        printf -v "${1#--}" %s "$2"
        shift 2
        ;;
    *) usage; exit 2 ;;
    esac
done
if [ -n "$plot" ]; then plot=$(realpath -- "$plot"); fi
case $rounds in '' | *[!0-9]* | 0* | ???*) usage; exit 2 ;; esac
[ "$rounds" -le 60 ] || { usage; exit 2; }
for name in ${peers//,/ }; do
    case ",$all_peers," in *",$name,"*) ;; *) echo "run.sh: there is no $name; there are $all_peers" >&2; exit 2 ;; esac
done

wanted() { case ",$peers," in *",$1,"*) ;; *) return 1 ;; esac }
leave_out() { # leave_out NAME WHY
    if ! wanted "$1"; then return; fi
    echo "$1 is left out: $2" >&2
    peers=$(tr , '\n' <<<"$peers" | sed "/^$1$/d" | paste -sd ,)
}

folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
trap 'exit 130' INT TERM
cd -- "$folder"

python_works() {
    python3 -m venv venv && venv/bin/pip install --quiet --disable-pip-version-check "${pip_packages[@]}" && cp -- "$here/peer.py" .
}
rust_works() {
    command -v cargo && cargo init --quiet --vcs none --name peer rust && cp -- "$here/peer.rs" rust/src/main.rs &&
        cargo add --quiet --manifest-path rust/Cargo.toml "${cargo_packages[@]}" &&
        cargo build --quiet --release --manifest-path rust/Cargo.toml && cp -- rust/target/release/peer peer_rs
}
go_works() {
    mkdir go && cp -- "$here/peer.go" go && (cd go && go mod init peer && go get "${go_packages[@]}" && go build -o ../peer_go .)
}
java_works() {
    mkdir java && cat >java/pom.xml <<POM && cp -- "$here/Peer.java" java
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>peer</groupId><artifactId>peer</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>com.bucket4j</groupId><artifactId>bucket4j_jdk17-core</artifactId><version>$bucket4j</version></dependency>
  </dependencies>
</project>
POM
    (cd java && mvn -q -B -Dmaven.repo.local="$folder/maven" dependency:copy-dependencies -DoutputDirectory=. &&
        javac -cp './*' Peer.java)
}
weir_works() {
    "${CXX:-g++}" -std=c++20 -O2 -DNDEBUG -pthread -I"$root/include" "$here/weir_peer.cpp" -lfmt -o weir_peer
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
command -v python3 >/dev/null || { echo "run.sh: python3 is missing, which every run needs" >&2; exit 2; }
weir_works || { echo "run.sh: weir cannot be compiled, with which every run compares" >&2; exit 2; }
try go "what it needs cannot be built with go" xtime uber
try python "pip cannot install it" pyrate
try rust "cargo is missing or cannot build it" governor
try java "maven or a JDK is missing, or cannot build it" bucket4j
[ -n "$peers" ] || { echo "run.sh: nothing is left to compare" >&2; exit 1; }

processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
echo "$(uname -sr), $processor, $(nproc) cores; $rounds rounds"
echo "${pip_packages[*]} ${cargo_packages[*]} ${go_packages[*]} bucket4j $bucket4j"
python3 "$here/compare.py" "$rounds" "$peers" | tee tables
if [ -n "$plot" ]; then python3 "$here/plot.py" <tables >"$plot"; fi
