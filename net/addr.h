/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses to listen on, as people write them. */
#ifndef PLAB_NET_ADDR_H
#define PLAB_NET_ADDR_H

#include <stdbool.h>

struct sockaddr_storage;

/* Reads "ADDR:PORT" or "[ADDR]:PORT" with a numeric address, or "localhost:PORT", which is
 * 127.0.0.1. Whether it is a lab address is not its concern. */
bool plab_addr_parse(const char *text, struct sockaddr_storage *out);

#endif
