#!/bin/sh
# TLS between powlab and OpenSSL's own programs: the pool against s_client, the miner against
# s_server, and both against each other.
. "$(dirname "$0")/../lib.sh"

export XDG_DATA_HOME="$work/data"
tls=$XDG_DATA_HOME/powlab/tls
login='{"id":1,"method":"login","params":{"login":"w","pass":"x","agent":"t"}}'

# start_pool OPTIONS...: a pool; the ports are in $1, $2 ... of its port file.
start_pool() {
    rm -f "$work/ports"
    "$POWLAB" pool -a cn/1 --difficulty 5 --duration 120s --port-file "$work/ports" "$@" \
        2>"$work/pool.log" &
    pool=$!
    wait_for 20 test -s "$work/ports"
}

# ask PORT OPTIONS...: what the pool answers to a login, through s_client; its exit code in $code.
# shellcheck disable=SC2094 # the first half only waits for what the second writes
ask() {
    port=$1
    shift
    {
        echo "$login"
        wait_for 5 grep -q '"result"' "$work/answer"
        sleep 0.2
    } | openssl s_client -connect "127.0.0.1:$port" -quiet -no_ign_eof "$@" \
        >"$work/answer" 2>"$work/s_client.log"
}

answered() { # PORT OPTIONS...
    : >"$work/answer"
    ask "$@" && grep -q '"status":"OK"' "$work/answer"
}

refused() { # TEXT PORT OPTIONS...
    text=$1
    shift
    : >"$work/answer"
    ! ask "$@" && [ ! -s "$work/answer" ] && grep -q "$text" "$work/s_client.log"
}

# ---- the pool, by s_client ----

start_pool --listen tls://127.0.0.1:0 --listen auto://127.0.0.1:0 --tls-keylog "$work/pool.keys"
first=$(sed -n 1p "$work/ports")
both=$(sed -n 2p "$work/ports")
check "the CA signed the pool's certificate" \
    sh -c "openssl verify -CAfile '$tls/ca.pem' -x509_strict -purpose sslserver '$tls/server-ec.pem' >/dev/null"
check "s_client trusts it by address" \
    answered "$first" -CAfile "$tls/ca.pem" -verify_return_error -verify_ip 127.0.0.1
check "and by name" \
    answered "$both" -CAfile "$tls/ca.pem" -verify_return_error -verify_hostname pool.lab.test
check "TLS 1.2 is spoken" answered "$first" -tls1_2
check "TLS 1.1 is not" refused 'alert protocol version' "$first" -tls1_1 -cipher DEFAULT:@SECLEVEL=0
check "another name is none of its own" refused 'ostname mismatch' "$first" -CAfile "$tls/ca.pem" \
    -verify_return_error -verify_hostname else.lab.test
fingerprint=$(openssl x509 -in "$tls/server-ec.pem" -noout -fingerprint -sha256 | cut -d= -f2)
check "the fingerprint that is printed is OpenSSL's" \
    grep -qi "$(echo "$fingerprint" | tr -d :)" "$work/pool.log"
check "keys are for their owner only" \
    sh -c "[ \"\$(stat -c %a '$tls/ca.key' '$tls/server-ec.key' '$work/pool.keys' | sort -u)\" = 600 ]"
check "the key log has the session's secrets" grep -q '^SERVER_TRAFFIC_SECRET_0 ' "$work/pool.keys"

# ---- the pool, by the miner ----

mine() {
    "$POWLAB" mine -a cn/1 -t 1 --shares 2 --duration 20s "$@" 2>"$work/mine.log" >"$work/mine.out"
}
check "the miner trusts the CA and mines" mine -o "stratum+ssl://127.0.0.1:$first" --tls-ca "$tls/ca.pem"
check "the miner knows the fingerprint and mines" \
    mine -o "stratum+tls://localhost:$both" --tls-fingerprint "$fingerprint" --tls-keylog "$work/mine.keys"
