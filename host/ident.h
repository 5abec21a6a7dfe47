/* SPDX-License-Identifier: BSD-3-Clause */
/* Who this processor is: names and caches for reports, never for choosing code. */
#ifndef PLAB_HOST_IDENT_H
#define PLAB_HOST_IDENT_H

#include <stdbool.h>
#include <stdint.h>

struct plab_ident {
    char brand[64];    /* "Intel(R) Xeon(R) Processor", "" unknown */
    char codename[64]; /* libcpuid's, e.g. "Sapphire Rapids-SP"; "" unknown */
    char vendor[16];
    int family, model, stepping;            /* -1 unknown */
    char microcode[16];                     /* "0x2b000603"; "" unknown */
    uint64_t l1d_bytes, l2_bytes, l3_bytes; /* 0 unknown */
    char hypervisor[32];                    /* "KVM" ...; "" none seen */
    bool libcpuid;                          /* false: read without libcpuid (not an x86 machine) */
};

/* Reads it; cannot fail, unknown fields stay empty. A hypervisor may present another processor than
 * the real one, so this is what the machine says, not proof. */
void plab_ident_read(struct plab_ident *ident);

/* What a text in the format of /proc/cpuinfo (x86 or AArch64) says: everything but the caches. Used
 * where libcpuid isn't there; a pure function. */
void plab_ident_from_cpuinfo(struct plab_ident *ident, const char *text);

#endif
