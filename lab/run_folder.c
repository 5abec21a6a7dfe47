/* SPDX-License-Identifier: BSD-3-Clause */
/* The files of a run: its folder, its processes' results, the truth. */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "lab/run_priv.h"

const char *plab_run_path(const struct plab_run_record *record, char *out, const char *fmt, ...) {
    va_list args;
    int n = snprintf(out, PATH_MAX, "%s/", record->folder);
    va_start(args, fmt);
    if (n > 0 && n < PATH_MAX) {
        vsnprintf(out + n, PATH_MAX - (size_t)n, fmt, args);
    }
    va_end(args);
    return out;
}

/* ---- making it ---- */

static enum plab_status cannot_make(const char *path, struct plab_error *err) {
    return plab_fail(err, PLAB_E_IO, "cannot make the run folder %s: %s", path, strerror(errno));
}

static bool is_empty_folder(const char *path) {
    DIR *folder = opendir(path);
    size_t entries = 0;
    if (folder == NULL) {
        return false;
    }
    while (readdir(folder) != NULL) {
        entries++;
    }
    closedir(folder);
    return entries == 2; /* itself and its parent */
}

static enum plab_status take_given(const char *out, char folder[PATH_MAX], struct plab_error *err) {
    if (strlen(out) >= PATH_MAX - 128) {
        return plab_fail(err, PLAB_E_USAGE, "--out: the path is too long");
    }
    if (mkdir(out, 0777) != 0) {
        if (errno != EEXIST) {
            return cannot_make(out, err);
        }
        if (!is_empty_folder(out)) {
            return plab_fail(err, PLAB_E_USAGE,
                             "--out %s is there and isn't an empty folder; name a new one", out);
        }
    }
    strcpy(folder, out);
    return PLAB_OK;
}

