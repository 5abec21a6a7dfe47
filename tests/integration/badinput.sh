#!/bin/sh
# Hostile surroundings for the real program: addresses, environment, locale, files, signals, sleep. Y and
# a number: the case in tests/badinput.md.
. "$(dirname "$0")/../lib.sh"
python=/usr/bin/python3

# ---- Y1, Y2: addresses ----
for url in 8.8.8.8:3333 '[::ffff:8.8.8.8]:3333' '[2606:4700::1111]:3333' 0.0.0.0:3333; do
    check "Y1 $url" refuses 8 "not a lab address" mine -o "$url" --duration 5s
done
check "Y1 a public one behind a good one" refuses 8 "not a lab address" mine -o 127.0.0.1:1 -o 8.8.8.8:3333
in_other_words() { # 8.8.8.8; judged when it is resolved
    "$POWLAB" mine -o 134744072:3333 --duration 5s >"$work/out" 2>"$work/err"
    [ $? -eq 8 ] && grep -q "8.8.8.8:3333 is not a lab address" "$work/err"
}
check "Y1 in other words" in_other_words
check "Y1 a user in the address" refuses 2 "--user" mine -o worker@127.0.0.1:3333
check "Y1 credentials in the address" refuses 2 "--user" mine -o worker:secret@127.0.0.1:3333
for listen in 0.0.0.0:0 8.8.8.8:0 '[::]:0' '[::ffff:0.0.0.0]:0'; do
    check "Y2 $listen" refuses 8 "not a lab address" pool --listen "$listen"
done

check "T10 a proxy instead of a pool" refuses 2 "scheme" mine -o socks5://127.0.0.1:1080
check "T10 an option for one" refuses 2 "unknown option" mine -o 127.0.0.1:1 --proxy 127.0.0.1:1080

# ---- Y5: files ----
bad_file() { # NAME PLACE TEXT
    # shellcheck disable=SC2059 # the text has line ends
    printf "$3" >"$work/$1.yaml"
    check "Y5 $1" refuses 2 "$1.yaml:$2" pool --faults "$work/$1.yaml"
}
bad_file "unknown key" 2:28 'faults:\n  - {kind: rst, when: job, colour: red}\n'
bad_file "key twice" 2:6 'faults:\n  - {kind: rst, when: job, kind: fin}\n'
bad_file "list twice" 1:1 'faults:\n  - {kind: rst, when: job}\nfaults:\n  - {kind: fin, when: job}\n'
bad_file "no end" 3:1 'faults:\n  - {kind: rst, when: job\n'
printf '\357\273\277# a comment\nfaults: # another\n  - {kind: rst, when: job, probability: 2}\n' >"$work/bom.yaml"
check "Y5 BOM and comments are read over" refuses 2 "bom.yaml:3:28" pool --faults "$work/bom.yaml"

# ---- Y9: a locale whose numbers have a comma; Y3: proxies in the environment; Y4: a wallet as user ----
{
    for category in CTYPE TIME COLLATE MONETARY MESSAGES; do
        printf 'LC_%s\ncopy "POSIX"\nEND LC_%s\n' $category $category
    done
    printf 'LC_NUMERIC\ndecimal_point ","\nthousands_sep "."\ngrouping 3;3\nEND LC_NUMERIC\n'
} >"$work/locale.src"
localedef --no-archive -c -i "$work/locale.src" -f ANSI_X3.4-1968 "$work/comma" >/dev/null 2>&1
export LOCPATH="$work" LC_ALL=comma
check "the locale has a comma" test "$(/usr/bin/printf %.1f 1,5)" = 1,5
for name in ALL_PROXY HTTP_PROXY HTTPS_PROXY SOCKS_PROXY all_proxy http_proxy https_proxy; do
    export "$name=socks5://127.0.0.1:1" # where nobody is
done
"$POWLAB" pool -a cn/1 --listen 127.0.0.1:0 --port-file "$work/port" --difficulty 3 --duration 3m \
    --ledger "$work/ledger.jsonl" --json "$work/pool.json" 2>"$work/pool.log" &
pool=$!
wait_for 20 test -s "$work/port" || cat "$work/pool.log"
wallet=4$(printf '%094d' 0 | tr 0 A)
mines() { # SHARES ARGS...
    count=$1
    shift
    "$POWLAB" mine -o "127.0.0.1:$(cat "$work/port")" -t 1 -n "$count" --duration 2m "$@" >"$work/mine.out" 2>"$work/mine.log"
}
check "Y3, T10 proxies in the environment are nobody's business" mines 5 -u "$wallet" --json "$work/mine.json" \
    --stats "$work/stats.jsonl"
