/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whom the pool resembles: the answers' layout (stratum/voice.h), the form of its ids, the words of
 * its verdicts, what it leaves out. What a share is worth is judged the same under all of them.
 *
 * Chosen for clients that log in as XMRig does; clients of another tongue get that tongue's.
 */
#ifndef PLAB_POOL_PERSONALITY_H
#define PLAB_POOL_PERSONALITY_H

#include "pool/event.h"
#include "pool/jobs.h"
#include "stratum/voice.h"

#define PLAB_SESSION_ID_LEN 33 /* with its NUL */

struct plab_personality {
    const char *name;
    const struct plab_voice *voice;
    unsigned session_digits; /* hex digits of a session id; 0: a decimal number */
    enum plab_job_id_form job_ids;
    bool no_keepalived;                    /* takes it, never answers */
    bool no_getjob;                        /* an unknown method */
    const char *unknown_method;            /* answer to one; NULL: the connection ends */
    const char *http;                      /* answer to GET; NULL: such a client is hung up on */
    const char *texts[PLAB_VERDICT_COUNT]; /* NULL: powlab's own */
    int codes[PLAB_VERDICT_COUNT];         /* for voices that have any; 0: `code` */
    int code;
};

/* powlab, monero-pool, xmrig-proxy, p2pool, nodejs-pool; the first is the default. PLAB_E_USAGE
 * lists them. */
PLAB_NODISCARD enum plab_status plab_personality_find(const char *name,
                                                      const struct plab_personality **out,
                                                      struct plab_error *err);

/* The one for clients of that tongue. */
const struct plab_personality *plab_personality_of(const struct plab_personality *chosen,
                                                   enum plab_tongue tongue);

/* Writes a session's id; `secret` is a random number of that session. */
void plab_personality_session_id(const struct plab_personality *who, uint32_t session,
                                 uint64_t secret, char out[PLAB_SESSION_ID_LEN]);

#endif
