#!/bin/sh
# The pool's web server and the miner's HTTP API around real processes: each endpoint, header and
# hostile request with curl; documents against their schema; the page in a browser.
# shellcheck disable=SC2016 # inner shells expand their own words
. "$(dirname "$0")/../lib.sh"
eyes="/usr/bin/python3 $(dirname "$0")/web_check.py"
schema=$(dirname "$0")/../../configs/schema/api.schema.json

"$POWLAB" pool -a cn/1 --listen 127.0.0.1:0 --port-file "$work/port" --web 127.0.0.1:0 \
    --web-port-file "$work/webport" --difficulty 3 --network-difficulty 60 --duration 5m 2>"$work/pool.log" &
pool=$!
wait_for 20 test -s "$work/port" || cat "$work/pool.log"
base=http://127.0.0.1:$(cat "$work/webport")
"$POWLAB" mine -o "127.0.0.1:$(cat "$work/port")" -t 1 --duration 5m -u '<b>rig</b>' --rig-id shelf \
    --http-port 0 --http-port-file "$work/apiport" --http-token s3cret >"$work/mine.out" 2>"$work/mine.log" &
miner=$!
wait_for 20 test -s "$work/apiport" || cat "$work/mine.log"
api=http://127.0.0.1:$(cat "$work/apiport")

fetch() { # path: the body in $work/body, the head in $work/head
    curl -sS --max-time 10 -D "$work/head" -o "$work/body" "$@"
}
# status CODE CURL-ARGS...: the status, and an error's JSON has it too
status() {
    want=$1
    shift
    got=$(curl -sS --max-time 20 -o "$work/body" -w '%{http_code}' "$@" 2>"$work/err")
    [ "$got" = "$want" ] && { [ "$want" = 200 ] || grep -q "\"status\":$want" "$work/body"; } || {
        echo "  curl $*: $got instead of $want, $(head -c 200 "$work/body")"
        return 1
    }
}
body_has() {
    grep -qF -- "$1" "$work/body"
}
head_has() {
    tr -d '\r' <"$work/head" | grep -qixE -- "$1"
}
accepted_some() {
    fetch "$base/api/v1/summary" && ! body_has '"accepted":0,'
}
wait_for 30 accepted_some

# ---- the pool's endpoints ----
for list in summary workers jobs shares chain history; do
    check "/api/v1/$list" status 200 "$base/api/v1/$list"
    cp "$work/body" "$work/$list.json"
done
curl -sS --max-time 3 -N "$base/api/v1/events" 2>/dev/null | sed -n 's/^data: //p' >"$work/events"
check "/api/v1/events streams" test "$(wc -l <"$work/events")" -ge 2
head -n 1 "$work/events" >"$work/snapshot.json"
# shellcheck disable=SC2086 # a command and its argument
check "documents follow their schema" $eyes schema "$schema" "$work/summary.json" "$work/workers.json" \
    "$work/jobs.json" "$work/shares.json" "$work/chain.json" "$work/history.json" "$work/snapshot.json"
check "a miner's words are data" grep -qF '"login":"<b>rig</b>"' "$work/workers.json"
check "/healthz" status 200 "$base/healthz"
check "says ok" body_has '{"status":"ok"}'
fetch "$base/metrics"
check "/metrics has its type" head_has 'content-type: application/openmetrics-text; version=1.0.0; charset=utf-8'
# shellcheck disable=SC2086
check "/metrics for a strict parser" $eyes openmetrics "$work/body"
curl -sS "$base/api/v1/summary?x=1" -o "$work/body"
check "a query doesn't matter" body_has powlab-api-summary/1

# ---- headers ----
for path in / /app.js /api/v1/summary /metrics /nothing; do
    fetch "$base$path"
    check "$path: policy" head_has "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; .*"
    check "$path: no sniffing" head_has 'x-content-type-options: nosniff'
    check "$path: no frames" head_has 'x-frame-options: DENY'
    check "$path: no referrer" head_has 'referrer-policy: no-referrer'
    check "$path: for nobody else" sh -c '! grep -qi access-control "$1"' sh "$work/head"
done
check "the page has no inline script or style" sh -c '! curl -sS "$1" | grep -qE "<style|style=|<script>| on[a-z]+="' sh "$base/"
check "HEAD" sh -c 'curl -sSI "$1" | grep -q "^HTTP/1.1 200"' sh "$base/"

