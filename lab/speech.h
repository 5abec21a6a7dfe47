/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What clients said in clear text: their lines of JSON, from a run's capture, with all that differs
 * by nature masked. Two miners whose masked lines are equal can't be told apart by patterns over
 * keys, their order, blanks or constants.
 *
 * Bytes are a stranger's: anything may be in them. What is sent again is left out, and so is a line
 * of which a part wasn't captured or came late.
 */
#ifndef PLAB_LAB_SPEECH_H
#define PLAB_LAB_SPEECH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define PLAB_SPEECH_MAX 128       /* different masked lines; more than those are left out */
#define PLAB_SPEECH_LINE_MAX 8192 /* bytes; longer lines are left out */
#define PLAB_SPEECH_PAUSES_MAX 256

struct plab_speech_flow {
    uint16_t client_port, server_port;
};

struct plab_speech_line {
    char method[32]; /* "": none */
    char *masked;    /* owned */
    uint64_t times;
};

struct plab_speech {
    size_t count;
    struct plab_speech_line lines[PLAB_SPEECH_MAX];
    /* Of each keepalived: seconds since the client's line before. */
    size_t pause_count;
    double pauses_s[PLAB_SPEECH_PAUSES_MAX];
};

/* Reads what the clients of `flows` said from a pcapng file. PLAB_E_IO, PLAB_E_INPUT, PLAB_E_NOMEM;
 * `*out` is to be freed in any case. A file that is cut off is read as far as it goes. */
PLAB_NODISCARD enum plab_status plab_speech_read(struct plab_speech *out, const char *path,
                                                 const struct plab_speech_flow *flows,
                                                 size_t flow_count, struct plab_error *err);
void plab_speech_free(struct plab_speech *speech);

/* Masks a line: logins, passwords, agents, rig names and ids become *, nonces and hashes a * with
 * their length, numbers of requests *; all else stays, byte by byte. `method`: that of the line,
 * "" when it names none. False: it is no JSON object on one line, or `cap` is too small. */
bool plab_speech_mask(const char *line, size_t len, char *out, size_t cap, char method[32]);

/* Jaccard distance of the masked lines, 0 to 1, however often each was said: 1 - those of both by
 * those of either, of methods that both used (who finds no share submits none). 1 when there is no
 * such method, NAN when one said nothing. */
double plab_speech_distance(const struct plab_speech *a, const struct plab_speech *b);

#endif
