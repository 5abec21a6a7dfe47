#!/bin/sh
# The laboratory around the real program: whole short runs, and each way in which one can end.
# Everything is on loopback, at ports that the system chooses.
# shellcheck disable=SC2016 # inner shells expand their own words
. "$(dirname "$0")/../lib.sh"

# Processes of a run: each has the run's folder in its command line.
left_over() {
    for folder in /proc/[0-9]*; do
        tr '\0' ' ' <"$folder/cmdline" 2>/dev/null | grep -F -- "--json=$1/raw/" |
            grep -vF "lab run" && return 0
    done
    return 1
}
gone() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        left_over "$1" >/dev/null || return 0
        sleep 0.2
    done
    return 1
}
pid_of() { # folder verb
    for folder in /proc/[0-9]*; do
        if tr '\0' ' ' <"$folder/cmdline" 2>/dev/null | grep -F -- "--json=$1/raw/" |
            grep -qF "powlab $2 "; then
            echo "${folder#/proc/}"
            return
        fi
    done
}

cat >"$work/short.yaml" <<'YAML'
name: short
label: a test
pool: {algo: cn/1, difficulty: 2, network_difficulty: 20, job_interval: 2s}
workers: [{name: w, threads: 1}]
phases:
  - {name: full, duration: 4s}
  - {name: half, duration: 3s, load_percent: 50}
  - {name: idle, duration: 2s, load_percent: 0}
expect: {min_accepted: 1, max_rejected: 0}
YAML
sed 's/4s/60s/; /expect/d' "$work/short.yaml" >"$work/long.yaml"

cat >"$work/brief.yaml" <<'YAML'
name: brief
pool: {algo: cn/1}
controls: [{name: brief, command: [sleep, "2.5"], repeat: false}]
phases: [{name: p, duration: 4s, controls: [brief]}]
YAML

# ---- usage ----
exits "lab alone is a usage error" 2 "$POWLAB" lab
exits "an unknown lab verb is a usage error" 2 "$POWLAB" lab rum
check "which suggests the right one" grep -q "did you mean lab run" "$work/err"
exits "a run of nothing" 2 "$POWLAB" lab run
exits "help" 0 "$POWLAB" lab run --help
exits "a scenario that isn't there" 3 "$POWLAB" lab run "$work/none.yaml"
printf 'name: x\npool: {}\nworkers:\n  - name: w\n    speed: 3\nphases: [{name: p, duration: 1s}]\n' \
    >"$work/bad.yaml"
exits "an unknown key" 2 "$POWLAB" lab run "$work/bad.yaml"
check "with line, column and key" grep -q 'bad.yaml:5:5: workers\[0\].speed: unknown key' "$work/err"
sed 's/pool: {/pool: {listen: "8.8.8.8:3333", /' "$work/short.yaml" >"$work/public.yaml"
exits "a public address is refused" 8 "$POWLAB" lab run --out "$work/public" "$work/public.yaml"
check "before anything is made" test ! -e "$work/public"
exits "a scale that is no number" 2 "$POWLAB" lab run --scale fast "$work/short.yaml"
exits "a scale that makes phases too short" 2 "$POWLAB" lab run --scale 0.4 "$work/short.yaml"
exits "a dry run" 0 sh -c 'cd "$1" && "$2" lab run --dry-run short.yaml' sh "$work" "$POWLAB"
check "prints the command lines" grep -q 'powlab mine .*--duty=100' "$work/out"
check "and touches nothing" test ! -e "$work/runs"

# ---- a process that lives for seconds only ----
exits "a run with a brief control" 0 "$POWLAB" lab run --detectors configs/detectors --out "$work/brief" \
    "$work/brief.yaml"
if command -v yara >/dev/null; then
    check "its memory is looked at in time" grep -q '"state": "ran"' "$work/brief/verdicts.json"
    check "by the detector of living processes" test -e "$work/brief/raw/live/yara-memory.control-brief#0.out"
fi

# ---- system calls of a program that makes two, in turns ----
dd if=/dev/zero of=/dev/null bs=1 2>/dev/null &
dd=$!
"$POWLAB" lab sample --looks 1 --syscalls 200ms "$dd" >"$work/calls"
kill "$dd"
number() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$work/calls"; }
difference=$(($(number read) - $(number write)))
check "dd reads ($(number read))" test "$(number read)" -gt 10
check "and writes as often" test "${difference#-}" -le 1
check "and does nothing else" test "$(number calls)" -eq $(($(number read) + $(number write)))
exits "none is counted where none is asked for" 0 "$POWLAB" lab sample --looks 1 --syscalls 0s $$
check "which is told" grep -q '"syscalls":{"absent":"not asked for"}' "$work/out"

# ---- a whole run ----
exits "a short run" 0 env NO_COLOR=1 sh -c 'cd "$1" && "$2" lab run short.yaml' sh "$work" "$POWLAB"
sed 's/^/        /' "$work/out"
run=$work/$(tail -n 1 "$work/out")
check "the last line is its folder" test -d "$run"
for file in scenario.yaml report.json truth.jsonl timeline.csv logs/pool.log raw/pool-ledger.jsonl; do
    check "$file is there" test -s "$run/$file"
