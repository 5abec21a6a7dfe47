#!/bin/sh
# Load on the pool: how many sessions, submits, hashes and connections it stands, with `powlab swarm`
# as the other side, on loopback. Prints a table; docs/load.md says what its rows mean.
# Times are told, never judged; what is judged is that nothing got lost.
usage="usage: tools/load.sh [--short] [--json FILE] [sessions|tls|submits|verify|churn ...]"
POWLAB=${POWLAB:-$(dirname "$0")/../build/powlab}
. "$(dirname "$0")/../tests/lib.sh"

sessions=10000 hold=20 interval=2s load=5s brief=3s patience=10m rounds="1 2 3" algos="rx/0 cn/0"
steady="50 80 90" random="50 80"
churn="100000 400000 500000" tls_churn="5000 10000 10000"
json="" parts=""
while [ $# -gt 0 ]; do
    case $1 in
    --short)
        sessions=200 hold=1.5 interval=1s load=500ms brief=300ms patience=5m rounds=1 algos=cn/0
        steady=80 random=80
        churn="500 500 1000" tls_churn="50 50"
        ;;
    --json)
        json=${2:?$usage}
        shift
        ;;
    sessions | tls | submits | verify | churn) parts="$parts $1" ;;
    *)
        echo "$usage" >&2
        exit 2
        ;;
    esac
    shift
done
[ -n "$parts" ] || parts="sessions tls submits verify churn"

# ---- the table ----

# row NAME VALUE UNIT GOAL TEXT: GOAL is "< N", ">= N" or nothing.
row() {
    reached=$(awk -v value="$2" -v goal="$4" 'BEGIN {
        split(goal, word, " ")
        if (goal == "") print "null"
        else if (word[1] == "<") print (value + 0 < word[2] + 0) ? "true" : "false"
        else print (value + 0 >= word[2] + 0) ? "true" : "false"
    }')
    case $reached in
    true) told="$4 $3: reached" ;;
    false) told="$4 $3: MISSED" ;;
    *) told="" ;;
    esac
    printf '%-70s %8s %-6s %s\n' "$5" "$2" "$3" "$told" | sed 's/ *$//' >&3
    printf '%s    {"name": "%s", "value": %s, "unit": "%s", "goal": "%s", "reached": %s,\n     "what": "%s"}' \
        "$comma" "$1" "$2" "$3" "$4" "$reached" "$5" >>"$work/rows"
    comma=",
"
}
comma=""

write_json() {
    {
        printf '{\n  "schema": "powlab-load/1",\n  "version": "%s",\n' "$("$POWLAB" version | head -n 1)"
        printf '  "cpu": "%s",\n  "cpus": %s,\n' \
            "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)"
        printf '  "passed": %s,\n  "failed": %s,\n  "rows": [\n' "$passed" "$failed"
        cat "$work/rows"
        printf '\n  ]\n}\n'
    } >"$1"
}

# ---- both sides ----

# start_pool ALGO [OPTIONS...]: $pool is its process, $url where it listens, by $scheme.
scheme=tcp
start_pool() {
    algo=$1
    shift
    rm -f "$work/port"
    "$POWLAB" pool -q -a "$algo" --listen "$scheme://127.0.0.1:0" --port-file "$work/port" --difficulty 1 \
        --network-difficulty 1000000000000 --max-connections 19000 --max-connections-per-host 19000 \
        --max-handshakes-per-host 19000 --handshake-deadline 10m --login-deadline 10m --tls-dir "$work/tls" \
        --bad-shares-max 1000000 --duration 1h --json "$work/pool.json" "$@" 2>"$work/pool.log" &
    pool=$!
    wait_for 120 test -s "$work/port" || {
        cat "$work/pool.log"
        exit 1
    }
    url=$scheme://127.0.0.1:$(cat "$work/port")
}

stop_pool() {
    kill -INT "$pool"
    wait "$pool"
    check "$1: the pool ends in order" test $? -eq 130
}

# start_swarm OPTIONS...: load on the pool; the result in $work/swarm.json.
start_swarm() {
    "$POWLAB" swarm -o "$url" --patience "$patience" --json "$work/swarm.json" "$@" >"$work/swarm.txt" 2>&1 &
    swarm=$!
}

end_swarm() { # NAME
    who=$1
    wait "$swarm"
    status=$?
    [ "$status" -eq 0 ] || cat "$work/swarm.txt"
    check "$who: all came, nobody was lost" test "$status" -eq 0
}

swarm() { # NAME OPTIONS...
    who=$1
    shift
    start_swarm "$@"
    end_swarm "$who"
}

