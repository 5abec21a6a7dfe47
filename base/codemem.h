/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory for machine code that is made while the program runs, never writable and executable at the
 * same address (W^X).
 *
 * Preferred is a dual mapping: the same pages twice, once writable, once executable, so that new
 * code costs no system call. Where that is refused (no memfd_create, a noexec policy for shared
 * memory) or new code is not seen (some emulators), one mapping changes its protection around each
 * writing: two system calls a time.
 */
#ifndef PLAB_BASE_CODEMEM_H
#define PLAB_BASE_CODEMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct plab_codemem {
    uint8_t *write;      /* where to write, between plab_codemem_open() and _close() */
    const uint8_t *exec; /* where the same bytes run */
    size_t bytes;        /* 0: there is none, nothing can be compiled */
    bool flips;          /* one mapping whose protection changes */
};

/* Maps at least `bytes`. PLAB_E_RESOURCE when the system allows no executable memory; then
 * `*out` is zeroed and everything still works without machine code, more slowly. */
PLAB_NODISCARD enum plab_status plab_codemem_map(struct plab_codemem *out, size_t bytes,
                                                 struct plab_error *err);

/* The same with one mapping that flips, for tests of that way. */
PLAB_NODISCARD enum plab_status plab_codemem_map_flipping(struct plab_codemem *out, size_t bytes,
                                                          struct plab_error *err);

/* Gives it back and zeroes it; a zeroed one is fine. */
void plab_codemem_unmap(struct plab_codemem *code);

/* Makes the memory writable. No code of it may run until it is closed again. False when the system
 * refuses. */
bool plab_codemem_open(struct plab_codemem *code);

/* Makes what was written ready to run. False when the system refuses: then nothing may run. */
bool plab_codemem_close(struct plab_codemem *code);

#endif
