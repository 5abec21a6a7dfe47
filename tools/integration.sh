#!/bin/sh
# Runs the integration tests tests/integration/*.sh (or those named) around the built program. Each
# prints "N passed, N failed" as its last line; so does this.
set -u
cd "$(dirname "$0")/.." || exit 1
POWLAB=${POWLAB:-$PWD/build/powlab}
export POWLAB
[ $# -gt 0 ] || set -- tests/integration/*.sh

passed=0
failed=0
for test in "$@"; do
    out=$(mktemp)
    sh "$test" >"$out" 2>&1
    status=$?
    sed 's/^/    /' "$out"
    counts=$(tail -n 1 "$out" | grep -Eo '^[0-9]+ passed, [0-9]+ failed' || echo "0 passed, 1 failed")
    rm -f "$out"
    p=${counts%% *}
    f=${counts#*, }
    f=${f%% *}
    # A script that fails without counting a failure is a failure all the same.
    [ "$status" -eq 0 ] || [ "$f" -gt 0 ] || f=1
    echo "$test: $p passed, $f failed"
    passed=$((passed + p))
    failed=$((failed + f))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
