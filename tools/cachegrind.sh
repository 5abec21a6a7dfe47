#!/bin/sh
# What a hash costs in instructions, references to memory and branches: powlab and XMRig, one after the
# other under valgrind's Cachegrind, which needs no hardware counters. Each mines in light mode with one
# thread at a pool that takes every hash as a share, so that the pool counts hashes. Two runs of each: a
# long one less a short one leaves the hashes alone, without the set-up. docs/fidelity.md has the result.
# All of it happens in a network namespace that has nothing but loopback.
usage="usage: XMRIG=FILE tools/cachegrind.sh [--hashes N]"
if [ -z "${CACHEGRIND_INSIDE:-}" ]; then
    CACHEGRIND_INSIDE=1 exec unshare -Urn sh -c 'ip link set lo up && exec "$@"' sh "$0" "$@"
fi
POWLAB=$(realpath "${POWLAB:-$(dirname "$0")/../build/powlab}")
. "$(dirname "$0")/../tests/lib.sh"

hashes=100
case ${1:-} in
'') ;;
--hashes) hashes=${2:?$usage} ;;
*)
    echo "$usage" >&2
    exit 2
    ;;
esac
XMRIG=$(realpath "${XMRIG:?$usage}")
command -v valgrind >/dev/null || {
    echo "cachegrind: there is no valgrind; install it: apt-get install valgrind" >&2
    exit 3
}
cd "$work" || exit 3

count() { # NAME: hashes that the pool has seen
    grep -c '"event":"share"' "$1.jsonl"
}
enough() { # NAME HASHES
    [ "$(count "$1")" -ge "$2" ]
}

# simulate NAME HASHES COMMAND...: NAME.log has the counts, for how many hashes is in NAME.hashes. The last
# level of the cache is one that mining suits badly: 8 MiB, whatever this machine has.
simulate() {
    name=$1 wanted=$2
    shift 2
    rm -f port
    "$POWLAB" pool -a rx/0 --listen 127.0.0.1:3333 --difficulty 1 --network-difficulty 1000000000000 \
        --job-interval 1h --port-file port --ledger "$name.jsonl" --duration 1h -q 2>"$name.pool.log" &
    pool=$!
    wait_for 60 test -s port
    valgrind --tool=cachegrind --cache-sim=yes --branch-sim=yes --smc-check=all --LL=8388608,16,64 \
        --cachegrind-out-file=/dev/null "$@" -o 127.0.0.1:3333 -u lab -t 1 >"$name.log" 2>&1 </dev/null &
    miner=$!
    wait_for 1200 enough "$name" "$wanted" || {
        tail -n 5 "$name.log" >&2
        echo "cachegrind: only $(count "$name") hashes of $wanted within 20 minutes" >&2
        exit 1
    }
    kill -INT "$miner"
    wait "$miner"
    sleep 0.3 # the pool answers the last one
    count "$name" >"$name.hashes"
    kill -INT "$pool"
    wait "$pool"
}

# of NAME WORDS COLUMN: a count; "I refs", "D refs" ... as Cachegrind says them.
of() {
    sed -n "s/^==[0-9]*== *$2: *\([0-9,]*\).*/\1/p" "$1.log" | tr -d ,
}

simulate_both() { # NAME COMMAND...
    who=$1
    shift
    simulate "$who-short" $((hashes / 10)) "$@"
    simulate "$who-long" "$hashes" "$@"
}
simulate_both powlab "$POWLAB" mine -a rx/0 --randomx-mode light --lanes=1 --yield --no-pin --duration 1h --quiet
simulate_both xmrig "$XMRIG" -a rx/0 --randomx-mode light --donate-level 0 --no-color

per_hash() { # WHO WORDS
    awk -v a="$(of "$1-short" "$2")" -v b="$(of "$1-long" "$2")" -v m="$(cat "$1-short.hashes")" \
        -v n="$(cat "$1-long.hashes")" 'BEGIN {printf "%.0f", (b - a) / (n - m)}'
}
printf '%-28s %12s %12s %10s\n' "a hash of rx/0, light mode" powlab XMRig difference
for words in "I *refs" "D *refs" "D1 *misses" "LL misses" "Branches" "Mispredicts"; do
    ours=$(per_hash powlab "$words") theirs=$(per_hash xmrig "$words")
    awk -v what="$(echo "$words" | tr -d '*')" -v a="$ours" -v b="$theirs" 'BEGIN {
        d = a - b; m = a > b ? a : b
        printf "%-28s %12d %12d %10.3f\n", what, a, b, (m > 0 ? (d < 0 ? -d : d) / m : 0)}'
done
printf 'hashes: powlab %s - %s, XMRig %s - %s\n' "$(cat powlab-long.hashes)" "$(cat powlab-short.hashes)" \
    "$(cat xmrig-long.hashes)" "$(cat xmrig-short.hashes)"