/* runs/20260131T235959Z-name, with a number behind it when two runs start in one second. */
static enum plab_status take_stamped(const char *name, uint64_t wall_ns, char folder[PATH_MAX],
                                     struct plab_error *err) {
    char stamp[20], path[128];
    time_t now = (time_t)(wall_ns / 1000000000);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    if (mkdir("runs", 0777) != 0 && errno != EEXIST) {
        return cannot_make("runs", err);
    }
    for (unsigned i = 1; i < 100; i++) {
        int n = snprintf(path, sizeof path, "runs/%s-%s", stamp, name);
        if (i > 1) {
            snprintf(path + n, sizeof path - (size_t)n, "-%u", i);
        }
        if (mkdir(path, 0777) == 0) {
            strcpy(folder, path);
            return PLAB_OK;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return cannot_make(path, err);
}

enum plab_status plab_run_folder_take(const char *out, const char *name, uint64_t wall_ns,
                                      char folder[PATH_MAX], struct plab_error *err) {
    return out != NULL ? take_given(out, folder, err) : take_stamped(name, wall_ns, folder, err);
}

/* The scenario as it was, comments and all. */
static enum plab_status copy_scenario(const char *from, const struct plab_run_record *record,
                                      struct plab_error *err) {
    char path[PATH_MAX], text[64 * 1024];
    size_t len;
    enum plab_status status = plab_file_read(from, text, sizeof text, &len, err);
    if (status == PLAB_OK) {
        status = plab_file_write(plab_run_path(record, path, "scenario.yaml"), text, len, err);
    }
    return status;
}

enum plab_status plab_run_folder_make(const struct plab_run_config *config,
                                      struct plab_run_record *record, struct plab_error *err) {
    char path[PATH_MAX];
    enum plab_status status = plab_run_folder_take(config->out, config->scenario->name,
                                                   record->start_wall_ns, record->folder, err);
    if (status != PLAB_OK) {
        return status;
    }
    if (mkdir(plab_run_path(record, path, "logs"), 0777) != 0 ||
        mkdir(plab_run_path(record, path, "raw"), 0777) != 0 ||
        mkdir(plab_run_path(record, path, "raw/live"), 0777) != 0) {
        return cannot_make(path, err);
    }
    return config->scenario_path != NULL ? copy_scenario(config->scenario_path, record, err)
                                         : PLAB_OK;
}

/* ---- reading what the processes left ---- */

const char *plab_run_folder_log_tail(const struct plab_run_record *record, const char *name,
                                     char *out, size_t out_cap) {
    char path[PATH_MAX], line[1024], last[1024] = "";
    FILE *file = fopen(plab_run_path(record, path, "logs/%s.log", name), "re");
    out[0] = '\0';
    if (file == NULL) {
        return out;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0') {
            memcpy(last, line, sizeof last);
        }
    }
    fclose(file);
    return plab_log_escape(last, strlen(last), out, out_cap);
}

static bool get_count(const json_t *object, const char *key, uint64_t *out) {
    const json_t *value = json_object_get(object, key);
    *out = json_is_integer(value) ? (uint64_t)json_integer_value(value) : 0;
    return json_is_integer(value);
}

void plab_run_folder_results(struct plab_run_record *record) {
    char path[PATH_MAX];
    for (size_t i = 0; i < record->process_count; i++) {
        struct plab_run_process *process = &record->processes[i];
        if (process->role != PLAB_RUN_WORKER) {
            continue;
        }
        json_t *result = json_load_file(
            plab_run_path(record, path, "raw/%s.%u.json", process->name, process->instance), 0,
            NULL);
        process->has_result = get_count(result, "hashes", &process->hashes) &&
                              get_count(result, "accepted", &process->accepted) &&
                              get_count(result, "rejected", &process->rejected) &&
                              get_count(result, "stale", &process->stale);
        const json_t *dataset = json_object_get(result, "dataset");
        process->has_dataset = get_count(dataset, "precomputed_bytes", &process->dataset_bytes) &&
                               get_count(dataset, "full_bytes", &process->dataset_full_bytes) &&
                               process->dataset_full_bytes > 0;
        json_decref(result);
    }
}

/* ---- truth, and what it counts ---- */

struct counter {
    struct plab_run *run;
    char seed[80]; /* of the last template */
};

static const char *text_of(const json_t *event, const char *key) {
    const char *text = json_string_value(json_object_get(event, key));
    return text != NULL ? text : "";
}

static void count_share(const json_t *event, struct plab_run_counts *counts) {
    const char *verdict = text_of(event, "verdict");
    if (strcmp(verdict, "accepted") == 0) {
        counts->accepted++;
        counts->work += (double)json_integer_value(json_object_get(event, "difficulty"));
    } else if (strcmp(verdict, "stale") == 0) {
        counts->stale++;
    } else {
        counts->rejected++;
    }
}

/* `new_seed`: the event announces another RandomX seed than the one before. */
static void count_event(const json_t *event, bool new_seed, struct plab_run_counts *counts) {
    const char *kind = text_of(event, "event");
    if (strcmp(kind, "share") == 0) {
        count_share(event, counts);
    } else if (strcmp(kind, "block") == 0) {
        counts->blocks += json_is_true(json_object_get(event, "accepted"));
    } else if (strcmp(kind, "login") == 0) {
        counts->logins += text_of(event, "text")[0] == '\0';
    }
    counts->seed_changes += new_seed;
}

static bool is_new_seed(struct counter *counter, const json_t *event) {
    const char *seed = text_of(event, "seed");
    if (strcmp(text_of(event, "event"), "template") != 0 || seed[0] == '\0') {
        return false;
    }
    bool changed = counter->seed[0] != '\0' && strcmp(counter->seed, seed) != 0;
    snprintf(counter->seed, sizeof counter->seed, "%s", seed);
    return changed;
}

/* A share whose answer came just after a phase's end belongs to the next one: the pool's time
 * counts. */
static struct plab_run_phase *phase_at(struct plab_run *run, uint64_t t_ns) {
    struct plab_run_phase *found = NULL;
    for (size_t i = 0; i < run->scenario->phase_count; i++) {
        struct plab_run_phase *phase = &run->record->phases[i];
        if (phase->start_ns != 0 && phase->start_ns <= t_ns) {
            found = phase;
        }
    }
    return found;
}

/* Of a second pool that workers turn to, their shares and logins; its chain is one of its own. One
 * behind a proxy has no workers. */
static bool counts(const struct plab_run *run, const json_t *event) {
    const char *source = text_of(event, "source"), *kind = text_of(event, "event");
    return strcmp(source, "pool") == 0 ||
           (strcmp(source, "pool-2") == 0 && !run->scenario->second_pool.upstream &&
            (strcmp(kind, "share") == 0 || strcmp(kind, "login") == 0));
}

static void count_truth(void *cookie, const json_t *event) {
    struct counter *counter = cookie;
    if (!counts(counter->run, event)) {
        return;
    }
    bool new_seed = is_new_seed(counter, event);
    uint64_t t_ns = (uint64_t)json_integer_value(json_object_get(event, "t_ns"));
    struct plab_run_phase *phase = phase_at(counter->run, t_ns);
    if (phase != NULL) {
        count_event(event, new_seed, &phase->counts);
    }
    count_event(event, new_seed, &counter->run->record->counts);
}

enum plab_status plab_run_folder_truth(struct plab_run *run, struct plab_error *err) {
    char lab[PATH_MAX], pool[PATH_MAX], second[PATH_MAX], out[PATH_MAX];
    struct counter counter = {.run = run, .seed = ""};
    struct plab_truth_merge merge = {
        .lab_path = plab_run_path(run->record, lab, "raw/lab-events.jsonl"),
        .pool_path = plab_run_path(run->record, pool, "raw/pool-ledger.jsonl"),
        .second_path = plab_run_path(run->record, second, "raw/pool-2-ledger.jsonl"),
        .out_path = plab_run_path(run->record, out, "truth.jsonl"),
        .start_ns = run->record->start_ns,
        .each = count_truth,
        .cookie = &counter,
    };
    enum plab_status status = plab_truth_merge_files(&merge, err);
    run->record->truth_events = merge.lab_events + merge.pool_events + merge.second_events;
    run->record->damaged_lines += merge.damaged_lines;
    run->record->has_counts = status == PLAB_OK && merge.pool_events > 0;
    return status;
}
