#!/bin/sh
# A run with a network of its own: two namespaces with a cable between them. That pool and workers are
# different hosts, names are answered, another program gets nowhere else, and nothing is left whatever ends
# it. Needs root or user namespaces; says so where there are neither.
# shellcheck disable=SC2016 # inner shells expand their own words
set -u
# shellcheck source=tests/lib.sh
. tests/lib.sh
chmod 755 "$work"
export LC_ALL=C
read_by() { # file tshark-options...
    file=$1
    shift
    tshark -r "$file" "$@" 2>/dev/null
}
home=10.77.$(($$ % 250 + 1)) # others may run this at the same time
are_there() { # processes in namespaces of this test's runs
    grep -qsF "$home.2" /proc/[0-9]*/net/fib_trie
}
links() { # this machine's ends of cables, and its namespaces' names
    ip -o link | grep -E 'client0|pool0'
    ip netns
}
ended() { # PID: it is gone, but for whoever should have reaped it
    ! grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"
}
nothing_left() {
    ! are_there && [ "$(links)" = "$before" ]
}
run_lab() { # FOLDER SCENARIO: prints the exit code; what it says goes to $work/said
    "$POWLAB" lab run --detectors none --out "$1" "$2" >"$work/said" 2>&1
    code=$?
    [ -s "$1/run.pcapng" ] || tail -n 1 "$work/said" >&2
    echo $code
}

# ---- what needs no rights ----
cat >"$work/outside.yaml" <<'YAML'
name: outside
pool: {algo: cn/1}
workers: [{name: w, command: [xmrig, -o, "{pool_host}:{pool_port}"]}]
phases: [{name: full, duration: 2s}]
YAML
check "another miner without namespaces is refused" refuses 8 \
    "xmrig doesn't know the lab-only rule, so it runs only where there is no way out; add network: {mode: namespaces}" \
    lab run --out "$work/outside" "$work/outside.yaml"
check "before anything is made" [ ! -e "$work/outside" ]

# A program that isn't ours: it tries to leave by every way, then mines with the words it was given.
cat >"$work/wanderer.sh" <<'SH'
for address in 8.8.8.8/53 1.1.1.1/443 192.0.2.1/80 10.99.0.1/3333 172.16.0.1/22; do
    (exec 3<>"/dev/tcp/$address") 2>&1 | grep -o 'connect: .*' | sed "s|^|$address |"
    (exec 3<>"/dev/udp/$address" && echo >&3) 2>&1 | grep -o 'connect: .*' | sed "s|^|udp $address |"
done
getent ahosts donate.example.org || echo "no such name"
ip link set lo down 2>/dev/null || echo "may not change the network"
touch /tmp/wanderer 2>/dev/null || echo "may not write elsewhere"
ls /run/ | grep -cv -x dummy
setsid sleep 98765 &
echo $! >"$TMPDIR/pid"
exec "$@"
SH
cat >"$work/two.yaml" <<YAML
name: two
label: cryptomining
seed: 3
network:
  mode: namespaces
  client: $home.2/24
  mtu: 600
  names: [{name: pool.lab.example, address: 203.0.113.7, ttl_seconds: 9}]
pool: {algo: cn/1, difficulty: 2, job_interval: 1s}
workers:
  - {name: own, threads: 1}
  - name: other
    command: [bash, $work/wanderer.sh, $POWLAB, mine, -o, "{pool_host}:{pool_port}", -u, "{user}", -a, cn/1, -t, "1"]
phases: [{name: full, duration: 5s}]
expect: {min_accepted: 1, max_rejected: 0}
YAML
"$POWLAB" lab run --dry-run "$work/two.yaml" >"$work/plan" 2>&1
check "the plan has the cable's commands" grep -q '^  pool:    ip link add name pool0 mtu 600 ' "$work/plan"
check "and the other program's words" grep -q 'mine -o pool.lab.example:PORT -u lab-RUN_ID-other ' "$work/plan"

