/* SPDX-License-Identifier: BSD-3-Clause */
/* How long to wait before the next try. */
#ifndef PLAB_POOL_CLIENT_BACKOFF_H
#define PLAB_POOL_CLIENT_BACKOFF_H

#include <stdint.h>

/* Milliseconds to wait after the `failures`-th failure in a row (1 is the first): the base doubled
 * each time up to the cap, of which a random part of up to one half is taken away, so that many
 * clients don't come back at once. `random` is any 64 random bits. 0 failures: 0. A cap below the
 * base counts as the base. Pure. */
uint64_t plab_backoff_ms(uint64_t base_ms, uint64_t cap_ms, unsigned failures, uint64_t random);

#endif
