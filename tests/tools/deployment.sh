#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs/deployment.md: every command in it is run and prints what the document says; what its containers would run is run here,
# without Docker: the image's variables and command with each service's arguments.
set -euo pipefail
. "$(dirname "$0")/_download.sh"
. "$(dirname "$0")/_document.sh"
document=$source_dir/docs/deployment.md
deploy=$source_dir/examples/deploy

document_setup
run_blocks "$document"
check "there are many ($commands)" "$((commands + skipped >= 15))" 1
blocks yaml "$document" blocks/yaml
check "the file" "$(weir check blocks/yaml.1 | tail -1)" "blocks/yaml.1: ok"

# C: the image's settings, and both services at once.
mapfile -t settings < <(sed -n 's/^ENV //p' "$deploy/Dockerfile" | sed "s|redis://redis:6379/0|${redis_dsn:-redis://redis:6379/0}|")
check "container: variables" "${#settings[@]}" 3
mapfile -t program < <(sed -n 's/^ENTRYPOINT //p' "$deploy/Dockerfile" | jq -r '.[]')
mapfile -t parts < <(sed -n 's/^ *command: \(\["--topic.*\)/\1/p' "$deploy/compose.yaml")
check "compose: downloaders" "${#parts[@]}" 2
check "container: a ceiling" "$(env "${settings[@]}" "${program[@]}" --rate-explain | grep -c '^global_max_inflight *2000 ')" 1
if [ -n "$redis_dsn" ]; then
    pids=()
    for i in 0 1; do
        mkdir "container$i"
        mapfile -t words < <(jq -r '.[]' <<<"${parts[i]}")
        (cd "container$i" && exec env "${settings[@]}" "${program[@]}" "${words[@]}") >"out$i" 2>"err$i" &
        pids+=("$!")
    done
    for i in 0 1; do
        status=0
        wait "${pids[i]}" || status=$?
        check "container $i: exit code" "$status" 0
    done
    check "containers: every file, in one of them" "$(cat container?/downloads/manifest.jsonl | jq -r .path | sort -u | wc -l)" 15
else
    echo "skipped: the containers' commands: there is no Redis to run them with"
fi
# Packages of the image are those that ./dev installs.
for package in $(grep -oE '\<(lib|zlib)[a-z0-9+.-]+-dev' "$deploy/Dockerfile" | sort -u); do
    check "./dev knows $package" "$(grep -cw -- "$package" "$source_dir/dev" | sed 's/^[1-9].*/yes/')" yes
done
finish "deployment.md: $commands commands do what it says"