done
check "no line is wider than 80 columns" test -z "$(head -n -1 "$work/out" | grep -E '^.{81}')"
check "no colours" test -z "$(grep "$(printf '\033')" "$work/out" "$work/err")"
check "it is complete" grep -q '"complete": true' "$run/report.json"
accepted=$(grep -c '"event":"share".*"verdict":"accepted"' "$run/truth.jsonl")
check "truth has accepted shares ($accepted)" test "$accepted" -ge 1
rate() { # phase: mean of the timeline's rate, times 100
    awk -F, -v phase="$1" '$3 == phase && $6 != "" {s += $6; n++} END {printf "%d", n ? 100 * s / n : 0}' \
        "$run/timeline.csv"
}
check "the timeline has a rate" test "$(rate full)" -gt 0
check "and none when nobody mines" grep -q ',idle,0,0,0.00,' "$run/timeline.csv"
check "half load is half duty" grep -rq "hashing 50 % of the time" "$run/logs"
check "a report beside it" grep -q '"folder":"' "$run/report.html"
# What a person sees: the page in a real browser, its own errors in the console.
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --user-data-dir="$work/chromium" --enable-logging=stderr \
    --virtual-time-budget=4000 --dump-dom "file://$run/report.html" >"$work/dom" 2>"$work/browser"
check "the browser shows phases" grep -q '<td>idle</td>' "$work/dom"
check "and system calls of the worker" grep -qE '<td>worker-w#0</td><td class="n">[^<]*</td><td class="n">[^<]*</td><td>[a-z]' "$work/dom"
check "and charts" grep -q '<canvas' "$work/dom"
check "and has nothing to complain about" test -z "$(grep CONSOLE "$work/browser")"
exits "detectors run over the run" 0 "$POWLAB" lab detect --detectors configs/detectors "$run"
check "a program that isn't there isn't silent" grep -qE '^(zeek|suricata) .*(not |[0-9])' "$work/out"
if command -v suricata >/dev/null && [ -s "$run/run-relabelled.pcapng" ]; then
    check "Suricata finds the login" grep -q '"detector":"suricata".*"t_s":[0-9].*"side":"mining".*Stratum login' "$run/detections.jsonl"
else
    echo "skip Suricata: it isn't installed (Debian 12 has it in bookworm-backports only), or nothing was captured"
fi
exits "a report is built again" 0 "$POWLAB" report "$run"
check "with the detectors" grep -q "powlab-verdicts/1" "$run/report.html"
exits "a report of nothing" 2 "$POWLAB" report "$work"
check "each with a verdict" grep -q '"schema": "powlab-verdicts/1"' "$run/verdicts.json"
check "the miner's command line is found" \
    grep -q '"detector":"command-line".*"side":"mining"' "$run/detections.jsonl"
check "samples hold the miner's system calls" \
    grep -qE '"argv":\["[^]]*"mine",.*"syscalls":\{"seconds":[0-9.]+,"calls":[0-9]+,"counts":\{' "$run/raw/observed.jsonl"
id=$(sed -n 's/^  "run": "\(.*\)",$/\1/p' "$run/report.json")
check "logins name the run" grep -q "\"event\":\"login\".*\"login\":\"lab-$id-w\"" "$run/truth.jsonl"
check "no process is left" gone "$run"
exits "its folder isn't used again" 2 "$POWLAB" lab run --out "$run" "$work/short.yaml"

sed 's/min_accepted: 1/min_accepted: 100000/' "$work/short.yaml" >"$work/much.yaml"
exits "an expectation that isn't met" 1 "$POWLAB" lab run --scale 0.5 --out "$work/much" \
    --json - "$work/much.yaml"
check "is told" grep -q 'accepted: .*, expected at least 50000' "$work/err"
check "also in JSON" grep -q '"met": false' "$work/out"
check "which is all there is on stdout" test "$(head -n 1 "$work/out")$(tail -n 1 "$work/out")" = "{}"
check "and names the folder" grep -qF "\"folder\": \"$work/much\"" "$work/out"

# ---- other ends ----
begin() { # folder
    "$POWLAB" lab run --out "$1" "$work/long.yaml" >"$work/out" 2>"$work/err" &
    running=$!
    wait_for 10 grep -q t_ns "$1/raw/worker-w.0.jsonl" || bad "no worker in $1"
}
end() { # NAME CODE
    wait "$running"
    got=$?
    if [ "$got" -eq "$2" ]; then ok "$1"; else bad "$1: exit code $got, want $2"; fi
}
begin "$work/int"
asked=$(date +%s%N)
kill -INT "$running"
end "Ctrl-C" 130
echo "  it took $((($(date +%s%N) - asked) / 1000000)) ms"
check "leaves no process" gone "$work/int"
check "is marked" grep -q '"end": "interrupted"' "$work/int/report.json"
check "leaves truth" grep -q '"event":"run_end"' "$work/int/truth.jsonl"
check "and the worker's result" test -s "$work/int/raw/worker-w.0.json"

begin "$work/term"
kill -TERM "$running"
end "SIGTERM" 143

begin "$work/lost"
kill -KILL "$(pid_of "$work/lost" pool)"
end "a killed pool ends the run" 1
check "which is marked" grep -q '"end": "pool_lost"' "$work/lost/report.json"
check "and leaves no process" gone "$work/lost"

begin "$work/orphans"
kill -KILL "$running"
wait "$running" 2>/dev/null
check "a killed laboratory leaves no process" gone "$work/orphans"

# ---- a disk that is full ----
# dash counts in 512 bytes: what is written beyond 6 KiB fails, the signal for it being ignored.
exits "a full disk" 3 sh -c 'ulimit -f 12; exec "$2" lab run --out "$1/full" "$1/long.yaml"' sh \
    "$work" "$POWLAB"
check "is told in one line" test "$(grep -c '^powlab lab' "$work/err")" -eq 1
check "leaves no process" gone "$work/full"
exits "a folder that can't be made" 3 "$POWLAB" lab run --out /proc/run "$work/short.yaml"

finish
