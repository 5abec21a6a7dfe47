/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands between a session and its connection while a fault is on: bytes wait, stop half-way
 * or trickle, and come out in the order in which they went in.
 *
 * A pure state machine: time is handed in. Zero-initialised, it lets everything through.
 */
#ifndef PLAB_POOL_FAULT_GATE_H
#define PLAB_POOL_FAULT_GATE_H

#include "pool/fault_script.h"

#define PLAB_GATE_BYTES_MAX (256u * 1024) /* that may wait */

struct plab_gate {
    char *bytes; /* owned; `len` wait */
    size_t len, cap;
    size_t taken; /* of them, that plab_gate_take() gave out last */
    size_t free;  /* of them, that may go in spite of `hold_until_ns` */
    uint64_t hold_until_ns;
    enum plab_fault_then then; /* when the hold ends */
    bool halve;                /* the next line */
    uint64_t halve_ns;         /* how long it stops in the middle */
    size_t drip;               /* bytes at a time; 0: as they come */
    uint64_t drip_every_ns, drip_next_ns;
    uint64_t drip_until_ns; /* UINT64_MAX: until the bytes that came next are gone */
    bool drip_began;        /* something came since */
};

/* Lets nothing through for so long. */
void plab_gate_hold(struct plab_gate *gate, uint64_t for_ns, uint64_t now_ns);

/* Stops in the middle of the next bytes that are put in, for so long; `then` follows. */
void plab_gate_halve(struct plab_gate *gate, uint64_t for_ns, enum plab_fault_then then);

/* From now on, `bytes` at a time. `for_ns` 0: only what is put in next. */
void plab_gate_drip(struct plab_gate *gate, size_t bytes, uint64_t every_ns, uint64_t for_ns,
                    uint64_t now_ns);

/* True when bytes may pass beside the gate. */
bool plab_gate_is_open(const struct plab_gate *gate);

/* Takes bytes. PLAB_E_NOMEM; PLAB_E_RESOURCE when too many wait. */
PLAB_NODISCARD enum plab_status plab_gate_put(struct plab_gate *gate, const void *bytes, size_t len,
                                              uint64_t now_ns);

/* Gives out bytes whose time has come, until 0 is returned. `*bytes` is valid until the next call.
 */
size_t plab_gate_take(struct plab_gate *gate, const char **bytes, uint64_t now_ns);

/* What is to be done with the connection, after plab_gate_take() returned 0; resume: nothing. */
enum plab_fault_then plab_gate_then(const struct plab_gate *gate, uint64_t now_ns);

/* When plab_gate_take() is to be called again; UINT64_MAX: not before the next put. */
uint64_t plab_gate_next_ns(const struct plab_gate *gate);

/* Frees what waits and opens it. */
void plab_gate_free(struct plab_gate *gate);

#endif
