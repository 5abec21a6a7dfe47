/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Variable difficulty of one session: keeps the mean time between shares near a target.
 *
 * Shares arrive as a Poisson process, so one gap says nothing: the rate is estimated from the work
 * of a window of shares and, as long as they agree with it, of a few windows before. Changes inside
 * a dead band are left alone, and one step is limited. While warming up, windows are shorter and
 * steps larger. Each share counts with the difficulty of its own job, so that late ones of an older
 * job don't mislead. A pure state machine: time is handed in, and one that goes back counts as
 * standing still.
 */
#ifndef PLAB_POOL_VARDIFF_H
#define PLAB_POOL_VARDIFF_H

#include <stdbool.h>
#include <stdint.h>

struct plab_vardiff_config {
    uint64_t start, min, max; /* difficulty; 1 <= min <= max */
    uint64_t target_ms;       /* wished mean time between shares, 1 or more */
    unsigned window_shares;   /* shares of a window, 2 or more; 16 estimate to about 25 % */
};

struct plab_vardiff {
    struct plab_vardiff_config config;
    uint64_t difficulty; /* to be given to the next job */
    bool fixed;          /* never changes */
    uint64_t window_start_ns;
    unsigned shares;           /* in this window */
    double work;               /* sum of their difficulties */
    double past_work, past_ms; /* of windows before, at about the same rate; 0: none */
    unsigned steps;            /* estimates made so far */
};

/* Starts at `config->start`, or at the bound next to it. */
void plab_vardiff_init(struct plab_vardiff *vardiff, const struct plab_vardiff_config *config,
                       uint64_t now_ns);

/* Fixes the difficulty for good (a miner asked for it), as near to the wish as the bounds allow. */
void plab_vardiff_fix(struct plab_vardiff *vardiff, uint64_t difficulty);

/* Counts a good share, with the difficulty of its own job. True when `difficulty` changed: time for
 * a new job. */
bool plab_vardiff_share(struct plab_vardiff *vardiff, uint64_t share_difficulty, uint64_t now_ns);

/* To be called every second or so: notices that shares stay away. True when `difficulty` changed.
 */
bool plab_vardiff_tick(struct plab_vardiff *vardiff, uint64_t now_ns);

/* A miner's wish for a fixed difficulty: "+N" at the end of the login, or "d=N" as a part of the
 * password (parts are separated by commas or semicolons); the login's wins. Returns false when
 * there is a wish that isn't a decimal number from 1 to 2^63 - 1; `*difficulty` is 0 without a
 * wish. */
bool plab_vardiff_parse_wish(const char *login, const char *pass, uint64_t *difficulty);

#endif
