#!/bin/sh
# shellcheck disable=SC2013 # file and header names have no blanks
# The layers of ARCHITECTURE.md: which folder may include which, and where third-party headers may
# appear. Prints every violation and exits 1 when there is one.
set -u
cd "$(dirname "$0")/.." || exit 1

# Arrows go down only.
allowed() {
    case $1 in
    base) echo "base" ;;
    pow) echo "pow base" ;;
    arch) echo "arch pow base" ;;
    host) echo "host pow arch base" ;;
    stratum) echo "stratum base" ;;
    net) echo "net base" ;;
    yaml) echo "yaml base" ;;
    daemon) echo "daemon pow base" ;;
    bench) echo "bench host pow arch base" ;;
    bench/peers) echo "cli bench host pow arch base" ;; # a program of its own
    pool_client) echo "pool_client host daemon net stratum pow arch base" ;;
    pool) echo "pool pool_client yaml host daemon net stratum pow arch base" ;;
    lab) echo "lab yaml bench host stratum pow arch base" ;;
    cli) echo "cli lab pool pool_client bench host daemon net stratum pow arch base" ;;
    esac
}

# Folders that may include a third-party header, in .c files and private headers only.
third_party() {
    case $1 in
    hwloc.h | hwloc/* | libcpuid/*) echo "host" ;;
    uv.h) echo "net daemon pool_client pool lab cli" ;;
    libwebsockets.h) echo "net" ;;
    jansson.h) echo "daemon stratum pool_client pool lab bench bench/peers cli" ;;
    cyaml/* | yaml.h) echo "yaml lab pool" ;;
    sqlite3.h | libpq-fe.h) echo "pool" ;;
    randomx.h) echo "bench/peers tests" ;;
    openssl/*) echo "net lab tests" ;;
    pcap/*) echo "lab" ;;
    criterion/*) echo "tests" ;;
    *) echo "any" ;;
    esac
}

bad=0
report() {
    echo "layers: $1"
    bad=1
}

for file in $(git ls-files --cached --others --exclude-standard '*.c' '*.h' | grep -v '^tests/'); do
    case $file in
    bench/peers/*) folder=bench/peers ;;
    *) folder=${file%%/*} ;;
    esac
    for include in $(sed -n 's/^#[[:space:]]*include "\([^"]*\)".*/\1/p' "$file"); do
        case " $(allowed "$folder") " in
        *" ${include%%/*} "*) ;;
        *) report "$file includes $include: $folder/ may not use ${include%%/*}/" ;;
        esac
        case $include in
        *_priv.h)
            [ "${include%/*}" = "${file%/*}" ] ||
                report "$file includes $include, which is private to another folder"
            ;;
        esac
    done
    for include in $(sed -n 's/^#[[:space:]]*include <\([^>]*\)>.*/\1/p' "$file"); do
        homes=$(third_party "$include")
        [ "$homes" = any ] && continue
        case " $homes " in
        *" $folder "*) ;;
        *) report "$file includes <$include>, which belongs to: $homes" ;;
        esac
        case $file in
        *_priv.h | *.c) ;;
        *) report "$file includes <$include>: a third-party header in a shared one" ;;
        esac
    done
done
exit $bad
