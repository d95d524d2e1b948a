# SPDX-License-Identifier: MIT
# Source this in bash to try weir-download against weir-origin: what _check.sh and origin.sh give, and
#
#   download NAME [FLAGS]   runs weir-download into $origin_dir/NAME, its words to $origin_dir/{out,err}; sets status
#   check_files NAME        compares every file with the server's manifest, and with the downloader's own

source_dir=${WEIR_SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
. "$source_dir/tests/tools/_check.sh"
. "$source_dir/examples/weir-origin/origin.sh"
for variable in ${!DOCSTOKG_RLIMIT@}; do unset "$variable"; done

find_program weir-download
download_program=$program

download() {
    local name=$1
    shift
    status=0
    "$download_program" --base-url "http://$origin_a" --out "$origin_dir/$name" "$@" \
        >"$origin_dir/out" 2>"$origin_dir/err" || status=$?
}

# start_download NAME [FLAGS]: the same in the background; sets download_pid.
start_download() {
    local name=$1
    shift
    # A background job of a script ignores SIGINT from its birth; weir-download takes it back.
    "$download_program" --base-url "http://$origin_a" --out "$origin_dir/$name" "$@" \
        >"$origin_dir/out" 2>"$origin_dir/err" &
    download_pid=$!
}

# wait_for_lines FILE COUNT: until the file has so many lines, for 20 s at most.
wait_for_lines() {
    local tries
    for ((tries = 0; tries < 400; ++tries)); do
        if [ -f "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; then return 0; fi
        sleep 0.05
    done
    echo "FAILED: $1 has no $2 lines after 20 s"
    return 1
}

# How often a path was asked for and answered in full or in part.
arrivals() { # arrivals ROLE
    jq -r --arg role "$1" 'select(.role == $role and (.path | startswith("/works?") | not)) | .path' "$origin_dir/log" | wc -l
}

check_files() {
    local folder=$origin_dir/$1
    check "$1: files expected by the server and missing or wrong" "$(jq -rn --slurpfile own "$folder/manifest.jsonl" '
        [inputs] as $expected
        | ($own | map({key: (.final_url // .url), value: .}) | from_entries) as $have
        | [$expected[] | select($have[.url].sha256 != .sha256 or $have[.url].bytes != .bytes)] | length' \
        <"$origin_dir/manifest")" 0
    check "$1: files that are not what the manifest says" \
        "$(cd "$folder" && jq -r '"\(.sha256)  \(.path)"' manifest.jsonl | sha256sum --check --quiet 2>&1 | head -3)" ""
    check "$1: files in no manifest" "$(cd "$folder" && find . -type f ! -name manifest.jsonl ! -name .lock | sed 's|^\./||' |
        sort | comm -23 - <(jq -r .path manifest.jsonl | sort) | head -3)" ""
}
