#!/bin/sh
# Installs the Debian/Ubuntu packages that powlab needs and says which.
#   tools/deps.sh build    to build and run the program
#   tools/deps.sh demo     and the detectors that the quick start runs
#   tools/deps.sh check    for all tests as well
set -eu

build="gcc libc6-dev make pkg-config git
libhwloc-dev libuv1-dev libwebsockets-dev libwebsockets-evlib-uv libssl-dev libjansson-dev libcyaml-dev
libyaml-dev libsqlite3-dev libpq-dev libpcap-dev libjs-dygraphs"
# libcpuid only knows x86.
case "$(uname -m)" in x86_64) build="$build libcpuid-dev" ;; esac

demo="tshark libndpi-bin yara"
check="$demo sqlite3 postgresql libcriterion-dev openssl librandomx-dev monero
clang libclang-rt-dev clang-format clang-tidy shellcheck
gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user binutils curl procps iproute2
chromium python3 python3-jsonschema python3-prometheus-client python3-websockets"

case "${1:-}" in
build) wanted=$build ;;
demo) wanted="$build $demo" ;;
check) wanted="$build $check" ;;
*)
    echo "usage: tools/deps.sh build|demo|check" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    # shellcheck disable=SC2086 # one line
    echo "deps: this is no Debian or Ubuntu; please install the equivalents of:" $wanted >&2
    exit 3
fi

missing=
for package in $wanted; do
    state=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [ "$state" = "install ok installed" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "deps: missing packages, and neither root nor sudo to install them; run as root:" \
            "apt-get install$missing" >&2
        exit 3
    fi
    as_root=sudo
fi

echo "deps: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # the lists are meant to be split into words
if ! { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    echo "deps: apt-get could not install:$missing (is a package mirror reachable?)" >&2
    exit 3
fi
