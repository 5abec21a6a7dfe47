/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

static uint64_t read_clock(clockid_t id) {
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t plab_clock_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t plab_clock_wall_ns(void) {
    return read_clock(CLOCK_REALTIME);
}

uint64_t plab_clock_thread_cpu_ns(void) {
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t plab_clock_process_cpu_ns(void) {
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void plab_clock_iso(uint64_t wall_ns, char out[PLAB_CLOCK_ISO_LEN]) {
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm tm;
    char date[20];
    gmtime_r(&seconds, &tm);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out, PLAB_CLOCK_ISO_LEN, "%s.%03uZ", date, (unsigned)(wall_ns % NS_PER_S / 1000000));
}

void plab_clock_sleep_ns(uint64_t ns) {
    struct timespec ts = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
    nanosleep(&ts, NULL);
}
