#!/bin/sh
# Stands in for `powlab pool` and `powlab mine` in tests/unit/test_run.c: the same options and files,
# no hashing; and for `powlab lab exec` and `powlab lab sample`, whose samples cost 2 s, they say. FAKE_POOL and FAKE_MINE choose how they misbehave.
now_cs() {
    # hundredths of a second since boot; FAKE_SKEW_CS is what CLOCK_MONOTONIC is behind
    read -r up _ </proc/uptime
    echo "$((${up%.*}${up#*.} - FAKE_SKEW_CS))"
}
now_ns() {
    echo "$(now_cs)0000000"
}

verb=$1
shift
for word in "$@"; do
    value=${word#*=}
    case $word in
    --port-file=*) port_file=$value ;;
    --ledger=*) ledger=$value ;;
    --stats=*) stats=$value ;;
    --json=*) json=$value ;;
    --user=*) user=$value ;;
    esac
done

dataset='"dataset":{"precomputed_bytes":1040,"full_bytes":2080}'

# A sleep must not outlive this script, nor keep it from hearing a signal.
nap() {
    sleep "$1" &
    napping=$!
    wait "$napping"
}
leave() {
    kill "$napping" 2>/dev/null
    exit "$1"
}

pool() {
    case ${FAKE_POOL:-} in
    refuse)
        echo "pool: address in use" >&2
        exit 6
        ;;
    deaf) trap '' TERM ;;
    slow) sleep 1.5 ;;
    *) trap 'echo "{}" >"$json"; leave 143' TERM ;;
    esac
    echo "{\"t_ns\":$(now_ns),\"event\":\"open\",\"schema\":\"powlab-ledger/1\"}" >>"$ledger"
    echo "{\"t_ns\":$(now_ns),\"event\":\"template\",\"seed\":\"aa\"}" >>"$ledger"
    echo 4711 >"$port_file.part"
    mv "$port_file.part" "$port_file"
    n=0
    while :; do
        nap 0.2
        n=$((n + 1))
        echo "{\"t_ns\":$(now_ns),\"event\":\"share\",\"verdict\":\"accepted\",\"difficulty\":7}" >>"$ledger"
        if [ $n -eq 2 ]; then
            {
                echo "{\"t_ns\":$(now_ns),\"event\":\"block\",\"accepted\":true}"
                echo "{\"t_ns\":$(now_ns),\"event\":\"template\",\"seed\":\"bb\"}"
                echo "{\"t_ns\":$(now_ns),\"event\":\"share\",\"verdict\":\"stale\",\"difficulty\":7}"
            } >>"$ledger"
        fi
        [ "${FAKE_POOL:-}" != die ] || [ $n -lt 4 ] || kill -KILL $$
    done
}

mine() {
    hashes=0
    began_cs=$(now_cs)
    # shellcheck disable=SC2317 # called by the trap
    result() {
        echo "{\"hashes\":$hashes,\"accepted\":3,\"rejected\":0,\"stale\":1,$dataset}" >"$json"
        leave 143
    }
    trap result TERM
    echo "hello from $user" >&2
    case ${FAKE_MINE:-} in
    wrong)
        echo "mine: wrong hash" >&2
        exit 4
        ;;
    deaf) trap '' TERM ;;
    esac
    # Commands on stdin, as with --control. A background job of sh reads nothing unless told to.
    exec 3<&0
    while read -r command; do echo "told: $command" >&2; done <&3 &
    while :; do
        nap 0.1
        hashes=$(($(now_cs) - began_cs)) # 100 a second, however seldom this script gets its turn
        echo "{\"t_ns\":$(now_ns),\"hashes\":$hashes,\"accepted\":3,\"rejected\":0}" >>"$stats"
    done
}

lab() {
    case $1 in
    exec)
        while [ "$1" != -- ]; do shift; done
        shift
        exec "$@"
        ;;
    sample) echo '{"event":"sample","cpu_s":2.0}' ;;
    esac
}

"$verb" "$@"
