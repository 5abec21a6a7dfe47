/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/recorders.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "lab/csv.h"
#include "lab/procwatch.h"

struct plab_recorders {
    const char *proc_root;
    uint64_t start_ns;
    struct plab_sensors sensors;
    double *values; /* owned, one a sensor */
    struct plab_csv *host, *processes, *threads;
    bool counters_judged; /* whether there are hardware counters is known */
    struct plab_absence absent[PLAB_ABSENCES_MAX + 1];
    size_t absent_count;
};

static enum plab_status open_table(struct plab_csv **out, const char *folder, const char *name,
                                   struct plab_error *err) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return plab_csv_open(out, path, err);
}

static void put_names(struct plab_csv *csv, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        plab_csv_text(csv, names[i]);
    }
}

static enum plab_status write_headers(struct plab_recorders *recorders, struct plab_error *err) {
    static const char *const times[] = {"t_ns", "t_s"};
    static const char *const process[] = {"t_ns",
                                          "t_s",
                                          "process",
                                          "instance",
                                          "pid",
                                          "cpu_percent_of_one",
                                          "rss_bytes",
                                          "minor_faults_per_s",
                                          "major_faults_per_s",
                                          "voluntary_switches_per_s",
                                          "involuntary_switches_per_s",
                                          "anon_huge_bytes",
                                          "hugetlb_bytes"};
    static const char *const thread[] = {"t_ns",     "t_s", "process",
                                         "instance", "tid", "cpu_percent_of_one"};
    put_names(recorders->host, times, PLAB_ARRAY_LEN(times));
    for (size_t i = 0; i < recorders->sensors.count; i++) {
        plab_csv_text(recorders->host, recorders->sensors.items[i].name);
    }
    put_names(recorders->processes, process, PLAB_ARRAY_LEN(process));
    for (int i = 0; i < PLAB_PERF_COUNT; i++) {
        plab_csv_text(recorders->processes, plab_perfcount_column((enum plab_perf)i));
    }
    put_names(recorders->threads, thread, PLAB_ARRAY_LEN(thread));
    struct plab_csv *const tables[] = {recorders->host, recorders->processes, recorders->threads};
    enum plab_status status = PLAB_OK;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(tables) && status == PLAB_OK; i++) {
        status = plab_csv_end(tables[i], err);
    }
    return status;
}

static enum plab_status set_up(struct plab_recorders *recorders,
                               const struct plab_recorders_config *config, struct plab_error *err) {
    enum plab_status status =
        plab_sensors_find(&recorders->sensors, config->sys_root, config->proc_root, err);
    if (status != PLAB_OK) {
        return status;
    }
    recorders->absent_count = recorders->sensors.absent_count;
    memcpy(recorders->absent, recorders->sensors.absent, sizeof recorders->sensors.absent);
    recorders->values = calloc(recorders->sensors.count + 1, sizeof *recorders->values);
    if (recorders->values == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for the recorders");
    }
    status = open_table(&recorders->host, config->folder, "host.csv", err);
    if (status == PLAB_OK) {
        status = open_table(&recorders->processes, config->folder, "processes.csv", err);
    }
    if (status == PLAB_OK) {
        status = open_table(&recorders->threads, config->folder, "threads.csv", err);
    }
    return status == PLAB_OK ? write_headers(recorders, err) : status;
}

enum plab_status plab_recorders_open(struct plab_recorders **out,
                                     const struct plab_recorders_config *config,
                                     struct plab_error *err) {
    struct plab_recorders *recorders = calloc(1, sizeof *recorders);
    *out = NULL;
    if (recorders == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for the recorders");
    }
    recorders->proc_root = config->proc_root;
    recorders->start_ns = config->start_ns;
    enum plab_status status = set_up(recorders, config, err);
    if (status != PLAB_OK) {
        plab_recorders_close(&recorders);
        return status;
    }
    *out = recorders;
    return PLAB_OK;
}

