/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How far something is: on a terminal one line that is drawn again and again, at most 79 columns
 * wide, with a bar, percent, time gone and time left; elsewhere a line of the log where a long
 * stage begins and where it ends.
 */
#ifndef PLAB_CLI_PROGRESS_H
#define PLAB_CLI_PROGRESS_H

#include "cli/opt.h"

struct plab_progress {
    const struct plab_cli *cli; /* borrowed */
    bool terminal;              /* stderr is one, and not told to be quiet */
    bool shown;                 /* there is a line to clear */
    char stage[16];             /* last one told by plab_progress_seed() */
};

/* Looks what stderr is. From now on the log of `cli` clears the line before it writes. */
void plab_progress_open(struct plab_progress *progress, struct plab_cli *cli);

/* Draws the line: `label`, a bar for `done` (0 .. 1), percent, `detail` (may be ""), time. Nothing
 * unless on a terminal. */
void plab_progress_draw(struct plab_progress *progress, const char *label, double done,
                        double elapsed_s, const char *detail);

/* A plab_seed_progress_fn with a struct plab_progress as its cookie. */
void plab_progress_seed(void *cookie, const char *stage, double done, double elapsed_s);

/* Wipes the line away. */
void plab_progress_clear(struct plab_progress *progress);

/* The line that is drawn, without colours, of at most `columns` columns: for tests. */
#define PLAB_PROGRESS_COLUMNS 79
void plab_progress_format(char *out, size_t out_cap, const char *label, double done,
                          double elapsed_s, const char *detail, size_t columns);

#endif
