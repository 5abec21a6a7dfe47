#!/bin/sh
# Every case of hostile input in tests/badinput.md has tests, these are there, and the file of at least
# one of them names the case.
set -u
cd "$(dirname "$0")/.." || exit 1
index=tests/badinput.md
failed=0

say() {
    echo "$index: $*"
    failed=1
}

# The file of a test: suite.test or name.sh. Nothing when there is none.
file_of() {
    case $1 in
    *.sh) ls "tests/integration/$1" 2>/dev/null ;;
    *) grep -lF "TEST(${1%%.*}, ${1#*.})" tests/unit/*.c tests/core/*.c ;;
    esac
}

rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
sed -n 's/^| \([A-Z][0-9]*\) |.*| \([^|]*\) |$/\1 \2/p' "$index" >"$rows"
while read -r id tests; do
    named=
    [ -n "$tests" ] || say "$id has no test"
    for test in $tests; do
        file=$(file_of "$test")
        [ -n "$file" ] || say "$id: there is no test $test"
        # shellcheck disable=SC2086 # two files may have tests of one name
        [ -z "$file" ] || ! grep -qE "(^|[^A-Za-z0-9])$id([^0-9]|\$)" $file || named=yes
    done
    [ -n "$named" ] || say "$id is named in none of the files of $tests"
done <"$rows"

# How many cases each letter has.
for group in F20 J13 R20 B25 K5 T12 D5 H7 P11 L12 S20 W10 Y10; do
    letter=${group%%[0-9]*}
    for number in $(seq "${group#?}"); do
        count=$(grep -c "^$letter$number " "$rows")
        [ "$count" -eq 1 ] || say "$letter$number is there $count times"
    done
done
[ "$failed" -eq 0 ]
