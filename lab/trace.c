/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/trace.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define SYSCALL_STOP (SIGTRAP | 0x80) /* with PTRACE_O_TRACESYSGOOD */

enum plab_status plab_trace_seize(int *tids, size_t *count, int pid, unsigned options,
                                  struct plab_error *err) {
    char path[64];
    int why = ESRCH;
    *count = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    for (struct dirent *entry = folder != NULL ? readdir(folder) : NULL;
         entry != NULL && *count < PLAB_TRACE_THREADS_MAX; entry = readdir(folder)) {
        int tid = atoi(entry->d_name);
        if (tid > 0 && ptrace(PTRACE_SEIZE, tid, NULL, (void *)(unsigned long)options) == 0) {
            tids[(*count)++] = tid;
        } else if (tid > 0) {
            why = errno;
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return *count > 0 ? PLAB_OK
                      : plab_fail(err, PLAB_E_RESOURCE,
                                  "can't trace process %d: %s (run as its owner; "
                                  "kernel.yama.ptrace_scope may forbid it)",
                                  pid, strerror(why));
}

/* A stop of the whole process is told as an event with the signal that made it. */
static enum plab_trace_stop kind_of(int status, int *signal) {
    *signal = 0;
    if (!WIFSTOPPED(status)) {
        return PLAB_TRACE_GONE;
    }
    if (status >> 16 == PTRACE_EVENT_STOP) {
        return WSTOPSIG(status) == SIGTRAP ? PLAB_TRACE_ASKED : PLAB_TRACE_GROUP;
    }
    if (WSTOPSIG(status) == SYSCALL_STOP) {
        return PLAB_TRACE_SYSCALL;
    }
    *signal = WSTOPSIG(status);
    return PLAB_TRACE_SIGNAL;
}

enum plab_trace_stop plab_trace_wait(int tid, bool block, int *signal) {
    int status, got;
    *signal = 0;
    do {
        got = waitpid(tid, &status, __WALL | (block ? 0 : WNOHANG));
    } while (got < 0 && errno == EINTR);
    if (got == 0) {
        return PLAB_TRACE_RUNNING;
    }
    return got == tid ? kind_of(status, signal) : PLAB_TRACE_GONE;
}

void plab_trace_resume(int tid, enum plab_trace_stop stop, int signal, bool to_syscall) {
    if (stop == PLAB_TRACE_GROUP) {
        ptrace(PTRACE_LISTEN, tid, NULL, NULL);
    } else if (to_syscall) {
        ptrace(PTRACE_SYSCALL, tid, NULL, (void *)(long)signal);
    } else {
        ptrace(PTRACE_CONT, tid, NULL, (void *)(long)signal);
    }
}

bool plab_trace_interrupt(int tid, enum plab_trace_stop *stop) {
    int signal;
    if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) != 0) {
        return false;
    }
    for (*stop = plab_trace_wait(tid, true, &signal);
         *stop == PLAB_TRACE_SIGNAL || *stop == PLAB_TRACE_SYSCALL;
         *stop = plab_trace_wait(tid, true, &signal)) {
        plab_trace_resume(tid, *stop, signal, false);
    }
    return *stop != PLAB_TRACE_GONE;
}

/* Any stop will do to leave from, and a signal that was about to come must come. The request to
 * stop that is still open then ends with the tracing. */
void plab_trace_let_go(int tid) {
    int signal;
    if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) == 0 &&
        plab_trace_wait(tid, true, &signal) != PLAB_TRACE_GONE) {
        ptrace(PTRACE_DETACH, tid, NULL, (void *)(long)signal);
    }
}