# ---- hostile requests, at both servers ----
big=$(head -c 9000 /dev/zero | tr '\0' a)
head -c 65536 /dev/zero | tr '\0' '[' >"$work/nested"
for server in "$base" "$api"; do
    check "another host" status 421 -H 'Host: evil.example' "$server/"
    check "a name that begins well" status 421 -H 'Host: localhost.evil.example' "$server/"
    check "no host" status 400 -H 'Host:' "$server/"
    check "a long request line" status 414 "$server/$big"
    check "a long header" status 431 -H "A: $big" "$server/"
    # shellcheck disable=SC2086
    check "huge heads, other protocols, too many connections" $eyes raw "$server"
    check "a negative length" status 400 -X POST -H 'Content-Length: -1' "$server/"
    check "a huge length" status 413 -X POST -H 'Content-Length: 99999999999' "$server/"
    check "two lengths" status 400 -X POST -H 'Content-Length: 3' -H 'Transfer-Encoding: chunked' "$server/"
    check "GET with a body" status 400 -X GET --data-binary '[]' "$server/"
    check "two tokens" status 400 -H 'Authorization: Bearer a' -H 'authorization: Bearer s3cret' "$server/"
done
for path in /../etc/passwd /..%2f..%2fetc/passwd /%00 //app.js /app.js%00 /./app.js /API/v1/summary; do
    check "$path" status 404 --path-as-is "$base$path"
done
for method in TRACE DELETE PUT PATCH BREW; do
    check "$method" status 405 -X "$method" "$base/api/v1/summary"
done
check "POST with a nested body" status 405 --data-binary "@$work/nested" "$base/api/v1/summary"
check "OPTIONS" status 200 -X OPTIONS "$base/"

check "and then it serves again" status 200 "$base/healthz"

# ---- the miner's API ----
check "no token" status 401 "$api/2/summary"
check "a wrong token" status 403 -H 'Authorization: Bearer s3cre' "$api/2/summary"
check "a long token" status 403 -H "Authorization: Bearer $(echo "$big" | head -c 7000)" "$api/2/summary"
check "another scheme" status 403 -H 'Authorization: Basic s3cret' "$api/2/summary"
token='Authorization: Bearer s3cret'
for path in /1/summary /2/summary /api.json /2/backends; do
    check "$path" status 200 -H "$token" "$api$path"
done
check "/1/config" status 403 -H "$token" "$api/1/config"
check "PUT /2/config" status 403 -H "$token" -X PUT --data '{}' "$api/2/config"
check "POST /json_rpc" status 403 -H "$token" --data '{"method":"stop","id":1}' "$api/json_rpc"
check "/1/threads" status 404 -H "$token" "$api/1/threads"
check "TRACE" status 405 -H "$token" -X TRACE "$api/2/summary"
fetch -H "$token" "$api/2/summary"
check "for nobody else" sh -c '! grep -qi access-control "$1"' sh "$work/head"
keys() {
    sed -n 's/^    "\([a-z_]*\)":.*/\1/p' "$work/body" | tr '\n' ' '
}
check "keys in XMRig's order" test "$(keys)" = "id worker_id uptime restricted resources features results algo \
connection version kind ua cpu donate_level paused algorithms hashrate hugepages "
check "and its values" sh -c 'grep -q "\"worker_id\": \"shelf\"" "$1" && grep -q "\"restricted\": true" "$1" &&
    grep -q "\"kind\": \"miner\"" "$1" && grep -q "\"algo\": \"cn/1\"" "$1"' sh "$work/body"
api_accepted() {
    fetch -H "$token" "$api/2/summary" && ! grep -q '"accepted": 0,' "$work/body"
}
check "it counts" wait_for 20 api_accepted

check "a token alone" refuses 2 "need --http-port" mine -o 127.0.0.1:1 --http-token x
check "an empty token" refuses 2 "--http-token" mine -o 127.0.0.1:1 --http-port 0 --http-token ''
check "a web page for everybody" refuses 8 "not a lab address" pool --listen 127.0.0.1:0 --web 0.0.0.0:0
check "a bad web address" refuses 2 "for the web page" pool --listen 127.0.0.1:0 --web here
check "a port file for nothing" refuses 2 "--web-port-file needs --web" pool --web-port-file x

# ---- the page ----
# shellcheck disable=SC2086
check "the page in Chromium" $eyes page "$base/"

# ---- the end ----
curl -sS -N --max-time 20 "$base/api/v1/events" >"$work/watcher" 2>/dev/null &
watcher=$!
wait_for 10 test -s "$work/watcher"
kill -INT "$miner" "$pool"
wait "$miner"
check "the miner stops with its API" test $? -eq 130
wait "$pool"
check "the pool stops with a watcher" test $? -eq 130
wait "$watcher"
check "who sees the end" test $? -ne 28
finish
