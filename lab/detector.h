/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A detector, as its YAML file describes it (configs/detectors/, configs/README.md): either a
 * program that is run as it is, and how to read what it says, or one of powlab's own rules.
 *
 * Every detector has two canaries, an input that must make it fire and one that must not. One that
 * fails them isn't running, whatever else it says: silence of a dead detector is no verdict.
 */
#ifndef PLAB_LAB_DETECTOR_H
#define PLAB_LAB_DETECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "lab/evidence.h"

#define PLAB_DETECTOR_COMMAND_MAX 32
#define PLAB_DETECTORS_MAX 64

/* How a program's output tells an alert. */
struct plab_detector_read {
    char *file;           /* below the program's folder {out}; NULL: its standard output */
    char *match;          /* a line that matches this extended regular expression is an alert ... */
    char *field, *equals; /* ... or a line of JSON whose field (a path, "a.b") equals this */
    /* Where an alert tells what it is about: numbers of groups of `match`, or paths of fields. */
    char *src_port, *dst_port, *pid, *t_s, *say;
    char *wall; /* its time as "2026-11-28T07:16:12.5Z", also with +hhmm, instead of t_s */
};

struct plab_detector_options {
    double *percent, *seconds, *bits, *bytes, *modes, *score;
};

struct plab_detector_canary {
    char *fire, *quiet;
};

/* Absent texts are NULL. */
struct plab_detector {
    char *name, *title;
    char *layer;    /* "network", "host", "memory", "file" */
    char *unit;     /* "flow", "process", "host" */
    char *source;   /* of the idea: paper, product, rule */
    char *native;   /* one of powlab's own; else: */
    char *input;    /* "capture", "relabelled", "process" (while it lives), "events" (all that
                       happens during the run: it runs beside it), or for own rules "samples",
                       "timeline", "processes", "flows" */
    char **command; /* {pcap} {out} {rules} {target} {keys} are replaced */
    unsigned command_count;
    char **version; /* command whose first line of output names the version */
    unsigned version_count;
    char *rules; /* file or folder, from the folder above the detector's file on */
    struct plab_detector_read *read;
    struct plab_detector_options *options;
    struct plab_detector_canary *canary;
};

/* A detector with what it was read from. */
struct plab_detector_file {
    struct plab_detector *detector; /* owned */
    enum plab_unit_kind kind;
    char rules[PATH_MAX]; /* path of the rules; "" without */
};

/* Reads one. PLAB_E_IO, PLAB_E_INPUT with file, line, column and key. */
PLAB_NODISCARD enum plab_status plab_detector_load(struct plab_detector_file *out, const char *path,
                                                   struct plab_error *err);
/* Reads all files *.yaml of a folder, in order of their names. */
PLAB_NODISCARD enum plab_status plab_detector_load_all(struct plab_detector_file *out, size_t cap,
                                                       size_t *count, const char *folder,
                                                       struct plab_error *err);
void plab_detector_free(struct plab_detector_file *file);

/* ---- alerts ---- */

struct plab_alert {
    char key[120];      /* of a unit */
    double t_s;         /* since the run's start; NAN: the detector doesn't say */
    char evidence[240]; /* what it saw, escaped */
};

struct plab_alerts {
    size_t count, cap;
    struct plab_alert *items; /* owned */
    bool lost;                /* no memory for one */
};

/* Adds one; a second for the same unit only lowers its time. */
void plab_alerts_add(struct plab_alerts *alerts, const char *key, double t_s, const char *fmt, ...)
    PLAB_PRINTF(4, 5);
const struct plab_alert *plab_alerts_find(const struct plab_alerts *alerts, const char *key);
void plab_alerts_free(struct plab_alerts *alerts);

/* ---- what runs them ---- */

/* Judges evidence by the own rule that the detector names (native.c). PLAB_E_INPUT: bad rules. */
PLAB_NODISCARD enum plab_status plab_native_run(const struct plab_detector_file *file,
                                                const struct plab_evidence *evidence,
                                                struct plab_alerts *alerts, struct plab_error *err);
/* True for a name that plab_native_run() knows. */
bool plab_native_exists(const char *name);

/* An option's value, or `otherwise` where the file doesn't set it. */
double plab_detector_option(const double *value, double otherwise);

#endif
