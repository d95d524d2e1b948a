#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weir-download against each of the four ways in which servers count: not one answer 429.
set -euo pipefail
. "$(dirname "$0")/_download.sh"

against() { # against MODEL LEAVES: what the server counts, and what the client adds to its rates
    origin_start --listen 127.0.0.1:0 --listen 127.0.0.1:0 --redirect-landing --documents 24 --pdf-size 4096 --model "$1" \
        --limit metadata=10/1s --limit landing=10/1s --limit artifact=10/1s --latency-mean 100ms --latency-sigma 0.5
    {
        printf 'version: 1\ndefaults:\n'
        for role in metadata landing artifact; do printf '  %s: {rates: ["10/SECOND"]%s}\n' "$role" "$2"; done
    } >"$origin_dir/rates.yaml"
    download "$1" --topic river --year-start 2024 --year-end 2024 --workers 8 --rate-config "$origin_dir/rates.yaml"
    origin_stop
    check "$1: exit code" "$status" 0
    check_files "$1"
    check "$1: answers 429" "$(jq -s 'map(select(.status == 429)) | length' "$origin_dir/log")" 0
}

against sliding-log ''
against fixed-window ''
against gcra ''
against two-counter ', burst: 1'
finish "four server models, no answer 429"
