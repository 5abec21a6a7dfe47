#!/bin/sh
# A ledger in a PostgreSQL of the test's own, on a Unix socket: pools are killed, servers are
# killed, and what a worker saw accepted is there, once.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../ledger_kill.sh"
same=$(dirname "$0")/../ledger_same.py

bin=$(pg_config --bindir 2>/dev/null)
[ -x "$bin/initdb" ] || bin=$(dirname "$(find /usr/lib/postgresql -name initdb | sort | tail -n 1)")
[ -x "$bin/initdb" ] || {
    echo "ledger_postgres: PostgreSQL is missing (tools/deps.sh check)" >&2
    exit 1
}
# What a killed server leaves in shared memory is its successor's to remove, which ends by itself.
server=
end() {
    [ -z "$server" ] || kill -INT "$server" 2>/dev/null && wait "$server" 2>/dev/null
    cleanup
}
trap end EXIT
home=$work/postgres
mkdir "$home"
unprivileged=
if [ "$(id -u)" -eq 0 ]; then # PostgreSQL refuses root
    chmod 711 "$work"
    chown nobody:nogroup "$home"
    unprivileged="setpriv --reuid nobody --regid nogroup --clear-groups"
fi
url="postgresql://powlab@/postgres?host=$home"

ask() { # SQL
    "$bin/psql" -qAtX -F ' ' -h "$home" -U powlab -d postgres -c "$1"
}

launch() {
    # shellcheck disable=SC2086 # words
    $unprivileged "$bin/postgres" -D "$home/data" -k "$home" -c listen_addresses= -c shared_buffers=8MB \
        >>"$work/server.log" 2>&1 &
    server=$!
}

# The processes of a killed server need a moment to go: until then it can't be started again.
is_up() {
    kill -0 "$server" 2>/dev/null || launch
    ask 'SELECT 1' >/dev/null 2>&1
}

start_server() {
    launch
    wait_for 30 is_up
}

kill_server() {
    kill -9 "$server"
    wait "$server" 2>/dev/null
}

kept() { # NAME, which is how its workers' logins begin
    ask "SELECT login, job, nonce FROM powlab.shares JOIN powlab.sessions USING (run, session)
        WHERE verdict = 'accepted' AND login LIKE '$1-%'" | none_lost "$1"
}

# rows FILE SQL: as an array of objects, by the shell.
rows() {
    ask "SET search_path = powlab; SELECT coalesce(json_agg(t), '[]') FROM ($2) t" >"$work/$1"
}

# Workers see at least N more shares accepted.
goes_on() { # NAME N
    goal=$(($(wc -l <"$work/$1.seen") + $2))
    wait_for 30 has_lines "$work/$1.seen" "$goal"
}
has_lines() {
    [ "$(wc -l <"$1")" -ge "$2" ]
}

stop_pool() {
    kill -INT "$pool"
    wait "$pool"
    code=$?
    wait "$workers"
    [ "$code" -eq 130 ] || {
        cat "$work/pool.log"
        return 1
    }
}

# shellcheck disable=SC2086 # words
$unprivileged "$bin/initdb" -D "$home/data" -U powlab -A trust -E UTF8 --locale=C --no-sync >"$work/initdb.log" 2>&1 ||
    cat "$work/initdb.log"
check "a server starts" start_server

for round in 1 2 3; do
    check "round $round: the pool starts there" start_pool "$url"
    check "round $round: shares are accepted" start_workers "round$round"
    random_moment "$round"
    kill -9 "$pool"
    wait "$pool" 2>/dev/null
    wait "$workers"
    check "round $round: no accepted share is lost" kept "round$round"
done
check "every start is a run" test "$(ask 'SELECT count(*) FROM powlab.runs')" -eq 3

start_pool "$url"
start_workers cut
for round in 1 2 3; do
    random_moment "$round"
    ask "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'powlab'" >/dev/null
    check "connection $round is cut, the pool goes on" goes_on cut 20
done
check "the pool is stopped" stop_pool
check "nothing is lost by that, or twice" kept cut
check "and its last words are there" test "$(ask "SELECT text FROM powlab.events WHERE run = 4 AND event = 'stop'")" = interrupted

start_pool "$url"
start_workers crash
for round in 1 2; do
    random_moment "$round"
    kill_server
    check "server $round is killed and comes back" start_server
    check "server $round: the pool goes on" goes_on crash 20
done
check "the pool is stopped again" stop_pool
check "nothing is lost by that either, or twice" kept crash

