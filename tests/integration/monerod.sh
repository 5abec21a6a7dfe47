#!/bin/sh
# Blocks that a real Monero daemon accepts: monerod (regtest) <- powlab pool <- powlab mine, and
# monerod <- powlab mine.
# Skipped, with a clear line, only where monerod isn't installed.
. "$(dirname "$0")/../lib.sh"

command -v monerod >/dev/null || {
    echo "skipped: monerod is not installed (Debian: apt install monero)"
    finish
}

# Ports that were free a moment ago, from the pool itself.
"$POWLAB" pool -q -a cn/0 --listen 127.0.0.1:0 --listen 127.0.0.1:0 --listen 127.0.0.1:0 \
    --port-file "$work/free" --duration 10ms || {
    echo "FAIL the pool does not start"
    failed=1
    finish
}
rpc=$(sed -n 1p "$work/free")
p2p=$(sed -n 2p "$work/free")
gone=$(sed -n 3p "$work/free")

monerod_height() {
    monerod --rpc-bind-ip 127.0.0.1 --rpc-bind-port "$rpc" print_height 2>/dev/null |
        tail -n 1 | grep -oE '[0-9]+$' # a colour may stand before it
}

# Shares are as hard as blocks, so that every good share is one; light-mode RandomX is slow.
start_monerod() {
    monerod --regtest --offline --fixed-difficulty 10 --data-dir "$work/monerod" \
        --rpc-bind-ip 127.0.0.1 --rpc-bind-port "$rpc" --p2p-bind-ip 127.0.0.1 --p2p-bind-port "$p2p" \
        --no-zmq --no-igd --hide-my-port --non-interactive --log-level 0 >"$work/monerod.log" 2>&1 &
    monerod_pid=$!
    wait_for 60 monerod_height >/dev/null
}
check "monerod starts on a regtest chain" start_monerod
before=$(monerod_height)

"$POWLAB" pool --daemon "http://127.0.0.1:$rpc" --difficulty 10 --listen 127.0.0.1:0 \
    --port-file "$work/port" --ledger "$work/ledger" --json "$work/pool.json" --duration 5m \
    2>"$work/pool.log" &
pool_pid=$!
check "the pool gets a template from it" wait_for 60 test -s "$work/port"

mine() {
    "$POWLAB" mine -o "127.0.0.1:$(cat "$work/port")" -a rx/0 -u worker1 -t 1 --randomx-mode light \
        --shares 3 --duration 4m --json "$work/mine.json" 2>"$work/mine.log" || {
        tail -n 5 "$work/mine.log" "$work/pool.log"
        return 1
    }
}
check "our miner gets three shares accepted" mine
higher() {
    [ "$(monerod_height)" -gt "$before" ]
}
check "monerod's height rises" wait_for 30 higher

kill -INT "$pool_pid"
wait "$pool_pid"
pool_status=$?
check "the pool ends with 130 on Ctrl-C" test "$pool_status" -eq 130
after=$(monerod_height)
blocks=$(json_number "$work/pool.json" blocks_accepted)
check "by as many blocks as the pool reports" test "$((after - before))" -eq "$blocks"
# Stale ones are no fault: at this difficulty the next share is often on its way when a block is found.
check "no share was invalid" test "$(json_number "$work/pool.json" invalid)" -eq 0
check "no share was too low" test "$(json_number "$work/pool.json" low)" -eq 0
check "the ledger has the blocks" grep -q '"event":"block".*"accepted":true' "$work/ledger"

# The same chain, without a pool.
before=$(monerod_height)
solo() {
    "$POWLAB" mine --daemon "http://127.0.0.1:$rpc" -t 1 --randomx-mode light --shares 3 --duration 4m \
        --json "$work/solo.json" 2>"$work/solo.log" || {
        tail -n 5 "$work/solo.log"
        return 1
    }
}
check "our miner gets three blocks in without a pool" solo
# What was on its way at the end may have been taken as well.
as_reported() {
    rise=$(($(monerod_height) - before))
    sure=$(json_number "$work/solo.json" accepted)
    [ "$rise" -ge "$sure" ] && [ "$rise" -le $((sure + $(json_number "$work/solo.json" unanswered))) ]
}
check "monerod's height rises by as many as it reports" as_reported
no_daemon_solo() {
    "$POWLAB" mine --daemon "http://127.0.0.1:$gone" --duration 2s >/dev/null 2>"$work/err"
    [ $? -eq 6 ] && grep -q "127.0.0.1:$gone" "$work/err"
}
check "and without a daemon it is exit code 6" no_daemon_solo

no_daemon() {
    "$POWLAB" pool --daemon "http://127.0.0.1:$gone" --listen 127.0.0.1:0 2>"$work/err"
    [ $? -eq 6 ] && grep -q "127.0.0.1:$gone" "$work/err"
}
check "a daemon that isn't there is exit code 6" no_daemon

kill "$monerod_pid"
wait "$monerod_pid"
finish
