/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/rounding.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
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

/* ---- looking ---- */

static bool look(struct plab_rounding *out) {
    bool known = true;
    for (size_t i = 0; i < out->thread_count; i++) {
        struct plab_rounding_thread *thread = &out->threads[i];
        enum plab_trace_stop stop;
        if (!plab_trace_interrupt(thread->tid, &stop)) {
            continue;
        }
        int mode = mode_of(thread->tid);
        known = known && mode != -2;
        if (mode >= 0) {
            thread->seen[mode]++;
        }
        plab_trace_resume(thread->tid, stop, 0, false);
    }
    return known;
}

enum plab_status plab_rounding_sample(struct plab_rounding *out, int pid, unsigned looks,
                                      unsigned interval_ms, struct plab_error *err) {
    const struct timespec pause = {interval_ms / 1000, (long)(interval_ms % 1000) * 1000000};
    int tids[PLAB_TRACE_THREADS_MAX];
    bool known = true;
    memset(out, 0, sizeof *out);
    enum plab_status status = plab_trace_seize(tids, &out->thread_count, pid, 0, err);
    for (size_t i = 0; i < out->thread_count; i++) {
        out->threads[i].tid = tids[i];
    }
    if (status != PLAB_OK) {
        return status;
    }
    for (unsigned i = 0; i < looks; i++) {
        if (i > 0) {
            nanosleep(&pause, NULL);
        }
        known = look(out) && known;
    }
    for (size_t i = 0; i < out->thread_count; i++) {
        plab_trace_let_go(tids[i]);
    }
    return known ? PLAB_OK
                 : plab_fail(err, PLAB_E_UNSUPPORTED,
                             "the rounding mode of this processor's threads isn't known to powlab");
}