struct plab_procwatch *plab_recorders_watch(struct plab_recorders *recorders, int pid) {
    struct plab_absence absence = {.family = "hardware counters"};
    struct plab_procwatch *watch =
        plab_procwatch_open(recorders->proc_root, pid, absence.reason, sizeof absence.reason);
    if (watch != NULL && !recorders->counters_judged) {
        recorders->counters_judged = true;
        if (absence.reason[0] != '\0') {
            recorders->absent[recorders->absent_count++] = absence;
        }
    }
    return watch;
}

static void put_times(const struct plab_recorders *recorders, struct plab_csv *csv,
                      uint64_t now_ns) {
    plab_csv_integer(csv, now_ns);
    plab_csv_number(csv, (double)(now_ns - recorders->start_ns) * 1e-9, 3);
}

enum plab_status plab_recorders_host(struct plab_recorders *recorders, uint64_t now_ns,
                                     struct plab_error *err) {
    plab_sensors_read(&recorders->sensors, now_ns, recorders->values);
    put_times(recorders, recorders->host, now_ns);
    for (size_t i = 0; i < recorders->sensors.count; i++) {
        plab_csv_number(recorders->host, recorders->values[i], 2);
    }
    return plab_csv_end(recorders->host, err);
}

static enum plab_status put_threads(struct plab_recorders *recorders,
                                    const struct plab_process_sample *sample, const char *name,
                                    unsigned instance, uint64_t now_ns, struct plab_error *err) {
    struct plab_csv *csv = recorders->threads;
    enum plab_status status = PLAB_OK;
    for (size_t i = 0; i < sample->thread_count && status == PLAB_OK; i++) {
        put_times(recorders, csv, now_ns);
        plab_csv_text(csv, name);
        plab_csv_integer(csv, instance);
        plab_csv_integer(csv, (uint64_t)sample->threads[i].tid);
        plab_csv_number(csv, sample->threads[i].cpu_percent_of_one, 1);
        status = plab_csv_end(csv, err);
    }
    return status;
}

enum plab_status plab_recorders_process(struct plab_recorders *recorders,
                                        struct plab_procwatch *watch, const char *name,
                                        unsigned instance, int pid, uint64_t now_ns,
                                        struct plab_error *err) {
    struct plab_process_sample sample;
    struct plab_csv *csv = recorders->processes;
    if (!plab_procwatch_read(watch, now_ns, &sample)) {
        return PLAB_OK;
    }
    put_times(recorders, csv, now_ns);
    plab_csv_text(csv, name);
    plab_csv_integer(csv, instance);
    plab_csv_integer(csv, (uint64_t)pid);
    plab_csv_number(csv, sample.cpu_percent_of_one, 1);
    plab_csv_number(csv, sample.rss_bytes, 0);
    plab_csv_number(csv, sample.minor_faults_per_s, 1);
    plab_csv_number(csv, sample.major_faults_per_s, 1);
    plab_csv_number(csv, sample.voluntary_switches_per_s, 1);
    plab_csv_number(csv, sample.involuntary_switches_per_s, 1);
    plab_csv_number(csv, sample.anon_huge_bytes, 0);
    plab_csv_number(csv, sample.hugetlb_bytes, 0);
    for (size_t i = 0; i < PLAB_PERF_COUNT; i++) {
        plab_csv_number(csv, sample.counters_per_s[i], 0);
    }
    enum plab_status status = plab_csv_end(csv, err);
    return status == PLAB_OK ? put_threads(recorders, &sample, name, instance, now_ns, err)
                             : status;
}

const struct plab_absence *plab_recorders_absent(const struct plab_recorders *recorders,
                                                 size_t *count) {
    *count = recorders->absent_count;
    return recorders->absent;
}

size_t plab_recorders_sensor_count(const struct plab_recorders *recorders) {
    return recorders->sensors.count;
}

void plab_recorders_close(struct plab_recorders **recorders) {
    if (*recorders != NULL) {
        plab_csv_close(&(*recorders)->host);
        plab_csv_close(&(*recorders)->processes);
        plab_csv_close(&(*recorders)->threads);
        plab_sensors_free(&(*recorders)->sensors);
        free((*recorders)->values);
        free(*recorders);
        *recorders = NULL;
    }
}
