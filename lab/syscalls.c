/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/syscalls.h"

#include <errno.h>
#include <linux/audit.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/clock.h"
#include "lab/trace.h"

/* ---- names ---- */

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#define NATIVE_ARCH 0
#endif

static const struct {
    const char *name;
    int number;
} names[] = {
#define CALL(name) \
    { #name, SYS_##name }
    CALL(accept4),
    CALL(bind),
    CALL(brk),
    CALL(clock_gettime),
    CALL(clock_nanosleep),
    CALL(clone),
    CALL(clone3),
    CALL(close),
    CALL(connect),
    CALL(epoll_create1),
    CALL(epoll_ctl),
    CALL(epoll_pwait),
    CALL(epoll_pwait2),
    CALL(eventfd2),
    CALL(execve),
    CALL(exit),
    CALL(exit_group),
    CALL(faccessat),
    CALL(fcntl),
    CALL(fdatasync),
    CALL(flock),
    CALL(fstat),
    CALL(fsync),
    CALL(futex),
    CALL(getcwd),
    CALL(getdents64),
    CALL(getpid),
    CALL(getppid),
    CALL(getrandom),
    CALL(getrusage),
    CALL(getsockname),
    CALL(getsockopt),
    CALL(gettid),
    CALL(gettimeofday),
    CALL(ioctl),
    CALL(io_uring_enter),
    CALL(kill),
    CALL(lseek),
    CALL(madvise),
    CALL(mmap),
    CALL(mprotect),
    CALL(mremap),
    CALL(munmap),
    CALL(nanosleep),
    CALL(newfstatat),
    CALL(openat),
    CALL(pipe2),
    CALL(ppoll),
    CALL(prctl),
    CALL(pread64),
    CALL(prlimit64),
    CALL(pselect6),
    CALL(pwrite64),
    CALL(read),
    CALL(readlinkat),
    CALL(readv),
    CALL(recvfrom),
    CALL(recvmmsg),
    CALL(recvmsg),
    CALL(rseq),
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(rt_sigtimedwait),
    CALL(sched_getaffinity),
    CALL(sched_setaffinity),
    CALL(sched_yield),
    CALL(sendmmsg),
    CALL(sendmsg),
    CALL(sendto),
    CALL(setpriority),
    CALL(setsockopt),
    CALL(shutdown),
    CALL(socket),
    CALL(statx),
    CALL(sysinfo),
    CALL(tgkill),
    CALL(timerfd_settime),
    CALL(uname),
    CALL(wait4),
    CALL(waitid),
    CALL(write),
    CALL(writev),
#if defined(__x86_64__)
    CALL(access),
    CALL(alarm),
    CALL(epoll_wait),
    CALL(fork),
    CALL(lstat),
    CALL(open),
    CALL(pause),
    CALL(pipe),
    CALL(poll),
    CALL(readlink),
    CALL(select),
    CALL(stat),
    CALL(time),
    CALL(unlink),
    CALL(vfork),
#endif
#undef CALL
};

static void name_of(char out[PLAB_SYSCALLS_NAME_LEN], uint32_t arch, uint64_t number) {
    if (arch != NATIVE_ARCH) {
        snprintf(out, PLAB_SYSCALLS_NAME_LEN, "foreign-%llu", (unsigned long long)number);
        return;
    }
    for (size_t i = 0; i < PLAB_ARRAY_LEN(names); i++) {
        if ((uint64_t)names[i].number == number) {
            snprintf(out, PLAB_SYSCALLS_NAME_LEN, "%s", names[i].name);
            return;
        }
    }
    snprintf(out, PLAB_SYSCALLS_NAME_LEN, "syscall-%llu", (unsigned long long)number);
}

/* ---- what was counted ---- */

size_t plab_syscalls_add(struct plab_syscalls *out, const char *name, double calls) {
    size_t i = 0;
    while (i < out->count && strcmp(out->items[i].name, name) != 0) {
        i++;
    }
    if (i == PLAB_SYSCALLS_MAX) {
        return i;
    }
    if (i == out->count) {
        out->items[i] = (struct plab_syscalls_one){.calls = 0};
        snprintf(out->items[i].name, sizeof out->items[i].name, "%s", name);
        out->count++;
    }
    out->items[i].calls += calls;
    out->calls += calls;
    return i;
}

static bool is_gram(const struct plab_syscalls_gram *gram,
                    const uint16_t calls[PLAB_SYSCALLS_GRAM]) {
    return memcmp(gram->calls, calls, sizeof gram->calls) == 0;
}

static void add_gram(struct plab_syscalls *out, const uint16_t calls[PLAB_SYSCALLS_GRAM],
                     double times) {
    size_t i = 0;
    while (i < out->gram_count && !is_gram(&out->grams[i], calls)) {
        i++;
    }
    if (i == PLAB_SYSCALLS_GRAMS_MAX) {
        return;
    }
    if (i == out->gram_count) {
        out->grams[i] = (struct plab_syscalls_gram){.times = 0};
        memcpy(out->grams[i].calls, calls, sizeof out->grams[i].calls);
        out->gram_count++;
    }
    out->grams[i].times += times;
}

void plab_syscalls_gram_text(const struct plab_syscalls *seen, size_t gram,
                             char out[PLAB_SYSCALLS_GRAM_LEN]) {
    size_t used = 0;
    for (size_t i = 0; i < PLAB_SYSCALLS_GRAM; i++) {
        const char *name = seen->items[seen->grams[gram].calls[i]].name;
        used += (size_t)snprintf(out + used, PLAB_SYSCALLS_GRAM_LEN - used, "%s%s",
                                 i > 0 ? " " : "", name);
    }
}

void plab_syscalls_add_gram(struct plab_syscalls *out, const char *text, double times) {
    char words[PLAB_SYSCALLS_GRAM_LEN], *rest = words;
    uint16_t calls[PLAB_SYSCALLS_GRAM];
    size_t count = 0;
    if (strlen(text) >= sizeof words) {
        return;
    }
    memcpy(words, text, strlen(text) + 1);
    for (const char *word; (word = strsep(&rest, " ")) != NULL; count++) {
        size_t item = count < PLAB_SYSCALLS_GRAM && strlen(word) < PLAB_SYSCALLS_NAME_LEN
                          ? plab_syscalls_add(out, word, 0)
                          : PLAB_SYSCALLS_MAX;
        if (item == PLAB_SYSCALLS_MAX) {
            return;
        }
        calls[count] = (uint16_t)item;
    }
    if (count == PLAB_SYSCALLS_GRAM) {
        add_gram(out, calls, times);
    }
}

static double product(const struct plab_syscalls *a, const struct plab_syscalls *b) {
    double sum = 0;
    for (size_t i = 0; i < a->count; i++) {
        for (size_t j = 0; j < b->count; j++) {
            if (strcmp(a->items[i].name, b->items[j].name) == 0) {
                sum += a->items[i].calls * b->items[j].calls;
            }
        }
    }
    return sum;
}

double plab_syscalls_distance(const struct plab_syscalls *a, const struct plab_syscalls *b) {
    double lengths = sqrt(product(a, a) * product(b, b));
    return lengths > 0 ? fmax(0, 1 - product(a, b) / lengths) : NAN;
}

static bool has_gram(const struct plab_syscalls *seen, const char *text) {
    char other[PLAB_SYSCALLS_GRAM_LEN];
    for (size_t i = 0; i < seen->gram_count; i++) {
        plab_syscalls_gram_text(seen, i, other);
        if (strcmp(text, other) == 0) {
            return true;
        }
    }
    return false;
}

double plab_syscalls_gram_distance(const struct plab_syscalls *a, const struct plab_syscalls *b) {
    char text[PLAB_SYSCALLS_GRAM_LEN];
    size_t both = 0;
    for (size_t i = 0; i < a->gram_count; i++) {
        plab_syscalls_gram_text(a, i, text);
        both += has_gram(b, text);
    }
    size_t either = a->gram_count + b->gram_count - both;
    return a->gram_count > 0 && b->gram_count > 0 ? 1 - (double)both / (double)either : NAN;
}

/* ---- counting ---- */

struct thread {
    int tid;
    bool gone, entered; /* has made a call since the window began */
    uint64_t ip, sp;    /* where it was then */
    size_t call_count;
    uint16_t last[PLAB_SYSCALLS_GRAM]; /* calls, the newest one last */
};

struct count {
    struct plab_syscalls *out;
    size_t thread_count, alive;
    bool unknown; /* the kernel doesn't tell calls */
    struct thread threads[PLAB_TRACE_THREADS_MAX];
};

static bool get_info(struct count *count, int tid, struct __ptrace_syscall_info *info) {
    long got = ptrace(PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof *info, info);
    count->unknown = count->unknown || (got < 0 && (errno == EIO || errno == EINVAL));
    return got > 0;
}

/* A thread that was waiting in a call makes it anew after having been stopped: from the same place,
 * which is behind the instruction at its entry, and on some processors before it while stopped. */
static bool is_resumed(const struct thread *thread, const struct __ptrace_syscall_info *info) {
    return !thread->entered && info->stack_pointer == thread->sp &&
           info->instruction_pointer - thread->ip <= 4;
}

static void take_name(struct plab_syscalls *out, struct thread *thread, const char *name) {
    size_t item = plab_syscalls_add(out, name, 1);
    if (item == PLAB_SYSCALLS_MAX) {
        thread->call_count = 0; /* the sequence is broken */
        return;
    }
    memmove(&thread->last[0], &thread->last[1], sizeof thread->last - sizeof thread->last[0]);
    thread->last[PLAB_SYSCALLS_GRAM - 1] = (uint16_t)item;
    if (++thread->call_count >= PLAB_SYSCALLS_GRAM) {
        add_gram(out, thread->last, 1);
    }
}

static void take_call(struct count *count, struct thread *thread) {
    struct __ptrace_syscall_info info;
    char name[PLAB_SYSCALLS_NAME_LEN];
    if (!get_info(count, thread->tid, &info) || info.op != PTRACE_SYSCALL_INFO_ENTRY) {
        return;
    }
    if (!is_resumed(thread, &info) &&
        !(info.arch == NATIVE_ARCH && info.entry.nr == SYS_restart_syscall)) {
        name_of(name, info.arch, info.entry.nr);
        take_name(count->out, thread, name);
    }
    thread->entered = true;
}

static void begin(struct count *count) {
    for (size_t i = 0; i < count->thread_count; i++) {
        struct thread *thread = &count->threads[i];
        struct __ptrace_syscall_info info;
        enum plab_trace_stop stop;
        thread->gone = !plab_trace_interrupt(thread->tid, &stop);
        if (!thread->gone && get_info(count, thread->tid, &info)) {
            thread->ip = info.instruction_pointer;
            thread->sp = info.stack_pointer;
        }
        if (!thread->gone) {
            count->alive++;
            plab_trace_resume(thread->tid, stop, 0, true);
        }
    }
}

/* Takes what has happened so far; false when nothing has. */
static bool take_stops(struct count *count) {
    bool any = false;
    for (size_t i = 0; i < count->thread_count; i++) {
        struct thread *thread = &count->threads[i];
        int signal = 0;
        enum plab_trace_stop stop =
            thread->gone ? PLAB_TRACE_RUNNING : plab_trace_wait(thread->tid, false, &signal);
        if (stop == PLAB_TRACE_RUNNING) {
            continue;
        }
        any = true;
        if (stop == PLAB_TRACE_GONE) {
            thread->gone = true;
            count->alive--;
            continue;
        }
        if (stop == PLAB_TRACE_SYSCALL) {
            take_call(count, thread);
        }
        plab_trace_resume(thread->tid, stop, signal, true);
    }
    return any;
}

/* Sleeps until a stop is told by SIGCHLD, which is blocked. Not for long: the signal may go to
 * another thread of ours. */
static void await_stop(const sigset_t *child, uint64_t end_ns) {
    const uint64_t longest_ns = 10 * 1000000;
    uint64_t now_ns = plab_clock_ns(), left_ns = end_ns > now_ns ? end_ns - now_ns : 0;
    struct timespec wait = {0, (long)(left_ns < longest_ns ? left_ns : longest_ns)};
    (void)sigtimedwait(child, NULL, &wait);
}

static void watch(struct count *count, unsigned window_ms) {
    sigset_t child, before;
    uint64_t start_ns = plab_clock_ns(), end_ns = start_ns + window_ms * UINT64_C(1000000);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &child, &before);
    begin(count);
    while (count->alive > 0 && !count->unknown && plab_clock_ns() < end_ns) {
        if (!take_stops(count)) {
            await_stop(&child, end_ns);
        }
    }
    for (size_t i = 0; i < count->thread_count; i++) {
        if (!count->threads[i].gone) {
            plab_trace_let_go(count->threads[i].tid);
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    count->out->seconds += (double)(plab_clock_ns() - start_ns) * 1e-9;
}

enum plab_status plab_syscalls_count(struct plab_syscalls *out, int pid, unsigned window_ms,
                                     struct plab_error *err) {
    int tids[PLAB_TRACE_THREADS_MAX];
    struct count *count = calloc(1, sizeof *count);
    if (count == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to count system calls");
    }
    count->out = out;
    enum plab_status status =
        plab_trace_seize(tids, &count->thread_count, pid, PTRACE_O_TRACESYSGOOD, err);
    for (size_t i = 0; i < count->thread_count; i++) {
        count->threads[i].tid = tids[i];
    }
    if (status == PLAB_OK) {
        watch(count, window_ms);
    }
    if (status == PLAB_OK && count->unknown) {
        status = plab_fail(err, PLAB_E_UNSUPPORTED,
                           "this kernel doesn't tell the system calls of a traced process (it must "
                           "be 5.3 or newer)");
    }
    free(count);
    return status;
}