# ---- what needs some ----
unprivileged=
if [ "$(id -u)" -eq 0 ]; then
    unprivileged="setpriv --reuid=65534 --regid=65534 --clear-groups"
elif ! unshare -Urn true 2>/dev/null; then
    echo "skip the rest: neither root nor user namespaces"
    check "without them it is refused" refuses 3 "network namespaces can't be made" \
        lab run --out "$work/refused" "$work/two.yaml"
    finish
fi
for tool in tshark ip setpriv; do
    command -v $tool >/dev/null || {
        echo "      no $tool: tools/deps.sh check installs it"
        check "the tools are there" false
        finish
    }
done
before=$(links)

run=$work/two
same "a run in namespaces" "$(run_lab "$run" "$work/two.yaml")" 0
check "nothing is left" wait_for 10 nothing_left
check "nor what the program put into the background" wait_for 5 ended "$(cat "$run/raw/worker-other/pid")"

same "flows go from 10.x to 203.0.113.x" \
    "$(awk -F, 'NR > 1 && $8 != 53 {print $5, $7, $8}' "$run/flows.csv" | sort -u)" "$home.2 203.0.113.7 3333"
same "two workers' flows are labelled" \
    "$(awk -F, '$8 == 3333' "$run/flows.csv" | grep -o ',positive,1,cryptomining,.*lab-[0-9a-f]*-[a-z]*,' |
        grep -o 'worker-[a-z]*' | sort -u | tr '\n' ' ')" "worker-other worker-own "
same "as many as logins" "$(awk -F, '$8 == 3333' "$run/flows.csv" | grep -c ,positive,)" \
    "$(grep -c '"event":"login"' "$run/truth.jsonl")"
check "the other program's process is told as a miner" \
    grep -q '"event":"process_start","process":"worker-other".*"mining":true.*"login":"lab-' "$run/truth.jsonl"
check "and watched" grep -q ',worker-other,' "$run/processes.csv"
check "the network is told" grep -q '"event":"network_ready","mode":"namespaces","client":"'"$home.2"'","pool":"203.0.113.7","pool_name":"pool.lab.example"' "$run/truth.jsonl"

same "the name was answered in the capture" \
    "$(read_by "$run/run.pcapng" -Y 'dns.a && dns.qry.name == "pool.lab.example"' -T fields -e ip.src -e dns.a -e dns.resp.ttl | tr '\t' ' ' | sort -u)" \
    "$home.1 203.0.113.7 9"
check "another name wasn't" test -n "$(read_by "$run/run.pcapng" -Y 'dns.flags.rcode == 3 && dns.qry.name == "donate.example.org"')"
check "both are in the truth" sh -c 'grep -q "\"event\":\"dns_query\".*\"name\":\"donate.example.org\".*NXDOMAIN" "$1" &&
    grep -q "\"event\":\"dns_query\".*\"name\":\"pool.lab.example\".*\"address\":\"203.0.113.7\"" "$1"' sh "$run/truth.jsonl"
same "nobody else was ever addressed" \
    "$(read_by "$run/run.pcapng" -Y ip -T fields -e ip.dst | sort -u | tr '\n' ' ')" \
    "$home.1 $home.2 203.0.113.7 "
check "no packet is longer than the network allows" \
    test "$(read_by "$run/run.pcapng" -Y ip -T fields -e ip.len | sort -n | tail -n 1)" -le 600

log=$run/logs/worker-other.log
for address in 8.8.8.8/53 1.1.1.1/443 192.0.2.1/80 10.99.0.1/3333 172.16.0.1/22; do
    check "no way to $address" grep -qx "$address connect: Network is unreachable" "$log"
    check "nor by UDP" grep -qx "udp $address connect: Network is unreachable" "$log"
done
check "no other names" grep -qx "no such name" "$log"
check "no privileges" grep -qx "may not change the network" "$log"
check "nothing to write to" grep -qx "may not write elsewhere" "$log"
check "no sockets of daemons" grep -qx 0 "$log"
check "this machine's files are as they were" [ ! -e /tmp/wanderer ]

