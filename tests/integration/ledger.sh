#!/bin/sh
# Pools that are killed at a random moment: what a miner saw accepted is in the database.
. "$(dirname "$0")/../lib.sh"

command -v sqlite3 >/dev/null || {
    echo "ledger: sqlite3 is missing (tools/deps.sh check)" >&2
    exit 1
}
db=$work/pool.db
seed=${PLAB_TEST_SEED:-$(date +%s)}
echo "  seed $seed"

ask() { # SQL
    sqlite3 "$db" "$1"
}

accepted_at_least() {
    [ "$(grep -c 'accepted (' "$work/mine.log")" -ge "$1" ]
}

start_pool() {
    rm -f "$work/port"
    "$POWLAB" pool -a cn/0 --listen 127.0.0.1:0 --port-file "$work/port" --difficulty 1 --ledger "$db" \
        --duration 120s 2>"$work/pool.log" &
    pool=$!
    wait_for 20 test -s "$work/port"
}

stop_miner() {
    kill -INT "$mine"
    wait "$mine" 2>/dev/null
}

mine() {
    rm -f "$work/mine.log" # an old one would count
    "$POWLAB" mine -o "127.0.0.1:$(cat "$work/port")" -t 1 --retry-pause 1s --duration 120s 2>"$work/mine.log" &
    mine=$!
    wait_for 30 accepted_at_least 1
}

# ended_round ROUND: the miner's accepted shares are rows of the last run.
ended_round() {
    seen=$(grep -c 'accepted (' "$work/mine.log")
    kept=$(ask "SELECT count(DISTINCT job || nonce) FROM shares WHERE verdict = 'accepted' AND run = $1")
    echo "  round $1: $seen seen by the miner, $kept in the ledger"
    [ "$seen" -ge 1 ] && [ "$kept" -ge "$seen" ]
}

for round in 1 2 3 4 5; do
    check "round $round: the pool starts on that file" start_pool
    check "round $round: shares are accepted" mine
    # A moment of the next second, by the seed.
    sleep "$(awk -v s="$seed" -v r="$round" 'BEGIN { srand(s + r); printf "%.3f", rand() }')"
    kill -9 "$pool"
    wait "$pool" 2>/dev/null
    stop_miner
    check "round $round: no accepted share is lost" ended_round "$round"
    check "round $round: the database is sound" test "$(ask 'PRAGMA integrity_check')" = ok
done
check "every start is a run" test "$(ask 'SELECT count(*) FROM runs')" -eq 5

start_pool
mine
kill -INT "$pool"
wait "$pool"
check "a pool that is stopped ends with code 130" test $? -eq 130
stop_miner
check "and writes its last words" test "$(ask 'SELECT event FROM events ORDER BY rowid DESC LIMIT 1')" = stop
check "sessions are closed" test "$(ask 'SELECT count(*) FROM sessions WHERE run = 6 AND closed_ns IS NULL')" -eq 0

sqlite3 "$work/other.db" 'PRAGMA user_version = 9; CREATE TABLE t (a)'
"$POWLAB" pool -a cn/0 --listen 127.0.0.1:0 --ledger "$work/other.db" --duration 1s 2>"$work/other.log"
check "another schema version is refused with code 2" test $? -eq 2
check "in one line that names it" grep -q 'schema version 9' "$work/other.log"
(
    ulimit -f 300
    exec "$POWLAB" pool -a cn/0 --listen 127.0.0.1:0 --port-file "$work/port3" --difficulty 1 --job-interval 100ms \
        --ledger "$work/small.db" --duration 60s 2>"$work/small.log"
) &
pool=$!
wait_for 20 test -s "$work/port3"
cp "$work/port3" "$work/port"
mine
wait "$pool"
check "a full disk ends the pool with code 3" test $? -eq 3
check "and one line that names the ledger" grep -q 'cannot write to the ledger.*small.db' "$work/small.log"
stop_miner
db=$work/small.db
check "what was answered before is there" ended_round 1

finish
