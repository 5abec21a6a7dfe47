/*
   Mining programs, by what they must hold to talk to a pool. Written for powlab; no condition asks for a
   file's size or format, so that all of it also works on the memory of a process.
*/

rule powlab_stratum_url {
    meta:
        description = "a pool's address with a URL scheme that only mining has"
    strings:
        $scheme = /stratum2?\+(tcp|ssl|tls|udp):\/\/[A-Za-z0-9\[]/
    condition:
        $scheme
}

rule powlab_stratum_messages {
    meta:
        description = "messages of the CryptoNote dialect of Stratum"
    strings:
        $login = "\"method\":\"login\""
        $submit = "\"method\":\"submit\""
        $job_id = "\"job_id\":\""
        $nonce = "\"nonce\":\""
        $seed = "\"seed_hash\":\""
        $target = "\"target\":\""
        $keepalive = "\"method\":\"keepalived\""
    condition:
        3 of them
}

rule powlab_stratum_v1_messages {
    meta:
        description = "messages of Bitcoin's Stratum"
    strings:
        $subscribe = "mining.subscribe"
        $authorize = "mining.authorize"
        $notify = "mining.notify"
        $submit = "mining.submit"
    condition:
        2 of them
}
