#!/bin/sh
# Two miners at our proxy at our pool: many workers, one session, and numbers that add up.
. "$(dirname "$0")/../lib.sh"

check "options of a proxy need one" refuses 2 "need --upstream" pool --upstream-trust
check "a daemon excludes it" refuses 2 "exclude each other" pool --upstream 127.0.0.1:1 \
    --daemon http://127.0.0.1:1
check "it stays in the lab" refuses 8 "8.8.8.8" pool --listen 127.0.0.1:0 --upstream 8.8.8.8:3333

"$POWLAB" pool -a cn/0 --listen 127.0.0.1:0 --port-file "$work/port" --difficulty 20 \
    --duration 60s --json "$work/pool.json" 2>"$work/pool.log" &
pool=$!
wait_for 20 test -s "$work/port"
"$POWLAB" pool -a cn/0 --listen 127.0.0.1:0 --port-file "$work/port2" --difficulty 2 \
    --upstream "stratum+tcp://127.0.0.1:$(cat "$work/port")" --upstream-user lab-farm \
    --duration 60s --json "$work/proxy.json" 2>"$work/proxy.log" &
proxy=$!
check "the proxy opens when there is work" wait_for 20 test -s "$work/port2"
for worker in 1 2; do
    "$POWLAB" mine -o "127.0.0.1:$(cat "$work/port2")" -u "lab-worker$worker" -t 1 --duration 60s \
        --json "$work/mine$worker.json" 2>"$work/mine$worker.log" &
    eval "mine$worker=$!"
done

enough() {
    grep -c 'accepted (' "$work/mine1.log" "$work/mine2.log" | awk -F: '{n += $2} END {exit n < 40}' &&
        grep -q 'accepted (' "$work/mine1.log" && grep -q 'accepted (' "$work/mine2.log"
}
check "shares of both workers are accepted" wait_for 40 enough
# shellcheck disable=SC2154 # set by eval
for process in $mine1 $mine2; do
    kill -INT "$process"
    wait "$process"
done
sleep 0.5 # what is on its way arrives
kill -INT $proxy
wait $proxy
kill -INT $pool
wait $pool

nested() { # KEY: of the proxy's "upstream"
    sed -n '/"upstream": {/,/}/s/.*"'"$1"'": \([0-9]*\),*/\1/p' "$work/proxy.json"
}
of_both() { # KEY
    echo $(($(json_number "$work/mine1.json" "$1") + $(json_number "$work/mine2.json" "$1")))
}
of_miners=$(of_both accepted)
unanswered=$(of_both unanswered)
of_proxy=$(json_number "$work/proxy.json" accepted)
of_pool=$(json_number "$work/pool.json" accepted)
echo "     accepted: miners $of_miners (unanswered $unanswered), proxy $of_proxy, of these handed in $(nested forwarded), pool $of_pool"
check "no share is rejected by the proxy" test "$(json_number "$work/proxy.json" rejected)" -eq 0
check "nor by the pool" test "$(json_number "$work/pool.json" rejected)" -eq 0
# A miner that ends may miss the answers to its last shares.
check "the proxy accepted what its miners count" \
    test "$of_proxy" -ge "$of_miners" -a "$of_proxy" -le $((of_miners + unanswered))
check "the pool accepted what the proxy handed in" test "$of_pool" -eq "$(nested accepted)"
check "and that is a part of it" test "$of_pool" -gt 0 -a "$of_pool" -lt "$of_proxy"
check "there was one session with the pool" test "$(json_number "$work/pool.json" sessions)" -eq 1
check "and two with the proxy" test "$(json_number "$work/proxy.json" sessions)" -eq 2
finish
