/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/pages.h"

#include <assert.h>
#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define HUGE_BYTES (2 * MIB)
#define TOUCH_STEP_BYTES (16 * MIB) /* some milliseconds: how soon a cancel is seen */
#define MAX_NUMA_NODES 1024

#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

const char *plab_page_policy_name(enum plab_page_policy policy) {
    static const char *const names[] = {"auto", "required", "never"};
    return (unsigned)policy < PLAB_ARRAY_LEN(names) ? names[policy] : "unknown";
}

static size_t round_up(size_t bytes, size_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

static size_t base_page_bytes(void) {
    long size = sysconf(_SC_PAGESIZE);
    return size > 0 ? (size_t)size : 4096;
}

/* ---- mappings ---- */

static bool map_hugetlb(struct plab_pages *pages) {
    size_t bytes = round_up(pages->bytes, HUGE_BYTES);
    void *addr = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0);
    if (addr == MAP_FAILED) {
        return false;
    }
    pages->addr = addr;
    pages->mapped_bytes = bytes;
    pages->hugetlb = true;
    return true;
}

/* An inaccessible page on either side keeps the kernel from merging neighbours into one area, whose
 * smaps counters would then speak of both; it also stops an overrun at once. */
static bool map_guarded(struct plab_pages *pages, enum plab_page_policy policy) {
    size_t guard = base_page_bytes();
    size_t bytes = round_up(pages->bytes, policy == PLAB_PAGES_NEVER ? guard : HUGE_BYTES);
    size_t reserved = bytes + HUGE_BYTES + 2 * guard;
    uint8_t *start =
        mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) {
        return false;
    }
    uint8_t *addr = start + (round_up((uintptr_t)start + guard, HUGE_BYTES) - (uintptr_t)start);
    size_t before = (size_t)(addr - guard - start);
    size_t after = reserved - before - bytes - 2 * guard;
    if (before > 0) {
        munmap(start, before);
    }
    if (after > 0) {
        munmap(addr + bytes + guard, after);
    }
    if (mprotect(addr, bytes, PROT_READ | PROT_WRITE) != 0) {
        munmap(addr - guard, bytes + 2 * guard);
        return false;
    }
    /* Refused only by kernels without transparent huge pages: then there is nothing to switch. */
    (void)madvise(addr, bytes, policy == PLAB_PAGES_NEVER ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
    pages->addr = addr;
    pages->mapped_bytes = bytes;
    return true;
}

void plab_pages_unmap(struct plab_pages *pages) {
    if (pages->addr != NULL) {
        size_t guard = pages->hugetlb ? 0 : base_page_bytes();
        munmap((uint8_t *)pages->addr - guard, pages->mapped_bytes + 2 * guard);
    }
    *pages = (struct plab_pages){.numa_node = -1};
}

/* Prefers a node rather than insisting on it: a strict binding ends in SIGBUS or the OOM killer
 * when the node is full. Container runtimes often forbid the call; the memory is then where it
 * falls. */
static void prefer_node(struct plab_pages *pages, int node) {
    unsigned long mask[MAX_NUMA_NODES / (8 * sizeof(unsigned long))] = {0};
    const unsigned word_bits = 8 * sizeof mask[0];
    pages->numa_node = -1;
    if (node < 0 || node >= MAX_NUMA_NODES) {
        return;
    }
    mask[(unsigned)node / word_bits] |= 1UL << ((unsigned)node % word_bits);
    if (syscall(SYS_mbind, pages->addr, pages->mapped_bytes, MPOL_PREFERRED, mask, MAX_NUMA_NODES,
                0) == 0) {
        pages->numa_node = node;
    }
}

/* ---- touching ---- */

/* Explicit huge pages are promised by mmap() but can still be missing at the first access (another
 * NUMA node, a cgroup's limit), which would be a SIGBUS; the advice reports it instead. */
static enum plab_status populate(uint8_t *at, size_t bytes) {
    while (madvise(at, bytes, MADV_POPULATE_WRITE) != 0) {
        if (errno == EINVAL) { /* an older kernel */
            for (size_t i = 0; i < bytes; i += base_page_bytes()) {
                *(volatile uint8_t *)(at + i) = 0;
            }
            return PLAB_OK;
        }
        if (errno != EINTR && errno != EAGAIN) {
            return PLAB_E_NOMEM;
        }
    }
    return PLAB_OK;
}

static enum plab_status touch(const struct plab_pages *pages, const atomic_bool *cancel) {
    for (size_t at = 0; at < pages->mapped_bytes; at += TOUCH_STEP_BYTES) {
        size_t left = pages->mapped_bytes - at;
        /* Relaxed: only the flag itself matters, no data comes with it. */
        if (cancel != NULL && atomic_load_explicit(cancel, memory_order_relaxed)) {
            return PLAB_E_INTERRUPTED;
        }
        enum plab_status status = populate((uint8_t *)pages->addr + at,
                                           left < TOUCH_STEP_BYTES ? left : TOUCH_STEP_BYTES);
        if (status != PLAB_OK) {
            return status;
        }
    }
    return PLAB_OK;
}

/* ---- what we really got ---- */

