/* SPDX-License-Identifier: BSD-3-Clause */
/* Counting the system calls of another process, which must not notice; distances of histograms. */
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "lab/syscalls.h"
#include "tests/harness.h"

/* What child and test both see. */
struct shared {
    _Atomic unsigned rounds, signals;
};
static struct shared *shared;

static void on_signal(int number) {
    (void)number;
    shared->signals++;
}

/* Three calls of one kind and one of another, for ever. */
static void three_to_one(void) {
    for (;; shared->rounds++) {
        for (int i = 0; i < 3; i++) {
            syscall(SYS_getppid);
        }
        sched_yield();
    }
}

static void signal_itself(void) {
    signal(SIGUSR1, on_signal);
    for (;; shared->rounds++) {
        raise(SIGUSR1);
    }
}

static void wait_for_ever(void) {
    for (;; shared->rounds++) {
        syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
    }
}

static pid_t start(void (*body)(void)) {
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    pid_t pid = _Fork(); /* not fork(): ThreadSanitizer adds a thread with calls of its own */
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves no endless loop behind */
        body();
    }
    CHECK(pid > 0);
    return pid;
}

static void end(pid_t pid) {
    int status;
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
    munmap(shared, sizeof *shared);
}

static double of(const struct plab_syscalls *seen, const char *name) {
    for (size_t i = 0; i < seen->count; i++) {
        if (strcmp(seen->items[i].name, name) == 0) {
            return seen->items[i].calls;
        }
    }
    return 0;
}

/* The third field of /proc/PID/stat: 'T' when stopped. */
static char state_of(pid_t pid) {
    char path[64], text[512];
    size_t len = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    CHECK(plab_file_read(path, text, sizeof text - 1, &len, NULL) == PLAB_OK);
    text[len] = '\0';
    return strrchr(text, ')')[2];
}

static void await_state(pid_t pid, char state) {
    while (state_of(pid) != state) {
        usleep(1000);
    }
}

static void await_round(unsigned round) {
    while (shared->rounds < round) {
        usleep(1000);
    }
}

static void count(struct plab_syscalls *seen, pid_t pid, unsigned window_ms) {
    struct plab_error err = {.text = ""};
    memset(seen, 0, sizeof *seen);
    CHECK_MSG(plab_syscalls_count(seen, pid, window_ms, &err) == PLAB_OK, "%s", err.text);
}

TEST(syscalls, of_a_known_loop) {
    struct plab_syscalls seen;
    pid_t pid = start(three_to_one);
    await_round(1);
    double before = shared->rounds;
    for (int i = 0; i < 100 && (i == 0 || of(&seen, "sched_yield") < 10); i++) {
        count(&seen, pid, 50);
    }
    double rounds = shared->rounds - before, yields = of(&seen, "sched_yield");
    CHECK(yields >= 10);
    CHECK_MSG(fabs(of(&seen, "getppid") - 3 * yields) <= 3, "%.0f and %.0f", of(&seen, "getppid"),
              yields);
    CHECK(yields <= rounds + 1); /* an exit isn't a second call */
    CHECK_MSG(seen.calls == of(&seen, "getppid") + yields, "others, such as %s",
              seen.items[seen.count - 1].name);
    CHECK(seen.seconds >= 0.05);
    /* Four sequences, one from each place in the loop. */
    char text[PLAB_SYSCALLS_GRAM_LEN];
    CHECK_U64(seen.gram_count, 4);
    for (size_t i = 0; i < 4; i++) {
        plab_syscalls_gram_text(&seen, i, text);
        CHECK_MSG(strcmp(text, "getppid getppid getppid sched_yield getppid") == 0 ||
                      strcmp(text, "getppid getppid sched_yield getppid getppid") == 0 ||
                      strcmp(text, "getppid sched_yield getppid getppid getppid") == 0 ||
                      strcmp(text, "sched_yield getppid getppid getppid sched_yield") == 0,
                  "%s", text);
        CHECK(fabs(seen.grams[i].times - yields) <= 2);
    }
    await_round(shared->rounds + 1); /* let go of, it goes on */
    end(pid);
}

TEST(syscalls, a_wait_that_had_begun_is_none) {
    struct plab_syscalls seen;
    pid_t pid = start(wait_for_ever);
    await_state(pid, 'S');
    count(&seen, pid, 20);
    CHECK_MSG(seen.calls == 0, "%.0f %s", seen.calls, seen.items[0].name);
    CHECK_U64(shared->rounds, 0); /* and it wasn't woken */
    await_state(pid, 'S');
    end(pid);
}

