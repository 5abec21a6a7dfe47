/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the swarm share: swarm.c, swarm_session.c, swarm_figures.c. */
#ifndef PLAB_POOL_CLIENT_SWARM_PRIV_H
#define PLAB_POOL_CLIENT_SWARM_PRIV_H

#include <uv.h>

#include "base/prng.h"
#include "net/stream.h"
#include "pool_client/resolve_priv.h"
#include "pool_client/swarm.h"
#include "stratum/frame.h"

#define PLAB_SWARM_ID_LEN 40 /* of session and job ids with their NUL; a UUID fits */

/* ---- swarm_figures.c ---- */

/* Times in classes that are 1/32 of their value wide. */
#define PLAB_SWARM_CLASSES 1024
struct plab_swarm_times {
    uint64_t count, max_us;
    uint64_t classes[PLAB_SWARM_CLASSES];
};
void plab_swarm_times_add(struct plab_swarm_times *times, uint64_t us);
/* The time that a part `q` (0 to 1) of all doesn't exceed, in microseconds. */
uint64_t plab_swarm_times_quantile(const struct plab_swarm_times *times, double q);

/* New work on its way through the sessions. */
#define PLAB_SWARM_WAVES 8
struct plab_swarm_wave {
    uint64_t key; /* what all jobs of it have in common; 0: unused */
    uint64_t first_ns, last_ns;
    uint32_t reached, expected; /* sessions */
};
struct plab_swarm_waves {
    struct plab_swarm_wave ring[PLAB_SWARM_WAVES];
    uint32_t begun, whole;
    uint64_t longest_ns, sum_ns;
    uint64_t longest_end_ns; /* when it was */
};
/* A session got work `key` for the first time, one of `online`. */
void plab_swarm_waves_note(struct plab_swarm_waves *waves, uint64_t key, uint32_t online,
                           uint64_t now_ns);
/* Work that has begun to come before shall not be measured. */
void plab_swarm_waves_reset(struct plab_swarm_waves *waves);
/* What the jobs of one template have in common: version, time, parent; never 0. */
uint64_t plab_swarm_wave_key(const struct plab_stratum_job *job);

/* ---- sessions ---- */

enum plab_swarm_state {
    PLAB_SWARM_IDLE, /* no connection */
    PLAB_SWARM_CONNECTING,
    PLAB_SWARM_LOGGING_IN,
    PLAB_SWARM_ONLINE,
    PLAB_SWARM_CLOSING,
};

struct plab_swarm_session {
    struct plab_swarm *swarm;
    struct plab_stream *stream;
    struct plab_frame frame;
    uint64_t target;
    uint64_t wave;    /* key of the work it has */
    uint64_t sent_ns; /* of the share under way; 0: none */
    uint32_t last_id; /* of its requests */
    uint32_t nonce;   /* of the last share, without the top byte */
    uint8_t top_byte; /* of all nonces, as the job has it */
    uint8_t state;    /* enum plab_swarm_state */
    bool churns;      /* comes and goes */
    bool logs_in;
    char id[PLAB_SWARM_ID_LEN], job[PLAB_SWARM_ID_LEN];
};

/* Begins to connect. False when it came to nothing, which is counted. */
bool plab_swarm_session_open(struct plab_swarm_session *session);
/* Hands in a share, if one can be. */
bool plab_swarm_session_submit(struct plab_swarm_session *session, uint64_t now_ns);
void plab_swarm_session_close(struct plab_swarm_session *session, bool reset);

/* ---- the swarm ---- */

enum plab_swarm_phase {
    PLAB_SWARM_PHASE_LOGINS,
    PLAB_SWARM_PHASE_LOAD,
    PLAB_SWARM_PHASE_DRAIN, /* answers that are under way arrive */
    PLAB_SWARM_PHASE_ENDED,
};

struct plab_swarm {
    const struct plab_swarm_config *config;
    struct plab_swarm_result *result;
    uv_loop_t loop;
    uv_timer_t timer;
    uv_signal_t sigint, sigterm;
    struct plab_resolve *resolve; /* NULL: done */
    struct sockaddr_storage pool;
    struct plab_tls_context *tls; /* NULL: plain */
    enum plab_swarm_phase phase;
    enum plab_status status; /* outcome */
    struct plab_error error;

    struct plab_swarm_session *sessions; /* the churners come behind them */
    uint32_t begun;                      /* sessions that began to connect */
    uint32_t settling;                   /* sessions between that and the outcome of the login */
    uint32_t online, waiting;            /* logged in; with a share under way */
    uint32_t turn;                       /* of the session that is to hand in the next share */
    struct plab_prng chance;             /* of random moments ... */
    double shares_at_s;                  /* ... the next one, after the beginning of the load ... */
    uint64_t shares_due;                 /* ... and how many have been */
    uint64_t churn_begun;
    uint64_t began_ns, last_login_ns, load_ns, end_ns, churn_end_ns;

    struct plab_swarm_times answers;
    struct plab_swarm_waves waves;
    struct plab_stream_home home;
    char in[65536];
    char out[PLAB_STRATUM_LINE_MAX];
};

/* Address number `index` of connections that come from here; NULL: the system's choice. */
const struct sockaddr *plab_swarm_source(const struct plab_swarm *swarm, uint32_t index,
                                         struct sockaddr_storage *out);

#endif
