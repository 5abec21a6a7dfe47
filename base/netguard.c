/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/netguard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"

struct v4_range {
    uint32_t network; /* host order */
    unsigned prefix_len;
};

static const struct v4_range v4_lab[] = {
    {0x7F000000, 8},  /* 127.0.0.0/8      loopback */
    {0x0A000000, 8},  /* 10.0.0.0/8       RFC 1918 */
    {0xAC100000, 12}, /* 172.16.0.0/12    RFC 1918 */
    {0xC0A80000, 16}, /* 192.168.0.0/16   RFC 1918 */
    {0xA9FE0000, 16}, /* 169.254.0.0/16   RFC 3927 */
    {0x64400000, 10}, /* 100.64.0.0/10    RFC 6598 */
    {0xC0000200, 24}, /* 192.0.2.0/24     RFC 5737 */
    {0xC6336400, 24}, /* 198.51.100.0/24  RFC 5737 */
    {0xCB007100, 24}, /* 203.0.113.0/24   RFC 5737 */
    {0xC6120000, 15}, /* 198.18.0.0/15    RFC 2544 */
};

struct v6_range {
    uint8_t network[16];
    unsigned prefix_len;
};

static const struct v6_range v6_lab[] = {
    {{[15] = 1}, 128},              /* ::1            loopback */
    {{0xfe, 0x80}, 10},             /* fe80::/10      RFC 4291 */
    {{0xfc}, 7},                    /* fc00::/7       RFC 4193 */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* 2001:db8::/32  RFC 3849 */
};

static bool v4_is_lab(uint32_t addr) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(v4_lab); i++) {
        if (((addr ^ v4_lab[i].network) >> (32 - v4_lab[i].prefix_len)) == 0) {
            return true;
        }
    }
    return false;
}

static bool v6_matches(const uint8_t addr[16], const struct v6_range *range) {
    unsigned whole = range->prefix_len / 8;
    unsigned rest = range->prefix_len % 8;
    if (memcmp(addr, range->network, whole) != 0) {
        return false;
    }
    return rest == 0 || ((addr[whole] ^ range->network[whole]) >> (8 - rest)) == 0;
}

static bool v6_is_lab(const struct in6_addr *in6) {
    if (IN6_IS_ADDR_V4MAPPED(in6)) {
        return v4_is_lab(plab_load32_be(in6->s6_addr + 12));
    }
    for (size_t i = 0; i < PLAB_ARRAY_LEN(v6_lab); i++) {
        if (v6_matches(in6->s6_addr, &v6_lab[i])) {
            return true;
        }
    }
    return false;
}

bool plab_netguard_is_lab(const struct sockaddr *addr) {
    if (addr->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, addr, sizeof in);
        return v4_is_lab(ntohl(in.sin_addr.s_addr));
    }
    if (addr->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, addr, sizeof in6);
        return v6_is_lab(&in6.sin6_addr);
    }
    return false;
}

const char *plab_netguard_name(const struct sockaddr *addr, char out[PLAB_NETGUARD_NAME_LEN]) {
    char text[INET6_ADDRSTRLEN];
    if (addr->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, addr, sizeof in);
        inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
        snprintf(out, PLAB_NETGUARD_NAME_LEN, "%s:%u", text, ntohs(in.sin_port));
    } else if (addr->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, addr, sizeof in6);
        inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
        snprintf(out, PLAB_NETGUARD_NAME_LEN, "[%s]:%u", text, ntohs(in6.sin6_port));
    } else {
        snprintf(out, PLAB_NETGUARD_NAME_LEN, "(unknown address)");
    }
    return out;
}

enum plab_status plab_netguard_check(const struct sockaddr *addr, struct plab_error *err) {
    if (plab_netguard_is_lab(addr)) {
        return PLAB_OK;
    }
    char name[PLAB_NETGUARD_NAME_LEN];
    return plab_fail(err, PLAB_E_REFUSED,
                     "%s is not a lab address; powlab uses loopback, private, link-local, "
                     "documentation and benchmarking addresses only (no option changes this)",
                     plab_netguard_name(addr, name));
}
