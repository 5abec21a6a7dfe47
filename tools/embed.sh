#!/bin/sh
# Writes C to stdout that holds files, as a table for base/asset.h: tools/embed.sh HEADER TABLE FILE...
set -eu

type_of() {
    case $1 in
    *.html) echo "text/html; charset=utf-8" ;;
    *.css) echo "text/css; charset=utf-8" ;;
    *.js) echo "text/javascript; charset=utf-8" ;;
    *.svg) echo "image/svg+xml" ;;
    *)
        echo "embed: $1 is of no type that is known" >&2
        exit 1
        ;;
    esac
}

header=$1
table=$2
shift 2
echo '/* Made by tools/embed.sh. */'
echo "#include \"$header\""
n=0
for file in "$@"; do
    echo "static const unsigned char file_${n}[] = {"
    od -An -v -tx1 "$file" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
    echo '};'
    n=$((n + 1))
done
echo 'static const struct plab_asset items[] = {'
n=0
for file in "$@"; do
    name=${file##*/}
    [ "$name" != index.html ] || name=
    type=$(type_of "$file")
    echo "    {\"/$name\", \"$type\", file_$n, sizeof file_$n},"
    n=$((n + 1))
done
echo '};'
echo "const struct plab_assets $table = {items, sizeof items / sizeof items[0]};"
