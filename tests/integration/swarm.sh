#!/bin/sh
# Many light sessions at a pool; what both count is the same.
. "$(dirname "$0")/../lib.sh"

"$POWLAB" swarm --help >"$work/help"
check "help says how to set the pool up" grep -q -- --verify-sample "$work/help"
check "a pool is needed" refuses 2 "-o HOST:PORT" swarm
check "no sessions need churn" refuses 2 "--churn" swarm -o 127.0.0.1:1 --sessions 0
check "it stays in the lab" refuses 8 "8.8.8.8" swarm -o 8.8.8.8:3333
check "a pool believes only its own miners" refuses 2 "exclude each other" pool \
    --listen 127.0.0.1:0 --verify-sample 5 --upstream 127.0.0.1:1

"$POWLAB" pool -a cn/0 --listen 127.0.0.1:0 --port-file "$work/port" --difficulty 1 \
    --verify-sample 0 --job-interval 500ms --bad-shares-max 1000000 --ledger "$work/ledger" \
    --duration 60s --json "$work/pool.json" 2>"$work/pool.log" &
pool=$!
wait_for 20 test -s "$work/port"
address="127.0.0.1:$(cat "$work/port")"
"$POWLAB" swarm -q -o "$address" --sessions 300 --rate 500 --duration 2s --churn 100 \
    --json "$work/swarm.json" >"$work/swarm.txt"
check "sessions come, work and go" test $? -eq 0
kill -INT $pool
wait $pool
cat "$work/swarm.txt"

of_swarm() { json_number "$work/swarm.json" "$1"; }
of_pool() { json_number "$work/pool.json" "$1"; }
check "the pool says that it doesn't hash" grep -q "only 0 % of the shares" "$work/pool.log"
check "all are logged in" test "$(of_swarm logged_in)" -eq 300
check "none is lost" test "$(of_swarm lost)" -eq 0
check "the churn is over, half of it logged in" \
    test "$(of_swarm churned)" -eq 100 -a "$(of_swarm churn_logins)" -eq 50
check "the pool saw as many logins" test "$(of_pool sessions)" -eq 350
check "work reached every session" test "$(of_swarm pushes)" -ge 1
check "shares were handed in" test "$(of_swarm submits)" -gt 0
check "each is accepted, rejected or unanswered" test "$(of_swarm submits)" -eq \
    $(($(of_swarm accepted) + $(of_swarm rejected) + $(of_swarm unanswered)))
check "the pool accepted as many" test "$(of_pool accepted)" -eq "$(of_swarm accepted)"
check "and hashed none of them" test "$(of_pool unverified)" -eq "$(of_pool accepted)"
check "which the ledger says of each" test \
    "$(grep -c '"verdict":"accepted".*"verified":false' "$work/ledger")" -eq "$(of_pool accepted)"
check "a pool that is gone is code 6" refuses 6 "connection refused" swarm -q -o "$address" \
    --sessions 3 --json "$work/none.json"
finish
