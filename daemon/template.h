/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A block template that jobs are made from, wherever it came from: the simulated chain, a daemon,
 * or (then it is only a hashing blob, of which workers are given different top bytes of the nonce)
 * the job of another pool.
 *
 * Reference-counted, because jobs outlive the template's time at the tip. All of it belongs to the
 * pool's loop thread: making a job writes the extra nonce into the template's own bytes.
 */
#ifndef PLAB_DAEMON_TEMPLATE_H
#define PLAB_DAEMON_TEMPLATE_H

#include "daemon/block.h"

/* Bytes that a template must reserve in the miner transaction's extra nonce: 8 of the pool's
 * instance, 8 of a counter, so that no two jobs of any two pools share a hashing blob. */
#define PLAB_TEMPLATE_RESERVE_BYTES 16

/* What a template's source knows about it besides its bytes. */
struct plab_template_info {
    uint64_t height;     /* must be the one in the miner transaction */
    uint64_t difficulty; /* of the network; a share that meets it is a block */
    size_t reserved_at;  /* offset of PLAB_TEMPLATE_RESERVE_BYTES bytes that may be overwritten */
    uint64_t instance;   /* of the pool */
    bool has_seed;       /* RandomX */
    uint8_t seed[PLAB_BLOCK_ID_BYTES];
    bool has_next_seed; /* a change of seed is near */
    uint8_t next_seed[PLAB_BLOCK_ID_BYTES];
    uint64_t target; /* another pool's job: of that pool; else 0 */
    uint64_t tag;    /* another pool's job: its number there, ... */
    unsigned link;   /* ... and the session that it came by */
};

struct plab_template {
    unsigned refs;
    struct plab_template_info info;
    uint8_t *blob; /* owned, block.len bytes */
    struct plab_block block;
    struct plab_block_branch branch;
    uint64_t next_extra_nonce; /* 64 bits: never wraps */
    bool fixed;                /* a hashing blob only: `blob` is it */
};

/* Checks and copies a blob; returns a template with one reference. PLAB_E_INPUT when it can't be
 * parsed, its height isn't `info->height`, the reserved bytes aren't inside the extra nonce, or the
 * nonce isn't where miners expect it (offset 39). */
PLAB_NODISCARD enum plab_status plab_template_create(struct plab_template **out,
                                                     const uint8_t *blob, size_t len,
                                                     const struct plab_template_info *info,
                                                     struct plab_error *err);

/* The same from another pool's hashing blob, whose nonce stands at offset 39 as in all of this
 * dialect; a block can't be made of it. PLAB_E_INPUT when it is too short or too long. */
PLAB_NODISCARD enum plab_status plab_template_create_fixed(struct plab_template **out,
                                                           const uint8_t *blob, size_t len,
                                                           const struct plab_template_info *info,
                                                           struct plab_error *err);

/* Adds a reference; returns its argument. */
struct plab_template *plab_template_ref(struct plab_template *tmpl);

/* Gives a reference back and sets `*tmpl` to NULL; the last one frees. NULL is fine. */
void plab_template_unref(struct plab_template **tmpl);

/* Hashing blob of the job with that extra nonce, nonce zero; returns its length. Of a fixed one the
 * extra nonce, 0 to 255, is the top byte of the nonce. */
size_t plab_template_hashing_blob(struct plab_template *tmpl, uint64_t extra_nonce,
                                  uint8_t out[PLAB_BLOCK_HASHING_MAX]);

/* The whole block with extra nonce and nonce in place: tmpl->block.len bytes, returns owned
 * (free()), or NULL without memory. */
uint8_t *plab_template_block(struct plab_template *tmpl, uint64_t extra_nonce,
                             const uint8_t nonce[PLAB_BLOCK_NONCE_BYTES]);

#endif
