/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plab_timeline {
    FILE *file;
    char *path;
    size_t process_count, first_worker;
};

static void write_header(const struct plab_timeline *timeline, const char *const *names) {
    fputs("t_ns,t_s,phase,load_percent,workers_running,rate_hps,hashes_total,accepted_total,"
          "rejected_total,host_busy_percent,host_steal_percent,lab_cpu_percent_of_one",
          timeline->file);
    for (size_t i = 0; i < timeline->process_count; i++) {
        fprintf(timeline->file, ",%s_cpu_percent_of_one,%s_rss_bytes", names[i], names[i]);
        if (i >= timeline->first_worker) {
            fprintf(timeline->file, ",%s_rate_hps", names[i]);
        }
    }
    fputc('\n', timeline->file);
}

static enum plab_status flush(struct plab_timeline *timeline, struct plab_error *err) {
    if (fflush(timeline->file) != 0 || ferror(timeline->file)) {
        return plab_fail(err, PLAB_E_IO, "cannot write %s: %s", timeline->path, strerror(errno));
    }
    return PLAB_OK;
}

enum plab_status plab_timeline_open(struct plab_timeline **out, const char *path,
                                    const char *const *names, size_t name_count,
                                    size_t first_worker, struct plab_error *err) {
    struct plab_timeline *timeline = calloc(1, sizeof *timeline);
    *out = NULL;
    if (timeline == NULL || (timeline->path = strdup(path)) == NULL) {
        free(timeline);
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for a timeline");
    }
    timeline->process_count = name_count;
    timeline->first_worker = first_worker;
    timeline->file = fopen(path, "we");
    enum plab_status status = PLAB_OK;
    if (timeline->file == NULL) {
        status = plab_fail(err, PLAB_E_IO, "cannot write %s: %s", path, strerror(errno));
    } else {
        write_header(timeline, names);
        status = flush(timeline, err);
    }
    if (status != PLAB_OK) {
        plab_timeline_close(&timeline);
        return status;
    }
    *out = timeline;
    return PLAB_OK;
}

static void write_number(FILE *file, double value, int decimals) {
    fputc(',', file);
    if (isfinite(value)) {
        fprintf(file, "%.*f", decimals, value);
    }
}

enum plab_status plab_timeline_add(struct plab_timeline *timeline,
                                   const struct plab_timeline_row *row, struct plab_error *err) {
    FILE *file = timeline->file;
    fprintf(file, "%" PRIu64, row->t_ns);
    write_number(file, row->t_s, 3);
    fprintf(file, ",%s", row->phase);
    write_number(file, row->load_percent, 0);
    write_number(file, row->workers_running, 0);
    write_number(file, row->rate_hps, 2);
    write_number(file, row->hashes_total, 0);
    write_number(file, row->accepted_total, 0);
    write_number(file, row->rejected_total, 0);
    write_number(file, row->host_busy_percent, 1);
    write_number(file, row->host_steal_percent, 1);
    write_number(file, row->lab_cpu_percent_of_one, 2);
    for (size_t i = 0; i < timeline->process_count; i++) {
        write_number(file, row->processes[i].cpu_percent_of_one, 1);
        write_number(file, row->processes[i].rss_bytes, 0);
        if (i >= timeline->first_worker) {
            write_number(file, row->processes[i].rate_hps, 2);
        }
    }
    fputc('\n', file);
    return flush(timeline, err);
}

void plab_timeline_close(struct plab_timeline **timeline) {
    if (*timeline != NULL) {
        if ((*timeline)->file != NULL) {
            fclose((*timeline)->file);
        }
        free((*timeline)->path);
        free(*timeline);
        *timeline = NULL;
    }
}
