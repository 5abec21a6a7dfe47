#!/bin/sh
# Other people's programs at the other end of the line: XMRig at our pool over TCP and TLS, our client
# through xmrig-proxy at our pool, and our client's bytes beside XMRig's. Prints a table; exit 0 when
# nothing was wrong. docs/interop.md says how the programs are built and what the rows mean.
# All of it happens in a network namespace that has nothing but loopback.
usage="usage: XMRIG=FILE [XMRIG_PROXY=FILE] tools/interop.sh [--time SECONDS] [--algos 'A ...'] [--keep DIR] [mine|proxy|bytes ...]"
if [ -z "${INTEROP_INSIDE:-}" ]; then
    INTEROP_INSIDE=1 exec unshare -Urn sh -c 'ip link set lo up && exec "$@"' sh "$0" "$@"
fi
POWLAB=$(realpath "${POWLAB:-$(dirname "$0")/../build/powlab}")
relay=$(realpath "$(dirname "$0")/interop_relay.py")
. "$(dirname "$0")/../tests/lib.sh"

seconds=150 algos="rx/0 cn/0" keep="" parts=""
while [ $# -gt 0 ]; do
    case $1 in
    --time) seconds=${2:?$usage} ;;
    --algos) algos=${2:?$usage} ;;
    --keep) keep=$(realpath "${2:?$usage}") ;;
    mine | proxy | bytes) parts="$parts $1" ;;
    *)
        echo "$usage" >&2
        exit 2
        ;;
    esac
    case $1 in --*) shift ;; esac
    shift
done
[ -n "$parts" ] || parts="mine bytes ${XMRIG_PROXY:+proxy}"
XMRIG=$(realpath "${XMRIG:?$usage}")
cd "$work" || exit 3

# ---- both sides ----

cat >seeds.yaml <<'YAML'
name: a-seed-a-minute
faults:
  - kind: seed_change
    at: 1m
    repeat: 1m
YAML

cat >hang-up.yaml <<'YAML'
name: hang-up
faults:
  - kind: fin
    when: share
    nth: 3
YAML

# start_pool NAME ALGO [OPTIONS...]: $pool is its process; its files are NAME-pool.*.
start_pool() {
    pool_name=$1 pool_algo=$2
    shift 2
    rm -f port
    "$POWLAB" pool -a "$pool_algo" --listen 127.0.0.1:3333 --listen tls://127.0.0.1:3443 --tls-dir tls \
        --port-file port --job-interval 1s --duration 2h --ledger "$pool_name-pool.db" \
        --json "$pool_name-pool.json" "$@" 2>"$pool_name-pool.log" &
    pool=$!
    wait_for 60 test -s port || {
        cat "$pool_name-pool.log" >&2
        exit 1
    }
}

