#!/bin/sh
# What `powlab cpu` and `powlab topo` say, on made-up machines where it can be known.
. "$(dirname "$0")/../lib.sh"

# says TEXT ARGS...: success, and a line of stdout has TEXT.
says() {
    text=$1
    shift
    "$POWLAB" "$@" >"$work/out" 2>"$work/err" </dev/null && grep -qF -- "$text" "$work/out" || {
        echo "  powlab $*: $(cat "$work/out" "$work/err")"
        return 1
    }
}

narrow() {
    "$POWLAB" "$@" >"$work/out" && ! grep -E '^.{81}' "$work/out"
}

# The CPUs of a plan, in the order of the threads.
planned() {
    expected=$1
    shift
    got=$("$POWLAB" topo "$@" | awk '/^thread/ { on = 1; next } on { printf "%s ", $2 }')
    [ "$got" = "$expected " ] || {
        echo "  topo $*: $got"
        return 1
    }
}

check "cpu fits 80 columns" narrow cpu
check "cpu without features" says "switched off by --cpu-mask" cpu --cpu-mask none
check "cpu says what a better kernel lacks" says " lacks " cpu --cpu-mask none
check "cpu's schema" says '"schema": "powlab-cpu/1"' cpu --json -
check "cpu and algos agree on a kernel" \
    says "cn_explode    $("$POWLAB" algos | awk '$1 == "cn_explode" { print $2 }')" cpu
check "cpu takes no unknown mask" refuses 2 "sse9" cpu --cpu-mask sse9

machine="package:1 l3:2(size=6MiB) core:4 pu:2"
check "topo of this machine" says "plan: " topo
check "topo fits 80 columns" narrow topo --synthetic "$machine"
check "topo's schema" says '"schema": "powlab-topo/1"' topo --json -
check "as many threads as fit the caches" planned "0 8 2 10 4 12" --synthetic "$machine"
check "a smaller scratchpad" planned "0 8 2 10 4 12 6 14 1 9 3 11 5 13 7 15" --synthetic "$machine" \
    --scratchpad 256KiB
check "threads asked for" planned "0 8 2" --synthetic "$machine" -t 3
check "CPUs asked for" planned "5 1" --synthetic "$machine" --cpus 5,1
check "a cpuset" planned "0 2 1" --synthetic "$machine" --cpuset 0-1,2
check "a cpuset is shown" says "(8) (9)" topo --synthetic "$machine" --cpuset 0-3
check "a recorded hybrid machine" planned "4 6 0 1 2 3" --xml tests/topo/hybrid-2p4e.xml
check "a bad description" refuses 2 "is not valid" topo --synthetic "pu:x"
check "two machines at once" refuses 2 "together" topo --synthetic pu:1 --xml x
check "a CPU that isn't there" refuses 2 "CPU 99 does not exist" topo --synthetic "$machine" --cpus 99
check "a CPU that isn't allowed" refuses 2 "CPU 9 is not allowed" topo --synthetic "$machine" \
    --cpuset 0-3 --cpus 9
check "no such file" refuses 2 "nofile.xml" topo --xml nofile.xml

affinity() {
    cpu=$(awk '/^Cpus_allowed_list/ { split($2, a, /[-,]/); print a[1] }' /proc/self/status)
    [ "$(taskset -c "$cpu" "$POWLAB" topo --json - | grep -c '"allowed": true')" -eq 1 ]
}
check "taskset is honoured" affinity

finish
