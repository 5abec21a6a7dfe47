/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys during a run on a terminal: h, p, r, s, c, q. A guest of the miner.
 *
 * While the run is in the terminal's foreground, the terminal gives each key at once and doesn't
 * show it; signals stay keys of their own (Ctrl-C, Ctrl-Z, Ctrl-\). However the run ends, stops or
 * dies, short of SIGKILL, the terminal is as it was before. In the background nothing is read and
 * nothing is changed.
 */
#ifndef PLAB_CLI_MINE_KEYS_H
#define PLAB_CLI_MINE_KEYS_H

#include "cli/mine_priv.h"

struct plab_mine_keys;

/* Returns owned; NULL where stdin is no terminal that can be opened, or without memory. Borrows
 * `mine`. */
struct plab_mine_keys *plab_mine_keys_new(const struct plab_mine *mine);

/* After the run; NULL is fine. */
void plab_mine_keys_free(struct plab_mine_keys *keys);

/* The guest for the miner's configuration. */
struct plab_miner_guest plab_mine_keys_guest(struct plab_mine_keys *keys);

#endif