# With a block now and then, and a new seed each minute where there are seeds.
start_busy_pool() { # NAME ALGO OPTIONS...
    busy_name=$1 busy_algo=$2
    shift 2
    case $busy_algo in rx/*) set -- --faults seeds.yaml "$@" ;; esac
    start_pool "$busy_name" "$busy_algo" --network-difficulty 200 "$@"
}

stop() { # PROCESS...
    kill -INT "$@"
    wait "$@"
}

# xmrig NAME OPTIONS...: $miner is its process; its log is NAME.log.
xmrig() {
    log=$1.log
    shift
    "$XMRIG" --donate-level 0 -t 1 --randomx-mode light --no-color --retry-pause 1 --log-file "$log" "$@" \
        >/dev/null 2>&1 </dev/null &
    miner=$!
    wait_for 30 grep -q DONATE "$log"
    grep -Eq 'DONATE +0%' "$log" || {
        kill "$miner"
        echo "interop: $XMRIG gives a part of its work to others; build it with both levels of src/donate.h 0" >&2
        exit 2
    }
}

mine() { # NAME OPTIONS...
    mine_name=$1
    shift
    "$POWLAB" mine --randomx-mode light -t 1 --no-pin -R 1s --duration 2h --json "$mine_name.json" "$@" \
        >"$mine_name.out" 2>"$mine_name.log" </dev/null &
    miner=$!
}

query() { # NAME SQL
    sqlite3 -readonly "$1-pool.db" "$2"
}

# ---- shares ----

# Stale shares that were not: on arrival no newer block, fewer than eight newer jobs, the same seed.
not_stale="SELECT count(*) FROM (SELECT s.*, s.t_ns - 1000 * s.latency_us AS came, j.t_ns AS sent
        FROM shares s LEFT JOIN jobs j USING (session, job) WHERE s.verdict = 'stale') s WHERE
    NOT EXISTS (SELECT 1 FROM events e WHERE e.event = 'template' AND e.height > s.height AND e.t_ns <= s.came)
    AND (SELECT count(*) FROM jobs n WHERE n.session = s.session AND n.t_ns > s.sent AND n.t_ns <= s.came) < 8
    AND NOT EXISTS (SELECT 1 FROM events e WHERE e.event = 'fault' AND e.text = 'seed_change'
        AND e.t_ns > s.sent AND e.t_ns <= s.t_ns)"

head_of_shares() {
    printf '%-34s %5s %5s %5s %6s %8s %5s %8s   %s\n' "" s jobs seeds blocks accepted stale rejected \
        "of the client: accepted, rejected" >&3
}

# row_of_shares NAME LOGIN TEXT ACCEPTED REJECTED: what pool and client counted.
row_of_shares() {
    of_login="session IN (SELECT session FROM sessions WHERE login = '$2')"
    count() { query "$row_name" "SELECT count(*) FROM shares WHERE $of_login AND $1"; }
    row_name=$1
    accepted=$(count "verdict = 'accepted'")
    stale=$(count "verdict = 'stale'")
    bad=$(count "verdict NOT IN ('accepted', 'stale')")
    sessions=$(query "$1" "SELECT count(*) FROM sessions WHERE login = '$2'")
    printf '%-34s %5s %5s %5s %6s %8s %5s %8s   %s, %s\n' "$3" "$seconds" \
        "$(query "$1" "SELECT count(*) FROM jobs WHERE $of_login")" \
        "$(query "$1" "SELECT count(DISTINCT seed) FROM events WHERE event = 'template'")" \
        "$(query "$1" "SELECT count(*) FROM blocks WHERE accepted AND $of_login")" \
        "$accepted" "$stale" "$bad" "$4" "$5" >&3
    check "$3: shares are accepted" test "$accepted" -gt 0
    check "$3: none is rejected but stale ones" test "$bad" -eq 0
    check "$3: these are stale by the pool's clock" test "$(query "$1" "$not_stale AND $of_login")" -eq 0
    check "$3: one session all the time" test "$sessions" -eq 1
    # The answer to the last one may come too late for a client that ends.
    check "$3: both count the same accepted ones" test "$4" -le "$accepted" -a "$4" -ge $((accepted - 1))
    check "$3: and the same rejected ones" test "$5" -le $((stale + bad)) -a "$5" -ge $((stale + bad - 1))
}

# Of XMRig's log: its last "(accepted/rejected)".
xmrig_count() { # NAME accepted|rejected
    counts=$(grep -Eo '(accepted|rejected) \([0-9]+/[0-9]+\)' "$1.log" | tail -n 1 | tr -dc '0-9/')
    counts=${counts:-0/0}
    case $2 in
    accepted) echo "${counts%/*}" ;;
    *) echo "${counts#*/}" ;;
    esac
}

