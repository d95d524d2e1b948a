# SPDX-License-Identifier: MIT
# Source this in bash:
#
#   check WHAT ACTUAL EXPECTED   says so when the two are not the same, and goes on
#   finish WHAT                  ends the script: with WHAT if nothing failed
#   in_scratch                   goes into a folder that is gone at the end; `dir` is its path
#   find_program NAME            sets `program` to its path, or ends the script as skipped

failures=0
check() {
    if [ "$2" != "$3" ]; then
        echo "FAILED: $1: got \"$2\", expected \"$3\""
        failures=$((failures + 1))
    fi
}
finish() {
    [ "$failures" -eq 0 ] || exit 1
    echo "$1"
    exit 0
}

in_scratch() {
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
    cd "$dir"
}

find_program() {
    local folder
    for folder in "${WEIR_BIN_DIR:-}" "${WEIR_BUILD_DIR:-build}/bin" "${WEIR_BUILD_DIR:-build}/examples"; do
        program=$folder/$1
        if [ -f "$program" ] && [ -x "$program" ]; then return; fi
    done
    echo "skipped: $1 is not built (set WEIR_BUILD_DIR)"
    exit 77
}
