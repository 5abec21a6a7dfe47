/* SPDX-License-Identifier: BSD-3-Clause */
/* Detectors that are programs of others: run as they are, and what they say read as alerts. */
#ifndef PLAB_LAB_PROGRAM_H
#define PLAB_LAB_PROGRAM_H

#include "lab/detector.h"
#include "lab/tool.h"

/* What stands for the placeholders of a command; NULL where there is nothing. */
struct plab_program_inputs {
    const char *pcap;   /* {pcap} */
    const char *keys;   /* {keys}: TLS key log */
    const char *target; /* {target}: a process id or a file */
    const char *out;    /* {out}: folder for what the program writes, which it runs in */
};

/* Alerts found in what a program said. `evidence` gives the units; for a program that looked at one
 * process, `key` is that process. */
struct plab_program_reading {
    const struct plab_evidence *evidence;
    const char *key; /* NULL: the output tells */
    double t_s;      /* time of alerts that don't tell one; NAN: unknown */
};

/* The command with its placeholders replaced: words are owned, ended by NULL; freed with
 * plab_program_free_argv(). NULL without memory. */
char **plab_program_argv(const struct plab_detector_file *file,
                         const struct plab_program_inputs *inputs);
void plab_program_free_argv(char **argv);

/* Runs it once. Errors as of plab_tool_run(); PLAB_E_FAILED also when it said nothing and its exit
 * code isn't 0. */
PLAB_NODISCARD enum plab_status plab_program_run(const struct plab_detector_file *file,
                                                 const struct plab_program_inputs *inputs,
                                                 const struct plab_program_reading *reading,
                                                 struct plab_alerts *alerts,
                                                 struct plab_error *err);

/* Reads alerts from a text, as the detector's `read` says. PLAB_E_INPUT: a bad expression. */
PLAB_NODISCARD enum plab_status plab_program_read(const struct plab_detector_file *file,
                                                  const char *text,
                                                  const struct plab_program_reading *reading,
                                                  struct plab_alerts *alerts,
                                                  struct plab_error *err);

/* The same of a file, line by line. One that isn't there is one without alerts: some programs only
 * write when they have any. */
PLAB_NODISCARD enum plab_status plab_program_read_file(const struct plab_detector_file *file,
                                                       const char *path,
                                                       const struct plab_program_reading *reading,
                                                       struct plab_alerts *alerts,
                                                       struct plab_error *err);

/* False, with the reason, when the program of the version command isn't installed. */
bool plab_program_is_there(const struct plab_detector_file *file, struct plab_error *err);

/* First line that the version command prints; "" when it can't be run. */
void plab_program_version(const struct plab_detector_file *file, char *out, size_t cap);

#endif