of_swarm() { json_number "$work/swarm.json" "$1"; }
of_pool() { json_number "$work/pool.json" "$1"; }
# Memory of the pool in KiB.
rss() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pool/status"; }
calc() { awk "BEGIN {printf \"%.$1f\", $2}"; }
ms() { calc 1 "1000 * $(of_swarm "$1")"; }

# Processor time of the pool so far, in ms.
cpu() { awk -v tick="$(getconf CLK_TCK)" '{print ($14 + $15) * 1000 / tick}' "/proc/$pool/stat"; }

# Each submit has one answer.
check_answers() {
    check "$1: every submit is answered once" test "$(of_swarm submits)" -eq \
        $(($(of_swarm accepted) + $(of_swarm rejected)))
    check "$1: no answer without a submit" test "$(of_swarm errors)" -eq 0
}

# ---- the parts ----

# Many sessions that get work and keep silent.
# shellcheck disable=SC2086 # options
silent() { # NAME WORDS OPTIONS-OF-POOL
    start_pool cn/0 --job-interval $interval $3
    before=$(rss)
    start_swarm --sessions "$sessions" --connect-rate 20000 --duration "$(calc 0 "1000 * $hold")ms"
    wait_for 600 grep -q "sessions logged in" "$work/swarm.txt"
    sleep "$(calc 1 "$hold * 0.8")"
    with=$(rss)
    end_swarm "$1"
    stop_pool "$1"
    check "$1: all are logged in" test "$(of_swarm logged_in)" -eq "$sessions"
    check "$1: the pool saw as many" test "$(of_pool sessions)" -eq "$sessions"
    check "$1: work was pushed" test "$(of_swarm pushes)" -ge 1
    # The last one may be on its way when the swarm leaves.
    check "$1: all work reached all of them" test "$(of_swarm pushes_part)" -le 1
    lost=$(($(of_pool jobs) - sessions - $(of_swarm jobs)))
    check "$1: no job got lost on the way" test $lost -ge 0 -a $lost -le "$sessions"
    row "$1_logins_s" "$(calc 2 "$(of_swarm logins_s)")" s "" "$sessions sessions connect and log in$2"
    row "$1_push_typical_s" "$(calc 3 "$(of_swarm push_typical_s)")" s "< 2" \
        "work from the first to the last, mean of $(of_swarm pushes) pushes"
    row "$1_push_worst_s" "$(calc 3 "$(of_swarm push_spread_s)")" s "< 2" "the same, slowest push"
}

memory() { # NAME GOAL
    row "$1_session_kib" "$(calc 2 "($with - $before) / $sessions")" KiB "$2" "memory of the pool per idle session"
}

# When the pool recorded the work that a session first had at FIRST, which it does before it sends; empty
# without the program that tells.
pushed_at() { # FIRST
    command -v sqlite3 >/dev/null && sqlite3 -readonly "$work/sessions.db" \
        "SELECT max(t_ns) FROM events WHERE event = 'template' AND t_ns <= $1"
}

part_sessions() {
    silent sessions "" ""
    memory sessions "< 16"
    silent recorded ", with a SQLite ledger" "--ledger $work/sessions.db"
    began=$(pushed_at "$(of_swarm push_first_ns)")
    [ -z "$began" ] || row recorded_push_s "$(calc 3 "($(of_swarm push_last_ns) - $began) / 1e9")" s "< 2" \
        "the slowest from the pool's record of it to the last session"
}

part_tls() {
    scheme=tls
    silent tls ", TLS" ""
    memory tls ""
    scheme=tcp
}

# Shares that nobody hashes; of several rounds the best.
# shellcheck disable=SC2086 # options
submits() { # NAME TEXT GOAL OPTIONS-OF-POOL
    start_pool cn/0 --verify-sample 0 --job-interval 30s $4
    best=0 sent=0 before=$(cpu)
    for _ in $rounds; do
        swarm "$1" --sessions 1000 --connect-rate 20000 --rate 1000000 --duration "$load"
        check_answers "$1"
        sent=$((sent + $(of_swarm accepted)))
        rate=$(calc 0 "$(of_swarm submits_per_s)")
        [ "$rate" -lt "$best" ] || best=$rate p99=$(ms answer_p99_s)
    done
    spent=$(calc 0 "$(cpu) - $before")
    stop_pool "$1"
    check "$1: the pool accepted as many" test "$(of_pool accepted)" -eq "$sent"
    row "$1_per_s" "$best" /s "$3" "$2"
    row "$1_p99_ms" "$p99" ms "" "answers meanwhile, p99"
    row "$1_cpu_us" "$(calc 1 "1000 * $spent / ($sent > 0 ? $sent : 1)")" us "" "processor time of the pool per submit"
}

