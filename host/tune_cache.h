/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What was measured before: a text file with one line an entry, the newest first.
 *
 *     KEY <tab> LANES ITEM LINES LOOP RATIO
 *
 * Lines that don't look like that, and keys of other machines, are passed over. Nothing here is an
 * error for the caller: without a file there is nothing to find, and what can't be written is
 * measured again.
 */
#ifndef PLAB_HOST_TUNE_CACHE_H
#define PLAB_HOST_TUNE_CACHE_H

#include "host/ident.h"
#include "host/tune.h"

#define PLAB_TUNE_KEY_LEN 256

struct plab_tune_entry {
    char key[PLAB_TUNE_KEY_LEN]; /* no control characters, not empty */
    unsigned lanes;              /* 1 .. PLAB_RX_LANES_MAX */
    enum plab_prefetch item, lines;
    char loop_isa[16];
    double ratio; /* above 0 */
};

/* All that a measurement depends on, as one line of text: program, processor (also its microcode),
 * usable features, the compiler that they give, threads and how many share a core, algorithm, page
 * kind, and the lanes if these weren't free. */
void plab_tune_key(char out[PLAB_TUNE_KEY_LEN], const struct plab_ident *ident,
                   const struct plab_tune_config *config);

/* Reads one line (without its end) of `len` bytes; false if it is no entry. */
bool plab_tune_entry_parse(const char *line, size_t len, struct plab_tune_entry *out);

/* Longest line with its end and a NUL. */
#define PLAB_TUNE_LINE_LEN (PLAB_TUNE_KEY_LEN + 64)

/* Writes the line, with its end. */
void plab_tune_entry_format(const struct plab_tune_entry *entry, char out[PLAB_TUNE_LINE_LEN]);

/* The file for a program whose environment has these two (NULL: not set): under an absolute
 * XDG_CACHE_HOME, else under HOME/.cache. False if there is neither, or no room. */
bool plab_tune_cache_path(const char *xdg_cache_home, const char *home, char *out, size_t out_cap);

/* Finds the entry of `key`; false if there is none. */
bool plab_tune_cache_find(const char *path, const char *key, struct plab_tune_entry *out);

/* Entries kept; the oldest go first. */
#define PLAB_TUNE_CACHE_ENTRIES 64

/* Puts an entry first, in place of an older one of its key; makes the last folder and the one above
 * it where they are missing. Replaces the file as a whole. The status is for tests. */
enum plab_status plab_tune_cache_store(const char *path, const struct plab_tune_entry *entry);

#endif
