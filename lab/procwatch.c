/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/procwatch.h"

#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab/probe.h"

#define PAGES_EVERY_NS UINT64_C(30000000000)
#define PAGES_FIRST_NS UINT64_C(3000000000) /* a miner has its memory by then */

struct thread {
    int tid;
    bool alive;
    struct plab_process_cpu cpu;
    double voluntary, involuntary;
};

struct plab_procwatch {
    const char *root;
    int pid;
    long ticks_per_s;
    uint64_t last_ns, pages_at_ns;
    struct plab_process_cpu cpu;
    double anon_huge_bytes, hugetlb_bytes;
    struct plab_perfcount perf;
    double counters[PLAB_PERF_COUNT];
    size_t thread_count;
    struct thread threads[PLAB_PROCWATCH_THREADS_MAX];
};

struct plab_procwatch *plab_procwatch_open(const char *root, int pid, char *no_counters,
                                           size_t no_counters_cap) {
    struct plab_procwatch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        return NULL;
    }
    watch->root = root;
    watch->pid = pid;
    watch->ticks_per_s = sysconf(_SC_CLK_TCK);
    watch->anon_huge_bytes = watch->hugetlb_bytes = NAN;
    no_counters[0] = '\0';
    plab_perfcount_open(&watch->perf, pid, no_counters, no_counters_cap);
    plab_perfcount_read(&watch->perf, watch->counters);
    return watch;
}

void plab_procwatch_close(struct plab_procwatch **watch) {
    if (*watch != NULL) {
        plab_perfcount_close(&(*watch)->perf);
        free(*watch);
        *watch = NULL;
    }
}

/* ---- threads ---- */

static struct thread *find_thread(struct plab_procwatch *watch, int tid) {
    for (size_t i = 0; i < watch->thread_count; i++) {
        if (watch->threads[i].tid == tid) {
            return &watch->threads[i];
        }
    }
    if (watch->thread_count == PLAB_PROCWATCH_THREADS_MAX) {
        return NULL;
    }
    struct thread *thread = &watch->threads[watch->thread_count++];
    *thread = (struct thread){.tid = tid};
    return thread;
}

static double status_number(const struct plab_procwatch *watch, int tid, const char *line) {
    char path[PATH_MAX];
    double value;
    snprintf(path, sizeof path, "%s/%d/task/%d/status", watch->root, watch->pid, tid);
    return plab_probe_number(path, line, NULL, &value) ? value : NAN;
}

/* Sums of what the threads' switches grew by; a new thread's count from its first reading on. */
struct switches {
    double voluntary, involuntary;
};

static void read_thread(struct plab_procwatch *watch, int tid, uint64_t elapsed_ns,
                        struct plab_process_sample *out, struct switches *sum) {
    struct plab_process_cpu cpu;
    struct thread *thread = find_thread(watch, tid);
    if (thread == NULL ||
        plab_procstat_thread(watch->root, watch->pid, tid, &cpu, NULL) != PLAB_OK) {
        return;
    }
    double voluntary = status_number(watch, tid, "voluntary_ctxt_switches:");
    double involuntary = status_number(watch, tid, "nonvoluntary_ctxt_switches:");
    bool known = thread->cpu.start_ticks == cpu.start_ticks;
    out->threads[out->thread_count++] = (struct plab_thread_sample){
        tid, known
                 ? plab_procstat_process_percent(&thread->cpu, &cpu, elapsed_ns, watch->ticks_per_s)
                 : NAN};
    sum->voluntary += known ? voluntary - thread->voluntary : 0;
    sum->involuntary += known ? involuntary - thread->involuntary : 0;
    *thread = (struct thread){tid, true, cpu, voluntary, involuntary};
}

static void forget_dead_threads(struct plab_procwatch *watch) {
    size_t kept = 0;
    for (size_t i = 0; i < watch->thread_count; i++) {
        if (watch->threads[i].alive) {
            watch->threads[kept] = watch->threads[i];
            watch->threads[kept++].alive = false;
        }
    }
    watch->thread_count = kept;
}

