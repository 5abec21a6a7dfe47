#!/bin/sh
# A pool that is killed while a miner is at work, and the end of everything by Ctrl-C.
. "$(dirname "$0")/../lib.sh"

start_pool() { # PORT
    rm -f "$work/port"
    "$POWLAB" pool -a cn/0 --listen "127.0.0.1:$1" --port-file "$work/port" --difficulty 5 \
        --duration 120s 2>>"$work/pool.log" &
    pool=$!
    wait_for 20 test -s "$work/port"
}

accepted_at_least() {
    [ "$(grep -c 'accepted (' "$work/mine.log")" -ge "$1" ]
}

# ends_within SECONDS CODE PID: the process ends by itself in that time, with that exit code.
ends_within() {
    (
        sleep "$1"
        kill -9 "$3" 2>/dev/null
    ) &
    guard=$!
    wait "$3"
    code=$?
    kill "$guard" 2>/dev/null
    [ "$code" -eq "$2" ] || {
        echo "  exit code $code"
        return 1
    }
}

start_pool 0
port=$(cat "$work/port")
"$POWLAB" mine -o "127.0.0.1:$port" -t 1 --retry-pause 1s --duration 120s --json "$work/mine.json" \
    2>"$work/mine.log" &
mine=$!
check "shares are accepted" wait_for 30 accepted_at_least 3

kill -9 $pool
wait $pool 2>/dev/null
check "the miner says that the pool is gone" wait_for 10 grep -qiE 'closed|lost|reset' "$work/mine.log"
check "and that it retries" wait_for 15 grep -qiE 'retry|again in|connection refused' "$work/mine.log"
before=$(grep -c 'accepted (' "$work/mine.log")
start_pool "$port"
check "it goes on when the pool is back" wait_for 45 accepted_at_least $((before + 3))

kill -INT $mine
check "Ctrl-C ends the miner within two seconds, with code 130" ends_within 2 130 $mine
check "its partial result is written and marked" grep -q '"interrupted": true' "$work/mine.json"
accepted=$(json_number "$work/mine.json" accepted)
check "it counts what the pool accepted" test "$accepted" -eq "$(grep -c 'accepted (' "$work/mine.log")"
kill -INT $pool
check "Ctrl-C ends the pool within two seconds, with code 130" ends_within 2 130 $pool

# While a cache or dataset is being built nobody looks at a job; Ctrl-C must work all the same.
"$POWLAB" pool -a rx/0 --listen 127.0.0.1:0 --port-file "$work/port2" --duration 60s 2>"$work/pool.log" &
pool=$!
wait_for 20 test -s "$work/port2"
kill -TERM $pool
check "SIGTERM ends a pool that builds its cache, with code 143" ends_within 2 143 $pool
"$POWLAB" pool -a rx/0 --listen 127.0.0.1:0 --port-file "$work/port3" --duration 60s 2>"$work/pool.log" &
pool=$!
wait_for 20 test -s "$work/port3"
"$POWLAB" mine -o "127.0.0.1:$(cat "$work/port3")" -t 2 --randomx-mode auto --duration 60s 2>"$work/mine.log" &
mine=$!
wait_for 20 grep -q 'building' "$work/mine.log"
sleep 2
kill -INT $mine
check "Ctrl-C ends a miner that builds its dataset" ends_within 2 130 $mine
kill -INT $pool
wait $pool
"$POWLAB" bench -a rx/0 --randomx-mode fast 2>"$work/bench.log" >/dev/null &
bench=$!
sleep 3
kill -INT $bench
check "Ctrl-C ends a benchmark that builds its dataset" ends_within 2 130 $bench

"$POWLAB" mine -o 127.0.0.1:1 --retries 2 --retry-pause 1s --duration 4s 2>"$work/mine.log"
check "a pool that never answers is exit code 6" test $? -eq 6
finish
