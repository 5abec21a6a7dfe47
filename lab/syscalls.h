/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counts the system calls of another process over a window of time, by name and as sequences of
 * five, and compares such counts.
 *
 * While it is counted the process is slowed down: each system call stops its thread twice, for some
 * microseconds each, and each stop is a voluntary context switch of it. A miner makes some tens of
 * calls a second and hardly notices; a busy server does. Whoever measures processor time or
 * switches leaves such seconds out (lab/fidelity.c does).
 *
 * Counted are the threads that the process has when the window begins, as calls enter the kernel.
 * What isn't: a call that a thread was already waiting in, and the kernel's own restart_syscall.
 * Names are those of the most common calls; others are told as "syscall-N", and those of another
 * instruction set (a 32-bit program) as "foreign-N". Sequences are those of one thread within one
 * window, each beginning a call after the one before (5-grams; Forrest et al., "A Sense of Self for
 * Unix Processes", 1996, tell programs apart by such). Source: ptrace(2), PTRACE_GET_SYSCALL_INFO.
 */
#ifndef PLAB_LAB_SYSCALLS_H
#define PLAB_LAB_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define PLAB_SYSCALLS_MAX 256 /* different calls; more than those aren't told apart */
#define PLAB_SYSCALLS_NAME_LEN 32
#define PLAB_SYSCALLS_GRAM 5        /* calls of a sequence */
#define PLAB_SYSCALLS_GRAMS_MAX 512 /* different sequences; more than those are left out */

struct plab_syscalls_one {
    char name[PLAB_SYSCALLS_NAME_LEN];
    double calls;
};

struct plab_syscalls_gram {
    uint16_t calls[PLAB_SYSCALLS_GRAM]; /* numbers of items */
    double times;
};

/* What was counted; begin with one of zeros. */
struct plab_syscalls {
    double calls, seconds; /* of all windows together */
    size_t count, gram_count;
    struct plab_syscalls_one items[PLAB_SYSCALLS_MAX];
    struct plab_syscalls_gram grams[PLAB_SYSCALLS_GRAMS_MAX];
};

/* Counts the system calls of `pid` for `window_ms` and adds them to `out`. Blocks that long, less
 * when the process ends; see lab/trace.h for where it may be called. PLAB_E_RESOURCE when tracing
 * isn't permitted or the process is gone, PLAB_E_UNSUPPORTED when the kernel doesn't tell calls. */
PLAB_NODISCARD enum plab_status plab_syscalls_count(struct plab_syscalls *out, int pid,
                                                    unsigned window_ms, struct plab_error *err);

/* Adds calls of one name. Returns the number of its item, PLAB_SYSCALLS_MAX when there is no place.
 */
size_t plab_syscalls_add(struct plab_syscalls *out, const char *name, double calls);

/* A sequence as text, its names with a blank between two, and back: adds it as often. A text that
 * isn't one adds nothing. */
#define PLAB_SYSCALLS_GRAM_LEN (PLAB_SYSCALLS_GRAM * PLAB_SYSCALLS_NAME_LEN)
void plab_syscalls_gram_text(const struct plab_syscalls *seen, size_t gram,
                             char out[PLAB_SYSCALLS_GRAM_LEN]);
void plab_syscalls_add_gram(struct plab_syscalls *out, const char *text, double times);

/* 1 - the cosine of the angle between both histograms: 0 for the same mixture, however many calls
 * there are, 1 for two without a call in common. NAN when one is empty. */
double plab_syscalls_distance(const struct plab_syscalls *a, const struct plab_syscalls *b);

/* Jaccard distance of the sequences: 1 - those of both by those of either, however often each was
 * seen. NAN when one has none. */
double plab_syscalls_gram_distance(const struct plab_syscalls *a, const struct plab_syscalls *b);

#endif
