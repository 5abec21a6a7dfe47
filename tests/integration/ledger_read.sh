#!/bin/sh
# powlab ledger: what it exports and sums up is what the sqlite3 shell reads.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../ledger_kill.sh"
db=$work/pool.ledger.db
same=$(dirname "$0")/../ledger_same.py

# rows FILE SQL: as JSON, by the shell.
rows() {
    sqlite3 -json "$db" "$2" >"$work/$1"
}

# Two runs, one of made-up shares of workers with awkward names, one of a real miner that finds blocks.
start_pool "$db"
python3 "$(dirname "$0")/../ledger_worker.py" "127.0.0.1:$(cat "$work/port")" 'a,"b" ' 15 "$work/seen" &
workers=$!
wait_for 20 test -s "$work/seen"

# Its shares are as many as its own export of sessions and shares at one moment says.
while_writing() {
    "$POWLAB" ledger summary "$db" --json "$work/early.json" >/dev/null &&
        "$POWLAB" ledger export "$db" >"$work/early.csv" && [ "$(wc -l <"$work/early.csv")" -gt 1 ] &&
        kill -0 "$pool"
}
check "a ledger is read while the pool writes" while_writing
kill -9 "$pool"
wait "$workers"
"$POWLAB" pool -a cn/0 --listen 127.0.0.1:0 --port-file "$work/port2" --difficulty 2 --network-difficulty 2 \
    --ledger "$db" --duration 60s 2>"$work/pool.log" &
pool=$!
wait_for 20 test -s "$work/port2"
"$POWLAB" mine -o "127.0.0.1:$(cat "$work/port2")" -u miner -t 1 --duration 1s 2>"$work/mine.log" >/dev/null
kill -INT "$pool"
wait "$pool"
check "blocks were found" test "$(sqlite3 "$db" 'SELECT count(*) FROM blocks')" -ge 1

for pair in runs:run sessions:run,session jobs:run,t_ns shares:run,t_ns blocks:run,t_ns events:run,t_ns; do
    table=${pair%%:*}
    rows rows.json "SELECT * FROM $table ORDER BY ${pair#*:}"
    "$POWLAB" ledger export "$db" --format csv --table "$table" >"$work/table.csv"
    "$POWLAB" ledger export --format jsonl -t "$table" "$db" >"$work/table.jsonl"
    check "$table as the shell reads it" python3 "$same" table "$work/rows.json" "$work/table.csv" "$work/table.jsonl"
done
"$POWLAB" ledger export "$db" >"$work/table.csv"
"$POWLAB" ledger export "$db" --table shares >"$work/shares.csv"
check "shares, as CSV, unless told otherwise" cmp -s "$work/table.csv" "$work/shares.csv"

rows rows.json "SELECT shares.run AS run, login, verdict, shares.difficulty AS difficulty, verified, latency_us,
    (SELECT count(*) FROM runs) AS runs, (SELECT count(*) FROM sessions) AS sessions,
    (SELECT count(*) FROM jobs) AS jobs, (SELECT count(*) FROM blocks) AS blocks
    FROM shares JOIN sessions USING (run, session)"
"$POWLAB" ledger summary "$db" --json "$work/summary.json" >"$work/summary.txt"
check "the summary adds up" python3 "$same" summary "$work/rows.json" "$work/summary.json"
cat "$work/summary.txt"
check "a table for people" grep -q '^miner .*powlab' "$work/summary.txt"
json_only() {
    "$POWLAB" ledger summary "$db" --json - | python3 -m json.tool >/dev/null
}
check "--json - is JSON only" json_only
check "nothing was changed" test "$(sqlite3 "$db" 'SELECT count(*) FROM runs')" -eq 2

echo "no database at all, but long enough to be one: $(seq 1 300)" >"$work/text"
check "a verb is needed" refuses 2 "unknown \"ledger exprot\"; did you mean ledger export" ledger exprot "$db"
check "a ledger is needed" refuses 2 "export which ledger" ledger export
check "one that is there" refuses 3 "No such file" ledger summary "$work/none.db"
check "and none is made" test ! -e "$work/none.db"
check "a text is no ledger" refuses 2 "not a database" ledger export "$work/text"
check "a table that doesn't exist" refuses 2 "runs, sessions, jobs, shares, blocks, events" ledger export "$db" -t logins
check "a format that doesn't exist" refuses 2 "csv, jsonl" ledger export "$db" --format xml
full_stdout() {
    "$POWLAB" ledger export "$db" >/dev/full 2>"$work/err"
    [ $? -eq 3 ] && grep -q "cannot write" "$work/err"
}
check "a full disk behind stdout" full_stdout
finish
