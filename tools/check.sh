#!/bin/sh
# Every test, step by step, each with its own log in build/check/. Ends with "N passed, N failed".
#   tools/check.sh            all steps
#   tools/check.sh STEP...    only these: lint unit checkasm oracle selftest integration clang asan
#                             tsan aarch64 ladder
set -u
cd "$(dirname "$0")/.." || exit 1
logs=build/check
mkdir -p "$logs"
jobs=-j$(nproc)
passed=0
failed=0
start=$(date +%s)
: >"$logs/failures"

# A leak is a failure too, and Criterion only sees it as an abort.
export ASAN_OPTIONS=abort_on_error=1:detect_leaks=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp"
export PLAB_TEST_SEED="${PLAB_TEST_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}"

# Adds up "N passed, N failed" lines and Criterion's "Passing: N | Failing: N | Crashing: N".
count() {
    awk '
        { gsub(/\033\[[0-9;]*m/, "") }
        /^[0-9]+ passed, [0-9]+ failed/ { p += $1; f += $3 }
        /Synthesis: Tested:/ {
            for (i = 1; i < NF; i++) {
                if ($i == "Passing:") p += $(i + 1)
                if ($i == "Failing:" || $i == "Crashing:") f += $(i + 1)
            }
        }
        END { print p + 0, f + 0 }' "$1"
}

# The lines of a log that say what failed, without colours; its end if there are none.
why() {
    sed 's/\x1b\[[0-9;]*m//g' "$1" >"$logs/plain"
    grep -aE 'FAIL|[^a-z]error:|warning:|ERROR:|SUMMARY:|got |\[----\] +[^ ]' "$logs/plain" |
        grep -av '0 failed' | head -n 12 >"$logs/why"
    [ -s "$logs/why" ] || tail -n 12 "$logs/plain" >"$logs/why"
    sed "s/^/    $name: /" "$logs/why"
}

step() {
    name=$1
    log=$logs/$name.log
    began=$(date +%s)
    "step_$name" >"$log" 2>&1
    status=$?
    counts=$(count "$log")
    p=${counts% *}
    f=${counts#* }
    [ "$status" -eq 0 ] || [ "$f" -gt 0 ] || f=1
    [ "$status" -ne 0 ] || [ "$p" -gt 0 ] || p=1
    passed=$((passed + p))
    failed=$((failed + f))
    took=$(($(date +%s) - began))
    if [ "$f" -eq 0 ]; then
        printf '  ok    %-12s %5d passed %5d s\n' "$name" "$p" "$took"
    else
        printf '  FAIL  %-12s %5d passed, %d failed %5d s   see %s\n' "$name" "$p" "$f" "$took" "$log"
        why "$log" | tee -a "$logs/failures"
    fi
}

step_lint() { make lint; }
step_unit() { make "$jobs" tests-core tests-unit; }
step_checkasm() { make "$jobs" checkasm; }
step_oracle() { make "$jobs" tests-oracle; }
step_selftest() { make "$jobs" && build/powlab selftest && build/powlab selftest --cpu-mask none; }
step_integration() { make "$jobs" integration; }
step_clang() {
    make "$jobs" CC=clang WERROR=1 program tests-core checkasm
}
step_asan() { make "$jobs" CONFIG=asan tests-core tests-unit checkasm fuzz-replay; }
step_tsan() { make "$jobs" CONFIG=tsan tests-unit; }
step_aarch64() { make "$jobs" check-aarch64; }
step_ladder() { make "$jobs" check-ladder; }

[ $# -gt 0 ] || set -- lint unit checkasm oracle selftest integration clang asan tsan aarch64 ladder
echo "powlab check: seed $PLAB_TEST_SEED, logs in $logs/"
for name in "$@"; do
    step "$name"
done
if [ "$failed" -gt 0 ]; then
    echo "what failed:"
    head -n 40 "$logs/failures"
fi
echo "took $(($(date +%s) - start)) s"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
