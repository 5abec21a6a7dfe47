/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counts the system calls of another process by name, over a window of time, and compares such
 * histograms.
 *
 * While it is counted the process is slowed down: each system call stops its thread twice, for some
 * microseconds each, and each stop is a voluntary context switch of it. A miner makes some tens of
 * calls a second and hardly notices; a busy server does. Whoever measures processor time or
 * switches leaves such seconds out (lab/fidelity.c does).
 *
 * Counted are the threads that the process has when the window begins, as calls enter the kernel.
 * What isn't: a call that a thread was already waiting in, and the kernel's own restart_syscall.
 * Names are those of the most common calls; others are told as "syscall-N", and those of another
 * instruction set (a 32-bit program) as "foreign-N". Source: ptrace(2), PTRACE_GET_SYSCALL_INFO.
 */
#ifndef PLAB_LAB_SYSCALLS_H
#define PLAB_LAB_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define PLAB_SYSCALLS_MAX 256 /* different calls; more than those aren't told apart */
#define PLAB_SYSCALLS_NAME_LEN 32

struct plab_syscalls_one {
    char name[PLAB_SYSCALLS_NAME_LEN];
    double calls;
};

/* A histogram; begin with one of zeros. */
struct plab_syscalls {
    double calls, seconds; /* of all windows together */
    size_t count;
    struct plab_syscalls_one items[PLAB_SYSCALLS_MAX];
};

/* Counts the system calls of `pid` for `window_ms` and adds them to `out`. Blocks that long, less
 * when the process ends; see lab/trace.h for where it may be called. PLAB_E_RESOURCE when tracing
 * isn't permitted or the process is gone, PLAB_E_UNSUPPORTED when the kernel doesn't tell calls. */
PLAB_NODISCARD enum plab_status plab_syscalls_count(struct plab_syscalls *out, int pid,
                                                    unsigned window_ms, struct plab_error *err);

/* Adds calls of one name. */
void plab_syscalls_add(struct plab_syscalls *out, const char *name, double calls);

/* 1 - the cosine of the angle between both histograms: 0 for the same mixture, however many calls
 * there are, 1 for two without a call in common. NAN when one is empty. */
double plab_syscalls_distance(const struct plab_syscalls *a, const struct plab_syscalls *b);

#endif