part_submits() {
    submits submits "submits that nobody hashes" ">= 20000" ""
    submits ledger "the same with a SQLite ledger, answered when on the disk" "" "--ledger $work/load.db"
}

# As many shares under way as are hashed at a time: $most a second is the full rate, now.
full() {
    swarm "$kind" --sessions $((threads * at_once)) --rate 100000 --duration "$brief"
    check_answers "$kind"
    most=$(calc 0 "$(of_swarm submits_per_s)")
    [ "$most" -lt "$top" ] || top=$most
    echo "$(ms answer_p99_s) $most yes" >>"$work/answers.100"
}

# Part of the rate that was there just before. It counts when nine tenths of that are there after it, too:
# above the rate a queue grows, up to a share of each session, and that is another measurement.
# shellcheck disable=SC2086 # options
loaded() { # NAME PERCENT OPTIONS-OF-SWARM
    before=$most rate=$((most * $2 / 100))
    swarm "$kind" --sessions 64 --rate $rate --duration "$load" $3
    check_answers "$kind at $2 %"
    p99=$(ms answer_p99_s)
    full
    counts=no
    [ $((10 * most)) -lt $((9 * before)) ] || counts=yes
    echo "$p99 $rate $counts" >>"$work/answers.$1"
}

# told NAME WORDS: a row of the rounds' answers, the best of those that count and the worst.
told() {
    sort -n "$work/answers.$1" >"$work/all"
    grep yes "$work/all" >"$work/counted" || cp "$work/all" "$work/counted"
    read -r p99 rate _ <"$work/counted"
    worst=$(tail -n 1 "$work/counted" | cut -d ' ' -f 1)
    row "${kind}_${1}_p99_ms" "$p99" ms "< 100" \
        "p99 at $2, $rate/s (worst of $(grep -c yes "$work/all") of $(grep -c . "$work/all") rounds: $worst)"
}

# Every share is hashed: as many as can be, then parts of that, evenly and at random moments.
verified() { # ALGO THREADS HASHED-AT-A-TIME STEADY RANDOM
    kind=$(echo "$1" | tr -d /)_$2 threads=$2 at_once=$3 top=0
    start_pool "$1" --verify-threads "$2"
    case $1 in rx/*) swarm "$kind" --sessions 1 --rate 1 --duration 3s ;; esac # makes the cache
    rm -f "$work"/answers.*
    for _ in $rounds; do
        full
        for percent in $4; do loaded "$percent" "$percent" ""; done
        for percent in $5; do loaded "random_$percent" "$percent" --at-random; done
    done
    stop_pool "$kind"
    check "$kind: none was believed" test "$(of_pool unverified)" -eq 0
    row "${kind}_per_s" "$top" /s "" "$1: shares when each is hashed, $2 thread(s)"
    told 100 "100 %, $((threads * at_once)) under way"
    for percent in $4; do told "$percent" "$percent %"; done
    for percent in $5; do told "random_$percent" "$percent % at random moments"; done
}

# With a processor left for the swarm, and with none.
part_verify() {
    most_threads=$(nproc)
    for algo in $algos; do
        case $algo in
        rx/*) lanes=4 ;;
        *) lanes=1 ;;
        esac
        [ "$most_threads" -eq 1 ] || verified "$algo" $((most_threads - 1)) "$lanes" "$steady" "$random"
        verified "$algo" "$most_threads" "$lanes" 80 ""
    done
}

# Connections come, log in or not, and are reset.
churned() { # NAME WORDS COUNTS...
    who=$1 words=$2
    shift 2
    start_pool cn/0
    total=0
    first=0
    for count in "$@"; do
        swarm "$who" --sessions 0 --churn "$count" --connect-rate 1000000 --duration 30m
        total=$((total + count))
        now=$(rss)
        [ "$first" -gt 0 ] || first=$now
        check "$who: $count more came and went" test "$(of_swarm churned)" -eq "$count"
        row "${who}_${total}_kib" "$now" KiB "" "memory of the pool after $total connections$words"
    done
    stop_pool "$who"
    check "$who: the pool saw all logins" test "$(of_pool sessions)" -eq $((total / 2))
    check "$who: memory doesn't grow by more than 1 MiB" test $((now - first)) -le 1024
}

# shellcheck disable=SC2086 # numbers
part_churn() {
    churned churn "" $churn
    scheme=tls
    churned churn_tls ", TLS" $tls_churn
    scheme=tcp
}

# The table is for people; of the checks, what failed is.
exec 3>&1 >"$work/checks"
for part in $parts; do
    "part_$part"
done
exec >&3
grep -v '^ok ' "$work/checks"
[ -z "$json" ] || write_json "$json"
finish
