/* SPDX-License-Identifier: BSD-3-Clause */
/* What tells one host from another: its address without the port, as 16 bytes. */
#ifndef PLAB_POOL_HOSTKEY_H
#define PLAB_POOL_HOSTKEY_H

#include <stdbool.h>
#include <stdint.h>

struct sockaddr;

/* An IPv6 address, or an IPv4 one mapped into it: both spellings of the same host are equal. */
struct plab_host_key {
    uint8_t bytes[16];
};

/* `peer` is AF_INET or AF_INET6. */
struct plab_host_key plab_host_key(const struct sockaddr *peer);

bool plab_host_key_equal(const struct plab_host_key *a, const struct plab_host_key *b);

/* 64 bits that nobody can foresee who doesn't know `secret`. */
uint64_t plab_host_key_hash(const struct plab_host_key *key, uint64_t secret);

/* 127.0.0.0/8 and ::1. */
bool plab_host_key_is_loopback(const struct plab_host_key *key);

/* Length of an address as text with its NUL. */
#define PLAB_HOST_KEY_NAME_LEN 46

/* Writes "192.168.0.7" or "fd00::7". Returns `out`. */
const char *plab_host_key_name(const struct plab_host_key *key, char out[PLAB_HOST_KEY_NAME_LEN]);

#endif
