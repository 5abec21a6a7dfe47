/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/personality.h"

#include <stdio.h>
#include <string.h>

#include "base/prng.h"

static const struct plab_personality personalities[] = {
    {.name = "powlab",
     .voice = &plab_voice_xmrig_proxy,
     .session_digits = 16,
     .unknown_method = "Unknown method",
     .code = -1},
    {.name = "monero-pool",
     .voice = &plab_voice_monero_pool,
     .session_digits = 32,
     .job_ids = PLAB_JOB_ID_32_HEX,
     .unknown_method = "Removing client. Unknown method called",
     .texts = {[PLAB_VERDICT_STALE] = "cannot find job with job_id",
               [PLAB_VERDICT_UNKNOWN_JOB] = "cannot find job with job_id",
               [PLAB_VERDICT_MALFORMED] = "result not hex string",
               [PLAB_VERDICT_WRONG_NONCE] = "Invalid share",
               [PLAB_VERDICT_WRONG_ALGO] = "Invalid share"},
     .code = -1},
    {.name = "xmrig-proxy",
     .voice = &plab_voice_xmrig_proxy,
     .session_digits = 16,
     .job_ids = PLAB_JOB_ID_8_HEX,
     .no_getjob = true,
     .unknown_method = "Invalid method",
     .texts = {[PLAB_VERDICT_STALE] = "Invalid job id",
               [PLAB_VERDICT_INVALID] = "Low difficulty share",
               [PLAB_VERDICT_MALFORMED] = "Invalid nonce; is miner not compatible with NiceHash?"},
     .code = -1},
    {.name = "p2pool",
     .voice = &plab_voice_p2pool,
     .session_digits = 8,
     .job_ids = PLAB_JOB_ID_COUNTER,
     .no_keepalived = true,
     .no_getjob = true,
     .http = "HTTP/1.1 200 OK\r\nContent-Length: 21\r\nContent-Type: text/plain\r\n"
             "Connection: Closed\r\n\r\nP2Pool Stratum online",
     .texts = {[PLAB_VERDICT_STALE] = "Stale share",
               [PLAB_VERDICT_DUPLICATE] = "Submit failed",
               [PLAB_VERDICT_LOW] = "Low diff share",
               [PLAB_VERDICT_INVALID] = "Invalid PoW",
               [PLAB_VERDICT_MALFORMED] = "Submit failed",
               [PLAB_VERDICT_THROTTLED] = "Submit failed",
               [PLAB_VERDICT_BUSY] = "Couldn't check PoW"}},
    {.name = "nodejs-pool",
     .voice = &plab_voice_nodejs_pool,
     .job_ids = PLAB_JOB_ID_DECIMAL,
     .unknown_method = "Unknown RPC method",
     .texts = {[PLAB_VERDICT_INVALID] = "Low difficulty share",
               [PLAB_VERDICT_MALFORMED] = "Duplicate share",
               [PLAB_VERDICT_WRONG_NONCE] = "Duplicate share",
               [PLAB_VERDICT_THROTTLED] = "Throttled down share submission"},
     .code = -1},
};

/* Codes of Bitcoin's Stratum: 20 other, 21 no such job, 22 duplicate, 23 low, 24 unauthorized. */
static const struct plab_personality stratum1 = {
    .name = "stratum1",
    .voice = NULL, /* by its tongue, as the next one */
    .session_digits = 16,
    .job_ids = PLAB_JOB_ID_COUNTER,
    .unknown_method = "Unknown method",
    .texts = {[PLAB_VERDICT_STALE] = "Job not found (=stale)",
              [PLAB_VERDICT_UNKNOWN_JOB] = "Job not found (=stale)",
              [PLAB_VERDICT_LOW] = "Low difficulty share",
              [PLAB_VERDICT_UNAUTHENTICATED] = "Unauthorized worker"},
    .codes = {[PLAB_VERDICT_STALE] = 21,
              [PLAB_VERDICT_UNKNOWN_JOB] = 21,
              [PLAB_VERDICT_DUPLICATE] = 22,
              [PLAB_VERDICT_LOW] = 23,
              [PLAB_VERDICT_UNAUTHENTICATED] = 24},
    .code = 20};

/* Reasons as in BIP 22. */
static const struct plab_personality template = {
    .name = "getblocktemplate",
    .session_digits = 16,
    .job_ids = PLAB_JOB_ID_16_HEX,
    .unknown_method = "Method not found",
    .texts = {[PLAB_VERDICT_STALE] = "stale-work",
              [PLAB_VERDICT_UNKNOWN_JOB] = "stale-work",
              [PLAB_VERDICT_DUPLICATE] = "duplicate",
              [PLAB_VERDICT_LOW] = "high-hash"},
    .code = -1};

/* Numbers as the original had them, and no code anywhere. */
static const struct plab_personality coinhive = {.name = "ws-coinhive",
                                                 .session_digits = 16,
                                                 .job_ids = PLAB_JOB_ID_DECIMAL,
                                                 .unknown_method = "Unknown message"};

enum plab_status plab_personality_find(const char *name, const struct plab_personality **out,
                                       struct plab_error *err) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(personalities); i++) {
        if (name == NULL || strcmp(name, personalities[i].name) == 0) {
            *out = &personalities[i];
            return PLAB_OK;
        }
    }
    return plab_fail(err, PLAB_E_USAGE,
                     "\"%.40s\" is no personality; there are powlab, monero-pool, xmrig-proxy, "
                     "p2pool, nodejs-pool",
                     name);
}

const struct plab_personality *plab_personality_of(const struct plab_personality *chosen,
                                                   enum plab_tongue tongue) {
    static const struct plab_personality *const foreign[PLAB_TONGUE_COUNT] = {
        [PLAB_TONGUE_STRATUM1] = &stratum1,
        [PLAB_TONGUE_TEMPLATE] = &template,
        [PLAB_TONGUE_COINHIVE] = &coinhive};
    return foreign[tongue] != NULL ? foreign[tongue] : chosen;
}

void plab_personality_session_id(const struct plab_personality *who, uint32_t session,
                                 uint64_t secret, char out[PLAB_SESSION_ID_LEN]) {
    struct plab_prng more = {secret};
    if (who->session_digits == 0) {
        snprintf(out, PLAB_SESSION_ID_LEN, "%u", (unsigned)session);
        return;
    }
    snprintf(out, PLAB_SESSION_ID_LEN, "%016llx%016llx", (unsigned long long)secret,
             (unsigned long long)plab_prng_next(&more));
    out[who->session_digits] = '\0';
}
