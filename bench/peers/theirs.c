/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/peers/theirs.h"

#include <errno.h>
#include <fenv.h>
#include <randomx.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "pow/randomx.h"

#define HUGE_BYTES ((size_t)2 << 20)
#define SCRATCHPAD_BYTES ((size_t)2 << 20)

#ifdef PLAB_PEERS_V2 /* the Makefile looks whether randomx.h has it */
#define FLAG_V2 RANDOMX_FLAG_V2
#else
#define FLAG_V2 RANDOMX_FLAG_DEFAULT
#endif

struct plab_theirs {
    randomx_flags flags;
    unsigned threads;
    enum plab_peers_style style;
    randomx_cache *cache;
    randomx_dataset *dataset;
    randomx_vm **vms;
    size_t asked_bytes;
    bool hugetlb; /* everything so far came from explicit huge pages */
};

bool plab_theirs_have_v2(void) {
    return FLAG_V2 != RANDOMX_FLAG_DEFAULT;
}

/* Where there are no explicit huge pages, librandomx takes ordinary memory from posix_memalign(),
 * and its interface offers no say in what pages that has. This definition comes before libc's, and
 * gives large blocks the same transparent huge pages that host/pages asks for, scratchpads
 * included. */
__attribute__((visibility("default"))) int posix_memalign(void **memptr, size_t alignment,
                                                          size_t size) {
    bool large = size >= HUGE_BYTES;
    size_t rounded = large ? (size + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES : size;
    int saved = errno; /* which posix_memalign() leaves alone */
    void *memory = aligned_alloc(large ? HUGE_BYTES : alignment, rounded);
    if (memory != NULL && large) {
        (void)madvise(memory, rounded, MADV_HUGEPAGE);
    }
    errno = saved;
    if (memory == NULL) {
        return ENOMEM;
    }
    *memptr = memory;
    return 0;
}

/* librandomx enumerators are combined as numbers. */
static randomx_flags with(randomx_flags flags, int more) {
    return (randomx_flags)((int)flags | more);
}

/* The library's structures begin with the pointer to their memory; older interfaces offer no other
 * way to that of a cache. */
static uint8_t *first_pointer(const void *structure) {
    uint8_t *memory;
    memcpy(&memory, structure, sizeof memory);
    return memory;
}

static void open_cache(struct plab_theirs *theirs, bool fastest) {
    randomx_flags flags =
        fastest ? theirs->flags : (randomx_flags)((int)theirs->flags & ~RANDOMX_FLAG_ARGON2);
    theirs->cache = randomx_alloc_cache(with(flags, RANDOMX_FLAG_LARGE_PAGES));
    if (theirs->cache == NULL) {
        theirs->hugetlb = false;
        theirs->cache = randomx_alloc_cache(flags);
    }
}

bool plab_theirs_have_argon2(const struct plab_theirs *theirs) {
    return ((int)theirs->flags & RANDOMX_FLAG_ARGON2) != 0;
}

enum plab_status plab_theirs_set_argon2(struct plab_theirs *theirs, bool fastest,
                                        struct plab_error *err) {
    randomx_release_cache(theirs->cache);
    open_cache(theirs, fastest);
    return theirs->cache != NULL
               ? PLAB_OK
               : plab_fail(err, PLAB_E_NOMEM, "not enough memory for librandomx's cache");
}

static void open_dataset(struct plab_theirs *theirs, bool complete) {
    if (complete) {
        theirs->dataset = randomx_alloc_dataset(RANDOMX_FLAG_LARGE_PAGES);
        theirs->hugetlb &= theirs->dataset != NULL;
        theirs->asked_bytes += plab_rx_dataset_bytes(&plab_rx_params_0);
    }
    if (theirs->dataset == NULL) {
        theirs->dataset = randomx_alloc_dataset(RANDOMX_FLAG_DEFAULT);
    }
}

enum plab_status plab_theirs_create(struct plab_theirs **out, unsigned threads, bool complete,
                                    struct plab_error *err) {
    struct plab_theirs *theirs = calloc(1, sizeof *theirs);
    *out = theirs;
    if (theirs == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory");
    }
    *theirs =
        (struct plab_theirs){.flags = randomx_get_flags(), .threads = threads, .hugetlb = true};
    theirs->vms = calloc(threads, sizeof(randomx_vm *));
    if ((theirs->flags & RANDOMX_FLAG_JIT) == 0) {
        plab_theirs_destroy(out);
        return plab_fail(err, PLAB_E_UNSUPPORTED, "librandomx has no compiler for this processor");
    }
    open_cache(theirs, true);
    theirs->asked_bytes = plab_rx_cache_bytes(&plab_rx_params_0);
    open_dataset(theirs, complete);
    if (theirs->vms == NULL || theirs->cache == NULL || theirs->dataset == NULL) {
        plab_theirs_destroy(out);
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for librandomx");
    }
    return PLAB_OK;
}

void plab_theirs_destroy(struct plab_theirs **theirs) {
    if (*theirs == NULL) {
        return;
    }
    if ((*theirs)->vms != NULL) {
        plab_theirs_close(*theirs);
    }
    if ((*theirs)->dataset != NULL) {
        randomx_release_dataset((*theirs)->dataset);
    }
    if ((*theirs)->cache != NULL) {
        randomx_release_cache((*theirs)->cache);
    }
    free((*theirs)->vms);
    free(*theirs);
    *theirs = NULL;
}

void plab_theirs_build_cache(struct plab_theirs *theirs, const uint8_t *key, size_t key_len) {
    randomx_init_cache(theirs->cache, key, key_len);
}

const uint8_t *plab_theirs_cache_memory(const struct plab_theirs *theirs) {
    return first_pointer(theirs->cache);
}

uint8_t *plab_theirs_dataset_memory(const struct plab_theirs *theirs) {
    return randomx_get_dataset_memory(theirs->dataset);
}

void plab_theirs_fill(struct plab_theirs *theirs, uint64_t first, uint64_t count) {
    randomx_init_dataset(theirs->dataset, theirs->cache, first, count);
}

/* ---- hashing ---- */

static randomx_vm *open_vm(struct plab_theirs *theirs, bool v2, bool fast) {
    randomx_flags flags =
        with(theirs->flags, (v2 ? FLAG_V2 : 0) | (fast ? RANDOMX_FLAG_FULL_MEM : 0));
    randomx_cache *cache = fast ? NULL : theirs->cache;
    randomx_dataset *dataset = fast ? theirs->dataset : NULL;
    randomx_vm *vm = randomx_create_vm(with(flags, RANDOMX_FLAG_LARGE_PAGES), cache, dataset);
    if (vm == NULL) {
        theirs->hugetlb = false;
        vm = randomx_create_vm(flags, cache, dataset);
    }
    return vm;
}

enum plab_status plab_theirs_open(struct plab_theirs *theirs, bool v2, bool fast,
                                  enum plab_peers_style style, unsigned threads,
                                  struct plab_error *err) {
    plab_theirs_close(theirs);
    theirs->style = style;
    for (unsigned i = 0; i < threads; i++) {
        theirs->vms[i] = open_vm(theirs, v2, fast);
        if (theirs->vms[i] == NULL) {
            return plab_fail(err, PLAB_E_NOMEM, "not enough memory for librandomx's machines");
        }
    }
    return PLAB_OK;
}

void plab_theirs_close(struct plab_theirs *theirs) {
    for (unsigned i = 0; i < theirs->threads; i++) {
        if (theirs->vms[i] != NULL) {
            randomx_destroy_vm(theirs->vms[i]);
            theirs->vms[i] = NULL;
        }
    }
}

static void hash_singly(randomx_vm *vm, uint32_t first, uint32_t count,
                        uint8_t (*out)[PLAB_HASH_BYTES]) {
    uint8_t blob[PLAB_PEERS_BLOB_BYTES];
    for (uint32_t i = 0; i < count; i++) {
        plab_peers_input(blob, first + i);
        randomx_calculate_hash(vm, blob, sizeof blob, out[i]);
    }
}

static void hash_pipelined(randomx_vm *vm, uint32_t first, uint32_t count,
                           uint8_t (*out)[PLAB_HASH_BYTES]) {
    uint8_t blob[PLAB_PEERS_BLOB_BYTES];
    plab_peers_input(blob, first);
    randomx_calculate_hash_first(vm, blob, sizeof blob);
    for (uint32_t i = 1; i < count; i++) {
        plab_peers_input(blob, first + i);
        randomx_calculate_hash_next(vm, blob, sizeof blob, out[i - 1]);
    }
    randomx_calculate_hash_last(vm, out[count - 1]);
}

void plab_theirs_hash(struct plab_theirs *theirs, unsigned thread, uint32_t first, uint32_t count,
                      uint8_t (*out)[PLAB_HASH_BYTES]) {
    randomx_vm *vm = theirs->vms[thread];
    uint32_t step = theirs->style == PLAB_PEERS_BATCHES ? PLAB_PEERS_BATCH : count;
    fenv_t saved; /* the pipelined interface leaves the rounding mode as the last program had it */
    fegetenv(&saved);
    if (theirs->style == PLAB_PEERS_SINGLE) {
        hash_singly(vm, first, count, out);
    } else {
        for (uint32_t i = 0; i < count; i += step) {
            hash_pipelined(vm, first + i, step, out + i);
        }
    }
    fesetenv(&saved);
}

/* ---- pages ---- */

/* Transparent huge pages of the whole process. */
static size_t process_huge_bytes(void) {
    char line[256];
    size_t kib = 0;
    FILE *rollup = fopen("/proc/self/smaps_rollup", "re");
    while (rollup != NULL && fgets(line, sizeof line, rollup) != NULL) {
        if (sscanf(line, "AnonHugePages: %zu kB", &kib) == 1) {
            break;
        }
    }
    if (rollup != NULL) {
        fclose(rollup);
    }
    return kib * 1024;
}

void plab_theirs_pages(const struct plab_theirs *theirs, const struct plab_pages_report *ours,
                       struct plab_pages_report *report) {
    size_t asked = theirs->asked_bytes;
    for (unsigned i = 0; i < theirs->threads; i++) {
        asked += theirs->vms[i] != NULL ? SCRATCHPAD_BYTES : 0;
    }
    size_t known = ours->hugetlb ? 0 : ours->huge_bytes, all = process_huge_bytes();
    size_t huge = all > known ? all - known : 0;
    *report = (struct plab_pages_report){
        .asked_bytes = asked,
        .huge_bytes = theirs->hugetlb || huge > asked ? asked : huge,
        .hugetlb = theirs->hugetlb,
    };
}
