#!/bin/sh
# `powlab bench` as a program: results that verify themselves, exit codes, interruption.
. "$(dirname "$0")/../lib.sh"

# field NAME: the first value of that name in the JSON of the last run, without quotes.
field() {
    sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" "$work/out" | head -n 1
}

# measures CHECKSUM ARGS...: exit 0, valid, this checksum.
measures() {
    expected=$1
    shift
    "$POWLAB" bench --json - "$@" >"$work/out" 2>"$work/err" && [ "$(field valid)" = true ] &&
        [ "$(field checksum)" = "$expected" ] || {
        echo "  bench $*: checksum $(field checksum), valid $(field valid); $(cat "$work/err")"
        return 1
    }
}

# known ALGO HASHES: the checksum of tests/vectors/bench_sums.txt.
known() {
    sed -n "s,^$1 $2 0x,,p" tests/vectors/bench_sums.txt
}

# Light mode has nothing to tune: the lanes that were asked for, and no file.
keeps_lanes() {
    measures "$(known rx/0 8)" -a rx/0 --hashes 8 "$@" --lanes 3 && [ "$(field lanes)" = 3 ] &&
        [ "$(field source)" = default ] && [ ! -e "$XDG_CACHE_HOME" ]
}

plan_is_quick() {
    start=$(date +%s%N)
    "$POWLAB" bench --dry-run >"$work/out" || return 1
    # A plan takes about 20 ms; on a machine that is busy with other tests, more.
    [ $((($(date +%s%N) - start) / 1000000)) -lt 1000 ] && grep -q "threads" "$work/out"
}

# stops SIGNAL CODE SECONDS ARGS...: the signal after SECONDS ends it within two more.
stops() {
    signal=$1
    code=$2
    after=$3
    shift 3
    start=$(date +%s)
    timeout --signal="$signal" --kill-after=3 --preserve-status "$after" \
        "$POWLAB" bench "$@" >"$work/out" 2>"$work/err"
    got=$?
    [ "$got" -eq "$code" ] && grep -q "stopped" "$work/err" &&
        [ $(($(date +%s) - start)) -le $((after + 3)) ] || {
        echo "  bench $*: exit $got after $(($(date +%s) - start)) s: $(cat "$work/err")"
        return 1
    }
}

exits() {
    code=$1
    shift
    "$POWLAB" bench "$@" >"$work/out" 2>"$work/err"
    got=$?
    [ "$got" -eq "$code" ] || {
        echo "  bench $*: exit $got: $(cat "$work/err")"
        return 1
    }
}

interrupted_result() {
    stops INT 130 3 -a cn/0 --samples 1000 --sample-time 100ms --json - -q &&
        [ "$(field interrupted)" = true ] && [ "$(field valid)" = true ] &&
        grep -q '"name": "interrupted"' "$work/out"
}

narrow_text() {
    "$POWLAB" bench -a cn/0 --hashes 8 >"$work/out" 2>"$work/err" &&
        grep -q "verified" "$work/out" && ! grep -q "$(printf '\033')" "$work/out" &&
        [ "$(wc -L <"$work/out")" -le 80 ]
}

check "plan in a moment" plan_is_quick
for threads in 1 2; do
    check "rx/0 with $threads threads" measures "$(known rx/0 8)" -a rx/0 -t $threads --hashes 8
done
check "rx/2 sums commitments" measures "$(known rx/2 8)" -a rx/2 --hashes 8
check "three hashes a thread" keeps_lanes
check "three hashes a thread, not tuned" keeps_lanes --no-tune
check "rx/yada has its nonce elsewhere" measures "$(known rx/yada 4)" -a rx/yada --hashes 4
check "rx/0 without CPU features" measures "$(known rx/0 4)" -a rx/0 --hashes 4 --cpu-mask none
check "cn/r without huge pages or pinning" measures "$(known cn/r 8)" -a cn/r --hashes 8 \
    --huge-pages never --no-pin
check "a timed run has the sum of 32 hashes" measures "$(known cn/0 32)" -a cn/0 --quick
check "text fits 80 columns" narrow_text
check "strict refuses labels" exits 7 -a cn/0 --hashes 4 --no-pin --strict
check "hashes and sample time" exits 2 --hashes 4 --sample-time 1s
check "a CPU that isn't there" exits 2 --cpus 8000
check "no folder for the result" exits 3 -a cn/0 --hashes 2 --json "$work/none/x.json"
check "Ctrl-C leaves a partial result" interrupted_result
check "Ctrl-C while the dataset is built" stops INT 130 4 -a rx/0 --randomx-mode fast
check "SIGTERM" stops TERM 143 2 -a cn/2 --samples 100
finish
