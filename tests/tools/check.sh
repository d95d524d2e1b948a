#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir check: one line for a good file, one for each fault, the same as JSON, and its exit codes.
set -euo pipefail
. "$(dirname "$0")/_check.sh"
find_program weir
weir=$program
in_scratch

run() { status=0; said=$("$weir" check "$@" 2>err) || status=$?; }

printf 'version: 1\nhosts: {api.x.org: {metadata: {rates: [20/s]}}}\n' >good.yaml
cat >bad.yaml <<'END'
version: 1
hosts:
  api.x.org:
    metadata:
      rates: ["10/FORTNIGHT"]
      max_delay: 5
  api.y.org:
    metdata: {rates: [1/s]}
backend: {kind: rediss}
END
printf 'a: [\n' >broken.yaml

run good.yaml
check "a good file: exit code" "$status" 0
check "a good file" "$said" "good.yaml: ok"

run bad.yaml good.yaml none.yaml
check "faults: exit code" "$status" 1
check "faults: one a line, with file, line, column and path" "$(cut -d' ' -f1-3 <<<"$said")" \
    'bad.yaml:5:15: error: hosts.api.x.org.metadata.rates:
bad.yaml:6:7: error: hosts.api.x.org.metadata.max_delay:
bad.yaml:8:5: error: hosts.api.y.org.metdata:
bad.yaml:9:17: error: backend.kind:
good.yaml: ok
none.yaml: error: cannot'
check "faults: each knows better" "$(grep -c 'did you mean' <<<"$said")" 3
check "faults: nothing on standard error" "$(cat err)" ""

run broken.yaml
check "no YAML: exit code" "$status" 1
check "no YAML: place, and no path" "$(grep -cE '^broken\.yaml:[0-9]+:[0-9]+: error: not YAML: ' <<<"$said")" 1

# A file is judged by itself: neither variables nor other files change the verdict.
printf 'roles: [search]\n' >roles.yaml
printf 'defaults: {search: {burst: 1}}\n' >uses.yaml
WEIR_RLIMIT_BACKEND=nonsense run roles.yaml uses.yaml
check "each file by itself" "$(cut -d: -f1 <<<"$said" | tr '\n' ' ')" "roles.yaml uses.yaml "
check "each file by itself: exit code" "$status" 1

if command -v jq >/dev/null; then
    run --json good.yaml bad.yaml none.yaml
    check "json: exit code" "$status" 1
    check "json: the fields" "$(jq -c '[.[] | [.file, .line, .column, .severity, .path]]' <<<"$said")" \
        '[["bad.yaml",5,15,"error","hosts.api.x.org.metadata.rates"],["bad.yaml",6,7,"error","hosts.api.x.org.metadata.max_delay"],["bad.yaml",8,5,"error","hosts.api.y.org.metdata"],["bad.yaml",9,17,"error","backend.kind"],["none.yaml",null,null,"error",""]]'
    check "json: messages" "$(jq 'map(.message | length > 20) | all' <<<"$said")" true
    run --json good.yaml
    check "json: nothing wrong" "$said $status" "[] 0"
fi

run
check "no file: exit code" "$status" 2
run --jsn good.yaml
check "unknown flag" "$status $(head -1 err)" '2 weir check: unknown flag "--jsn"'
run --help
check "help" "$status $(head -1 <<<"$said")" "0 usage: weir check [--json] FILE..."

finish "weir check: faults and good files are told apart, as lines and as JSON"
