/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages there and back, for the targets of both sides: what one side writes, whatever the peer
 * gave it to write, the other one reads as it was meant. */
#ifndef PLAB_TESTS_FUZZ_MESSAGES_H
#define PLAB_TESTS_FUZZ_MESSAGES_H

#include "stratum/dialect.h"
#include "stratum/voice.h"

/* Room for the longest message. */
#define PLAB_FUZZ_MESSAGE_MAX (2 * PLAB_STRATUM_LINE_MAX)

/* A pool's ways to answer in a tongue, and how a client reads them. */
struct plab_fuzz_voice {
    enum plab_tongue tongue;
    const struct plab_voice *voice;
    plab_dialect_parse_fn *parse_reply;
    bool says_algo, says_next_seed, says_extensions; /* what a job or welcome of it tells */
};
const struct plab_fuzz_voice *plab_fuzz_voices(size_t *count);

/* The tongue that a dialect's lines belong to. */
enum plab_tongue plab_fuzz_tongue_of(const struct plab_dialect *dialect);

/* A pool's parser of that tongue. */
enum plab_status plab_fuzz_parse_request(enum plab_tongue tongue, const char *line, size_t len,
                                         struct plab_stratum_request *out, struct plab_error *err);

bool plab_fuzz_same_id(const struct plab_stratum_id *a, const struct plab_stratum_id *b);

/* Cuts the first line off `*text` and returns its length without the LF. There must be one, and no
 * control character in it but a CR at its end. */
size_t plab_fuzz_cut_line(const char **text, const char **line);

/* Every voice of the tongue answers `id`, with success and with `error` (not empty); the client
 * hears just that. */
void plab_fuzz_check_answers(enum plab_tongue tongue, const struct plab_stratum_id *id,
                             const char *error);

/* The dialect sends a share; the pool reads the same. */
void plab_fuzz_check_share(const struct plab_dialect *dialect, const struct plab_dialect_ask *ask);

#endif
