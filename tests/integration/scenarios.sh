#!/bin/sh
# Shipped scenarios and suites: each can be read, short ones run, and a suite tells who was right.
. "$(dirname "$0")/../lib.sh"

for file in configs/scenarios/*.yaml configs/suites/*.yaml; do
    exits "$file can be read" 0 "$POWLAB" lab run --dry-run "$file"
    check "$file says what it is for" grep -q '^#' "$file"
done
for file in configs/scenarios/*.yaml; do
    check "$file is named as the scenario" grep -qx "name: $(basename "$file" .yaml)" "$file"
done

# ---- a suite ----
scenarios=$PWD/configs/scenarios
cat >"$work/suite.yaml" <<EOF
name: two
scenarios:
  - {file: $scenarios/benign-words.yaml, scale: 0.2}
  - {file: $scenarios/benign-words.yaml, scale: 0.1, repeat: 2}
EOF
exits "a suite runs" 0 "$POWLAB" lab run --detectors configs/detectors --out "$work/two" \
    "$work/suite.yaml"
check "its folder is the last line" test "$(tail -n 1 "$work/out")" = "$work/two"
check "the matrix has a line of each detector" test \
    "$(grep -cE '^(command-line|rounding|cpu-process) +process +[0-9]' "$work/out")" -eq 3
check "each run has a folder" test -s "$work/two/03-benign-words/report.html"
check "suite.json" grep -q '"schema": "powlab-suite/1"' "$work/two/suite.json"
check "tells what was seen" grep -q '"rounding": "quiet"' "$work/two/suite.json"

cat >"$work/bad.yaml" <<EOF
name: wrong
pool: {algo: rx/0}
controls:
  - {name: sleep, command: [sleep, "60"]}
phases:
  - {name: rest, duration: 1s, controls: [sleep]}
expect:
  min_accepted: 5
EOF
cat >"$work/failing.yaml" <<EOF
name: failing
scenarios:
  - {file: bad.yaml}
  - {file: $scenarios/benign-words.yaml, scale: 0.05}
EOF
exits "one that isn't as expected" 1 "$POWLAB" lab run --detectors none --out "$work/failing" \
    "$work/failing.yaml"
check "is told" grep -q '^wrong .*FAILED: ' "$work/out"
check "and the others are run" grep -q '^benign-words .*as expected' "$work/out"
check "also in JSON" grep -q '"failed": 1' "$work/failing/suite.json"

printf 'name: gone\nscenarios:\n  - {file: nowhere.yaml}\n' >"$work/gone.yaml"
exits "a scenario that isn't there" 3 "$POWLAB" lab run --out "$work/gone" "$work/gone.yaml"
check "nothing was begun" test ! -e "$work/gone"

finish
