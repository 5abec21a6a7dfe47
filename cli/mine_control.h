/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands on standard input during a run (--control): how the laboratory shapes a worker's load
 * without starting it anew. A guest of the miner.
 *
 * One command a line: "duty N" (percent of the time that is hashed, 1..100), "pause", "resume",
 * "quit". What isn't one is told in a warning and changes nothing. The end of the input changes
 * nothing either.
 */
#ifndef PLAB_CLI_MINE_CONTROL_H
#define PLAB_CLI_MINE_CONTROL_H

#include "cli/mine_priv.h"

struct plab_mine_control;

/* Returns owned; NULL without memory. Borrows `mine`. */
struct plab_mine_control *plab_mine_control_new(const struct plab_mine *mine);

/* After the run; NULL is fine. */
void plab_mine_control_free(struct plab_mine_control *control);

/* The guest for the miner's configuration. */
struct plab_miner_guest plab_mine_control_guest(struct plab_mine_control *control);

#endif
