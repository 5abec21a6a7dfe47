# Shared by the integration tests: counting, and waiting without sleeping too long.
# shellcheck shell=sh
passed=0
failed=0
work=$(mktemp -d)
# What is measured here is for nobody else, and the other way round.
export XDG_CACHE_HOME="$work/cache"
cleanup() {
    # shellcheck disable=SC2046 # process ids
    kill -9 $(jobs -p) 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# check NAME COMMAND...: counts whether the command succeeds.
check() {
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok   $name"
    else
        failed=$((failed + 1))
        echo "FAIL $name"
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