# XMRig twice at one pool, TCP and TLS.
part_mine() {
    head_of_shares
    for algo in $algos; do
        run=mine-$(echo "$algo" | tr -d /)
        start_busy_pool "$run" "$algo" --start-difficulty 10 --vardiff-target 2s
        xmrig "$run-tcp" -a "$algo" -o 127.0.0.1:3333 -u lab-tcp
        tcp=$miner
        xmrig "$run-tls" -a "$algo" -o stratum+ssl://127.0.0.1:3443 -u lab-tls
        sleep "$seconds"
        stop "$tcp" "$miner"
        stop "$pool"
        for how in tcp tls; do
            row_of_shares "$run" "lab-$how" "XMRig, $algo, $how" \
                "$(xmrig_count "$run-$how" accepted)" "$(xmrig_count "$run-$how" rejected)"
        done
        check "$algo: one session was TLS" test "$(json_number "$run-pool.json" tls_sessions)" -eq 1
    done
}

# Our client through xmrig-proxy, which takes TLS and plain text on one port. The difficulty
# stays: the proxy judges a share by the newest one, not by that of the share's job.
part_proxy() {
    proxy_program=$(realpath "${XMRIG_PROXY:?$usage}")
    head_of_shares
    for algo in $algos; do
        run=proxy-$(echo "$algo" | tr -d /)
        start_busy_pool "$run" "$algo" --difficulty 20
        "$proxy_program" --donate-level 0 --no-color --log-file "$run.log" -a "$algo" --bind 127.0.0.1:4444 \
            -o 127.0.0.1:3333 -u lab-proxy >/dev/null 2>&1 </dev/null &
        proxy=$!
        sleep 1
        mine "$run-tcp" -a "$algo" -o 127.0.0.1:4444 -u lab-tcp
        tcp=$miner
        mine "$run-tls" -a "$algo" -o stratum+ssl://127.0.0.1:4444 -u lab-tls
        sleep "$seconds"
        stop "$tcp" "$miner"
        sleep 1
        stop "$proxy"
        stop "$pool"
        both() { echo $(($(json_number "$run-tcp.json" "$1") + $(json_number "$run-tls.json" "$1"))); }
        # The proxy knows its last two jobs; shares for older ones never reach the pool.
        late=$(cat "$run-tcp.log" "$run-tls.log" | grep -c 'stale .*"Invalid job id"')
        row_of_shares "$run" lab-proxy "powlab at xmrig-proxy, $algo" "$(both accepted)" \
            $(($(both rejected) + $(both stale) - late))
        printf '  and %s stale by the proxy, which keeps two jobs\n' "$late" >&3
    done
}

# ---- bytes ----

# What a client said, without what differs by nature: agent, nonces and hashes, ids of sessions and
# jobs. Ids of requests become "next" or, where they don't follow on, stay. A login counts as one, too.
masked() { # FILE
    cut -f 2- "$1" | sed -E 's/"agent":"[^"]*"/"agent":AGENT/; s/"nonce":"[0-9a-f]{8}"/"nonce":NONCE/
        s/"(result|commitment)":"[0-9a-f]{64}"/"\1":HASH/g; s/"job_id":"[^"]*"/"job_id":JOB/
        s/("params":\{"id":)"[^"]*"/\1SESSION/' | awk '{
            match($0, /^\{"id":[0-9]+/)
            id = substr($0, 7, RLENGTH - 6) + 0
            login = ($0 ~ /"method":"login"/)
            counted++
            if (!login && id == counted) sub(/^\{"id":[0-9]+/, "{\"id\":next")
            if (!login) counted = id
            print
        }' | uniq
}

lines() { cut -f 2- "$1" | grep -c "\"method\":\"$2\""; }
heard() { # METHOD COUNT FILE...
    wanted=$1 times=$2
    shift 2
    for file in "$@"; do
        [ "$(lines "$file" "$wanted")" -ge "$times" ] || return 1
    done
}

