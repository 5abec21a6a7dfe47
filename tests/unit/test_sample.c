/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking at other processes: rounding modes, mappings, words. */
#include <fcntl.h>
#include <fenv.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/prng.h"
#include "lab/memmap.h"
#include "lab/rounding.h"
#include "lab/sample.h"
#include "tests/harness.h"

/* A child that goes through `count` rounding modes for ever. */
static pid_t start_child(int count) {
    static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    int ready[2];
    char byte = 0;
    CHECK(pipe(ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        volatile double sum = 0;
        for (unsigned i = 0;; i++) {
            fesetround(modes[i / 1000 % (unsigned)count]);
            sum += 0.1;
            if (i == 0 && write(ready[1], "r", 1) != 1) {
                _exit(1);
            }
        }
    }
    CHECK(pid > 0 && read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void end_child(pid_t pid) {
    int status;
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
}

TEST(rounding, a_thread_that_changes_it_is_seen) {
    struct plab_rounding seen;
    struct plab_error err = {.text = ""};
    pid_t pid = start_child(4);
    CHECK_MSG(plab_rounding_sample(&seen, pid, 60, 1, &err) == PLAB_OK, "%s", err.text);
    CHECK(seen.thread_count >= 1); /* ThreadSanitizer has one of its own */
    CHECK_MSG(plab_rounding_unusual(&seen.threads[0]) >= 2, "%u %u %u %u", seen.threads[0].seen[0],
              seen.threads[0].seen[1], seen.threads[0].seen[2], seen.threads[0].seen[3]);
    CHECK_U64(seen.threads[0].seen[0] + seen.threads[0].seen[1] + seen.threads[0].seen[2] +
                  seen.threads[0].seen[3],
              60);
    end_child(pid);
}

TEST(rounding, one_that_does_not_is_quiet_and_goes_on) {
    struct plab_rounding seen;
    struct plab_error err = {.text = ""};
    pid_t pid = start_child(1);
    CHECK_MSG(plab_rounding_sample(&seen, pid, 10, 1, &err) == PLAB_OK, "%s", err.text);
    CHECK_U64(plab_rounding_unusual(&seen.threads[0]), 0);
    CHECK_U64(seen.threads[0].seen[0], 10);
    /* Let go of: it can be looked at again, and it isn't stopped. */
    CHECK(plab_rounding_sample(&seen, pid, 1, 1, &err) == PLAB_OK);
    CHECK_U64(waitpid(pid, NULL, WNOHANG), 0);
    end_child(pid);
    CHECK(plab_rounding_sample(&seen, pid, 1, 1, &err) == PLAB_E_RESOURCE);
    CHECK(strstr(err.text, "can't trace process") != NULL);
}

TEST(memmap, large_private_mappings_of_a_recorded_process) {
    struct plab_memmap maps;
    struct plab_error err = {.text = ""};
    CHECK(plab_memmap_read(&maps, "tests/vectors/sensors/memmap", 77, &err) == PLAB_OK);
    CHECK_U64(maps.count, 3);
    CHECK_U64(maps.maps[0].bytes, UINT64_C(2129920) * 1024);
    CHECK_U64(maps.maps[0].huge_bytes, UINT64_C(2129920) * 1024);
    CHECK_U64(maps.maps[0].resident_bytes, UINT64_C(2129920) * 1024);
    CHECK_U64(maps.maps[1].bytes, 2048 * 1024);
    CHECK_U64(maps.maps[1].huge_bytes, 2048 * 1024);
    CHECK_U64(maps.maps[2].resident_bytes, 512 * 1024);
    CHECK(isnan(maps.maps[0].entropy_bits)); /* its bytes aren't there */
    CHECK(plab_memmap_read(&maps, "tests/vectors/sensors/memmap", 78, &err) == PLAB_E_RESOURCE);
}

TEST(memmap, entropy) {
    uint8_t bytes[512] = {0};
    CHECK(plab_memmap_entropy(bytes, 0) == 0);
    memset(bytes, 7, sizeof bytes);
    CHECK(plab_memmap_entropy(bytes, sizeof bytes) == 0);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    CHECK(fabs(plab_memmap_entropy(bytes, sizeof bytes) - 8) < 1e-9);
    CHECK(fabs(plab_memmap_entropy(bytes, 128) - 7) < 1e-9);
}

/* This process itself, with two mappings that can be told apart by what is in them. */
TEST(memmap, bytes_of_a_living_process) {
    const size_t big = 24u << 20, small = 20u << 20, wall = 1u << 20;
    /* Walls around them, or they become one with each other or with neighbours. */
    const size_t whole = big + small + 3 * wall;
    uint8_t *walls = mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(walls != MAP_FAILED);
    uint8_t *noise = walls + wall, *zeros = noise + big + wall;
    CHECK(mprotect(noise, big, PROT_READ | PROT_WRITE) == 0);
    CHECK(mprotect(zeros, small, PROT_READ | PROT_WRITE) == 0);
    struct plab_prng random = {42};
    for (size_t i = 0; i + 8 <= big; i += 8) {
        uint64_t word = plab_prng_next(&random);
        memcpy(noise + i, &word, 8);
    }
    memset(zeros, 1, small);
    struct plab_memmap maps;
    struct plab_error err = {.text = ""};
    CHECK_MSG(plab_memmap_read(&maps, "/proc", getpid(), &err) == PLAB_OK, "%s", err.text);
    bool saw_noise = false, saw_zeros = false;
    for (size_t i = 0; i < maps.count; i++) {
        const struct plab_memmap_one *map = &maps.maps[i];
        saw_noise |= map->start == (uintptr_t)noise && map->bytes == big && map->entropy_bits > 7.5;
        saw_zeros |= map->start == (uintptr_t)zeros && map->bytes == small && map->entropy_bits < 1;
    }
    CHECK(saw_noise && saw_zeros);
    munmap(walls, whole);
}

/* A program with a known command line and environment; returns when it runs. */
static pid_t start_sleep(void) {
    char url[] = "PLAB_TEST_URL=secret-word", home[] = "HOME=/nowhere";
    char *const environment[] = {url, home, NULL};
    int started[2];
    char byte;
    CHECK(pipe2(started, O_CLOEXEC) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        execle("/bin/sleep", "sleep", "60.5", (char *)NULL, environment);
        _exit(1);
    }
    close(started[1]);
    CHECK(pid > 0 && read(started[0], &byte, 1) == 0); /* closed by exec */
    close(started[0]);
    return pid;
}

TEST(sample, of_a_program) {
    json_t *sample;
    const char *comm, *exe, *words[2], *names[2];
    int seen[4];
    struct plab_error err = {.text = ""};
    pid_t pid = start_sleep();
    CHECK_MSG(plab_sample_take(&sample, pid, &(struct plab_sample_plan){3, 1, 20}, &err) == PLAB_OK,
              "%s", err.text);
    json_error_t why;
    int got = json_unpack_ex(
        sample, &why, 0, "{s:s, s:s, s:[s, s!], s:[s, s!], s:{s:[{s:[i, i, i, i]}]}}", "comm",
        &comm, "exe", &exe, "argv", &words[0], &words[1], "env", &names[0], &names[1], "rounding",
        "threads", "seen", &seen[0], &seen[1], &seen[2], &seen[3]);
    CHECK_MSG(got == 0, "%s", why.text);
    CHECK_STR(comm, "sleep");
    CHECK_STR(words[1], "60.5");
    CHECK(strstr(exe, "/sleep") != NULL || strstr(exe, "/coreutils") != NULL);
    CHECK_STR(names[0], "PLAB_TEST_URL"); /* names of variables, never what is in them */
    CHECK_STR(names[1], "HOME");
    CHECK(seen[0] == 3 && seen[1] + seen[2] + seen[3] == 0);
    double cpu_s = json_real_value(json_object_get(sample, "cpu_s"));
    CHECK(cpu_s > 0 && cpu_s <= (double)plab_clock_process_cpu_ns() * 1e-9);
    json_decref(sample);
    end_child(pid);
    CHECK(plab_sample_take(&sample, pid, &(struct plab_sample_plan){1, 1, 0}, &err) ==
          PLAB_E_RESOURCE);
}
