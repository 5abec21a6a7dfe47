#!/bin/sh
# The measurement of load, in little: nothing gets lost, whatever the figures are.
. "$(dirname "$0")/../lib.sh"

load=$(dirname "$0")/../../tools/load.sh
"$load" --short --json "$work/load.json" >"$work/load.txt" 2>&1
check "what was sent arrived, and was answered" test $? -eq 0
cat "$work/load.txt"
check "each figure is in the JSON" test \
    "$(/usr/bin/python3 -c 'import json, sys; print(len(json.load(sys.stdin)["rows"]))' <"$work/load.json")" -eq \
    "$(grep -vc 'passed, ' "$work/load.txt")"
"$load" --nonsense >"$work/out" 2>"$work/err"
check "an unknown option is code 2" test $? -eq 2 -a -s "$work/err"
finish
