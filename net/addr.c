/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/addr.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

bool plab_addr_parse(const char *text, struct sockaddr_storage *out) {
    char host[64] = "";
    const char *colon = strrchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    char *end = NULL;
    unsigned long port = colon != NULL ? strtoul(colon + 1, &end, 10) : 0;
    bool brackets = len >= 2 && text[0] == '[' && text[len - 1] == ']';
    if (colon == NULL || len == 0 || len >= sizeof host || colon[1] < '0' || colon[1] > '9' ||
        *end != '\0' || port > UINT16_MAX) {
        return false;
    }
    memcpy(host, text + brackets, len - 2 * (size_t)brackets);
    const char *name = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    return brackets ? uv_ip6_addr(name, (int)port, (struct sockaddr_in6 *)out) == 0
                    : uv_ip4_addr(name, (int)port, (struct sockaddr_in *)out) == 0;
}
