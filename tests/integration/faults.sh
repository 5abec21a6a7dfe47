#!/bin/sh
# A miner at a pool that has a bad day, and what the pool's ledger says of it.
. "$(dirname "$0")/../lib.sh"

printf 'faults:\n  - {kind: stal, when: job}\n' >"$work/typo.yaml"
check "a script's error has a place" refuses 2 "typo.yaml:2:6: faults[0].kind:" \
    pool --faults "$work/typo.yaml"
printf 'faults:\n  - {kind: reconnect_notice, when: job, host: 8.8.8.8}\n' >"$work/out.yaml"
check "a redirection out of the lab is refused" refuses 8 "8.8.8.8" pool --faults "$work/out.yaml"
check "a fault that doesn't suit is refused" refuses 2 "tls://" pool --listen 127.0.0.1:0 \
    --faults configs/faults/tls_cert_change.yaml

cat >"$work/script.yaml" <<'SCRIPT'
seed: 3
faults:
  - {kind: refuse_login, times: 1}
  - {kind: garbage, when: share, nth: 3, per: pool, bytes: 40}
  - {kind: rst, when: share, nth: 6, per: pool}
  - {kind: half_line, when: answer, nth: 12, per: pool, for: 300ms}
  - {kind: drop_answers, nth: 14, per: pool}
SCRIPT
"$POWLAB" pool -a cn/0 --listen 127.0.0.1:0 --port-file "$work/port" --difficulty 2 \
    --faults "$work/script.yaml" --ledger "$work/ledger.jsonl" --duration 60s \
    --json "$work/pool.json" 2>"$work/pool.log" &
pool=$!
wait_for 20 test -s "$work/port"
"$POWLAB" mine -o "127.0.0.1:$(cat "$work/port")" -u lab-victim -t 1 --retry-pause 100ms \
    --duration 60s 2>"$work/mine.log" &
mine=$!
of_kind() {
    grep '"event":"fault"' "$work/ledger.jsonl" | grep -c "\"text\":\"$1\""
}
all_happened() {
    [ "$(of_kind drop_answers)" -eq 1 ] &&
        [ "$(grep -c '"verdict":"accepted"' "$work/ledger.jsonl")" -ge 20 ]
}
check "the miner survives and goes on" wait_for 40 all_happened
for kind in refuse_login garbage rst half_line; do
    check "the ledger tells $kind, once" test "$(of_kind $kind)" -eq 1
done
check "each with its session" test "$(grep '"event":"fault"' "$work/ledger.jsonl" |
    grep -c '"session":')" -eq 5
kill -INT $mine
wait $mine
kill -INT $pool
wait $pool
check "the result counts them" test "$(json_number "$work/pool.json" faults)" -eq 5
check "no share was lost for it" test "$(json_number "$work/pool.json" rejected)" -eq 0
finish
