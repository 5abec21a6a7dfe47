/* SPDX-License-Identifier: BSD-3-Clause */
/* Which implementation of each kernel a set of features gets. */
#ifndef PLAB_ARCH_DISPATCH_H
#define PLAB_ARCH_DISPATCH_H

#include "arch/cpu.h"
#include "pow/kernel.h"

/* Any kernel's function; cast back to the kernel's own type before a call. */
typedef void plab_any_fn(void);

/* One implementation of a kernel. */
struct plab_candidate {
    const char *isa;   /* "c", "aesni", "ce" ... */
    uint32_t features; /* all of these bits must be usable */
    plab_any_fn *fn;
};

/* Implementations of a kernel compiled into this build, worst to best; the first is the portable
 * one and needs nothing. Ends with an entry whose `isa` is NULL. Never NULL. */
const struct plab_candidate *plab_candidates(enum plab_kernel_id id);

/* Name of a kernel, e.g. "cn_explode". */
const char *plab_kernel_name(enum plab_kernel_id id);

/* Chooses, per kernel, the last candidate whose features are all in `features`. Pure. */
void plab_kernels_select(struct plab_kernels *out, uint32_t features);

#endif
