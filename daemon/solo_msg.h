/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A Monero daemon's RPC as XMRig's solo mode speaks it: two requests, four answers. No I/O.
 * Source: the fact sheet of the dialect, section 10; monero@0aa9c51b:src/rpc.
 */
#ifndef PLAB_DAEMON_SOLO_MSG_H
#define PLAB_DAEMON_SOLO_MSG_H

#include "daemon/rpc_msg.h"

#define PLAB_SOLO_EXTRA_BYTES 8 /* of the miner's in the coinbase transaction */

/* Builders return owned text (free()), NULL without memory. Ids are the miner's counter. */
char *plab_solo_build_get_template(int64_t id, const char *wallet,
                                   const uint8_t extra[PLAB_SOLO_EXTRA_BYTES]);
char *plab_solo_build_submit(int64_t id, const uint8_t *block, size_t len);

/* The end of a daemon's chain. */
struct plab_solo_tip {
    uint64_t height;                        /* of the next block */
    char hash[2 * PLAB_BLOCK_ID_BYTES + 1]; /* of the last one, hex */
};

/* Reads an answer to GET /getheight. PLAB_E_UNSUPPORTED when it has no hash, as those of older
 * daemons; PLAB_E_PROTOCOL. */
PLAB_NODISCARD enum plab_status plab_solo_parse_height(const char *body, size_t len,
                                                       struct plab_solo_tip *out,
                                                       struct plab_error *err);

/* Reads an answer to GET /getinfo. PLAB_E_REFUSED when the daemon is on the main network, or
 * doesn't clearly say that it isn't; PLAB_E_PROTOCOL. */
PLAB_NODISCARD enum plab_status plab_solo_parse_info(const char *body, size_t len,
                                                     struct plab_solo_tip *out,
                                                     struct plab_error *err);

/* A block to be mined. */
struct plab_solo_template {
    uint64_t height, difficulty;
    char prev_hash[2 * PLAB_BLOCK_ID_BYTES + 1];
    uint8_t *blob; /* owned, block.len bytes */
    struct plab_block block;
    uint8_t hashing[PLAB_BLOCK_HASHING_MAX];
    size_t hashing_len;
    uint8_t seed[PLAB_BLOCK_ID_BYTES];
    bool has_next_seed;
    uint8_t next_seed[PLAB_BLOCK_ID_BYTES];
};

/* Reads an answer to getblocktemplate. Everything in it must agree: the blob parses, has the
 * height, previous block and reserved bytes that were told, and the hashing blob that follows from
 * it is the daemon's (PLAB_E_MISMATCH); else PLAB_E_PROTOCOL. On error `*out` is zeroed. */
PLAB_NODISCARD enum plab_status plab_solo_parse_template(const char *body, size_t len,
                                                         struct plab_solo_template *out,
                                                         struct plab_error *err);

/* Frees and zeroes it; a zeroed one is fine. */
void plab_solo_template_free(struct plab_solo_template *tmpl);

#endif
