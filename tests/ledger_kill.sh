# Shared by the tests of ledgers that are databases: pools that die while many shares are on their
# way, and what the workers saw accepted compared, share by share, with what is recorded.
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables of lib.sh and of the tests
seed=${PLAB_TEST_SEED:-$(date +%s)}
echo "  seed $seed"

# start_pool LEDGER [OPTIONS...]: $pool, its port in $work/port.
start_pool() {
    rm -f "$work/port"
    ledger=$1
    shift
    "$POWLAB" pool -a cn/0 --listen 127.0.0.1:0 --port-file "$work/port" --difficulty 1 --verify-sample 0 \
        --job-interval 100ms --bad-shares-max 1000000 --ledger "$ledger" --duration 120s "$@" 2>"$work/pool.log" &
    pool=$!
    wait_for 20 test -s "$work/port"
}

# start_workers NAME: $workers; the shares answered "OK" appear in $work/NAME.seen.
start_workers() {
    rm -f "$work/$1.seen"
    python3 "$(dirname "$0")/../ledger_worker.py" "127.0.0.1:$(cat "$work/port")" "$1-" 40 "$work/$1.seen" \
        2>"$work/workers.log" &
    workers=$!
    wait_for 20 test -s "$work/$1.seen"
}

# A moment of the next half second, by the seed and ROUND.
random_moment() {
    sleep "$(awk -v s="$seed" -v r="$1" 'BEGIN { srand(s + r); printf "%.3f", rand() / 2 }')"
}

# none_lost NAME: each share that its worker saw accepted is among the lines "LOGIN JOB NONCE" of
# stdin, which has none twice.
none_lost() {
    sort >"$work/$1.kept"
    sort -o "$work/$1.seen" "$work/$1.seen"
    lost=$(comm -23 "$work/$1.seen" "$work/$1.kept" | wc -l)
    twice=$(uniq -d "$work/$1.kept" | wc -l)
    echo "  $1: $(wc -l <"$work/$1.seen") seen, $(wc -l <"$work/$1.kept") kept, $lost lost, $twice twice"
    [ -s "$work/$1.seen" ] && [ "$lost" -eq 0 ] && [ "$twice" -eq 0 ]
}