# A server that stands still: shares wait for it, nothing else does. Forty sessions that get ten jobs a
# second are not enough to fill what waits; the swarm's are.
start_pool "$url" --max-connections 2000 --max-connections-per-host 2000 --max-handshakes-per-host 2000 \
    --web 127.0.0.1:0 --web-port-file "$work/web"
start_workers frozen
"$POWLAB" swarm -o "127.0.0.1:$(cat "$work/port")" --sessions 500 --duration 60s >"$work/swarm.txt" 2>&1 &
swarm=$!
wait_for 30 grep -q "logged in" "$work/swarm.txt"
jobs_sent() {
    curl -s -m 2 "http://127.0.0.1:$(cat "$work/web")/metrics" | sed -n 's/^powlab_pool_jobs_total \([0-9]*\)$/\1/p'
}
has_sent() { [ "$(jobs_sent)" -ge "$1" ]; }
backend=$(ask "SELECT pid FROM pg_stat_activity WHERE application_name = 'powlab'")
kill -STOP "$backend"
stopped_at=$(jobs_sent)
sleep 0.2 # what the server had said before is on its way
seen=$(wc -l <"$work/frozen.seen")
check "a server stands still: jobs are pushed, the web page answers" wait_for 30 has_sent $((stopped_at + 12000))
check "no share is accepted meanwhile" test "$(wc -l <"$work/frozen.seen")" -eq "$seen"
check "the pool says nothing of an end" test "$(grep -c 'gone\|ends' "$work/pool.log")" -eq 0
kill -CONT "$backend"
check "it goes on: so does the pool" goes_on frozen 20
kill -INT "$swarm"
wait "$swarm"
check "the pool is stopped once more" stop_pool
check "nothing is lost, or twice" kept frozen

start_pool "$url&connect_timeout=2"
start_workers gone
kill_server
wait "$pool"
check "a server that stays away ends the pool with code 6" test $? -eq 6
check "and one line that names the ledger" grep -q "^powlab pool: .*ledger \"postgresql:///postgres?host=$home\"" "$work/pool.log"
wait "$workers"
check "it comes back later" start_server
check "what was answered is there" kept gone

start_pool "$url"
start_workers refused
ask 'ALTER TABLE powlab.shares ADD CHECK (height < 0) NOT VALID'
wait "$pool"
check "a server that can't write ends the pool with code 3" test $? -eq 3
check "and one line that says why" grep -q 'cannot write to the ledger "postgresql:.*check constraint' "$work/pool.log"
wait "$workers"
check "what was answered before is there" kept refused

for pair in runs:run sessions:run,session jobs:run,t_ns shares:run,t_ns blocks:run,t_ns events:run,t_ns; do
    table=${pair%%:*}
    rows rows.json "SELECT * FROM $table ORDER BY ${pair#*:}"
    "$POWLAB" ledger export "$url" --format csv --table "$table" >"$work/table.csv"
    "$POWLAB" ledger export --format jsonl -t "$table" "$url" >"$work/table.jsonl"
    check "$table as the shell reads it" python3 "$same" table "$work/rows.json" "$work/table.csv" "$work/table.jsonl"
done
rows rows.json "SELECT shares.run AS run, login, verdict, shares.difficulty AS difficulty, verified, latency_us,
    (SELECT count(*) FROM runs) AS runs, (SELECT count(*) FROM sessions) AS sessions,
    (SELECT count(*) FROM jobs) AS jobs, (SELECT count(*) FROM blocks) AS blocks
    FROM shares JOIN sessions USING (run, session)"
"$POWLAB" ledger summary "$url" --json "$work/summary.json" >/dev/null
check "the summary adds up" python3 "$same" summary "$work/rows.json" "$work/summary.json"

check "a server outside the lab" refuses 8 "not a lab address" pool --listen 127.0.0.1:0 --ledger postgresql://8.8.8.8/x
check "a server by name" refuses 2 "numeric lab address" pool --listen 127.0.0.1:0 --ledger postgresql://u:secret@db.example/x
check "no server" refuses 6 "cannot connect to the ledger" ledger summary "postgresql:///x?host=$work"
check "no database" refuses 6 'database "x" does not exist' ledger summary "postgresql://powlab@/x?host=$home"
ask "COMMENT ON SCHEMA powlab IS 'powlab ledger 9'"
check "another version" refuses 2 "schema version 9" ledger summary "$url"
ask 'CREATE DATABASE fresh'
check "a database without a ledger" refuses 2 "no ledger in" ledger export "postgresql://powlab@/fresh?host=$home"
finish
