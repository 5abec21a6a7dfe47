/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Options of a verb as one table that feeds the parser and both help texts, so that they can't
 * disagree.
 *
 *     uint64_t threads = 0;
 *     const struct plab_opt opts[] = {
 *         {'t', "threads", PLAB_OPT_U64, &threads, "N", "worker threads (default: one a core)", 1,
 * 1024, NULL},
 *     };
 *
 * Accepted: -t 2, -t2, --threads 2, --threads=2; "--" ends the options. Short flags don't bundle.
 */
#ifndef PLAB_CLI_OPT_H
#define PLAB_CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/status.h"
#include "pow/kernel.h"

enum plab_opt_type {
    PLAB_OPT_FLAG,     /* bool *: set to true */
    PLAB_OPT_TEXT,     /* const char **: borrowed from argv */
    PLAB_OPT_LIST,     /* struct plab_opt_list *: each use appends */
    PLAB_OPT_U64,      /* uint64_t *: decimal, between min and max */
    PLAB_OPT_BYTES,    /* uint64_t *: number with optional KiB, MiB, GiB */
    PLAB_OPT_DURATION, /* uint64_t *: milliseconds, from a number with ms, s (default), m, h */
    PLAB_OPT_CHOICE,   /* int *: index into `choices` */
};

#define PLAB_OPT_LIST_MAX 16
struct plab_opt_list {
    size_t count;
    const char *items[PLAB_OPT_LIST_MAX]; /* borrowed from argv */
};

struct plab_opt {
    char letter;      /* 0: no short form */
    const char *name; /* long form without dashes */
    enum plab_opt_type type;
    void *value;
    const char *arg;            /* what the value is called in help, e.g. "N"; NULL for flags */
    const char *help;           /* one line; default and unit included */
    uint64_t min, max;          /* of U64, BYTES, DURATION (ms); max 0: no limit */
    const char *const *choices; /* CHOICE: names, ended by NULL */
};

/* Options that every verb has, and what follows from them. */
struct plab_cli {
    const char *verb;
    int color; /* index into auto, always, never */
    bool quiet;
    bool verbose;
    const char *cpu_mask;        /* --cpu-mask, NULL: all */
    const char *json;            /* --json FILE|-, NULL: none */
    uint32_t features;           /* usable features, mask applied */
    struct plab_kernels kernels; /* chosen from `features` */
    struct plab_log log;         /* stderr; tag = verb */
    bool color_out, color_err;   /* paint stdout, stderr */
};

struct plab_verb {
    const char *name;
    const char *summary;  /* one line, lower case */
    const char *usage;    /* after "powlab <verb>", e.g. "[options] SCENARIO" */
    const char *examples; /* lines, each ending in \n, shown first in --help */
    const char *notes;    /* free text for --help, lines ending in \n; may be NULL */
    bool has_json;        /* offers --json */
    bool has_kernels;     /* offers --cpu-mask */
    bool standalone;      /* is a program of its own, not a verb of powlab */
};

/* Parses argv (argv[0] is the verb) by the verb's own options plus the common ones, and fills
 * `cli`. Operands (arguments that aren't options) are left in `operands` (room for `operand_cap`),
 * their number in `*operand_count`. With -h or --help prints it to stdout and sets `*helped`: then
 * the verb returns PLAB_OK at once. PLAB_E_USAGE names the option, the value and what is accepted.
 */
PLAB_NODISCARD enum plab_status plab_opt_parse(struct plab_cli *cli, const struct plab_verb *verb,
                                               const struct plab_opt *opts, size_t opt_count,
                                               int argc, char **argv, const char **operands,
                                               size_t operand_cap, size_t *operand_count,
                                               bool *helped, struct plab_error *err);

/* The value parsers behind the table, for values that come from elsewhere. */
PLAB_NODISCARD enum plab_status plab_opt_parse_u64(const char *what, const char *text, uint64_t min,
                                                   uint64_t max, uint64_t *out,
                                                   struct plab_error *err);
PLAB_NODISCARD enum plab_status plab_opt_parse_duration(const char *what, const char *text,
                                                        uint64_t *out_ms, struct plab_error *err);

#endif
