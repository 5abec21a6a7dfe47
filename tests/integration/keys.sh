#!/bin/sh
# Keys of "powlab mine" on a terminal, and the terminal after every way in which it can end. The
# terminal is script(1)'s, the keys come through a pipe.
. "$(dirname "$0")/../lib.sh"

"$POWLAB" pool -q -a cn/0 --listen 127.0.0.1:0 --port-file "$work/port" --difficulty 4 \
    --duration 5m >"$work/pool.out" 2>&1 &
wait_for 10 test -s "$work/port" || echo "the pool does not start"
mine="$POWLAB mine -o 127.0.0.1:$(cat "$work/port") -a cn/0 -t 1 --no-pin --duration 2m"

# on_terminal COMMAND: a shell runs it on a terminal of its own; what it shows is in $work/screen.
# Afterwards the terminal's state is in there as "now: icanon" or "now: -icanon".
on_terminal() {
    rm -f "$work/keys"
    mkfifo "$work/keys"
    : >"$work/screen"
    # shellcheck disable=SC2016 # the shell on the terminal expands them
    printf '%s\necho "ended with $?"\necho "now: $(stty -a | grep -oE "[-]?icanon") $(stty -a | grep -oE "[-]?echo ")"\n' \
        "$1" >"$work/commands"
    TERM=xterm script -q -f -c "sh $work/commands" "$work/screen" <"$work/keys" >/dev/null 2>&1 &
    terminal_pid=$!
    exec 3>"$work/keys"
}
shows() {
    wait_for 20 grep -qE -- "$1" "$work/screen" || {
        tail -n 5 "$work/screen"
        return 1
    }
}
press() {
    printf '%b' "$1" >&3
}
leave() {
    exec 3>&-
    wait "$terminal_pid"
}
restored() {
    shows 'now: icanon echo'
}
last_count() {
    tail -n 1 "$work/stats" | grep -oE '"hashes":[0-9]+'
}

on_terminal "$mine --stats $work/stats"
check "the summary names the keys" shows 'COMMANDS'
check "shares are told with difficulty and latency" shows 'accepted \([0-9]+/0\) diff 4 \([0-9]+ ms\)'
press h
check "h tells the rates" shows 'speed 10s/60s/15m'
press p
check "p pauses" shows 'paused: nothing is hashed'
stands_still() {
    sleep 1.2 # a hash that was under way is still counted
    before=$(last_count)
    sleep 1.2
    [ "$(last_count)" = "$before" ]
}
check "and then no hash is computed" stands_still
press r
check "r resumes" shows 'resumed'
goes_on() {
    [ "$(last_count)" != "$before" ]
}
check "and hashing goes on" wait_for 10 goes_on
press s
check "s tells the results" shows 'results: [0-9]+ accepted, 0 rejected'
press c
check "c tells of the connection: still the first session" shows 'online for .* 1 logins, 0 failures'
press q
check "q ends the run" shows 'ended with 0'
check "and the terminal is as before" restored
leave
too_wide() {
    tr -d '\r' <"$work/screen" | sed 's/\x1b\[[0-9;]*[mK]//g' | grep -E '^ [* ] ' | grep -E '.{80}'
}
# shellcheck disable=SC2251 # its status is what check looks at
not_too_wide() { ! too_wide; }
check "the summary has at most 79 columns" not_too_wide
check "on a terminal there are colours" grep -q "$(printf '\033\\[1m')" "$work/screen"

# What ignores SIGHUP, as under nohup, hands that on to all its children.
hup=HUP
case $(sed -n 's/^SigIgn:[[:space:]]*//p' "/proc/$$/status") in *[13579bdf]) hup= ;; esac

# Each signal goes to the program itself, not to the terminal.
for signal in INT TERM $hup SEGV ABRT; do
    on_terminal "sh -c 'echo pid \$\$; exec $mine'"
    shows 'accepted' && kill "-$signal" "$(grep -aoE 'pid [0-9]+' "$work/screen" | grep -oE '[0-9]+')"
    check "the terminal is as before after SIG$signal" restored
    leave
done

on_terminal "$mine"
shows 'accepted' && press '\003'
check "Ctrl-C ends it with 130" shows 'ended with 130'
check "the terminal is as before after Ctrl-C" restored
leave

# Job control needs a shell that has it.
on_terminal "sh -i"
press "PS1=; set -m; $mine\n"
shows 'accepted' && press '\032'
check "Ctrl-Z stops it" shows 'Stopped'
# shellcheck disable=SC2016
press 'echo "then: $(stty -a | grep -oE "[-]?icanon")"\n'
check "and gives the terminal back" shows 'then: icanon'
press 'fg\n'
sleep 0.5
press 's'
check "it goes on in the foreground, with keys" shows 'results:'
press 'q'
sleep 0.3
press 'exit\n'
check "and gives it back again" restored
leave

on_terminal "NO_COLOR=1 $mine --shares 1"
shows 'ended with 0'
no_colours() { ! grep -q "$(printf '\033\\[[0-9;]*m')" "$work/screen"; }
check "NO_COLOR is honoured" no_colours
leave

# shellcheck disable=SC2086 # words of a command
no_terminal() {
    $mine --shares 1 </dev/null >"$work/out" 2>"$work/err" && ! grep -q COMMANDS "$work/err" &&
        ! grep -q "$(printf '\033')" "$work/err"
}
check "without a terminal there are neither keys nor colours" no_terminal
finish
