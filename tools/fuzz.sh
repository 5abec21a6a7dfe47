#!/bin/sh
# Runs fuzz targets one after the other; `make fuzz` builds them first.
#   tools/fuzz.sh check        only: can clang link libFuzzer?
#   tools/fuzz.sh TARGET...    each for $FUZZ_SECONDS
# What they find to grow on is kept in $B/corpus/, beside the logs, and used the next time; an input
# on which something doesn't hold is named and lies in $B/findings/.
set -u
cd "$(dirname "$0")/.." || exit 1

check() {
    command -v clang >/dev/null || {
        echo "fuzz: there is no clang; install it: apt-get install clang libclang-rt-dev" >&2
        exit 3
    }
    out=$(mktemp -d)
    echo 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n);
int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return (void)d, (void)n, 0; }' >"$out/probe.c"
    clang -fsanitize=fuzzer,address,undefined -o "$out/probe" "$out/probe.c" >"$out/log" 2>&1
    status=$?
    [ "$status" -eq 0 ] || {
        tail -n 2 "$out/log" >&2
        echo "fuzz: this clang has no libFuzzer and sanitizers to link: apt-get install libclang-rt-dev" >&2
    }
    rm -rf "$out"
    [ "$status" -eq 0 ] || exit 3
}

if [ "${1:-}" = check ]; then
    check
    exit 0
fi
: "${B:?run it by make fuzz, which knows the build folder}"
: "${FUZZ_SECONDS:=900}"
[ $# -gt 0 ] || {
    echo "fuzz: no targets" >&2
    exit 2
}

# The longest input that makes sense, and the words that a target knows.
max_len() {
    case $1 in
    frame) echo 2048 ;;
    *) echo 8192 ;;
    esac
}
dictionary() {
    case $1 in
    json | job | submit) echo stratum ;;
    answer | wshello) echo http ;;
    *) echo "$1" ;;
    esac
}

# Prints the value of one of libFuzzer's final statistics.
stat() {
    sed -n "s/^stat::$1: *//p" "$2"
}

passed=0
failed=0
mkdir -p "$B/findings" "$B/logs"
for target in "$@"; do
    log=$B/logs/$target.log
    mkdir -p "$B/corpus/$target"
    words=tests/fuzz/dict/$(dictionary "$target")
    [ -f "$words" ] || words=
    # shellcheck disable=SC2086 # one word or none
    ASAN_OPTIONS=detect_leaks=1 "$B/fuzz/$target" -max_total_time="$FUZZ_SECONDS" -max_len="$(max_len "$target")" \
        -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$B/findings/$target-" ${words:+-dict=$words} \
        "$B/corpus/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1
    status=$?
    covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
        echo "  ok    $target: $(stat number_of_executed_units "$log") inputs, ${covered:-0} edges, no finding"
    else
        failed=$((failed + 1))
        echo "  FAIL  $target: see $log"
        grep -aE "doesn't hold|ERROR:|SUMMARY:|Test unit written" "$log" | sed 's/^/    /'
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
