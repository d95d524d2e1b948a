#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir-origin as a site: the API pages to its end, every link resolves, and what arrives is what the manifest says.
set -euo pipefail
source_dir=${WEIR_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
. "$source_dir/tests/tools/_check.sh"
. "$source_dir/examples/weir-origin/origin.sh" # finds the program: WEIR_ORIGIN, or below WEIR_BUILD_DIR

fetch() { curl -sS --max-time 20 "$@"; }
header() { grep -i "^$1:" "$origin_dir/head" | head -1 | sed 's/^[^:]*: *//' | tr -d '\r' || true; }

# Flags.
check "exit code of an unknown flag" "$("$origin_program" --latencyy 1s 2>"$origin_dir/error" || echo $?)" 2
check "its message" "$(head -1 "$origin_dir/error")" \
    'weir-origin: unknown flag "--latencyy"; did you mean --latency?'
"$origin_program" --help >"$origin_dir/help"
for flag in --listen --limit --model --retry-after --log --manifest --latency-mean; do
    check "--help names $flag" "$(grep -c -- "$flag " "$origin_dir/help" | sed 's/^[1-9].*/yes/')" yes
done

# Two hosts, with a redirect from one to the other.
origin_start --listen 127.0.0.1:0 --listen 127.0.0.1:0 --redirect-landing --documents 25 --pdf-size 20000
check "two listeners" "$([ "$origin_a" != "$origin_b" ] && echo yes)" yes
check "health" "$(fetch "http://$origin_a/healthz")" ok

# Pages to the end.
cursor='*' pages=0
: >"$origin_dir/items"
while :; do
    fetch -G "http://$origin_a/works" --data-urlencode "query=river flow" -d rows=10 \
        --data-urlencode "filter=from-pub-date:2024,until-pub-date:2024" --data-urlencode "cursor=$cursor" \
        >"$origin_dir/page"
    check "total-results" "$(jq '.message."total-results"' "$origin_dir/page")" 25
    [ "$(jq '.message.items | length' "$origin_dir/page")" -gt 0 ] || break
    jq -c '.message.items[]' "$origin_dir/page" >>"$origin_dir/items"
    cursor=$(jq -r '.message."next-cursor"' "$origin_dir/page")
    pages=$((pages + 1))
    [ "$pages" -lt 10 ] || break
done
check "pages with items" "$pages" 3
check "the last cursor repeats" "$(jq -r '.message."next-cursor"' "$origin_dir/page")" "$cursor"
check "distinct documents" "$(jq -r .DOI "$origin_dir/items" | sort -u | wc -l)" 25
check "an unescaped cursor" "$(fetch -o /dev/null -w '%{http_code}' "http://$origin_a/works?cursor=$cursor")" 400
check "another year" \
    "$(fetch "http://$origin_a/works?filter=until-pub-date:2023" | jq '.message."total-results"')" 0
check "an unknown filter" "$(fetch -o /dev/null -w '%{http_code}' "http://$origin_a/works?filter=colour:red")" 400
doi=$(jq -r .DOI "$origin_dir/items" | head -1)
check "a single work" "$(fetch "http://$origin_a/works/$doi" | jq -r .message.DOI)" "$doi"
check "a single work, escaped" "$(fetch "http://$origin_a/works/${doi/\//%2F}" | jq -r .message.DOI)" "$doi"
check "no such work" "$(fetch -o /dev/null -w '%{http_code}' "http://$origin_a/works/10.1/none")" 404

# Every link: redirect, landing page, PDF; all as the manifest says.
check "manifest lines" "$(wc -l <"$origin_dir/manifest")" 50
while read -r item; do
    url=$(jq -r .URL <<<"$item")
    check "API link is on the first host" "${url%/*}" "http://$origin_a/doi"
    fetch -D "$origin_dir/head" -o /dev/null "$url"
    check "status of $url" "$(head -1 "$origin_dir/head" | cut -d' ' -f2)" 302
    landing=$(header Location)
    check "landing page is on the other host" "${landing%/*}" "http://$origin_b/landing"
    fetch "$landing" -o "$origin_dir/landing"
    pdf=$(sed -n 's/.*citation_pdf_url" content="\([^"]*\)".*/\1/p' "$origin_dir/landing")
    check "PDF link in API and page" "$(jq -r '.link[0].URL' <<<"$item")" "$pdf"
    fetch "$pdf" -o "$origin_dir/pdf"
    check "PDF begins" "$(head -c 8 "$origin_dir/pdf")" "%PDF-1.4"
    for pair in "$landing landing" "$pdf pdf"; do
        file=$origin_dir/${pair#* }
        check "manifest of ${pair% *}" "$(sha256sum <"$file" | cut -d' ' -f1) $(wc -c <"$file")" \
            "$(jq -r --arg url "${pair% *}" 'select(.url == $url) | "\(.sha256) \(.bytes)"' "$origin_dir/manifest")"
    done
done <"$origin_dir/items"

# Ranges, HEAD and validators, on the last PDF.
size=$(wc -c <"$origin_dir/pdf")
part() { # part STATUS RANGE EXPECTED_FILE [CURL ARGS]
    local status=$1 range=$2 expected=$3
    shift 3
    fetch -D "$origin_dir/head" -H "Range: $range" "$@" "$pdf" -o "$origin_dir/part"
    check "status of $range" "$(head -1 "$origin_dir/head" | cut -d' ' -f2)" "$status"
    check "Content-Length of $range" "$(header Content-Length)" "$(wc -c <"$expected")"
    [ ! -s "$expected" ] || check "bytes of $range" "$(cmp "$origin_dir/part" "$expected" && echo same)" same
}
head -c 100 "$origin_dir/pdf" >"$origin_dir/first"
tail -c 100 "$origin_dir/pdf" >"$origin_dir/last"
tail -c +1001 "$origin_dir/pdf" >"$origin_dir/rest"
: >"$origin_dir/none"
part 206 bytes=0-99 "$origin_dir/first"
check "Content-Range" "$(header Content-Range)" "bytes 0-99/$size"
tag=$(header ETag)
check "strong tag" "${tag:0:1}" '"'
part 206 bytes=-100 "$origin_dir/last"
part 206 bytes=1000- "$origin_dir/rest"
part 206 "bytes=1000-999999999" "$origin_dir/rest"
part 416 "bytes=$size-" "$origin_dir/none"
check "Content-Range of 416" "$(header Content-Range)" "bytes */$size"
part 200 bytes=nonsense "$origin_dir/pdf"
part 200 bytes=0-1,5-6 "$origin_dir/pdf"
part 206 bytes=0-99 "$origin_dir/first" -H "If-Range: $tag"
part 200 bytes=0-99 "$origin_dir/pdf" -H 'If-Range: "other"'
check "If-None-Match" "$(fetch -o /dev/null -w '%{http_code}' -H "If-None-Match: $tag" "$pdf")" 304
fetch -I "$pdf" >"$origin_dir/head"
check "HEAD length" "$(header Content-Length)" "$size"
check "HEAD ranges" "$(header Accept-Ranges)" bytes
check "other methods" "$(fetch -o /dev/null -w '%{http_code}' -d some=body "$pdf")" 405

# The log agrees with the counts, is in order, and leaves out what is not judged.
fetch "http://$origin_a/stats" >"$origin_dir/stats"
origin_stop
check "log lines" "$(jq -s length "$origin_dir/log")" "$(jq .arrivals "$origin_dir/stats")"
check "log counts" \
    "$(jq -sSc 'reduce .[] as $l ({}; .[$l.role][$l.status | tostring] += 1)' "$origin_dir/log")" \
    "$(jq -Sc .roles "$origin_dir/stats")"
check "log order" "$(jq -s 'map(.t_ns) | . == sort' "$origin_dir/log")" true
check "unlogged paths" "$(grep -c 'healthz\|stats' "$origin_dir/log" || true)" 0
check "fields" "$(jq -rs 'map(keys_unsorted | join(" ")) | unique | join("|")' "$origin_dir/log")" \
    "t_ns ts host role method path status conn"

# The same seed gives the same documents, another one does not.
origin_start --documents 5
first=$(grep /pdf/ "$origin_dir/manifest" | jq -r .sha256)
origin_start --documents 5
check "same seed" "$(grep /pdf/ "$origin_dir/manifest" | jq -r .sha256)" "$first"
origin_start --documents 5 --seed 2
check "another seed" "$(grep /pdf/ "$origin_dir/manifest" | jq -r .sha256 | grep -cF "$first" || true)" 0

finish "weir-origin: pages, links, ranges and log are right"