# ---- a second pool, within TLS: the first refuses, so that workers turn to it ----
cat >"$work/refuse.yaml" <<'YAML'
name: refuse
faults: [{kind: refuse_login}]
YAML
cat >"$work/second.yaml" <<YAML
name: second
network:
  mode: namespaces
  client: $home.2/24
  names: [{name: pool.lab.example, address: 203.0.113.7}]
pool: {algo: cn/1, difficulty: 2, job_interval: 1s, tls: true, faults: refuse.yaml}
second_pool: {serves: workers}
workers:
  - {name: own, threads: 1, args: [--retries=1, --retry-pause=1s]}
  - name: other
    command: [$POWLAB, mine, --tls, -o, "{pool_host}:{second_port}", -u, "{user}", -a, cn/1, -t, "1"]
phases: [{name: full, duration: 6s}]
expect: {min_accepted: 1}
YAML
run=$work/second
same "a run whose first pool refuses" "$(run_lab "$run" "$work/second.yaml")" 0
second=$(sed -n 's/.*"event":"second_pool_ready","address":"203.0.113.7:\([0-9]*\)".*/\1/p' "$run/truth.jsonl")
check "the second one is at the same host" test -n "$second"
check "and told by name" grep -q -- '"--url=pool.lab.example:3333","--url=pool.lab.example:'"$second"'"' "$run/truth.jsonl"
same "both workers mine there" \
    "$(grep '"source":"pool-2","event":"login"' "$run/truth.jsonl" | grep -o 'lab-[0-9a-f]*-[a-z]*' | sort -u | sed 's/.*-//' | tr '\n' ' ')" "other own "
same "their flows to it are labelled" \
    "$(awk -F, -v port="$second" '$8 == port' "$run/flows.csv" | grep ,positive, | grep -o 'worker-[a-z]*' | sort -u | tr '\n' ' ')" \
    "worker-other worker-own "
same "relabelled with the second server's address" \
    "$(read_by "$run/run-relabelled.pcapng" -Y "tcp.port == $second && tcp.flags.syn == 1 && tcp.flags.ack == 0" -T fields -e ip.dst | sort -u)" \
    203.0.113.11
check "its TLS can be read with the run's keys" \
    test -n "$(read_by "$run/run.pcapng" -Y "tcp.port == $second && tls.app_data" -T fields -e data.data -e tls.segment.data | head -n 1)"
check "nothing is left of that either" wait_for 10 nothing_left

# ---- a proxy: what it says to the pool behind it stays at their host, and is captured there ----
cat >"$work/proxy.yaml" <<YAML
name: proxy
network: {mode: namespaces, client: $home.2/24}
pool: {algo: cn/1, difficulty: 2}
second_pool: {serves: pool, difficulty: 2}
workers: [{name: w, threads: 1}]
phases: [{name: full, duration: 4s}]
expect: {min_accepted: 1}
YAML
run=$work/proxy
same "a run with a proxy" "$(run_lab "$run" "$work/proxy.yaml")" 0
behind=$(sed -n 's/.*"event":"second_pool_ready","address":"203.0.113.7:\([0-9]*\)".*/\1/p' "$run/truth.jsonl")
same "both legs are in the capture" \
    "$(read_by "$run/run.pcapng" -Y 'tcp.flags.syn == 1 && tcp.flags.ack == 0' -T fields -e ip.src -e ip.dst -e tcp.dstport |
        sort | tr '\t\n' '  ')" \
    "$home.2 203.0.113.7 3333 203.0.113.7 203.0.113.7 $behind "
same "and in the flows, as mining" "$(sed 1d "$run/flows.csv" | grep -c ,positive,)" 2
# Which of the two interfaces' packets come first in the file is chance, and with it which of the two hosts is .1.
logins() { # FIELD: of the connections' beginnings, the one to the pool behind the proxy first
    for port in "$behind" 3333; do
        read_by "$run/run-relabelled.pcapng" -Y "tcp.dstport == $port && tcp.flags.syn == 1 && tcp.flags.ack == 0" -T fields -e "$1"
    done
}
same "relabelled, the proxy is another host than the pool behind it" "$(logins ip.dst | tr '\n' ' ')" "203.0.113.11 203.0.113.10 "
same "and than its worker" "$(logins ip.src | sort | tr '\n' ' ')" "10.0.0.1 10.0.0.2 "
check "nothing is left of that either" wait_for 10 nothing_left

