#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs/migrating-from-docstokg.md: every command in it is run, prints what the document says it does, and nothing that the
# guide names is missing from it.
set -euo pipefail
. "$(dirname "$0")/_download.sh"
. "$(dirname "$0")/_document.sh"
document=$source_dir/docs/migrating-from-docstokg.md
guide=${WEIR_GUIDE:-$source_dir/../shared/deployment-guide.md}

document_setup
run_blocks "$document"
check "there are many ($commands)" "$((commands + skipped >= 50))" 1

# YAML is a configuration, and a container's variables and command are good ones.
blocks yaml "$document" blocks/yaml
for block in blocks/yaml.*; do
    check "$block" "$(weir check "$block" | tail -1)" "$block: ok"
done
blocks dockerfile "$document" blocks/docker
mapfile -t settings < <(sed -n 's/^ENV //p' blocks/docker.1 | sed "s|redis://localhost:6379/0|${redis_dsn:-redis://localhost:6379/0}|")
mapfile -t words < <(sed -n 's/^CMD //p' blocks/docker.1 | jq -r '.[]')
check "container: variables" "${#settings[@]}" 4
if [ -n "$redis_dsn" ]; then
    status=0
    mkdir container
    (cd container && env "${settings[@]}" "${words[@]}") >out 2>err || status=$?
    check "container: exit code" "$status" 0
    check "container: every file" "$(wc -l <container/downloads/manifest.jsonl)" 15
else
    echo "skipped: the container's command: there is no Redis to run it with"
fi
check "container: a ceiling" "$(env "${settings[@]}" weir-download --rate-explain | grep -c '^global_max_inflight *2000 ')" 1

# Nothing that the guide names is missing.
has() { check "the document has $1" "$(grep -cE -- "(^|[^A-Za-z0-9_-])$2([^A-Za-z0-9_-]|\$)" "$document" | sed 's/^[1-9].*/yes/')" yes; }
if [ -f "$guide" ]; then
    mapfile -t flags < <(grep -vF '](#' "$guide" | grep -oE -- '--[a-z][a-z-]+' | sort -u) # no links
    mapfile -t variables < <(grep -oE -- 'DOCSTOKG_RLIMIT_[A-Za-z0-9_.]*[A-Za-z]' "$guide" | sort -u)
    blocks yaml "$guide" blocks/guide
    mapfile -t keys < <(cat blocks/guide.* | sed -nE 's/^ *([a-z_0-9]+):.*/\1/p' | sort -u)
    check "the guide has flags, variables and keys" "$((${#flags[@]} >= 12 && ${#variables[@]} >= 4 && ${#keys[@]} >= 18))" 1
    for flag in "${flags[@]}"; do has "$flag" "$flag"; done
    for variable in "${variables[@]}"; do has "$variable" "${variable//./\\.}"; done
    for key in "${keys[@]}"; do has "the key $key" "\`?$key\`?"; done
    for block in blocks/guide.*; do
        check "the guide's $block is taken as it is" "$(weir check "$block" | tail -1)" "$block: ok"
    done
else
    echo "skipped: $guide is not there, what it names is not compared"
fi

finish "migrating-from-docstokg.md: $commands commands do what it says"
