#!/bin/sh
# The command line as a person meets it: exit codes, one clear line for bad input, results on stdout.
. "$(dirname "$0")/../lib.sh"

key=74657374206b657920303030 # "test key 000"
test_input=5468697320697320612074657374 # "This is a test"

prints() {
    expected=$1
    shift
    got=$("$POWLAB" "$@" 2>"$work/err") && [ "$got" = "$expected" ] || {
        echo "  powlab $*: $got $(cat "$work/err")"
        return 1
    }
}

check "rx/0 known answer" prints \
    639183aae1bf4c9a35884cb46b09cad9175f04efd7684e7262a0ac1c2f0b4e3f hash -a rx/0 --seed $key --input $test_input
check "a part of a dataset gives the same hash" prints \
    639183aae1bf4c9a35884cb46b09cad9175f04efd7684e7262a0ac1c2f0b4e3f hash -q -a rx/0 --seed $key --input $test_input \
    --dataset-mem 8MiB
check "rx/2 commitment" prints \
    133be717399046b03ae82ce8ddd9d1ee4d3ea7fca03a50dec09b6848cbb98e18 hash -a rx/2 --commitment --seed $key --input $test_input
check "cn/r known answer" prints \
    f759588ad57e758467295443a9bd71490abff8e9dad1b95b6bf2f5d0d78387bc hash -a cn/r --height 1806260 \
    --input 5468697320697320612074657374205468697320697320612074657374205468697320697320612074657374
check "the same without CPU features" prints \
    f759588ad57e758467295443a9bd71490abff8e9dad1b95b6bf2f5d0d78387bc hash -a cn/r --height 1806260 --cpu-mask none \
    --input 5468697320697320612074657374205468697320697320612074657374205468697320697320612074657374

check "no verb" refuses 2 "unknown verb" frobnicate
check "nearest verb" refuses 2 "did you mean selftest" selftst
check "nearest option" refuses 2 "did you mean --input" hash --inptu 00
check "two modes at once" refuses 2 "exclude each other" hash --input 00 --seed 00 --dataset-mem 1MiB \
    --randomx-mode fast
check "no size" refuses 2 "2GiB" bench --dataset-mem 1GB
check "too many lanes" refuses 2 "1..8" bench --lanes 9
check "no lanes" refuses 2 "1..8" mine -o 127.0.0.1:3333 --lanes 0
check "no input" refuses 2 "--input" hash -a rx/0
check "wrong hex" refuses 2 "not hexadecimal" hash -a cn/0 --input 00zz
check "odd hex" refuses 2 "odd" hash -a cn/0 --input 000
check "unknown algorithm suggests the nearest" refuses 2 "cn/r" hash -a cnr --input 00
check "upper case suggests too" refuses 2 "rx/0" hash -a RX/0 --input 00
check "cn/1 under 43 bytes" refuses 2 "43" hash -a cn/1 --input "$(printf '%084d' 0)"
check "rx/yada has no pool" refuses 2 "hash and bench only" pool -a rx/yada
check "rx/yada is not mined" refuses 2 "hash and bench only" mine -o 127.0.0.1:3333 -a rx/yada
check "a seed above 60 bytes" refuses 2 "60" hash -a rx/0 --input 00 --seed "$(printf '%0122d' 0)"
check "rx without a seed" refuses 2 "--seed" hash -a rx/0 --input 00
check "cn/r without a height" refuses 2 "--height" hash -a cn/r --input 00
check "a height that is no number" refuses 2 "decimal" hash -a cn/r --height 0x10 --input 00
check "a CPU mask that doesn't exist" refuses 2 "sse9" hash -a cn/0 --input 00 --cpu-mask sse9
check "a public pool by address" refuses 8 "not a lab address" mine -o 8.8.8.8:3333
check "a public daemon" refuses 8 "not a lab address" mine --daemon http://8.8.8.8:18081
check "a daemon's address" refuses 2 "http://HOST:PORT" mine --daemon 127.0.0.1:18081
check "a wallet" refuses 2 "not an address" mine --daemon http://127.0.0.1 --daemon-wallet nobody
check "pools and a daemon" refuses 2 "exclude each other" mine -o 127.0.0.1 --daemon http://127.0.0.1
check "rx/2 at a daemon" refuses 2 "needs a pool" mine --daemon http://127.0.0.1 -a rx/2
check "an unknown dialect" refuses 2 "xmr-stak-cpu" mine -o 127.0.0.1 --dialect nobody
check "a dialect that is none" refuses 2 "is no dialect" mine -o 127.0.0.1 --dialect ws-deepminer
check "a dialect without its WebSocket" refuses 2 "write ws://127.0.0.1:3333" mine -o 127.0.0.1 --dialect ws-coinhive
check "a WebSocket without its dialect" refuses 2 "--dialect ws-coinhive only" mine -o ws://127.0.0.1
check "a WebSocket outside the lab" refuses 8 "8.8.8.8" mine -o ws://8.8.8.8:80 --dialect ws-coinhive
check "a bad list of algorithms" refuses 2 "algo" mine -o 127.0.0.1 --algo-list rx/0,,cn/r
check "a public pool by mapped address" refuses 8 "not a lab address" mine -o '[::ffff:8.8.8.8]:3333'
check "a public listener" refuses 8 "not a lab address" pool --listen 0.0.0.0:3333
check "a public daemon" refuses 8 "not a lab address" pool --daemon http://8.8.8.8:18081

full_stdout() {
    "$POWLAB" version >/dev/full 2>"$work/err"
    [ $? -eq 3 ] && grep -q "cannot write" "$work/err"
}
check "a full disk behind stdout" full_stdout
check "a JSON file that cannot be written" refuses 3 "/nonexistent/x" version --json /nonexistent/x

batch() {
    printf '%s\n' \
        '{"algo":"cn/0","input":"00"}' \
        'not json' \
        '{"algo":"cn/1","input":"00"}' \
        '{"algo":"rx/0","input":"'"$test_input"'","seed":"'"$key"'"}' |
        "$POWLAB" hash --batch >"$work/out" 2>"$work/err"
    [ $? -eq 2 ] && [ "$(wc -l <"$work/out")" -eq 4 ] &&
        sed -n 2p "$work/out" | grep -q '"line":2,"error":' &&
        sed -n 3p "$work/out" | grep -q '43' &&
        sed -n 4p "$work/out" | grep -q 639183aae1bf4c9a35884cb46b09cad9175f04efd7684e7262a0ac1c2f0b4e3f
}
check "a batch answers every line, good and bad" batch

helps() {
    for verb in hash algos bench cpu topo pool mine "ledger export" "ledger summary" "lab run" "lab detect" "lab sample" "lab fidelity" report selftest version; do
        # shellcheck disable=SC2086 # "lab run" is two words
        "$POWLAB" $verb -h >"$work/short" 2>"$work/err" && [ ! -s "$work/err" ] &&
            "$POWLAB" $verb --help >"$work/long" && grep -q "^Examples:" "$work/long" &&
            grep -q "^Exit codes:" "$work/long" && [ "$(wc -L <"$work/long")" -le 100 ] || {
            echo "  $verb"
            return 1
        }
    done
}
check "every verb has -h and --help with examples and exit codes" helps
finish