# ---- a long cable: delay, jitter, loss ----
# Beside it the kernel has no part in what becomes of packets; libpcap, at the clients' end, is the witness.
# With this seed the first packets arrive, so that connections are made within these few seconds.
sed "s|mtu: 600|delay_ms: 23\n  jitter_ms: 3\n  loss_percent: 20|; /names:/d; s/seed: 3/seed: 301/" "$work/two.yaml" >"$work/far.yaml"
ways='to_pool to_clients'
of_way() { # RUN WAY KEY: a count of the report
    sed -n "/\"$2\": {/,/}/s/^ *\"$3\": \([0-9.]*\),*\$/\1/p" "$1/report.json"
}
lost_of() { # RUN WAY LIMIT: numbers below the limit that were lost
    sed -n 's/.*"packet_lost","way":"'"$2"'","reason":"loss","number":\([0-9]*\),.*/\1/p' "$1/truth.jsonl" |
        awk -v limit="$3" '$1 < limit' | sort -n
}
# Each loss on the way to the pool, as the truth has it and as the packet of that number left the clients' port.
losses_told() {
    sed -n 's/.*"way":"to_pool","reason":"loss","number":\([0-9]*\),"bytes":\([0-9]*\),"protocol":"[a-z]*","src":"\([0-9.]*\):\([0-9]*\)".*/\1 \2 \3 \4/p' \
        "$1/truth.jsonl" | sort -n
}
losses_seen() {
    read_by "$1/run.pcapng" -Y "ip.src == $home.2" -T fields -e ip.len -e ip.src -e tcp.srcport -e udp.srcport |
        awk -v numbers="$(lost_of "$1" to_pool 1000000 | tr '\n' ' ')" '
            BEGIN {split(numbers, list, " "); for (i in list) lost[list[i]] = 1}
            (NR - 1) in lost {print NR - 1, $1, $2, $3}'
}
# TCP delivers in order: whatever was lost, the pool has the first shares of each connection, all of them up to the last
# that had time to arrive, each once. (It verifies a few at a time: of the very last ones some may be missing.)
# After a loss the shares that waited leave in full segments, so that one may end within a share: put them together.
cat >"$work/shares.py" <<'PY'
import json, re, sys
streams, peers, arrived = {}, {}, {}
for line in sys.stdin:
    peer, seq, payload = line.split()
    stream, start, data = streams.setdefault(peer, bytearray()), int(seq) - 1, bytes.fromhex(payload)
    stream.extend(bytes(max(start + len(data) - len(stream), 0)))
    stream[start:start + len(data)] = data
for event in map(json.loads, open(sys.argv[1])):
    if event["event"] == "login":
        peers[event["session"]] = event["peer"].split(":")[1]
    elif event["event"] == "share":
        share = tuple(event[key].encode() for key in ("job_id", "nonce"))
        arrived.setdefault(peers[event["session"]], []).append(share)
for peer, shares in arrived.items():
    sent = re.findall(rb'"job_id":"([^"]*)","nonce":"([^"]*)"', streams[peer])
    print(f"{len(shares)} of {len(sent)} shares arrived from port {peer}")
    assert len(set(shares)) == len(shares)
    assert set(sent[:max(len(shares) - 4, 0)]) <= set(shares) <= set(sent[:len(shares) + 4])
