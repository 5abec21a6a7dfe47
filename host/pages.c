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
#define GIANT_BYTES (1024 * MIB)
#define GIANT_FREE "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages"
#define TOUCH_STEP_BYTES (16 * MIB) /* some milliseconds: how soon a cancel is seen */
#define MAX_NUMA_NODES 1024

#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#endif
#ifndef MAP_HUGE_1GB
#define MAP_HUGE_1GB (30 << 26)
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

const char *plab_page_policy_name(enum plab_page_policy policy) {
    static const char *const names[] = {"auto", "required", "never", "1g"};
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

static bool map_hugetlb(struct plab_pages *pages, bool giant) {
    size_t bytes = round_up(pages->bytes, giant ? GIANT_BYTES : HUGE_BYTES);
    void *addr = mmap(
        NULL, bytes, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (giant ? MAP_HUGE_1GB : MAP_HUGE_2MB), -1, 0);
    if (addr == MAP_FAILED) {
        return false;
    }
    pages->addr = addr;
    pages->mapped_bytes = bytes;
    pages->hugetlb = true;
    pages->giant = giant;
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
    *pages = (struct plab_pages){.numa_node = PLAB_NUMA_ANY};
}

struct node_mask {
    unsigned long words[MAX_NUMA_NODES / (8 * sizeof(unsigned long))];
};

static bool mask_add(struct node_mask *mask, int node) {
    const unsigned word_bits = 8 * sizeof mask->words[0];
    if (node < 0 || node >= MAX_NUMA_NODES) {
        return false;
    }
    mask->words[(unsigned)node / word_bits] |= 1UL << ((unsigned)node % word_bits);
    return true;
}

static bool mask_all(struct node_mask *mask) {
    struct plab_memory_node nodes[PLAB_MEMORY_NODES_MAX];
    size_t count = plab_memory_nodes(nodes, PLAB_ARRAY_LEN(nodes));
    for (size_t i = 0; i < count; i++) {
        (void)mask_add(mask, nodes[i].node);
    }
    return count > 0;
}

/* Prefers a node rather than insisting on it: a strict binding ends in SIGBUS or the OOM killer
 * when the node is full. Container runtimes often forbid the call; the memory is then where it
 * falls. */
static void place(struct plab_pages *pages, int node) {
    struct node_mask mask = {{0}};
    bool spread = node == PLAB_NUMA_SPREAD;
    pages->numa_node = PLAB_NUMA_ANY;
    if ((spread ? mask_all(&mask) : mask_add(&mask, node)) &&
        syscall(SYS_mbind, pages->addr, pages->mapped_bytes,
                spread ? MPOL_INTERLEAVE : MPOL_PREFERRED, mask.words, MAX_NUMA_NODES, 0) == 0) {
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

static enum plab_status try_hugetlb(struct plab_pages *pages, bool giant, int numa_node,
                                    const atomic_bool *cancel) {
    if (!map_hugetlb(pages, giant)) {
        return PLAB_E_RESOURCE;
    }
    place(pages, numa_node);
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
    place(pages, numa_node);
    enum plab_status status = touch(pages, cancel);
    return status == PLAB_E_NOMEM ? no_memory(pages->bytes, plab_memory_available_bytes(), err)
                                  : status;
}

static size_t free_giant_pages(void) {
    size_t count = 0;
    FILE *file = fopen(GIANT_FREE, "re");
    if (file != NULL) {
        if (fscanf(file, "%zu", &count) != 1) {
            count = 0;
        }
        fclose(file);
    }
    return count;
}

/* Explicit huge pages as the policy has it; PLAB_E_RESOURCE: there are none. Giant ones aren't
 * even asked for where they are not free: the kernel would look for them in vain at every call. */
static enum plab_status try_explicit(struct plab_pages *pages, enum plab_page_policy policy,
                                     int numa_node, const atomic_bool *cancel) {
    enum plab_status status = PLAB_E_RESOURCE;
    if (policy == PLAB_PAGES_NEVER) {
        return status;
    }
    bool large = pages->bytes >= PLAB_PAGES_LARGE_BYTES;
    if (large && free_giant_pages() >= (pages->bytes - 1) / GIANT_BYTES + 1) {
        status = try_hugetlb(pages, true, numa_node, cancel);
    }
    if (status == PLAB_E_RESOURCE && !(large && policy == PLAB_PAGES_GIANT)) {
        status = try_hugetlb(pages, false, numa_node, cancel);
    }
    return status;
}

/* The failure of a policy that insists on explicit pages. */
static enum plab_status too_few_pages(size_t bytes, enum plab_page_policy policy,
                                      struct plab_error *err) {
    if (policy == PLAB_PAGES_GIANT) {
        return plab_fail(err, PLAB_E_RESOURCE,
                         "%zu huge pages of 1 GiB are required, but the system has %zu free; "
                         "reserve them (hugepagesz=1G hugepages=N at boot) or don't require them",
                         (bytes - 1) / GIANT_BYTES + 1, free_giant_pages());
    }
    return plab_fail(err, PLAB_E_RESOURCE,
                     "%zu huge pages of 2 MiB are required, but the system hasn't that many free; "
                     "reserve them (sysctl vm.nr_hugepages) or don't require them",
                     (bytes - 1) / HUGE_BYTES + 1);
}

enum plab_status plab_pages_map_cancellable(struct plab_pages *out, size_t bytes,
                                            enum plab_page_policy policy, int numa_node,
                                            const atomic_bool *cancel, struct plab_error *err) {
    assert(bytes > 0);
    *out = (struct plab_pages){.bytes = bytes, .numa_node = PLAB_NUMA_ANY};
    bool insists = policy == PLAB_PAGES_REQUIRED ||
                   (policy == PLAB_PAGES_GIANT && bytes >= PLAB_PAGES_LARGE_BYTES);
    enum plab_status status = try_explicit(out, policy, numa_node, cancel);
    if (status == PLAB_E_RESOURCE && insists) {
        status = too_few_pages(bytes, policy, err);
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

void *plab_pages_take_rest(struct plab_pages *pages, size_t bytes) {
    size_t at = round_up(pages->bytes, base_page_bytes());
    if (at > pages->mapped_bytes || bytes > pages->mapped_bytes - at) {
        return NULL;
    }
    if (pages->huge_bytes == pages->bytes) { /* so is the rest */
        pages->huge_bytes = at + bytes;
    }
    pages->bytes = at + bytes;
    return (uint8_t *)pages->addr + at;
}

/* ---- reports ---- */

void plab_pages_add(struct plab_pages_report *report, const struct plab_pages *pages) {
    if (pages->huge_bytes > 0) {
        report->hugetlb = (report->huge_bytes == 0 || report->hugetlb) && pages->hugetlb;
    }
    if (pages->giant) {
        report->giant_bytes += pages->huge_bytes;
        report->giant_pages += (unsigned)(pages->mapped_bytes / GIANT_BYTES);
    }
    report->asked_bytes += pages->bytes;
    report->huge_bytes += pages->huge_bytes;
}

/* Rounded down: 100 % means all of it. */
static unsigned percent_of(size_t part, size_t whole) {
    return (unsigned)((double)part * 100 / (double)whole);
}

const char *plab_pages_describe(const struct plab_pages_report *report, char *out, size_t out_cap) {
    if (report->huge_bytes == 0) {
        snprintf(out, out_cap, "%zu KiB", base_page_bytes() / 1024);
        return out;
    }
    const char *kind = report->hugetlb ? "hugetlb" : "transparent";
    size_t rest = report->huge_bytes - report->giant_bytes;
    if (report->giant_bytes == 0) {
        snprintf(out, out_cap, "2 MiB %u %% (%s)", percent_of(rest, report->asked_bytes), kind);
        return out;
    }
    int used = snprintf(out, out_cap, "1 GiB x%u (%u %%)", report->giant_pages,
                        percent_of(report->giant_bytes, report->asked_bytes));
    if (rest > 0 && used > 0 && (size_t)used < out_cap) {
        snprintf(out + used, out_cap - (size_t)used, " + 2 MiB %u %% (%s)",
                 percent_of(rest, report->asked_bytes), kind);
    }
    return out;
}
