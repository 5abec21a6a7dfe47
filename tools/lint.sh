#!/bin/sh
# Style, layers, symbols, instruction sets, static analysis, shell scripts.
#   make lint                    everything
#   make lint LINT_ARGS=quick    without clang-tidy
set -u
cd "$(dirname "$0")/.." || exit 1
: "${B:?run it by make lint, which knows the build folder}"
passed=0
failed=0

step() {
    name=$1
    shift
    out=$(mktemp)
    if "$@" >"$out" 2>&1; then
        passed=$((passed + 1))
        echo "  ok    $name"
    else
        failed=$((failed + 1))
        echo "  FAIL  $name"
        head -n 60 "$out"
    fi
    rm -f "$out"
}

sources() {
    git ls-files --cached --others --exclude-standard '*.c' '*.h'
}

# Succeeds when what it is given is empty, prints it otherwise.
nothing() {
    [ -z "$1" ] || {
        echo "$1"
        return 1
    }
}

formatted() {
    # shellcheck disable=SC2046 # file names of this tree have no spaces
    clang-format --dry-run --Werror $(sources)
}

# Every external symbol of the archives begins with the prefix.
symbols() {
    nothing "$(nm -g --defined-only "$B"/libpowlab_core.a "$B"/libpowlab_app.a |
        awk 'NF == 3 && $3 !~ /^plab_/ {print "symbol without prefix: " $3}')"
}

texts() {
    nothing "$(
        git grep -nIE --untracked '[[:blank:]]+$' -- . ':!tests/vectors' ':!tests/topo' ':!tests/fuzz/corpus'
        git grep -nIP --untracked '\t' -- '*.c' '*.h' '*.sh' '*.yaml'
        git grep -nIE --untracked 'TODO|FIXME' -- '*.c' '*.h'
        for file in $(sources); do
            head -n 1 "$file" | grep -q 'SPDX-License-Identifier' || echo "$file: no SPDX line"
            lines=$(wc -l <"$file")
            [ "$lines" -le 800 ] || echo "$file: $lines lines, split it"
        done
    )"
}

# Whatever opens or accepts a connection passes the lab-only rule.
guarded() {
    nothing "$(
        git grep -lwE --untracked 'uv_tcp_connect|uv_tcp_bind|uv_accept|uv_udp_send|connect|bind|sendto|PQconnectStartParams' -- \
            'base/*.c' 'pow/*.c' 'arch/*.c' 'host/*.c' 'stratum/*.c' 'pool_client/*.c' 'pool/*.c' 'net/*.c' 'daemon/*.c' \
            'bench/*.c' 'lab/*.c' 'cli/*.c' | while read -r file; do
            grep -qE '\b(uv_tcp_connect|uv_tcp_bind|uv_accept|uv_udp_send|connect|bind|sendto|PQconnectStartParams)\(' "$file" || continue
            grep -q 'plab_netguard_' "$file" || echo "$file: a connection without base/netguard"
        done
    )"
}

scripts() {
    # shellcheck disable=SC2046
    shellcheck $(git ls-files --cached --others --exclude-standard '*.sh' '.ci/run')
}

# Headers are seen through the .c files that include them. Left out: cli/version.c, which is nothing
# but definitions that only the Makefile can give, and pow/aes_soft.c, whose tables of 2048 computed
# entries take minutes.
tidy() {
    flags="-std=c11 -D_GNU_SOURCE -I. -msse4.1 -maes $(pkg-config --cflags hwloc libuv libwebsockets libpcap jansson libcyaml libcpuid sqlite3 libpq)"
    export flags
    # shellcheck disable=SC2016 # expanded by the inner shell
    sources | grep '\.c$' | grep -Ev '^(arch/arm/|tests/|cli/version\.c|pow/aes_soft\.c)' |
        xargs -P "$(nproc)" -n 4 sh -c '
            out=$(clang-tidy --quiet "$@" -- $flags 2>/dev/null) || { echo "$out"; exit 1; }' tidy
}

step "clang-format" formatted
step "layers and third-party headers" tools/check_layers.sh
step "blanks, tabs, SPDX lines, file length" texts
step "a test for each case of hostile input" tools/check_badinput.sh
step "lab-only rule on every connection" guarded
step "shellcheck" scripts
step "no warnings" make -s "-j$(nproc)" WERROR=1 program
step "symbols have the prefix" symbols
step "instructions only where the suffix allows them" tools/check_isa.sh "$B/libpowlab_core.a"
[ "${1:-}" = quick ] || step "clang-tidy" tidy
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