# compare NAME TEXT ALGO WAIT-METHOD WAIT-COUNT SECONDS POOL-OPTIONS -- OPTIONS of both clients
compare() {
    run=bytes-$1 text=$2 algo=$3 method=$4 count=$5 patience=$6 options=""
    shift 6
    while [ "$1" != -- ]; do
        options="$options $1"
        shift
    done
    shift
    # shellcheck disable=SC2086 # options
    start_pool "$run" "$algo" --network-difficulty 1000000000000 --bad-shares-max 1000000 $options
    python3 "$relay" 3335 3333 "$run-xmrig.tsv" &
    theirs=$!
    python3 "$relay" 3336 3333 "$run-powlab.tsv" &
    ours=$!
    wait_for 10 test -f "$run-xmrig.tsv" -a -f "$run-powlab.tsv"
    sleep 0.3
    xmrig "$run-xmrig" -a "$algo" -o 127.0.0.1:3335 "$@"
    their_miner=$miner
    mine "$run-powlab" -a "$algo" --algo-list xmrig -o 127.0.0.1:3336 "$@"
    wait_for "$patience" heard "$method" "$count" "$run-xmrig.tsv" "$run-powlab.tsv"
    stop "$their_miner" "$miner"
    kill "$theirs" "$ours"
    stop "$pool"
    for side in xmrig powlab; do
        masked "$run-$side.tsv" >"$run-$side.all"
    done
    # One of them may have been stopped a little later.
    common=$(wc -l "$run-xmrig.all" "$run-powlab.all" | awk '$2 != "total" && (!n || $1 < n) {n = $1} END {print n}')
    for side in xmrig powlab; do
        head -n "$common" "$run-$side.all" >"$run-$side.txt"
    done
    if diff "$run-xmrig.txt" "$run-powlab.txt" >"$run.diff"; then same=identical; else same=DIFFERENT; fi
    printf '%-58s %-9s  lines: %s and %s\n' "$text" "$same" \
        "$(wc -l <"$run-xmrig.tsv")" "$(wc -l <"$run-powlab.tsv")" >&3
    check "$text: XMRig and powlab say the same" test "$same" = identical
    [ "$same" = identical ] || cat "$run.diff"
    check "$text: they said something" heard "$method" "$count" "$run-xmrig.tsv" "$run-powlab.tsv"
}

part_bytes() {
    printf '%-58s %-9s  %s\n' "our client's lines beside XMRig's, masked" "" "XMRig's and powlab's" >&3
    compare cn "login, submit (cn/0)" cn/0 submit 3 60 --difficulty 1 -- -u lab-bytes
    compare rx "rig id, password, characters to escape (rx/0)" rx/0 submit 2 60 --difficulty 1 -- \
        -u 'lab "q" \ /é' -p 'd=1;x' --rig-id rig-7
    compare rx2 "commitment (rx/2)" rx/2 submit 2 60 --difficulty 1 -- -u lab-bytes
    compare bare "a pool without extensions (cn/2)" cn/2 submit 3 60 --difficulty 1 \
        --personality monero-pool -- -u lab-bytes
    compare again "the pool hangs up twice (cn/0)" cn/0 login 3 60 --difficulty 1 --faults hang-up.yaml -- -u lab-bytes
    compare idle "keepalived (cn/0)" cn/0 keepalived 2 150 --difficulty 1000000000000 -- -u lab-bytes
    for side in xmrig powlab; do
        printf '  keepalived after the login, %-7s %s s\n' "$side:" "$(awk -F '\t' '
            /"method":"login"/ {login = $1}
            /"keepalived"/ {printf "%s%.1f", comma, $1 - login; comma = " and "}' "bytes-idle-$side.tsv")" >&3
    done
}

# The table is for people; of the checks, what failed is.
exec 3>&1 >"$work/checks"
for part in $parts; do
    "part_$part"
done
exec >&3
[ -z "$keep" ] || cp ./*.db ./*.json ./*.log ./*.tsv ./*.txt ./*.diff "$keep" 2>/dev/null
grep -v '^ok ' "$work/checks"
finish
