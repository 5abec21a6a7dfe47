/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool_client/backoff.h"

uint64_t plab_backoff_ms(uint64_t base_ms, uint64_t cap_ms, unsigned failures, uint64_t random) {
    if (failures == 0) {
        return 0;
    }
    uint64_t cap = cap_ms > base_ms ? cap_ms : base_ms;
    uint64_t wait = base_ms;
    for (unsigned i = 1; i < failures && wait < cap; i++) {
        wait = wait > cap / 2 ? cap : wait * 2;
    }
    return wait - (uint64_t)(((unsigned __int128)random * (wait / 2 + 1)) >> 64);
}