assert arrived
PY
shares_arrive() { # RUN
    read_by "$1/run.pcapng" -Y "ip.src == $home.2 && tcp.len > 0" -T fields -e tcp.srcport -e tcp.seq -e tcp.payload |
        python3 "$work/shares.py" "$1/truth.jsonl"
}
looks_far() { # RUN
    check "every loss on the way to the pool is a packet of the capture" test -n "$(losses_seen "$1")"
    same "with its size and sender" "$(losses_told "$1" | cksum)" "$(losses_seen "$1" | cksum)"
    for way in $ways; do
        same "losses $way are told one by one" "$(lost_of "$1" "$way" 1000000 | wc -l)" "$(of_way "$1" "$way" lost)"
        check "and are none of those that arrived" test "$(of_way "$1" "$way" forwarded)" -le \
            $(($(of_way "$1" "$way" packets) - $(of_way "$1" "$way" lost)))
        same "nothing else was dropped" "$(of_way "$1" "$way" queue_drops) $(of_way "$1" "$way" port_drops) $(of_way "$1" "$way" missed)" "0 0 0"
    done
    rtt=$(read_by "$1/run.pcapng" -Y tcp.analysis.initial_rtt -T fields -e tcp.analysis.initial_rtt | sort -n | head -n 1)
    check "a round trip takes 40 ms at least ($rtt s)" awk -v rtt="$rtt" 'BEGIN {exit !(rtt >= 0.04)}'
    check "as shares do" awk -F'[ ,]+' '/"latency_mean_ms"/ {exit !($3 >= 40)}' "$1/raw/worker-own.0.json"
    check "TCP sends again what is lost" test -n "$(read_by "$1/run.pcapng" -Y tcp.analysis.retransmission | head -n 1)"
    check "so that each share arrives, once" shares_arrive "$1"
    # Of 65,536 TCP segments one has the sum zero, which Linux writes as 0xffff. That is zero as well (RFC 1624),
    # receivers take it, but tshark calls it bad.
    same "checksums are right" "$(read_by "$1/run.pcapng" -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE \
        -T fields -e tcp.checksum.status -e udp.checksum.status -Y '(tcp || udp) && !tcp.checksum.ffff' |
        tr -d '\t' | sort -u | tr '\n' ' ')" "1 "
    check "no packet is longer than the network allows" \
        test "$(read_by "$1/run.pcapng" -Y ip -T fields -e ip.len | sort -n | tail -n 1)" -le 1500
    same "nobody else was ever addressed" \
        "$(read_by "$1/run.pcapng" -Y ip -T fields -e ip.dst | sort -u | tr '\n' ' ')" "$home.1 $home.2 203.0.113.7 "
    check "another program has no way out there either" grep -qx "8.8.8.8/53 connect: Network is unreachable" "$1/logs/worker-other.log"
}
same "a run with delay and loss" "$(run_lab "$work/far" "$work/far.yaml")" 0
looks_far "$work/far"
check "nothing is left then either" wait_for 10 nothing_left
if [ "$(id -u)" -eq 0 ]; then
    setpriv --bounding-set=-net_raw --inh-caps=-net_raw "$POWLAB" lab run --detectors none --out "$work/raw" \
        "$work/far.yaml" >"$work/said" 2>&1
    same "without the right to packet sockets the keys are refused" $? 3
    check "by name, with the reason and the remedy" grep -q \
        'network.delay_ms and network.loss_percent: cannot make a packet socket: .*; run as root; or leave these keys out' "$work/said"
    check "and the run's report says so" grep -q '"complete": false' "$work/raw/report.json"

    run=$work/cut
    "$POWLAB" lab run --detectors none --out "$run" "$work/far.yaml" >"$work/said" 2>&1 &
    pid=$!
    check "a run whose cable is cut works" wait_for 20 grep -q '"login":"lab-[0-9a-f]*-own"' "$run/raw/pool-ledger.jsonl"
    nsenter -n -t "$(sed -n 's/.*"process_start","process":"pool".*"pid":\([0-9]*\).*/\1/p' "$run/raw/lab-events.jsonl")" \
        ip link delete pool0
    wait $pid
    check "goes on to its end" grep -q '"end": "completed"' "$run/report.json"
    check "and tells what happened" grep -q '"failure": "the pool.s end: Network is down"' "$run/report.json"
    check "what was on the way is told too" grep -q '"packet_lost","way":"to_pool","reason":"port"' "$run/truth.jsonl"
    check "without leftovers as well" wait_for 10 nothing_left