check "Y4 a wallet as user is said" grep -q "looks like a wallet" "$work/mine.log"
check "Y4 and taken as it is" grep -qF "\"login\":\"$wallet\"" "$work/ledger.jsonl"
numbers_have_points() {
    $python -c 'import json, sys
for name in sys.argv[1:]:
    text = open(name).read()
    for part in text.splitlines() if name.endswith("l") else [text]:
        json.loads(part)' "$@" &&
        grep -q '[0-9]\.[0-9]' "$work/mine.json"
}

# ---- Y6: files and pipes that fail; Y8: sleep ----
mkfifo "$work/fifo"
"$POWLAB" mine -o "127.0.0.1:$(cat "$work/port")" -t 1 --duration 2m -v --stats /dev/full \
    --json "$work/y6.json" >"$work/mine.out" 2>"$work/fifo" &
miner=$!
head -n 1 <"$work/fifo" >/dev/null # and then nobody reads the log any more
accepted() {
    grep -c '"verdict":"accepted"' "$work/ledger.jsonl"
}
more_than() {
    [ "$(accepted)" -gt "$1" ]
}
check "Y6 a log that nobody reads, statistics on a full disk" wait_for 20 more_than "$(($(accepted) + 5))"
kill -STOP "$miner"
sleep 1
before=$(accepted)
kill -CONT "$miner"
check "Y8 it goes on after a sleep" wait_for 20 more_than "$before"
kill -STOP "$pool"
sleep 1
kill -CONT "$pool"
check "Y8 so does the pool" wait_for 20 more_than "$(($(accepted) + 2))"
kill -INT "$miner"
wait "$miner"
check "Y6 and ends well" test $? -eq 130
check "Y6 a ledger on a full disk" refuses 3 "/dev/full" pool --listen 127.0.0.1:0 --ledger /dev/full -q
check "Y6 a port file that nobody reads" refuses 3 "nobody reads it" pool --listen 127.0.0.1:0 -q \
    --port-file "$work/fifo"
check "Y6 a result that nobody reads" refuses 3 "nobody reads it" version --json "$work/fifo"
few_files() {
    prlimit --nofile=16 "$POWLAB" pool --listen 127.0.0.1:0 --duration 1s -q >"$work/out" 2>"$work/err"
    case $? in 0 | 3) [ "$(wc -l <"$work/err")" -le 1 ] ;; *) return 1 ;; esac
}
check "Y6 next to no descriptors" few_files
kill -INT "$pool"
wait "$pool"
check "Y9 numbers have points" numbers_have_points "$work/mine.json" "$work/pool.json" "$work/stats.jsonl" \
    "$work/ledger.jsonl"

# ---- Y7: SIGINT while nothing comes of it ----
$python -c 'import socket, time
full = socket.socket(); full.bind(("127.0.0.1", 0)); full.listen(0)
mute = socket.socket(); mute.bind(("127.0.0.1", 0)); mute.listen(8)
held = [socket.socket() for i in range(4)]
for one in held:
    one.setblocking(False)
    one.connect_ex(full.getsockname()) # a queue that is full drops what comes
print(full.getsockname()[1], mute.getsockname()[1], flush=True)
time.sleep(120)' >"$work/ports" &
wait_for 10 test -s "$work/ports"
read -r full mute <"$work/ports"
interrupted() { # ARGS...: ends soon, though its deadlines are far away
    timeout -s KILL 15 "$POWLAB" mine --duration 2m -t 1 -v "$@" >"$work/mine.out" 2>"$work/mine.log" &
    victim=$!
    wait_for 10 grep -q connecting "$work/mine.log"
    sleep 0.2
    kill -INT "$victim" # timeout hands it on
    wait "$victim"
    [ $? -eq 130 ] || {
        cat "$work/mine.log"
        return 1
    }
}
check "Y7 while it connects" interrupted -o "127.0.0.1:$full"
check "Y7 within the handshake" interrupted -o "127.0.0.1:$mute" --tls
check "Y7 within the login" interrupted -o "127.0.0.1:$mute"
check "Y7 while it waits for the next try" interrupted -o 127.0.0.1:1 --retry-pause 30s
finish
