#!/bin/sh
# Packets, flows and labels of whole runs, read by others: tshark and capinfos. With the right to
# capture (as root), in a user namespace, and without any.
# shellcheck disable=SC2016 # inner shells expand their own words
. "$(dirname "$0")/../lib.sh"
chmod 755 "$work"

field() { # file key: the first number of that key in a report
    sed -n "s/^ *\"$2\": \([0-9]*\),*\$/\1/p" "$1" | head -n 1
}
read_by() { # file tshark-options...
    file=$1
    shift
    tshark -r "$file" "$@" 2>/dev/null
}

cat >"$work/short.yaml" <<'YAML'
name: short
label: cryptomining
pool: {algo: cn/1, difficulty: 2, network_difficulty: 20, job_interval: 1s}
workers: [{name: w, threads: 1}, {name: v, threads: 1}]
phases:
  - {name: full, duration: 5s}
YAML

# ---- with the right, or without ----
if ! command -v tshark >/dev/null; then
    echo "      no tshark: tools/deps.sh check installs it"
    echo "0 passed, 1 failed"
    exit 1
fi
run_lab() { # TEXT FOLDER SCENARIO
    if [ "$(id -u)" -eq 0 ]; then
        check "$1 as root" "$POWLAB" lab run --out "$2" "$3"
    elif unshare -Urn true 2>/dev/null; then
        check "$1 in a user namespace" unshare -Urn sh -c \
            'ip link set lo up && exec "$0" "$@"' "$POWLAB" lab run --out "$2" "$3"
    fi
}
run=$work/run
run_lab "a run" "$run" "$work/short.yaml"

