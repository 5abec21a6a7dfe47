/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/rounding.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

unsigned plab_rounding_unusual(const struct plab_rounding_thread *thread) {
    unsigned count = 0;
    for (size_t mode = 1; mode < PLAB_ROUNDING_MODES; mode++) {
        count += thread->seen[mode] > 0;
    }
    return count;
}

/* ---- the register ---- */

#if defined(__x86_64__)

static int mode_of(int tid) {
    struct user_fpregs_struct registers;
    struct iovec area = {&registers, sizeof registers};
    if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRFPREG, &area) != 0) {
        return -1;
    }
    return (int)(registers.mxcsr >> 13 & 3);
}

#elif defined(__aarch64__)

static int mode_of(int tid) {
    static const int from_arm[] = {0, 2, 1, 3}; /* nearest, up, down, zero */
    struct user_fpsimd_struct registers;
    struct iovec area = {&registers, sizeof registers};
    if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRFPREG, &area) != 0) {
        return -1;
    }
    return from_arm[registers.fpcr >> 22 & 3];
}

#else

static int mode_of(int tid) {
    (void)tid;
    return -2;
}

#endif

/* ---- tracing ---- */

/* Waits until the thread stops because we asked; signals that come meanwhile are handed on. False
 * when the thread is gone. */
static bool wait_for_stop(int tid) {
    int status;
    while (waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status)) {
        if (status >> 16 == PTRACE_EVENT_STOP) {
            return true;
        }
        ptrace(PTRACE_CONT, tid, NULL, (void *)(long)WSTOPSIG(status));
    }
    return false;
}

static bool stop(int tid) {
    return ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) == 0 && wait_for_stop(tid);
}

static void take_threads(struct plab_rounding *out, int pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(folder);
         entry != NULL && out->thread_count < PLAB_ROUNDING_THREADS_MAX; entry = readdir(folder)) {
        int tid = atoi(entry->d_name);
        if (tid > 0 && ptrace(PTRACE_SEIZE, tid, NULL, NULL) == 0) {
            out->threads[out->thread_count++] = (struct plab_rounding_thread){.tid = tid};
        }
    }
    closedir(folder);
}

static bool look(struct plab_rounding *out) {
    bool known = true;
    for (size_t i = 0; i < out->thread_count; i++) {
        struct plab_rounding_thread *thread = &out->threads[i];
        if (!stop(thread->tid)) {
            continue;
        }
        int mode = mode_of(thread->tid);
        known = known && mode != -2;
        if (mode >= 0) {
            thread->seen[mode]++;
        }
        ptrace(PTRACE_CONT, thread->tid, NULL, NULL);
    }
    return known;
}

static void let_go(const struct plab_rounding *out) {
    for (size_t i = 0; i < out->thread_count; i++) {
        if (stop(out->threads[i].tid)) {
            ptrace(PTRACE_DETACH, out->threads[i].tid, NULL, NULL);
        }
    }
}

enum plab_status plab_rounding_sample(struct plab_rounding *out, int pid, unsigned looks,
                                      unsigned interval_ms, struct plab_error *err) {
    const struct timespec pause = {interval_ms / 1000, (long)(interval_ms % 1000) * 1000000};
    bool known = true;
    memset(out, 0, sizeof *out);
    errno = ESRCH;
    take_threads(out, pid);
    if (out->thread_count == 0) {
        return plab_fail(err, PLAB_E_RESOURCE,
                         "can't trace process %d: %s (run as its owner; kernel.yama.ptrace_scope "
                         "may forbid it)",
                         pid, strerror(errno));
    }
    for (unsigned i = 0; i < looks; i++) {
        if (i > 0) {
            nanosleep(&pause, NULL);
        }
        known = look(out) && known;
    }
    let_go(out);
    return known ? PLAB_OK
                 : plab_fail(err, PLAB_E_UNSUPPORTED,
                             "the rounding mode of this processor's threads isn't known to powlab");
}