check "its key log has the session's secrets" grep -q '^CLIENT_TRAFFIC_SECRET_0 ' "$work/mine.keys"
check "the miner checks nothing, says so, and mines" mine -o "127.0.0.1:$first" --tls
check "with the fingerprint that it saw" \
    grep -qi "not checked.*$(echo "$fingerprint" | tr -d :)" "$work/mine.log"
check "plain text goes to the same port" mine -o "127.0.0.1:$both"
wrong=$(printf '%064d' 0)
check "a wrong fingerprint fails over" mine -o "stratum+ssl://127.0.0.1:$first" -o "127.0.0.1:$both" \
    --retries 1 --retry-pause 1s --tls-fingerprint "$wrong"
check "and says both fingerprints" grep -q "fingerprint is .*, not $wrong" "$work/mine.log"
"$POWLAB" mine -o "stratum+ssl://127.0.0.1:$first" --duration 2s --tls-ca "$work/none.pem" 2>"$work/err"
check "a CA file that isn't there is exit code 2" test $? -eq 2
check "a fingerprint of the wrong length too" \
    refuses 2 '64 hex digits' mine -o "stratum+ssl://127.0.0.1:$first" --tls-fingerprint abcd
check "and options of TLS without TLS" \
    refuses 2 '--tls-sni is for TLS' mine -o "127.0.0.1:$first" --tls-sni x
"$POWLAB" mine -o "stratum+ssl://127.0.0.1:$first" --duration 2s --tls-fingerprint "$wrong" >/dev/null 2>&1
check "no session for want of trust is exit code 6" test $? -eq 6
kill -INT $pool
wait $pool

# ---- another key and another name; the CA stays ----

start_pool --listen tls://127.0.0.1:0 --tls-key-type rsa --tls-name miner.lab.test
check "an RSA certificate has the name that was asked for" answered "$(cat "$work/ports")" \
    -CAfile "$tls/ca.pem" -verify_return_error -verify_hostname miner.lab.test
check "its key has 2048 bits" sh -c "openssl x509 -in '$tls/server-rsa.pem' -noout -text | grep -q '(2048 bit)'"
kill -INT $pool
wait $pool

# ---- the miner, by s_server ----

# serve OPTIONS...: an s_server that shows the pool's certificate and what comes in.
serve() {
    port=$1
    shift
    # shellcheck disable=SC2094 # the fifo keeps its standard input open
    openssl s_server -accept "127.0.0.1:$port" -cert "$tls/server-ec.pem" -key "$tls/server-ec.key" \
        -quiet "$@" <"$work/fifo" >"$work/heard" 2>"$work/s_server.log" &
    server=$!
    wait_for 5 sh -c "grep -q ':$(printf '%04X' "$port") .* 0A ' /proc/net/tcp"
}
mkfifo "$work/fifo"
exec 3<>"$work/fifo"
for version in -tls1_2 -tls1_3; do
    serve "$first" $version -servername pool.lab.test -cert2 "$tls/server-rsa.pem" -key2 "$tls/server-rsa.key"
    "$POWLAB" mine -o "stratum+ssl://127.0.0.1:$first" -a cn/1 -t 1 --duration 10s --retries 1 \
        --tls-sni pool.lab.test --tls-ca "$tls/ca.pem" 2>"$work/mine.log" >/dev/null &
    miner=$!
    check "s_server $version hears the login" wait_for 8 grep -q '"method":"login"' "$work/heard"
    kill -9 $miner $server
    wait $miner $server 2>/dev/null
done
serve "$first" -tls1_1 -cipher DEFAULT:@SECLEVEL=0
"$POWLAB" mine -o "stratum+ssl://127.0.0.1:$first" --duration 2s 2>"$work/mine.log" >/dev/null
check "TLS 1.1 is refused" grep -q 'alert protocol version' "$work/mine.log"
check "before anything is said" test ! -s "$work/heard"
kill -9 $server
wait $server 2>/dev/null
finish