/* Adds up the huge-page counters of all areas of /proc/self/smaps inside a range. */
static size_t read_huge_bytes(const struct plab_pages *pages) {
    char line[512];
    bool inside = false;
    size_t huge_kib = 0;
    uintptr_t begin = (uintptr_t)pages->addr, end = begin + pages->mapped_bytes;
    FILE *smaps = fopen("/proc/self/smaps", "re");
    while (smaps != NULL && fgets(line, sizeof line, smaps) != NULL) {
        unsigned long area_begin, area_end;
        size_t kib;
        if (sscanf(line, "%lx-%lx ", &area_begin, &area_end) == 2) {
            inside = area_begin >= begin && area_end <= end;
        } else if (inside && (sscanf(line, "AnonHugePages: %zu kB", &kib) == 1 ||
                              sscanf(line, "Private_Hugetlb: %zu kB", &kib) == 1 ||
                              sscanf(line, "Shared_Hugetlb: %zu kB", &kib) == 1)) {
            huge_kib += kib;
        }
    }
    if (smaps != NULL) {
        fclose(smaps);
    }
    size_t huge_bytes = huge_kib * 1024;
    return huge_bytes < pages->bytes ? huge_bytes : pages->bytes;
}

static enum plab_status try_hugetlb(struct plab_pages *pages, int numa_node,
                                    const atomic_bool *cancel) {
    if (!map_hugetlb(pages)) {
        return PLAB_E_RESOURCE;
    }
    prefer_node(pages, numa_node);
    enum plab_status status = touch(pages, cancel);
    if (status != PLAB_OK) {
        size_t bytes = pages->bytes;
        plab_pages_unmap(pages);
        pages->bytes = bytes;
    }
    return status == PLAB_E_NOMEM ? PLAB_E_RESOURCE : status;
}

static enum plab_status no_memory(size_t bytes, uint64_t available, struct plab_error *err) {
    return plab_fail(err, PLAB_E_NOMEM, "needs %zu MiB of memory, but only %llu MiB are available",
                     round_up(bytes, MIB) / MIB, (unsigned long long)(available / MIB));
}

static enum plab_status try_ordinary(struct plab_pages *pages, enum plab_page_policy policy,
                                     int numa_node, const atomic_bool *cancel,
                                     struct plab_error *err) {
    /* Leaves a little to the others; the kernel itself would promise anything and kill later. */
    uint64_t available = plab_memory_available_bytes();
    if (available != 0 && pages->bytes + pages->bytes / 32 > available) {
        return no_memory(pages->bytes, available, err);
    }
    if (!map_guarded(pages, policy)) {
        return plab_fail(err, PLAB_E_NOMEM, "can't map %zu MiB: %s",
                         round_up(pages->bytes, MIB) / MIB, strerror(errno));
    }
    prefer_node(pages, numa_node);
    enum plab_status status = touch(pages, cancel);
    return status == PLAB_E_NOMEM ? no_memory(pages->bytes, plab_memory_available_bytes(), err)
                                  : status;
}

enum plab_status plab_pages_map_cancellable(struct plab_pages *out, size_t bytes,
                                            enum plab_page_policy policy, int numa_node,
                                            const atomic_bool *cancel, struct plab_error *err) {
    assert(bytes > 0);
    *out = (struct plab_pages){.bytes = bytes, .numa_node = -1};
    enum plab_status status = PLAB_E_RESOURCE;
    if (policy != PLAB_PAGES_NEVER) {
        status = try_hugetlb(out, numa_node, cancel);
    }
    if (status == PLAB_E_RESOURCE && policy == PLAB_PAGES_REQUIRED) {
        size_t pages = round_up(bytes, HUGE_BYTES) / HUGE_BYTES;
        plab_fail(err, status,
                  "%zu huge pages of 2 MiB are required, but the system hasn't that many free; "
                  "reserve them (sysctl vm.nr_hugepages) or don't require them",
                  pages);
    } else if (status == PLAB_E_RESOURCE) {
        status = try_ordinary(out, policy, numa_node, cancel, err);
    }
    if (status == PLAB_E_INTERRUPTED) {
        plab_fail(err, status, "interrupted while %zu MiB were allocated", bytes / MIB);
    }
    if (status != PLAB_OK) {
        plab_pages_unmap(out);
        return status;
    }
    out->huge_bytes = read_huge_bytes(out);
    return PLAB_OK;
}

enum plab_status plab_pages_map(struct plab_pages *out, size_t bytes, enum plab_page_policy policy,
                                int numa_node, struct plab_error *err) {
    return plab_pages_map_cancellable(out, bytes, policy, numa_node, NULL, err);
}

/* ---- reports ---- */

void plab_pages_add(struct plab_pages_report *report, const struct plab_pages *pages) {
    if (pages->huge_bytes > 0) {
        report->hugetlb = (report->huge_bytes == 0 || report->hugetlb) && pages->hugetlb;
    }
    report->asked_bytes += pages->bytes;
    report->huge_bytes += pages->huge_bytes;
}

const char *plab_pages_describe(const struct plab_pages_report *report, char *out, size_t out_cap) {
    if (report->huge_bytes == 0) {
        snprintf(out, out_cap, "%zu KiB", base_page_bytes() / 1024);
        return out;
    }
    /* Rounded down: 100 % means all of it. */
    unsigned percent = (unsigned)((double)report->huge_bytes * 100 / (double)report->asked_bytes);
    snprintf(out, out_cap, "2 MiB %u %% (%s)", percent,
             report->hugetlb ? "hugetlb" : "transparent");
    return out;
}
