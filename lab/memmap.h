/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The large private mappings of another process: how big, on what pages, and how random their bytes
 * look. A RandomX miner has a dataset of 2080 MiB or a cache of 256 MiB full of random looking
 * bytes, and a scratchpad of 2 MiB a thread, as a CryptoNight miner has.
 *
 * Sources: proc(5), /proc/PID/smaps; bytes come from /proc/PID/mem and need the right to trace.
 */
#ifndef PLAB_LAB_MEMMAP_H
#define PLAB_LAB_MEMMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define PLAB_MEMMAP_MAX 32        /* the largest are kept */
#define PLAB_MEMMAP_MIN (1 << 20) /* bytes; smaller ones aren't looked at */

struct plab_memmap_one {
    uint64_t start, bytes;
    uint64_t resident_bytes; /* explicit huge pages included */
    uint64_t huge_bytes;     /* transparent and explicit huge pages */
    double entropy_bits;     /* a byte, 0 to 8, of 64 KiB taken all over it; NAN: not readable */
};

struct plab_memmap {
    size_t count; /* in descending order of size */
    struct plab_memmap_one maps[PLAB_MEMMAP_MAX];
};

/* Looks at writable mappings that belong to no file (huge page files count as none). `root`:
 * "/proc". PLAB_E_RESOURCE when the process is gone or not ours to look at. */
PLAB_NODISCARD enum plab_status plab_memmap_read(struct plab_memmap *out, const char *root, int pid,
                                                 struct plab_error *err);

/* Shannon entropy of bytes in bits a byte; 0 for none. */
double plab_memmap_entropy(const uint8_t *bytes, size_t len);

#endif