if [ -s "$run/run.pcapng" ]; then
    packets=$(grep -A1 '"packets": {' "$run/report.json" | sed -n 's/^ *"packets": \([0-9]*\),$/\1/p')
    same "tshark counts the same packets" "$(read_by "$run/run.pcapng" | wc -l)" "$packets"
    same "capinfos too" "$(capinfos -c -T -m -r -M "$run/run.pcapng" 2>/dev/null | cut -d, -f2)" "$packets"
    same "none was dropped" "$(field "$run/report.json" dropped)" 0
    id=$(sed -n 's/^  "run": "\(.*\)",$/\1/p' "$run/report.json")
    check "the file names the run" sh -c 'capinfos "$1" | grep "Capture comment.*run $2"' sh "$run/run.pcapng" "$id"
    check "the file's times are in order" sh -c 'capinfos -o "$1" | grep "Strict time order: *True"' sh "$run/run.pcapng"
    port=$(sed -n 's/.*"event":"pool_ready","address":"127.0.0.1:\([0-9]*\)".*/\1/p' "$run/truth.jsonl")
    same "nothing else is in it" "$(read_by "$run/run.pcapng" -Y "!(tcp.port == $port)" | wc -l)" 0

    # Each login of the ledger is found in the packets, at its time.
    wall=$(sed -n 's/.*"event":"run_start".*"wall_ns":\([0-9]*\).*/\1/p' "$run/truth.jsonl")
    for worker in w v; do
        told=$(sed -n "s/.*\"t_s\":\([0-9.]*\),.*\"event\":\"login\".*\"login\":\"lab-$id-$worker\".*/\1/p" "$run/truth.jsonl" | head -n 1)
        seen=$(read_by "$run/run.pcapng" -Y "tcp.payload contains \"lab-$id-$worker\" && tcp.dstport == $port" -T fields -e frame.time_epoch | head -n 1)
        check "the login of $worker was seen before the pool told it" \
            awk -v seen="$seen" -v wall="$wall" -v told="$told" \
            'BEGIN {d = told - (seen - wall / 1e9); exit !(seen != "" && d > -0.001 && d < 2)}'
    done

    # Flows against tshark's conversations.
    read_by "$run/run.pcapng" -q -z conv,tcp >"$work/conv"
    same "as many flows as conversations" "$(($(wc -l <"$run/flows.csv") - 1))" "$(grep -c '<->' "$work/conv")"
    same "the frames of all flows" \
        "$(awk -F, 'NR > 1 {n += $12 + $13} END {print n}' "$run/flows.csv")" "$packets"
    bytes=$(read_by "$run/run.pcapng" -T fields -e ip.len | awk '{n += $1} END {print n}')
    same "and their bytes" "$(awk -F, 'NR > 1 {n += $14 + $15} END {print n}' "$run/flows.csv")" "$bytes"
    payload=$(read_by "$run/run.pcapng" -T fields -e tcp.len | awk '{n += $1} END {print n}')
    same "and their payloads" "$(awk -F, 'NR > 1 {n += $16 + $17} END {print n}' "$run/flows.csv")" "$payload"
    same "all are positive" "$(grep -c ',positive,1,cryptomining,' "$run/flows.csv")" 2
    check "and know their workers" grep -q "full,worker-v,lab-$id-v," "$run/flows.csv"
    for table in flows flows-cesnet flows-cic labels; do
        same "rows of $table.csv are as long as its head" \
            "$(python3 -c 'import csv, sys; print(len({len(row) for row in csv.reader(open(sys.argv[1]))}))' "$run/$table.csv" 2>&1)" 1
    done
    same "CESNET's label" "$(grep -c ',Miner,' "$run/flows-cesnet.csv")" 2
    same "84 columns of CICFlowMeter and 5 of ours" "$(head -n 1 "$run/flows-cic.csv" | tr ',' '\n' | wc -l)" 89
    accepted=$(grep -c '"event":"share".*"verdict":"accepted"' "$run/truth.jsonl")
    same "labels.csv has all shares" "$(awk -F, 'NR > 1 {n += $7} END {print n}' "$run/labels.csv")" "$accepted"

    # The same conversation with other addresses.
    other=$run/run-relabelled.pcapng
    same "no bad checksum" "$(read_by "$other" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE \
        -Y 'ip.checksum.status != 1 || tcp.checksum.status != 1' | wc -l)" 0
    check "while the run's own have some that the kernel never filled in" test "$(read_by "$run/run.pcapng" \
        -o tcp.check_checksum:TRUE -Y 'tcp.checksum.status == 0' | wc -l)" -gt 0
    for each in "$run/run.pcapng" "$other"; do
        read_by "$each" -T fields -e frame.time_epoch -e tcp.srcport -e tcp.seq_raw -e tcp.flags -e tcp.payload
    done >"$work/both"
    half=$((packets))
    head -n "$half" "$work/both" >"$work/one"
    tail -n "$half" "$work/both" >"$work/two"
    check "payloads, ports, numbers and times are the same" cmp "$work/one" "$work/two"
    same "addresses are three" "$(read_by "$other" -T fields -e ip.src | sort -u | tr '\n' ' ')" \
        "10.0.0.1 10.0.0.2 203.0.113.10 "

    # Made again by the verb, and a capture that was cut.
    cp "$run/flows.csv" "$work/flows.csv"
    check "lab flows makes them again" "$POWLAB" lab flows "$run"
    check "the same ones" cmp "$run/flows.csv" "$work/flows.csv"
    size=$(stat -c %s "$run/run.pcapng")
    truncate -s $((size - 150)) "$run/run.pcapng"
    "$POWLAB" lab flows --relabel-pool 198.51.100.7 "$run" >"$work/out" 2>&1
    check "a cut capture is read up to there, and told" grep -q 'ends within a block' "$work/out"
    same "its pool where it was asked to be" "$(read_by "$other" -T fields -e ip.dst | grep -c '^198.51.100.7$')" \
        "$(read_by "$other" -Y "tcp.dstport == $port" | wc -l)"

    # TLS: the keys are in the file, so that Wireshark decrypts by itself.
    if [ "$(id -u)" -eq 0 ]; then
        sed 's/^pool: {/pool: {tls: true, /; s/5s/3s/' "$work/short.yaml" >"$work/tls.yaml"
        run=$work/tls
        check "a run over TLS" "$POWLAB" lab run --out "$run" "$work/tls.yaml"
        check "is read in clear text" sh -c 'tshark -r "$1" -q -z follow,tls,ascii,0 2>/dev/null | grep "\"method\":\"login\""' \
            sh "$run/run.pcapng"
        check "also where it was relabelled" sh -c 'tshark -r "$1" -q -z follow,tls,ascii,0 2>/dev/null | grep "\"method\":\"login\""' \
            sh "$run/run-relabelled.pcapng"
        ja3=$(read_by "$run/run.pcapng" -Y tls.handshake.ja3 -T fields -e tls.handshake.ja3 | head -n 1)
        check "JA3 is tshark's" grep -q ",$ja3," "$run/flows.csv"
        check "which there is" test -n "$ja3"
    fi
