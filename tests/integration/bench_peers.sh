#!/bin/sh
# bench-peers in light mode: every result is equal to librandomx's, and the report says what was done.
. "$(dirname "$0")/../lib.sh"
PEERS=${PEERS:?set it to the program bench-peers, as make integration does}

# One run serves all checks.
agrees() {
    "$PEERS" --quick --pairs 1 --json "$work/peers.json" >"$work/out" 2>"$work/err" || {
        echo "  bench-peers: exit $?: $(cat "$work/out" "$work/err")"
        return 1
    }
    grep -q "All results were equal" "$work/out"
}

# Every row of light mode, in the text and in the JSON.
has_row() {
    grep -q "^$1 .*([0-9.]* .. [0-9.]* of 1)" "$work/out" && grep -qF "\"name\": \"$1" "$work/peers.json"
}

refuses_options() {
    "$PEERS" --only nothing >"$work/out" 2>"$work/err"
    [ $? -eq 2 ] && grep -q "nothing" "$work/err"
}

check "bench-peers: both sides agree" agrees
for row in "cache" "cache, peer's portable Argon2d" "dataset" "rx/0 light, one at a time" "rx/0 light, batches of 8"; do
    check "bench-peers: row $row" has_row "$row"
done
check "bench-peers: bad option" refuses_options
finish