fi

# ---- other ends ----
sed 's/5s/60s/; s/max_rejected: 0/max_rejected: 9/' "$work/two.yaml" >"$work/long.yaml"
sed 's/mtu: 600/delay_ms: 5/' "$work/long.yaml" >"$work/longer.yaml"
for how in INT:long KILL:long KILL:longer; do
    signal=${how%:*}
    run=$work/$how
    # A shell's background jobs ignore SIGINT; this one doesn't.
    python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$POWLAB" lab run --detectors none --out "$run" "$work/${how#*:}.yaml" >"$work/said" 2>&1 &
    pid=$!
    check "a run that is ended by SIG$signal works" wait_for 20 grep -q '"login":"lab-[0-9a-f]*-other"' "$run/raw/pool-ledger.jsonl"
    check "while namespaces are there" are_there
    kill -s "$signal" $pid
    wait $pid 2>/dev/null
    code=$?
    if [ "$signal" = KILL ]; then # leaves nobody to end what was put into the background
        kill -9 "$(cat "$run/raw/worker-other/pid")"
    else
        same "it says so" $code 130
    fi
    check "and are gone" wait_for 10 nothing_left
done
sed 's/^pool: {/pool: {personality: nobody, /' "$work/two.yaml" >"$work/nopool.yaml"
run_lab "$work/nopool" "$work/nopool.yaml" >/dev/null 2>&1
check "a pool that doesn't start ends it" grep -q 'the pool ended before it listened' "$work/said"
check "without leftovers" wait_for 10 nothing_left

# ---- as somebody without privileges ----
mkdir "$work/nobody"
chmod 777 "$work/nobody"
cp -L "$POWLAB" "$work/powlab"
sed -i "s|$POWLAB|$work/powlab|; s/5s/3s/" "$work/two.yaml" "$work/far.yaml"
if $unprivileged unshare -Urn true 2>/dev/null; then
    run=$work/nobody/run
    # shellcheck disable=SC2086 # words
    XDG_CACHE_HOME="$work/nobody" $unprivileged "$work/powlab" lab run --detectors none --out "$run" \
        "$work/two.yaml" >"$work/said" 2>&1
    same "a run in a user namespace of its own" $? 0
    [ -s "$run/run.pcapng" ] || tail -n 3 "$work/said"
    check "which is told" grep -q '"event":"network_ready".*"user_namespace":true' "$run/truth.jsonl"
    check "captures too" grep -q ",$home.2,[0-9]*,203.0.113.7,3333,.*,positive," "$run/flows.csv"
    check "and has no way out" grep -qx "8.8.8.8/53 connect: Network is unreachable" "$run/logs/worker-other.log"
    # shellcheck disable=SC2086 # words
    XDG_CACHE_HOME="$work/nobody" $unprivileged "$work/powlab" lab run --detectors none --out "$work/nobody/far" \
        "$work/far.yaml" >"$work/said" 2>&1
    same "with delay and loss as well" $? 0
    looks_far "$work/nobody/far"
    for way in $ways; do
        both=$(printf '%s\n' "$(of_way "$work/far" "$way" packets)" "$(of_way "$work/nobody/far" "$way" packets)" | sort -n | head -n 1)
        same "the same seed loses the same of the first $both packets $way" \
            "$(lost_of "$work/nobody/far" "$way" "$both" | tr '\n' ' ')" "$(lost_of "$work/far" "$way" "$both" | tr '\n' ' ')"
    done
    check "nor leftovers" wait_for 10 nothing_left
else
    echo "skip: no user namespaces for users without privileges"
fi
unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all "$@"' sh \
    "$POWLAB" lab run --detectors none --out "$work/refused" "$work/two.yaml" >"$work/said" 2>&1
same "with neither it is refused" $? 3
check "with the reason and the remedy" grep -q "network namespaces can't be made: no privileges, and no user namespace either (.*); run as root" "$work/said"
finish