else
    echo "      neither root nor user namespaces: captures weren't tested"
fi

# ---- a proxy logs in before it listens ----
cat >"$work/proxy.yaml" <<'YAML'
name: proxy
pool: {algo: cn/1, difficulty: 2}
second_pool: {serves: pool, difficulty: 2}
workers: [{name: w, threads: 1}]
phases: [{name: full, duration: 3s}]
YAML
run=$work/proxy
run_lab "a run with a proxy" "$run" "$work/proxy.yaml"
if [ -s "$run/run.pcapng" ]; then
    behind=$(sed -n 's/.*"event":"second_pool_ready","address":"127.0.0.1:\([0-9]*\)".*/\1/p' "$run/truth.jsonl")
    first=$(sed -n 's/.*"event":"pool_ready","address":"127.0.0.1:\([0-9]*\)".*/\1/p' "$run/truth.jsonl")
    same "the capture has the beginning of both connections" \
        "$(read_by "$run/run.pcapng" -Y 'tcp.flags.syn == 1 && tcp.flags.ack == 0' -T fields -e tcp.dstport | tr '\n' ' ')" \
        "$behind $first "
    same "and both logins" \
        "$(read_by "$run/run.pcapng" -Y 'tcp.payload contains "\"method\":\"login\""' -T fields -e tcp.dstport | tr '\n' ' ')" \
        "$behind $first "
    check "what was let through is in the truth" \
        grep -q "\"event\":\"capture_filter\",\"filter\":\".*(port $first or port $behind)\"" "$run/truth.jsonl"
    same "nothing else is in it" "$(read_by "$run/run.pcapng" -Y "!(tcp.port in {$first, $behind})" | wc -l)" 0
fi

# ---- without the right ----
as_nobody=
[ "$(id -u)" -ne 0 ] || as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
mkdir "$work/nobody"
chmod 777 "$work/nobody"
cp -L "$POWLAB" "$work/powlab"
sed -i 's/5s/1s/' "$work/short.yaml"
# shellcheck disable=SC2086 # words
check "a run without the right to capture" env XDG_CACHE_HOME="$work/nobody" \
    $as_nobody "$work/powlab" lab run --out "$work/nobody/run" "$work/short.yaml"
run=$work/nobody/run
check "says why in the truth" grep -q '"event":"recorder_absent","recorder":"packets","reason":"lo: no right' "$run/truth.jsonl"
check "and in the report" grep -q '"reason": "lo: no right to capture' "$run/report.json"
check "and claims no packets" grep -q '"packets": null' "$run/report.json"
check "nor has it files of any" test ! -e "$run/run.pcapng"
check "seconds are labelled all the same" grep -q '^0,full,100,yes,2,,' "$run/labels.csv"

# ---- usage ----
"$POWLAB" lab flows >/dev/null 2>&1
same "flows of nothing is a usage error" $? 2
"$POWLAB" lab flows "$work" >/dev/null 2>&1
same "a folder without truth" $? 3
"$POWLAB" lab flows --relabel-pool 8.8.8.8 "$run" >/dev/null 2>&1
same "without packets no address is needed" $? 0

finish