TEST(syscalls, signals_reach_the_process) {
    struct plab_syscalls seen;
    pid_t pid = start(signal_itself);
    await_round(1);
    for (int i = 0; i < 100 && (i == 0 || of(&seen, "rt_sigreturn") < 10); i++) {
        count(&seen, pid, 50);
    }
    CHECK(of(&seen, "tgkill") >= 9);
    kill(pid, SIGSTOP);
    await_state(pid, 'T');
    CHECK_MSG(shared->signals - shared->rounds <= 1, "%u signals in %u rounds", shared->signals,
              shared->rounds);
    end(pid);
}

TEST(syscalls, a_stopped_process_stays_stopped) {
    struct plab_syscalls seen;
    pid_t pid = start(three_to_one);
    await_round(1);
    kill(pid, SIGSTOP);
    await_state(pid, 'T');
    unsigned rounds = shared->rounds;
    count(&seen, pid, 20);
    await_state(pid, 'T');
    CHECK_U64(shared->rounds, rounds);
    CHECK(seen.calls == 0);
    kill(pid, SIGCONT);
    await_round(rounds + 2);
    end(pid);
}

TEST(syscalls, of_nobody) {
    struct plab_syscalls seen = {.count = 0};
    struct plab_error err = {.text = ""};
    pid_t pid = start(three_to_one);
    end(pid);
    CHECK(plab_syscalls_count(&seen, pid, 10, &err) == PLAB_E_RESOURCE);
    CHECK(strstr(err.text, "can't trace process") != NULL);
}

TEST(syscalls, distance_of_histograms) {
    struct plab_syscalls a = {.count = 0}, b = {.count = 0}, c = {.count = 0}, none = {.count = 0};
    plab_syscalls_add(&a, "read", 3);
    plab_syscalls_add(&a, "futex", 4);
    plab_syscalls_add(&b, "futex", 40);
    plab_syscalls_add(&b, "read", 10);
    plab_syscalls_add(&b, "read", 20); /* twice the same name: one bar */
    plab_syscalls_add(&c, "read", 7);
    CHECK_U64(b.count, 2);
    CHECK(b.calls == 70);
    CHECK(plab_syscalls_distance(&a, &b) < 1e-9);             /* how many doesn't matter */
    CHECK(fabs(plab_syscalls_distance(&a, &c) - 0.4) < 1e-9); /* 3/5 in common */
    plab_syscalls_add(&none, "write", 1);
    CHECK(fabs(plab_syscalls_distance(&c, &none) - 1) < 1e-9);
    none = (struct plab_syscalls){.count = 0};
    CHECK(isnan(plab_syscalls_distance(&a, &none)));
}

TEST(syscalls, distance_of_sequences) {
    struct plab_syscalls a = {.count = 0}, b = {.count = 0}, none = {.count = 0};
    char text[PLAB_SYSCALLS_GRAM_LEN];
    plab_syscalls_add(&b, "write", 9); /* so that the same names have other numbers */
    plab_syscalls_add_gram(&a, "read read read read write", 1);
    plab_syscalls_add_gram(&a, "read read read write read", 50);
    plab_syscalls_add_gram(&a, "read read write read read", 1);
    plab_syscalls_add_gram(&b, "read read read read write", 7);
    plab_syscalls_add_gram(&b, "read read read read write", 7);
    plab_syscalls_add_gram(&b, "read read read write read", 1);
    plab_syscalls_add_gram(&b, "futex futex futex futex futex", 1);
    CHECK_U64(b.gram_count, 3);
    CHECK(b.calls == 9 && b.grams[0].times == 14);                 /* a sequence adds no calls */
    CHECK(fabs(plab_syscalls_gram_distance(&a, &b) - 0.5) < 1e-9); /* 2 of 4 */
    CHECK(plab_syscalls_gram_distance(&a, &a) == 0);
    CHECK(isnan(plab_syscalls_gram_distance(&a, &none)));
    /* What is no sequence of five names is none. */
    static const char *const bad[] = {"", "a", "a b c d", "a b c d e f",
                                      "a b c d 0123456789012345678901234567890123456789"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(bad); i++) {
        plab_syscalls_add_gram(&none, bad[i], 1);
    }
    CHECK_U64(none.gram_count, 0);
    for (int i = 0; i < PLAB_SYSCALLS_GRAMS_MAX + 3; i++) { /* full: what came first stays */
        snprintf(text, sizeof text, "n%d a a a n%d", i / 100, i % 100);
        plab_syscalls_add_gram(&none, text, 1);
    }
    CHECK_U64(none.gram_count, PLAB_SYSCALLS_GRAMS_MAX);
    plab_syscalls_gram_text(&none, 0, text);
    CHECK_STR(text, "n0 a a a n0");
}
