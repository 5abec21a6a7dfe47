# Shared by the integration tests: counting, and waiting without sleeping too long.
# shellcheck shell=sh
: "${POWLAB:?the program to test; tools/integration.sh SCRIPT sets it}"
passed=0
failed=0
work=$(mktemp -d)
# What is measured here is for nobody else, and the other way round.
export XDG_CACHE_HOME="$work/cache"
cleanup() {
    jobs -p >"$work/jobs" # $(jobs -p) is a subshell, which in dash has none
    # shellcheck disable=SC2046 # process ids
    kill -9 $(cat "$work/jobs") 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

ok() { # NAME
    passed=$((passed + 1))
    echo "ok   $1"
}
bad() { # NAME
    failed=$((failed + 1))
    echo "FAIL $1"
}

# check NAME COMMAND...: counts whether the command succeeds; what it said is shown when it doesn't.
check() {
    name=$1
    shift
    if "$@" >"$work/check.log" 2>&1; then
        ok "$name"
    else
        bad "$name"
        sed 's/^/     /' "$work/check.log"
    fi
}

# same NAME GOT WANT
same() {
    if [ "$2" = "$3" ]; then ok "$1 ($2)"; else bad "$1: got $2, want $3"; fi
}

# exits NAME CODE COMMAND...: counts whether the exit code is that; stdout in $work/out, stderr in $work/err.
exits() {
    name=$1
    want=$2
    shift 2
    "$@" >"$work/out" 2>"$work/err"
    got=$?
    if [ "$got" -eq "$want" ]; then
        ok "$name"
    else
        bad "$name: exit code $got, want $want"
        tail -n 5 "$work/err" | sed 's/^/     /'
    fi
}

# refuses CODE TEXT ARGS...: powlab ends with that code, nothing on stdout, one line with TEXT on stderr.
refuses() {
    code=$1
    text=$2
    shift 2
    "$POWLAB" "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    [ "$got" -eq "$code" ] && [ ! -s "$work/out" ] && [ "$(wc -l <"$work/err")" -eq 1 ] &&
        grep -qF -- "$text" "$work/err" || {
        echo "  powlab $*: exit $got, stderr: $(cat "$work/err")"
        return 1
    }
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
    deadline=$(($(date +%s) + $1))
    shift
    until "$@" 2>/dev/null; do
        [ "$(date +%s)" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

# json_number FILE KEY: the number of a top-level key of a JSON result of ours (indented form).
json_number() {
    sed -n 's/^  "'"$2"'": \([0-9.]*\),*$/\1/p' "$1"
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}
