/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/fault_gate.h"

#include <stdlib.h>
#include <string.h>

void plab_gate_hold(struct plab_gate *gate, uint64_t for_ns, uint64_t now_ns) {
    uint64_t until_ns = now_ns + for_ns;
    gate->hold_until_ns = until_ns > gate->hold_until_ns ? until_ns : gate->hold_until_ns;
}

void plab_gate_halve(struct plab_gate *gate, uint64_t for_ns, enum plab_fault_then then) {
    gate->halve = true;
    gate->halve_ns = for_ns;
    gate->then = then;
}

void plab_gate_drip(struct plab_gate *gate, size_t bytes, uint64_t every_ns, uint64_t for_ns,
                    uint64_t now_ns) {
    gate->drip = bytes;
    gate->drip_every_ns = every_ns;
    gate->drip_next_ns = now_ns;
    gate->drip_until_ns = for_ns > 0 ? now_ns + for_ns : UINT64_MAX;
    gate->drip_began = false;
}

bool plab_gate_is_open(const struct plab_gate *gate) {
    return gate->len == 0 && gate->hold_until_ns == 0 && !gate->halve && gate->drip == 0;
}

enum plab_status plab_gate_put(struct plab_gate *gate, const void *bytes, size_t len,
                               uint64_t now_ns) {
    size_t needed = gate->len + len;
    if (needed > PLAB_GATE_BYTES_MAX) {
        return PLAB_E_RESOURCE;
    }
    if (needed > gate->cap) {
        size_t cap = 2 * needed;
        char *larger = realloc(gate->bytes, cap);
        if (larger == NULL) {
            return PLAB_E_NOMEM;
        }
        gate->bytes = larger;
        gate->cap = cap;
    }
    if (gate->halve) {
        gate->halve = false;
        gate->free = gate->len + len / 2;
        gate->hold_until_ns = now_ns + gate->halve_ns;
    }
    memcpy(gate->bytes + gate->len, bytes, len);
    gate->len = needed;
    gate->drip_began = true;
    return PLAB_OK;
}

static void drop_taken(struct plab_gate *gate) {
    gate->len -= gate->taken;
    gate->free -= gate->taken < gate->free ? gate->taken : gate->free;
    memmove(gate->bytes, gate->bytes + gate->taken, gate->len);
    gate->taken = 0;
}

/* Ends what is over. */
static void settle(struct plab_gate *gate, uint64_t now_ns) {
    if (now_ns >= gate->hold_until_ns && gate->then == PLAB_FAULT_THEN_RESUME) {
        gate->hold_until_ns = 0;
        gate->free = 0;
    }
    bool line_is_out = gate->drip_until_ns == UINT64_MAX && gate->drip_began && gate->len == 0;
    if (line_is_out || now_ns >= gate->drip_until_ns) {
        gate->drip = 0;
    }
}

/* A fault that ends the connection has no rest that could be sent. */
static bool holds(const struct plab_gate *gate) {
    return gate->hold_until_ns > 0;
}

size_t plab_gate_take(struct plab_gate *gate, const char **bytes, uint64_t now_ns) {
    if (gate->taken > 0) {
        drop_taken(gate);
    }
    settle(gate, now_ns);
    size_t ready = holds(gate) ? gate->free : gate->len;
    if (ready > 0 && gate->drip > 0) {
        if (now_ns < gate->drip_next_ns) {
            return 0;
        }
        ready = ready < gate->drip ? ready : gate->drip;
        gate->drip_next_ns = now_ns + gate->drip_every_ns;
    }
    gate->taken = ready;
    *bytes = gate->bytes;
    return ready;
}

enum plab_fault_then plab_gate_then(const struct plab_gate *gate, uint64_t now_ns) {
    bool over = holds(gate) && now_ns >= gate->hold_until_ns;
    return over ? gate->then : PLAB_FAULT_THEN_RESUME;
}

uint64_t plab_gate_next_ns(const struct plab_gate *gate) {
    size_t ready = holds(gate) ? gate->free : gate->len;
    uint64_t next_ns = holds(gate) ? gate->hold_until_ns : UINT64_MAX;
    if (ready > 0 && gate->drip > 0 && gate->drip_next_ns < next_ns) {
        next_ns = gate->drip_next_ns;
    }
    if (gate->drip > 0 && gate->drip_until_ns < next_ns) {
        next_ns = gate->drip_until_ns;
    }
    return next_ns;
}

void plab_gate_free(struct plab_gate *gate) {
    free(gate->bytes);
    memset(gate, 0, sizeof *gate);
}
