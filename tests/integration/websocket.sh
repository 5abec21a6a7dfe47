#!/bin/sh
# WebSocket between powlab and an implementation of others: Python's before our pool, our miner before
# Python's, both of ours against each other, plain and within TLS.
. "$(dirname "$0")/../lib.sh"

export XDG_DATA_HOME="$work/data"
eyes="/usr/bin/python3 $(dirname "$0")/websocket_check.py"

"$POWLAB" pool -a cn/1 --difficulty 5 --listen ws://127.0.0.1:0 --listen wss://127.0.0.1:0 \
    --duration 120s --port-file "$work/ports" --ledger "$work/ledger.jsonl" 2>"$work/pool.log" &
pool=$!
wait_for 20 test -s "$work/ports" || cat "$work/pool.log"
plain=$(sed -n 1p "$work/ports")
secure=$(sed -n 2p "$work/ports")
ca=$XDG_DATA_HOME/powlab/tls/ca.pem

# shellcheck disable=SC2086 # a command and its arguments
check "a page's script is served" $eyes page "ws://127.0.0.1:$plain/"
# shellcheck disable=SC2086
check "within TLS as well" $eyes page "wss://127.0.0.1:$secure/proxy" "$ca"

mines() { # OPTIONS...
    "$POWLAB" mine -a cn/1 -t 1 --duration 60s --shares 3 --dialect ws-coinhive -u LABKEY \
        --json "$work/mine.json" "$@" >"$work/mine.out" 2>&1 &&
        [ "$(json_number "$work/mine.json" accepted)" -ge 3 ] &&
        [ "$(json_number "$work/mine.json" rejected)" -eq 0 ] || {
        tail -n 5 "$work/mine.out"
        return 1
    }
}
check "our miner mines" mines -o "ws://127.0.0.1:$plain"
check "within TLS, with the CA" mines -o "wss://127.0.0.1:$secure" --tls-ca "$ca"
check "its shares were verified" test \
    "$(grep -c '"verdict":"accepted"' "$work/ledger.jsonl")" -ge 6
kill -TERM "$pool"
wait "$pool"

# shellcheck disable=SC2086
$eyes pool "$work/port" >"$work/eyes.out" 2>&1 &
eyes_pid=$!
wait_for 20 test -s "$work/port"
check "our miner mines at Python's" mines -o "ws://127.0.0.1:$(cat "$work/port")"
check "which has no complaint" wait "$eyes_pid"
cat "$work/eyes.out"
finish
