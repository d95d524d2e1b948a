#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The completion scripts, in the shells themselves. bash is always there; what zsh and fish would say is tried where they
# are installed, and counted as skipped where not.
set -euo pipefail
. "$(dirname "$0")/_check.sh"
find_program weir
weir=$program
find_program weir-download
download=$program
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/files"
touch "$dir/files/limits.yaml" "$dir/files/with space.yaml"
passed=0 skipped=0
for shell in bash zsh fish; do
    "$weir" completion "$shell" >"$dir/weir.$shell"
    "$download" --completion "$shell" >"$dir/weir-download.$shell"
done
status=0
"$weir" completion tcsh 2>"$dir/err" || status=$?
check "another shell: exit code" "$status" 2
status=0
"$download" --completion bsh 2>"$dir/err" || status=$?
check "another shell of weir-download" "$status $(grep -c 'did you mean "bash"' "$dir/err")" "2 1"

# in_bash PROGRAM WORD...: what bash offers for the last word, sorted. bash splits words at "=" before it asks.
in_bash() {
    bash --norc -c '
        . "$1/$2.bash"
        cd "$1/files"
        shift
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        function_name=$(complete -p "$1" | sed "s/.*-F \([^ ]*\).*/\1/")
        "$function_name" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf "%s\n" "${COMPREPLY[@]}"' completion "$dir" "$@" 2>&1 | sort | tr '\n' '|'
}
bash -n "$dir/weir.bash" "$dir/weir-download.bash"
check "bash: commands" "$(in_bash weir "")" \
    "audit|check|completion|explain|identify|migrate|replay|schema|simulate|state|"
check "bash: a command's beginning" "$(in_bash weir ex)" "explain|"
check "bash: flags" "$(in_bash weir explain --rate-m)" "--rate-max-delay|--rate-max-inflight|--rate-mode|"
check "bash: check has no rate flags" "$(in_bash weir check --)" "--help|--json|"
check "bash: a word of audit" "$(in_bash weir audit --format ng)" "nginx|"
check "bash: a word" "$(in_bash weir-download --rate-backend re)" "redis|"
check "bash: a word after =" "$(in_bash weir-download --rate-backend = "p")" "postgres|"
check "bash: nothing but = yet" "$(in_bash weir-download --log-level =)" "debug|error|info|warning|"
check "bash: presets" "$(in_bash weir-download --rate-preset cross)" "crossref-plus|crossref-polite|crossref-public|"
check "bash: files" "$(in_bash weir-download --rate-config "")" "limits.yaml|with space.yaml|"
check "bash: files of a command" "$(in_bash weir check l)" "limits.yaml|"
check "bash: an optional value only after =" "$(in_bash weir-download --rate-aimd-enabled --dr)" "--dry-run|"
check "bash: an optional value" "$(in_bash weir-download --rate-aimd-enabled = t)" "true|"
check "bash: any text" "$(in_bash weir-download --rate api)" "|"
flags=$("$download" --help | grep -oE '^  --[a-z-]+' | tr -d ' ' | sort | tr '\n' '|')
check "bash: every flag of the help" "$(in_bash weir-download --)" "$flags"
passed=$((passed + 1))

if command -v fish >/dev/null; then
    in_fish() { # in_fish PROGRAM LINE
        HOME=$dir XDG_CONFIG_HOME=$dir fish --no-config -c "source $dir/$1.fish; cd $dir/files; complete -C '$2'" |
            cut -f1 | sort | tr '\n' '|'
    }
    check "fish: commands" "$(in_fish weir 'weir ')" \
        "audit|check|completion|explain|identify|migrate|replay|schema|simulate|state|"
    check "fish: flags" "$(in_fish weir 'weir explain --rate-m')" "--rate-max-delay|--rate-max-inflight|--rate-mode|"
    check "fish: a word" "$(in_fish weir-download 'weir-download --rate-backend re')" "redis|"
    check "fish: presets" "$(in_fish weir-download 'weir-download --rate-preset crossref-p')" \
        "crossref-plus|crossref-polite|crossref-public|"
    check "fish: an optional value" "$(in_fish weir-download 'weir-download --rate-aimd-enabled=t')" \
        "--rate-aimd-enabled=true|"
    check "fish: files" "$(in_fish weir-download 'weir-download --rate-config l')" "limits.yaml|"
    passed=$((passed + 1))
else
    echo "skipped: fish is not installed, its completion is not tried"
    skipped=$((skipped + 1))
fi

if command -v zsh >/dev/null && zsh -fc 'zmodload zsh/zpty' 2>/dev/null; then
    # zsh completes only at a terminal: a pseudo terminal types the line and a tab, and a compadd in front of the real one
    # tells what it would offer.
    cat >"$dir/setup.zsh" <<'END'
PROMPT= RPROMPT=
stty -echo 2>/dev/null
autoload -Uz compinit && compinit -D -u
for script in ${0:h}/*.zsh; do [[ ${script:t} == weir* ]] && source $script; done
unset zle_bracketed_paste
compadd() {
    local -a hits
    if [[ " ${@[1,(i)(-|--)]} " != *' '-[OAD]' '* ]]; then
        builtin compadd -O hits "$@"
        (( $#hits )) && print -rl -- "" "<<"${^hits}">>"
    fi
    builtin compadd "$@"
}
finished() { print; print DONE }
comppostfuncs=(finished)
bindkey '^I' complete-word
print READY
END
    cat >"$dir/ask.zsh" <<'END'
zmodload zsh/zpty
zpty ask zsh -f -i
zpty -w ask "cd $1/files; source $1/setup.zsh"
zpty -r -m ask out '*READY*'
zpty -w -n ask "$2"$'\t'
zpty -r -m ask out '*DONE*'
print -r -- "$out"
zpty -d ask
END
    in_zsh() { # in_zsh LINE
        timeout 60 zsh -f "$dir/ask.zsh" "$dir" "$1" | tr -d '\r' | sed -n 's/^.*<<\(.*\)>>.*$/\1/p' | sort -u | tr '\n' '|'
    }
    zsh -n "$dir/weir.zsh" "$dir/weir-download.zsh"
    check "zsh: commands" "$(in_zsh 'weir ')" "audit|check|completion|explain|replay|"
    check "zsh: flags" "$(in_zsh 'weir explain --rate-m')" "--rate-max-delay|--rate-max-inflight|--rate-mode|"
    check "zsh: a word" "$(in_zsh 'weir-download --rate-backend re')" "redis|"
    check "zsh: a word after =" "$(in_zsh 'weir-download --rate-backend=p')" "postgres|"
    check "zsh: an optional value" "$(in_zsh 'weir-download --rate-aimd-enabled=')" "false|true|"
    check "zsh: files" "$(in_zsh 'weir-download --rate-config l')" "limits.yaml|"
    passed=$((passed + 1))
else
    echo "skipped: zsh is not installed, its completion is not tried"
    skipped=$((skipped + 1))
fi

[ "$failures" -eq 0 ] || { echo "weir-tests: $passed passed, 1 failed, $skipped skipped"; exit 1; }
echo "weir-tests: $passed passed, 0 failed, $skipped skipped"
