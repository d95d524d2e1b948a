#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs/migrating-from-docstokg.md: every command in it is run, prints what the document says it does, and nothing that the
# guide names is missing from it.
#
# A block ```sh is one shell in a folder of its own, where config/ratelimits.yaml lies and weir-download asks weir-origin. A
# command's exit code is 0, or that of its "# exit N"; each "#> LINE" below it must be a line it prints, spaces squeezed.
set -euo pipefail
. "$(dirname "$0")/_download.sh"
find_program weir
weir_program=$program
document=$source_dir/docs/migrating-from-docstokg.md
guide=${WEIR_GUIDE:-$source_dir/../shared/deployment-guide.md}
cd "$origin_dir"

origin_start --documents 5 --pdf-size 2000 --limit metadata=20/1s --limit landing=20/1s --limit artifact=20/1s
mkdir bin blocks
ln -s "$(realpath "$weir_program")" bin/weir
# bash, because dash drops variables with a dot in their name.
printf '#!/usr/bin/env bash\nexec "%s" --base-url "http://%s" "$@"\n' "$(realpath "$download_program")" "$origin_a" >bin/weir-download
chmod +x bin/weir-download
PATH=$origin_dir/bin:$PATH
for variable in ${!WEIR_RLIMIT@}; do unset "$variable"; done

# blocks LANGUAGE FILE PREFIX: writes the fenced blocks of one language to PREFIX.1, PREFIX.2, ...
blocks() {
    awk -v language="$1" -v prefix="$3" '
        /^ *```/ { inside = !inside && $0 ~ "^ *```" language "$"; if (inside) { n++; printf "" >(prefix "." n) }; next }
        inside { print >(prefix "." n) }' "$2"
}

# What one block runs in: reads its commands one by one, in one shell, so that variables stay.
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

blocks sh "$document" blocks/sh
commands=0
for block in blocks/sh.*; do
    folder=$origin_dir/at-${block##*.}
    mkdir -p "$folder/config"
    cp "$source_dir/config/ratelimits.yaml" "$folder/config/"
    status=0
    (cd "$folder" && timeout 120 bash ../run_block "../$block") || status=$? # 124: a command waits for ever
    check "block ${block##*.}" "$status" 0
    if [ -f "$folder/counts" ]; then commands=$((commands + $(cut -d' ' -f1 "$folder/counts"))); fi
done
check "commands are found: every line that begins one" "$commands" \
    "$(cat blocks/sh.* | grep -cvE '^(#> |$)')"
check "there are many ($commands)" "$((commands >= 50))" 1

# YAML is a configuration, and a container's variables and command are good ones.
blocks yaml "$document" blocks/yaml
for block in blocks/yaml.*; do
    check "$block" "$(weir check "$block" | tail -1)" "$block: ok"
done
blocks dockerfile "$document" blocks/docker
mapfile -t settings < <(sed -n 's/^ENV //p' blocks/docker.1)
mapfile -t words < <(sed -n 's/^CMD //p' blocks/docker.1 | jq -r '.[]')
check "container: variables" "${#settings[@]}" 3
status=0
mkdir container
(cd container && env "${settings[@]}" "${words[@]}") >out 2>err || status=$?
check "container: exit code" "$status" 0
check "container: every file" "$(wc -l <container/downloads/manifest.jsonl)" 15
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
