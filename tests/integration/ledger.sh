#!/bin/sh
# Pools that are killed at a random moment: what a miner saw accepted is in the ledger.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../ledger_kill.sh"

command -v sqlite3 >/dev/null || {
    echo "ledger: sqlite3 is missing (tools/deps.sh check)" >&2
    exit 1
}
db=$work/pool.db

ask() { # SQL
    sqlite3 "$db" "$1"
}

# accepted RUN: a line "LOGIN JOB NONCE" for each share.
accepted() {
    ask "SELECT login || ' ' || job || ' ' || nonce FROM shares JOIN sessions USING (run, session)
        WHERE verdict = 'accepted' AND run = $1"
}

kept_in_run() { # RUN
    accepted "$1" | none_lost "round$1"
}

for round in 1 2 3 4 5; do
    check "round $round: the pool starts on that file" start_pool "$db"
    check "round $round: shares are accepted" start_workers "round$round"
    random_moment $round
    kill -9 "$pool"
    wait "$pool" 2>/dev/null
    wait "$workers"
    check "round $round: no accepted share is lost" kept_in_run "$round"
    check "round $round: the database is sound" test "$(ask 'PRAGMA integrity_check')" = ok
done
check "every start is a run" test "$(ask 'SELECT count(*) FROM runs')" -eq 5

start_pool "$db"
start_workers round6
kill -INT "$pool"
wait "$pool"
check "a pool that is stopped ends with code 130" test $? -eq 130
wait "$workers"
check "and loses nothing" kept_in_run 6
check "and writes its last words" test "$(ask 'SELECT event FROM events ORDER BY rowid DESC LIMIT 1')" = stop
check "sessions are closed" test "$(ask 'SELECT count(*) FROM sessions WHERE run = 6 AND closed_ns IS NULL')" -eq 0

# A real miner's shares, hashed.
"$POWLAB" pool -a cn/0 --listen 127.0.0.1:0 --port-file "$work/port2" --difficulty 1 --ledger "$db" \
    --duration 60s 2>"$work/pool.log" &
pool=$!
wait_for 20 test -s "$work/port2"
"$POWLAB" mine -o "127.0.0.1:$(cat "$work/port2")" -t 1 --duration 1s --json "$work/mine.json" 2>"$work/mine.log"
kill -9 "$pool"
wait "$pool" 2>/dev/null
seen=$(json_number "$work/mine.json" accepted)
check "a miner's shares are there" test "$seen" -ge 1 -a \
    "$(ask "SELECT count(DISTINCT job || nonce) FROM shares WHERE verdict = 'accepted' AND verified AND run = 7")" -ge "$seen"

sqlite3 "$work/other.db" 'PRAGMA user_version = 9; CREATE TABLE t (a)'
"$POWLAB" pool -a cn/0 --listen 127.0.0.1:0 --ledger "$work/other.db" --duration 1s 2>"$work/other.log"
check "another schema version is refused with code 2" test $? -eq 2
check "in one line that names it" grep -q 'schema version 9' "$work/other.log"

# full_disk FILE NAME: a pool whose files may not grow above 300 blocks.
full_disk() {
    rm -f "$work/port"
    (
        ulimit -f 300
        exec "$POWLAB" pool -a cn/0 --listen 127.0.0.1:0 --port-file "$work/port" --difficulty 1 --verify-sample 0 \
            --job-interval 100ms --ledger "$1" --duration 60s 2>"$work/small.log"
    ) &
    pool=$!
    wait_for 20 test -s "$work/port"
    start_workers "$2"
    wait "$pool"
    check "$2: a full disk ends the pool with code 3" test $? -eq 3
    check "$2: and one line that names the ledger" grep -q "cannot write to the ledger.*$1" "$work/small.log"
    wait "$workers"
}

full_disk "$work/small.db" small
db=$work/small.db
rows_are_kept() {
    accepted 1 | none_lost small
}
check "small: what was answered is there" rows_are_kept

# The same from lines of JSON.
lines_are_kept() {
    python3 - "$work/lines.jsonl" <<'EOF' | none_lost lines
import json, sys
logins = {}
for line in open(sys.argv[1]):
    record = json.loads(line)
    if record["event"] == "login":
        logins[record["session"]] = record["login"]
    elif record["event"] == "share" and record["verdict"] == "accepted":
        print(logins[record["session"]], record["job_id"], record["nonce"])
EOF
}
full_disk "$work/lines.jsonl" lines
check "lines: what was answered is there" lines_are_kept
check "lines: the last one is whole" test "$(tail -c 1 "$work/lines.jsonl" | od -An -c | tr -d ' ')" = '\n'

finish
