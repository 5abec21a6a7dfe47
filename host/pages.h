/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Large memory for scratchpads, caches and datasets, and an honest account of the pages behind it.
 */
#ifndef PLAB_HOST_PAGES_H
#define PLAB_HOST_PAGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum plab_page_policy {
    PLAB_PAGES_AUTO,     /* explicit 1 GiB pages for large memory where they are free, explicit
                            2 MiB pages, else transparent ones, else what there is */
    PLAB_PAGES_REQUIRED, /* explicit pages of either size or PLAB_E_RESOURCE */
    PLAB_PAGES_NEVER,    /* 4 KiB pages, transparent huge pages switched off for the range */
    PLAB_PAGES_GIANT,    /* large memory on explicit 1 GiB pages or PLAB_E_RESOURCE; the rest as
                            with PLAB_PAGES_AUTO */
};

/* Name of a policy as options spell it ("auto", "required", "never", "1g"). */
const char *plab_page_policy_name(enum plab_page_policy policy);

/* Large memory: what is worth 1 GiB pages, though they may not be filled. Caches and datasets are,
 * scratchpads aren't. */
#define PLAB_PAGES_LARGE_BYTES ((size_t)256 << 20)

/* Where memory shall be, if not on a NUMA node. */
#define PLAB_NUMA_ANY (-1)    /* wherever it falls */
#define PLAB_NUMA_SPREAD (-2) /* interleaved page by page over all nodes that have memory */

/* A mapping. `addr` is 2 MiB aligned and zeroed; all pages were touched by the allocation. */
struct plab_pages {
    void *addr;
    size_t bytes;        /* asked for */
    size_t mapped_bytes; /* rounded up to whole pages */
    bool hugetlb;        /* explicit huge pages (MAP_HUGETLB) */
    bool giant;          /* of 1 GiB */
    size_t huge_bytes; /* how many of `bytes` are really backed by pages of 2 MiB or more, explicit
                          or transparent, as read from /proc/self/smaps after the allocation */
    int numa_node;     /* node the memory prefers, PLAB_NUMA_SPREAD, or PLAB_NUMA_ANY (none asked
                          for, or not permitted) */
};

/* Maps `bytes` and touches them, on `numa_node` (or PLAB_NUMA_ANY ...). Errors: PLAB_E_NOMEM with
 * what was asked and what is available (MemAvailable), checked *before* the mapping is touched;
 * PLAB_E_RESOURCE when huge pages are required and there are too few (text names the remedy,
 * vm.nr_hugepages; powlab never writes it). On error `*out` is zeroed. */
PLAB_NODISCARD enum plab_status plab_pages_map(struct plab_pages *out, size_t bytes,
                                               enum plab_page_policy policy, int numa_node,
                                               struct plab_error *err);

/* The same for large memory: touched in steps of some MiB, with a look at `*cancel` (may be NULL)
 * before each. When it is true: PLAB_E_INTERRUPTED, and nothing stays mapped. */
PLAB_NODISCARD enum plab_status plab_pages_map_cancellable(struct plab_pages *out, size_t bytes,
                                                           enum plab_page_policy policy,
                                                           int numa_node, const atomic_bool *cancel,
                                                           struct plab_error *err);

/* Takes `bytes` more out of what was mapped behind those asked for (1 GiB pages leave much), at the
 * start of a base page; NULL if there isn't that much. Belongs to `pages`. */
void *plab_pages_take_rest(struct plab_pages *pages, size_t bytes);

/* Gives the memory back and zeroes `*pages`; a zeroed one is fine. */
void plab_pages_unmap(struct plab_pages *pages);

/* Sum of what several allocations asked for and got, for reports: "2 MiB 96 %". */
struct plab_pages_report {
    size_t asked_bytes;
    size_t huge_bytes;    /* on pages of 2 MiB or more */
    size_t giant_bytes;   /* of these, on pages of 1 GiB */
    unsigned giant_pages; /* how many 1 GiB pages were taken for that */
    bool hugetlb;         /* all of the huge ones are explicit */
};
void plab_pages_add(struct plab_pages_report *report, const struct plab_pages *pages);

/* Formats a report: "2 MiB 100 % (hugetlb)", "2 MiB 37 % (transparent)", "4 KiB",
 * "1 GiB x3 (99 %) + 2 MiB 1 % (transparent)". Returns `out`. */
const char *plab_pages_describe(const struct plab_pages_report *report, char *out, size_t out_cap);

/* MemAvailable of /proc/meminfo in bytes, limited by what the memory limits of the process's
 * cgroups (version 1 or 2) leave; 0 if unknown. */
uint64_t plab_memory_available_bytes(void);

/* One NUMA node and what can be taken from it: free memory and file cache, or free explicit huge
 * pages if these are more. */
struct plab_memory_node {
    int node; /* OS index */
    uint64_t free_bytes;
};

/* Lists the nodes that have memory, by index; at most `cap`. 0 if the system doesn't tell. */
size_t plab_memory_nodes(struct plab_memory_node *out, size_t cap);
#define PLAB_MEMORY_NODES_MAX 64

#endif
