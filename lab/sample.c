/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/sample.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "lab/memmap.h"
#include "lab/rounding.h"
#include "lab/syscalls.h"

#define WORDS_MAX_BYTES 65536 /* of a command line or an environment */

/* JSON wants UTF-8; words of a process can be anything. */
static json_t *text_json(const char *text) {
    char safe[4096];
    plab_log_escape(text, strlen(text), safe, sizeof safe);
    return json_string(safe);
}

/* The words of /proc/PID/cmdline or environ, each ended by a NUL; of "NAME=value" only the name
 * with `names`, since values are nobody's business. */
static json_t *words_json(int pid, const char *file, bool names) {
    char path[64], *bytes = malloc(WORDS_MAX_BYTES + 1);
    size_t len = 0;
    json_t *list = json_array();
    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    if (bytes == NULL || plab_file_read(path, bytes, WORDS_MAX_BYTES, &len, NULL) != PLAB_OK) {
        len = 0;
    }
    for (size_t at = 0; at < len;) {
        bytes[len] = '\0';
        size_t word_len = strlen(bytes + at);
        if (names) {
            bytes[at + strcspn(bytes + at, "=")] = '\0';
        }
        json_array_append_new(list, text_json(bytes + at));
        at += word_len + 1;
    }
    free(bytes);
    return list;
}

static json_t *link_json(int pid, const char *file) {
    char path[64], target[PATH_MAX];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    ssize_t len = readlink(path, target, sizeof target - 1);
    target[len > 0 ? len : 0] = '\0';
    return text_json(target);
}

static json_t *absent_json(const struct plab_error *why) {
    return json_pack("{s:s}", "absent", why->text);
}

static json_t *rounding_json(int pid, const struct plab_sample_plan *plan, size_t *threads) {
    struct plab_rounding rounding;
    struct plab_error why = {.text = ""};
    if (plab_rounding_sample(&rounding, pid, plan->looks, plan->interval_ms, &why) != PLAB_OK) {
        return absent_json(&why);
    }
    json_t *list = json_array();
    *threads = rounding.thread_count;
    for (size_t i = 0; i < rounding.thread_count; i++) {
        const struct plab_rounding_thread *thread = &rounding.threads[i];
        json_array_append_new(list, json_pack("{s:i, s:[i, i, i, i]}", "tid", thread->tid, "seen",
                                              (int)thread->seen[0], (int)thread->seen[1],
                                              (int)thread->seen[2], (int)thread->seen[3]));
    }
    return json_pack("{s:i, s:o}", "looks", (int)plan->looks, "threads", list);
}

static json_t *syscalls_json(int pid, unsigned window_ms) {
    struct plab_error why = {.text = "not asked for"};
    struct plab_syscalls *seen = window_ms > 0 ? calloc(1, sizeof *seen) : NULL;
    if (seen == NULL || plab_syscalls_count(seen, pid, window_ms, &why) != PLAB_OK) {
        free(seen);
        return absent_json(&why);
    }
    char text[PLAB_SYSCALLS_GRAM_LEN];
    json_t *counts = json_object(), *grams = json_object();
    for (size_t i = 0; i < seen->count; i++) {
        json_object_set_new(counts, seen->items[i].name,
                            json_integer((json_int_t)seen->items[i].calls));
    }
    for (size_t i = 0; i < seen->gram_count; i++) {
        plab_syscalls_gram_text(seen, i, text);
        json_object_set_new(grams, text, json_integer((json_int_t)seen->grams[i].times));
    }
    json_t *result = json_pack("{s:f, s:I, s:o, s:o}", "seconds", seen->seconds, "calls",
                               (json_int_t)seen->calls, "counts", counts, "grams", grams);
    free(seen);
    return result;
}

static json_t *maps_json(int pid) {
    struct plab_memmap maps;
    struct plab_error why = {.text = ""};
    if (plab_memmap_read(&maps, "/proc", pid, &why) != PLAB_OK) {
        return absent_json(&why);
    }
    json_t *list = json_array();
    for (size_t i = 0; i < maps.count; i++) {
        const struct plab_memmap_one *map = &maps.maps[i];
        double bits = round(map->entropy_bits * 1000) / 1000;
        json_array_append_new(list,
                              json_pack("{s:I, s:I, s:I, s:o}", "bytes", (json_int_t)map->bytes,
                                        "resident_bytes", (json_int_t)map->resident_bytes,
                                        "huge_bytes", (json_int_t)map->huge_bytes, "entropy_bits",
                                        isfinite(bits) ? json_real(bits) : json_null()));
    }
    return list;
}

enum plab_status plab_sample_take(json_t **out, int pid, const struct plab_sample_plan *plan,
                                  struct plab_error *err) {
    char path[64], comm[64];
    size_t len = 0, threads = 0;
    *out = NULL;
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    if (plab_file_read(path, comm, sizeof comm - 1, &len, NULL) != PLAB_OK) {
        return plab_fail(err, PLAB_E_RESOURCE, "there is no process %d", pid);
    }
    comm[len] = '\0';
    comm[strcspn(comm, "\n")] = '\0';
    uint64_t t_ns = plab_clock_ns();
    json_t *rounding = rounding_json(pid, plan, &threads);
    json_t *syscalls = syscalls_json(pid, plan->window_ms);
    uint64_t until_ns = plab_clock_ns();
    *out = json_pack("{s:I, s:s, s:i, s:o, s:o, s:o, s:o, s:i, s:i, s:o, s:o, s:o, s:I}", "t_ns",
                     (json_int_t)t_ns, "event", "sample", "pid", pid, "comm", text_json(comm),
                     "exe", link_json(pid, "exe"), "argv", words_json(pid, "cmdline", false), "env",
                     words_json(pid, "environ", true), "nice", getpriority(PRIO_PROCESS, (id_t)pid),
                     "threads", (int)threads, "rounding", rounding, "syscalls", syscalls, "maps",
                     maps_json(pid), "until_ns", (json_int_t)until_ns);
    json_object_set_new(*out, "cpu_s", json_real((double)plab_clock_process_cpu_ns() * 1e-9));
    return *out != NULL ? PLAB_OK : plab_fail(err, PLAB_E_NOMEM, "not enough memory for a sample");
}