static void read_threads(struct plab_procwatch *watch, uint64_t elapsed_ns,
                         struct plab_process_sample *out) {
    char path[PATH_MAX];
    struct switches sum = {0, 0};
    snprintf(path, sizeof path, "%s/%d/task", watch->root, watch->pid);
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        int tid = atoi(entry->d_name);
        if (tid > 0 && out->thread_count < PLAB_PROCWATCH_THREADS_MAX) {
            read_thread(watch, tid, elapsed_ns, out, &sum);
        }
    }
    closedir(folder);
    forget_dead_threads(watch);
    out->voluntary_switches_per_s = plab_probe_rate(0, sum.voluntary, elapsed_ns);
    out->involuntary_switches_per_s = plab_probe_rate(0, sum.involuntary, elapsed_ns);
}

/* ---- the process ---- */

static void look_at_pages(struct plab_procwatch *watch, uint64_t now_ns) {
    char path[PATH_MAX];
    double own, shared;
    if (watch->pages_at_ns == 0) {
        watch->pages_at_ns = now_ns + PAGES_FIRST_NS;
    }
    if (now_ns < watch->pages_at_ns) {
        return;
    }
    watch->pages_at_ns = now_ns + PAGES_EVERY_NS;
    snprintf(path, sizeof path, "%s/%d/smaps_rollup", watch->root, watch->pid);
    watch->anon_huge_bytes =
        plab_probe_number(path, "AnonHugePages:", NULL, &own) ? own * 1024 : NAN;
    bool known = plab_probe_number(path, "Private_Hugetlb:", NULL, &own) &&
                 plab_probe_number(path, "Shared_Hugetlb:", NULL, &shared);
    watch->hugetlb_bytes = known ? (own + shared) * 1024 : NAN;
}

static void read_counters(struct plab_procwatch *watch, uint64_t elapsed_ns,
                          struct plab_process_sample *out) {
    double now[PLAB_PERF_COUNT];
    plab_perfcount_read(&watch->perf, now);
    for (size_t i = 0; i < PLAB_PERF_COUNT; i++) {
        out->counters_per_s[i] = plab_probe_rate(watch->counters[i], now[i], elapsed_ns);
        watch->counters[i] = now[i];
    }
}

bool plab_procwatch_read(struct plab_procwatch *watch, uint64_t now_ns,
                         struct plab_process_sample *out) {
    struct plab_process_cpu cpu;
    memset(out, 0, sizeof *out);
    if (plab_procstat_process(watch->root, watch->pid, &cpu, NULL) != PLAB_OK) {
        return false;
    }
    /* Without a reading before, no time has passed, and rates are missing. */
    uint64_t elapsed_ns = watch->last_ns != 0 ? now_ns - watch->last_ns : 0;
    const struct plab_process_cpu *before = &watch->cpu;
    out->cpu_percent_of_one =
        plab_procstat_process_percent(before, &cpu, elapsed_ns, watch->ticks_per_s);
    out->rss_bytes = (double)cpu.rss_bytes;
    out->minor_faults_per_s =
        plab_probe_rate((double)before->minor_faults, (double)cpu.minor_faults, elapsed_ns);
    out->major_faults_per_s =
        plab_probe_rate((double)before->major_faults, (double)cpu.major_faults, elapsed_ns);
    out->voluntary_switches_per_s = out->involuntary_switches_per_s = NAN;
    read_threads(watch, elapsed_ns, out);
    read_counters(watch, elapsed_ns, out);
    look_at_pages(watch, now_ns);
    out->anon_huge_bytes = watch->anon_huge_bytes;
    out->hugetlb_bytes = watch->hugetlb_bytes;
    watch->cpu = cpu;
    watch->last_ns = now_ns;
    return true;
}
