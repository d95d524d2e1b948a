# SPDX-License-Identifier: MIT
# Source this in bash, after _download.sh, to run the commands of a document against weir-origin:
#
#   document_setup                          a PATH with weir and weir-download, a server of 5 documents, and where there can be one
#                                           a Redis in place of redis://localhost:6379/0; works in $origin_dir
#   block_runner                            what run_blocks needs, without weir-download; in $origin_dir
#   blocks LANGUAGE FILE PREFIX             writes the fenced blocks of one language to PREFIX.1, PREFIX.2, ...
#   run_blocks DOCUMENT                     runs each block ```sh; sets commands and skipped
#
# A block ```sh is one shell in a folder of its own, where config/ratelimits.yaml lies and weir-download asks weir-origin. A
# command's exit code is 0, or that of its "# exit N"; each "#> LINE" below it must be a line it prints, spaces squeezed.

. "$(dirname "${BASH_SOURCE[0]}")/../../examples/_server.sh"

document_setup() {
    local program
    find_program weir
    weir_program=$(realpath "$program")
    cd "$origin_dir"
    trap 'server_stop; origin_stop; rm -rf "$origin_dir"' EXIT
    origin_start --documents 5 --pdf-size 2000 --limit metadata=20/1s --limit landing=20/1s --limit artifact=20/1s
    block_runner
    mkdir bin
    ln -s "$weir_program" bin/weir
    # bash, because dash drops variables with a dot in their name.
    printf '#!/usr/bin/env bash\nexec "%s" --base-url "http://%s" "$@"\n' "$(realpath "$download_program")" "$origin_a" >bin/weir-download
    chmod +x bin/weir-download
    PATH=$origin_dir/bin:$PATH
    for variable in ${!WEIR_RLIMIT@}; do unset "$variable"; done
    redis_dsn=
    if ! weir-download --topic x --rate-backend redis 2>&1 | grep -q 'built without'; then redis_start "$origin_dir" || redis_dsn=; fi
}

block_runner() {
    mkdir blocks
    cat >run_block <<'END'
block=$1
commands=0 wrong=0
say() { echo "FAILED: line \"$1\": $2"; wrong=$((wrong + 1)); }
pending=
: >printed
while IFS= read -r line <&3 || [ -n "$line" ]; do
    case $line in
    '') continue ;;
    '#> '*)
        if ! tr -s ' ' <printed | sed 's/^ //; s/ $//' | grep -qxF -- "${line#'#> '}"; then
            say "$pending" "does not print \"${line#'#> '}\" but: $(head -c 600 printed)"
        fi
        continue
        ;;
    esac
    pending=$line expected=0 status=0
    if [[ $line =~ '# exit '([0-9]+)$ ]]; then expected=${BASH_REMATCH[1]}; fi
    commands=$((commands + 1))
    eval "$line" >printed 2>complaint || status=$?
    if [ "$status" -ne "$expected" ]; then say "$line" "ends with $status, expected $expected: $(head -c 600 complaint)"; fi
done 3<"$block"
echo "$commands $wrong" >counts
exit "$((wrong > 0))"
END
}

blocks() {
    awk -v language="$1" -v prefix="$3" '
        /^ *```/ { inside = !inside && $0 ~ "^ *```" language "$"; if (inside) { n++; printf "" >(prefix "." n) }; next }
        inside { print >(prefix "." n) }' "$2"
}

run_blocks() {
    local block folder status
    blocks sh "$1" blocks/sh
    commands=0 skipped=0
    for block in blocks/sh.*; do
        if grep -q 'redis://localhost:6379/0' "$block"; then
            if [ -z "$redis_dsn" ]; then
                echo "skipped: ${block##*.}. block: there is no Redis to run it with"
                skipped=$((skipped + $(grep -cvE '^(#> |$)' "$block")))
                continue
            fi
            sed -i "s|redis://localhost:6379/0|$redis_dsn|g" "$block"
        fi
        folder=$origin_dir/at-${block##*.}
        mkdir -p "$folder/config"
        cp "$source_dir/config/ratelimits.yaml" "$folder/config/"
        status=0
        (cd "$folder" && timeout 120 bash ../run_block "../$block") || status=$? # 124: a command waits for ever
        check "block ${block##*.}" "$status" 0
        if [ -f "$folder/counts" ]; then commands=$((commands + $(cut -d' ' -f1 "$folder/counts"))); fi
    done
    check "commands are found: every line that begins one" "$((commands + skipped))" \
        "$(cat blocks/sh.* | grep -cvE '^(#> |$)')"
}
