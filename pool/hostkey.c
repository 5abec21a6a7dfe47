/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/hostkey.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/prng.h"

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool is_v4(const struct plab_host_key *key) {
    return memcmp(key->bytes, mapped, sizeof mapped) == 0;
}

struct plab_host_key plab_host_key(const struct sockaddr *peer) {
    struct plab_host_key key;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (peer->sa_family == AF_INET6) {
        memcpy(&v6, peer, sizeof v6);
        memcpy(key.bytes, &v6.sin6_addr, 16);
    } else {
        memcpy(&v4, peer, sizeof v4);
        memcpy(key.bytes, mapped, sizeof mapped);
        memcpy(key.bytes + sizeof mapped, &v4.sin_addr, 4);
    }
    return key;
}

bool plab_host_key_equal(const struct plab_host_key *a, const struct plab_host_key *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

uint64_t plab_host_key_hash(const struct plab_host_key *key, uint64_t secret) {
    uint64_t halves[2];
    memcpy(halves, key->bytes, sizeof halves);
    struct plab_prng mix = {secret ^ halves[0]};
    mix.state = plab_prng_next(&mix) ^ halves[1];
    return plab_prng_next(&mix);
}

bool plab_host_key_is_loopback(const struct plab_host_key *key) {
    static const uint8_t one[16] = {[15] = 1};
    return is_v4(key) ? key->bytes[12] == 127 : memcmp(key->bytes, one, sizeof one) == 0;
}

const char *plab_host_key_name(const struct plab_host_key *key, char out[PLAB_HOST_KEY_NAME_LEN]) {
    bool v4 = is_v4(key);
    if (inet_ntop(v4 ? AF_INET : AF_INET6, key->bytes + (v4 ? sizeof mapped : 0), out,
                  PLAB_HOST_KEY_NAME_LEN) == NULL) {
        out[0] = '\0';
    }
    return out;
}
