/* SPDX-License-Identifier: BSD-3-Clause */
/* Faults as a script wants them, done to sessions. What is due is fault_plan.c's business, how
 * bytes are held up fault_gate.c's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pool/fault_gate.h"
#include "pool/fault_plan.h"
#include "pool/pool_priv.h"

#define NS_PER_MS UINT64_C(1000000)

struct plab_faults {
    struct plab_pool *pool;
    struct plab_fault_plan plan;
    uv_timer_t timer;
    bool timer_open;
    uint64_t doors_ns;                 /* when they were opened; 0: not yet */
    bool acting;                       /* what a fault does is no event for others */
    bool seed_change;                  /* soon: not while sessions are being walked through */
    struct plab_session_fault *active; /* those with something to do later */
};

/* What a session has when there is a script. */
struct plab_session_fault {
    struct plab_session *session;
    struct plab_session_fault *next, *previous; /* of those active */
    bool active;
    struct plab_gate gate;
    const struct plab_fault_rule *alter; /* the next job; NULL: as it is */
    bool repeat_job;
    bool drop_answer;
    const char *refusal; /* of the login; borrowed from the script */
    bool has_job;
    struct plab_stratum_job job; /* the newest */
    unsigned job_target_bytes;
    uint32_t storm_left;
    uint64_t storm_every_ns, storm_next_ns;
    uint64_t seen[]; /* a counter for each rule */
};

static const struct plab_fault_rule *rule_at(const struct plab_faults *faults, size_t index) {
    return &faults->plan.script->rules[index];
}

static bool is_pool_wide(enum plab_fault_kind kind) {
    return kind == PLAB_FAULT_SEED_CHANGE || kind == PLAB_FAULT_TLS_CERT_CHANGE;
}

/* ---- later ---- */

static void on_timer(uv_timer_t *timer);

static uint64_t session_next_ns(const struct plab_session_fault *fault) {
    uint64_t next_ns = plab_gate_next_ns(&fault->gate);
    return fault->storm_left > 0 && fault->storm_next_ns < next_ns ? fault->storm_next_ns : next_ns;
}

static void arm(struct plab_faults *faults) {
    uint64_t now_ns = plab_clock_ns();
    uint64_t next_ms = plab_fault_plan_next_ms(&faults->plan);
    uint64_t next_ns = next_ms != UINT64_MAX ? faults->doors_ns + next_ms * NS_PER_MS : UINT64_MAX;
    for (const struct plab_session_fault *at = faults->active; at != NULL; at = at->next) {
        uint64_t its_ns = session_next_ns(at);
        next_ns = its_ns < next_ns ? its_ns : next_ns;
    }
    if (faults->seed_change) {
        next_ns = now_ns;
    }
    if (!faults->timer_open || faults->doors_ns == 0) {
        return;
    }
    if (next_ns == UINT64_MAX) {
        uv_timer_stop(&faults->timer);
        return;
    }
    uint64_t wait_ms = next_ns > now_ns ? (next_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
    uv_update_time(&faults->pool->loop);
    uv_timer_start(&faults->timer, on_timer, wait_ms, 0);
}

static void activate(struct plab_session_fault *fault) {
    struct plab_faults *faults = fault->session->pool->faults;
    if (!fault->active) {
        fault->active = true;
        fault->previous = NULL;
        fault->next = faults->active;
        if (fault->next != NULL) {
            fault->next->previous = fault;
        }
        faults->active = fault;
    }
    arm(faults);
}

static void deactivate(struct plab_session_fault *fault) {
    if (!fault->active) {
        return;
    }
    fault->active = false;
    if (fault->previous != NULL) {
        fault->previous->next = fault->next;
    } else {
        fault->session->pool->faults->active = fault->next;
    }
    if (fault->next != NULL) {
        fault->next->previous = fault->previous;
    }
}

/* ---- doing it ---- */

static void report(struct plab_pool *pool, const struct plab_session *session,
                   enum plab_fault_kind kind, const char *job_id) {
    struct plab_pool_event event = {.kind = PLAB_POOL_EVENT_FAULT,
                                    .session = session != NULL ? session->number : 0,
                                    .job_id = job_id,
                                    .text = plab_fault_name(kind)};
    pool->stats.faults++;
    plab_pool_emit(pool, &event);
    plab_log_info(pool->config.log, "session %u: fault on script: %s", event.session, event.text);
}

static void send_garbage(struct plab_session *session, size_t index) {
    struct plab_faults *faults = session->pool->faults;
    const struct plab_fault_rule *rule = rule_at(faults, index);
    if (rule->text != NULL) {
        plab_conn_send(session, rule->text, strlen(rule->text));
        return;
    }
    uint8_t *bytes = malloc(rule->bytes);
    if (bytes != NULL) {
        plab_prng_fill(&faults->plan.states[index].prng, bytes, rule->bytes);
        plab_conn_send(session, bytes, rule->bytes);
        free(bytes);
    }
}

static void send_line(struct plab_session *session, const char *text) {
    char line[PLAB_FAULT_TEXT_MAX + 2];
    int len = snprintf(line, sizeof line, "%s\n", text);
    plab_session_say(session, line, (size_t)len);
}

/* Host and port of the listener that the session came by, as "[::1]:3333" or "127.0.0.1:3333". */
static void own_place(const struct plab_session *session, char host[PLAB_NETGUARD_NAME_LEN]) {
    const char *name = plab_acceptor_name(session->listener->acceptor);
    size_t len = strlen(name);
    while (len > 0 && name[len - 1] != ':') {
        len--;
    }
    bool brackets = name[0] == '[';
    snprintf(host, PLAB_NETGUARD_NAME_LEN, "%.*s", (int)len - 1 - 2 * brackets, name + brackets);
}

static void send_reconnect(struct plab_session *session, const struct plab_fault_rule *rule) {
    char host[PLAB_NETGUARD_NAME_LEN], line[300];
    own_place(session, host);
    snprintf(line, sizeof line,
             "{\"jsonrpc\":\"2.0\",\"method\":\"client.reconnect\",\"params\":[\"%s\",\"%u\"]}",
             rule->host[0] != '\0' ? rule->host : host,
             (unsigned)(rule->port != 0 ? rule->port : session->listener->port));
    send_line(session, line);
}

static void change_certificate(struct plab_pool *pool, const struct plab_fault_rule *rule) {
    struct plab_error err;
    if (plab_certs_change(pool, rule->flaw, &err) != PLAB_OK) {
        plab_log_warn(pool->config.log, "fault on script: %s", err.text);
    }
}

static void begin_storm(struct plab_session_fault *fault, const struct plab_fault_rule *rule) {
    fault->storm_left = rule->count;
    fault->storm_every_ns = rule->interval_ms * NS_PER_MS;
    fault->storm_next_ns = plab_clock_ns() + fault->storm_every_ns;
    activate(fault);
}

static void send_job_again(struct plab_session *session) {
    struct plab_pool *pool = session->pool;
    const struct plab_session_fault *fault = session->fault;
    if (fault->has_job) {
        plab_session_say(session, pool->out,
                         plab_session_build_job(session, &fault->job, fault->job_target_bytes));
    }
}

/* A job that is about to be sent is changed or followed; otherwise one is sent for it. */
static void spoil_job(struct plab_session *session, const struct plab_fault_rule *rule) {
    struct plab_session_fault *fault = session->fault;
    bool on_its_way = rule->trigger == PLAB_FAULT_ON_JOB;
    if (rule->kind == PLAB_FAULT_DUPLICATE_JOB) {
        fault->repeat_job = on_its_way;
    } else {
        fault->alter = rule;
    }
    if (on_its_way) {
        return;
    }
    if (rule->kind == PLAB_FAULT_DUPLICATE_JOB) {
        send_job_again(session);
    } else {
        plab_work_send_job(session);
    }
}

static void hold_up(struct plab_session_fault *fault, const struct plab_fault_rule *rule) {
    uint64_t now_ns = plab_clock_ns();
    uint64_t for_ns = rule->for_ms * NS_PER_MS;
    if (rule->kind == PLAB_FAULT_STALL) {
        plab_gate_hold(&fault->gate, for_ns, now_ns);
    } else if (rule->kind == PLAB_FAULT_HALF_LINE) {
        plab_gate_halve(&fault->gate, for_ns, rule->then);
    } else {
        plab_gate_drip(&fault->gate, rule->bytes, rule->interval_ms * NS_PER_MS, for_ns, now_ns);
    }
    activate(fault);
}

/* Faults of the whole pool; `session` gave the occasion, if any. */
static void strike_pool(struct plab_faults *faults, const struct plab_session *session,
                        const struct plab_fault_rule *rule) {
    report(faults->pool, session, rule->kind, NULL);
    if (rule->kind == PLAB_FAULT_TLS_CERT_CHANGE) {
        change_certificate(faults->pool, rule);
    } else {
        faults->seed_change = true;
        arm(faults);
    }
}

static void strike(struct plab_session *session, size_t index) {
    struct plab_session_fault *fault = session->fault;
    const struct plab_fault_rule *rule = rule_at(session->pool->faults, index);
    bool of_job = rule->kind == PLAB_FAULT_STALE_SEED || rule->kind == PLAB_FAULT_WRONG_ALGO ||
                  rule->kind == PLAB_FAULT_BAD_TARGET;
    if (is_pool_wide(rule->kind)) {
        strike_pool(session->pool->faults, session, rule);
        return;
    }
    if (!of_job) { /* those are reported with the job's id, when there is one */
        report(session->pool, session, rule->kind, NULL);
    }
    switch (rule->kind) {
    case PLAB_FAULT_STALL:
    case PLAB_FAULT_HALF_LINE:
    case PLAB_FAULT_SLOW_BYTES:
        hold_up(fault, rule);
        break;
    case PLAB_FAULT_RST:
        plab_session_reset(session, "fault on script");
        break;
    case PLAB_FAULT_FIN:
        plab_session_close(session, "fault on script");
        break;
    case PLAB_FAULT_GARBAGE:
        send_garbage(session, index);
        break;
    case PLAB_FAULT_JOB_STORM:
        begin_storm(fault, rule);
        break;
    case PLAB_FAULT_RECONNECT_NOTICE:
        send_reconnect(session, rule);
        break;
    case PLAB_FAULT_DROP_ANSWERS:
        fault->drop_answer = true;
        break;
    case PLAB_FAULT_REFUSE_LOGIN:
        fault->refusal = rule->text != NULL ? rule->text : "Login refused";
        break;
    case PLAB_FAULT_EXTRA:
        send_line(session, rule->text);
        break;
    default:
        spoil_job(session, rule);
        break;
    }
}

/* ---- events ---- */

static uint64_t now_ms(const struct plab_faults *faults) {
    uint64_t now_ns = plab_clock_ns();
    return now_ns > faults->doors_ns ? (now_ns - faults->doors_ns) / NS_PER_MS : 0;
}

static void happened(struct plab_session *session, enum plab_fault_trigger event,
                     const char *login) {
    struct plab_faults *faults = session->pool->faults;
    if (session->fault == NULL || faults->acting) {
        return;
    }
    const struct plab_fault_whom whom = {
        .session = session->number, .login = login, .seen = session->fault->seen};
    faults->acting = true;
    for (size_t i = 0; i < faults->plan.script->rule_count && !session->closing; i++) {
        if (plab_fault_plan_event(&faults->plan, i, event, &whom, now_ms(faults))) {
            strike(session, i);
        }
    }
    faults->acting = false;
}

bool plab_fault_begin(struct plab_session *session) {
    const struct plab_faults *faults = session->pool->faults;
    if (faults == NULL) {
        return true;
    }
    size_t rules = faults->plan.script->rule_count;
    session->fault = calloc(1, sizeof *session->fault + rules * sizeof session->fault->seen[0]);
    if (session->fault != NULL) {
        session->fault->session = session;
    }
    return session->fault != NULL;
}

void plab_fault_connected(struct plab_session *session) {
    happened(session, PLAB_FAULT_ON_CONNECT, "");
}

const char *plab_fault_login(struct plab_session *session, const char *login) {
    happened(session, PLAB_FAULT_ON_LOGIN, login);
    return session->fault != NULL ? session->fault->refusal : NULL;
}

void plab_fault_job(struct plab_session *session) {
    happened(session, PLAB_FAULT_ON_JOB, session->login);
}

void plab_fault_share(struct plab_session *session) {
    happened(session, PLAB_FAULT_ON_SHARE, session->login);
}

bool plab_fault_drops_answer(struct plab_session *session) {
    happened(session, PLAB_FAULT_ON_ANSWER, session->login);
    bool drops = session->fault != NULL && session->fault->drop_answer;
    if (drops) {
        session->fault->drop_answer = false;
    }
    return drops;
}

/* ---- jobs ---- */

void plab_fault_alter_job(struct plab_session *session, struct plab_stratum_job *job,
                          unsigned *target_bytes) {
    struct plab_session_fault *fault = session->fault;
    const struct plab_fault_rule *rule = fault != NULL ? fault->alter : NULL;
    if (rule == NULL) {
        return;
    }
    fault->alter = NULL;
    if (rule->kind == PLAB_FAULT_STALE_SEED) {
        size_t index = (size_t)(rule - session->pool->faults->plan.script->rules);
        job->has_seed = true;
        plab_prng_fill(&session->pool->faults->plan.states[index].prng, job->seed_hash,
                       sizeof job->seed_hash);
    } else if (rule->kind == PLAB_FAULT_WRONG_ALGO) {
        snprintf(job->algo, sizeof job->algo, "%s", rule->text);
    } else {
        /* The wire has the upper half of a 4-byte target. */
        job->target = rule->target;
        *target_bytes = rule->target_bytes;
    }
    report(session->pool, session, rule->kind, job->job_id);
}

void plab_fault_sent_job(struct plab_session *session, const struct plab_stratum_job *job,
                         unsigned target_bytes) {
    struct plab_session_fault *fault = session->fault;
    if (fault == NULL || session->closing) {
        return;
    }
    fault->has_job = true;
    fault->job = *job;
    fault->job_target_bytes = target_bytes;
    if (fault->repeat_job) {
        fault->repeat_job = false;
        send_job_again(session);
    }
}

/* ---- bytes ---- */

bool plab_fault_takes(struct plab_session *session, const void *bytes, size_t len) {
    struct plab_session_fault *fault = session->fault;
    if (fault == NULL || plab_gate_is_open(&fault->gate)) {
        return false;
    }
    switch (plab_gate_put(&fault->gate, bytes, len, plab_clock_ns())) {
    case PLAB_OK:
        activate(fault);
        break;
    case PLAB_E_RESOURCE:
        plab_session_close(session, "fault on script: too much waits");
        break;
    default:
        plab_session_close(session, "no memory");
        break;
    }
    return true;
}

bool plab_fault_waits(const struct plab_session *session) {
    return session->fault != NULL && session->fault->gate.len > 0;
}

static void let_through(struct plab_session *session, uint64_t now_ns) {
    struct plab_gate *gate = &session->fault->gate;
    const char *bytes;
    size_t len;
    while (!session->closing && (len = plab_gate_take(gate, &bytes, now_ns)) > 0) {
        plab_conn_send_now(session, bytes, len);
    }
    enum plab_fault_then then = plab_gate_then(gate, now_ns);
    if (!session->closing && then == PLAB_FAULT_THEN_FIN) {
        plab_session_close(session, "fault on script");
    } else if (!session->closing && then == PLAB_FAULT_THEN_RST) {
        plab_session_reset(session, "fault on script");
    }
    if (!session->closing && gate->len == 0) {
        plab_session_settle(session);
    }
}

static void storm(struct plab_session *session, uint64_t now_ns) {
    struct plab_session_fault *fault = session->fault;
    while (!session->closing && fault->storm_left > 0 && now_ns >= fault->storm_next_ns) {
        fault->storm_left--;
        fault->storm_next_ns += fault->storm_every_ns;
        plab_work_send_job(session);
    }
}

/* ---- time ---- */

static void strike_by_time(struct plab_faults *faults, size_t index) {
    struct plab_pool *pool = faults->pool;
    const struct plab_fault_rule *rule = rule_at(faults, index);
    if (is_pool_wide(rule->kind)) {
        const struct plab_fault_whom nobody = {.session = rule->session, .login = ""};
        if (plab_fault_plan_picks(&faults->plan, index, &nobody)) {
            strike_pool(faults, NULL, rule);
        }
        return;
    }
    /* Backwards: one that is closed leaves its place to the last. */
    for (size_t i = pool->roster.count; i-- > 0;) {
        struct plab_session *session = plab_session_at(pool, i);
        const struct plab_fault_whom whom = {.session = session->number, .login = session->login};
        if (session->logged_in && !session->finishing && session->fault != NULL &&
            plab_fault_plan_picks(&faults->plan, index, &whom)) {
            strike(session, index);
        }
    }
}

static void on_timer(uv_timer_t *timer) {
    struct plab_faults *faults = timer->data;
    struct plab_session_fault *next;
    uint64_t now_ns = plab_clock_ns();
    faults->acting = true;
    for (size_t i = 0; i < faults->plan.script->rule_count; i++) {
        if (plab_fault_plan_due(&faults->plan, i, now_ms(faults))) {
            strike_by_time(faults, i);
        }
    }
    for (struct plab_session_fault *at = faults->active; at != NULL; at = next) {
        next = at->next;
        storm(at->session, now_ns);
        let_through(at->session, now_ns);
        if (session_next_ns(at) == UINT64_MAX) {
            deactivate(at);
        }
    }
    faults->acting = false;
    if (faults->seed_change) { /* its jobs are events as others are */
        faults->seed_change = false;
        plab_chain_next_seed(&faults->pool->chain);
        plab_work_renew(faults->pool);
    }
    arm(faults);
}

void plab_faults_open_doors(struct plab_pool *pool) {
    if (pool->faults != NULL) {
        pool->faults->doors_ns = plab_clock_ns();
        arm(pool->faults);
    }
}

/* ---- from beginning to end ---- */

bool plab_faults_want(const struct plab_fault_script *script, enum plab_fault_kind kind) {
    for (size_t i = 0; script != NULL && i < script->rule_count; i++) {
        if (script->rules[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static enum plab_status check(const struct plab_pool *pool, struct plab_error *err) {
    const struct plab_pool_config *config = &pool->config;
    if (plab_faults_want(config->faults, PLAB_FAULT_SEED_CHANGE) &&
        (config->daemon_url != NULL || !config->algo->needs_seed)) {
        return plab_fail(err, PLAB_E_USAGE,
                         "the fault seed_change needs a simulated chain and a RandomX algorithm");
    }
    if (plab_faults_want(config->faults, PLAB_FAULT_TLS_CERT_CHANGE) && pool->labca == NULL) {
        return plab_fail(err, PLAB_E_USAGE,
                         "the fault tls_cert_change needs a listener that speaks TLS, such as "
                         "--listen tls://127.0.0.1:3334");
    }
    return PLAB_OK;
}

enum plab_status plab_faults_create(struct plab_pool *pool, struct plab_error *err) {
    if (pool->config.faults == NULL) {
        return PLAB_OK;
    }
    enum plab_status status = check(pool, err);
    if (status != PLAB_OK) {
        return status;
    }
    struct plab_faults *faults = calloc(1, sizeof *faults);
    if (faults == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for the script of faults");
    }
    faults->pool = pool;
    plab_fault_plan_init(&faults->plan, pool->config.faults);
    uv_timer_init(&pool->loop, &faults->timer);
    faults->timer.data = faults;
    faults->timer_open = true;
    pool->faults = faults;
    return PLAB_OK;
}

void plab_fault_end(struct plab_session *session) {
    if (session->fault != NULL) {
        deactivate(session->fault);
        session->fault->storm_left = 0;
    }
}

void plab_fault_free(struct plab_session *session) {
    if (session->fault != NULL) {
        plab_gate_free(&session->fault->gate);
        free(session->fault);
        session->fault = NULL;
    }
}

void plab_faults_close(struct plab_pool *pool) {
    if (pool->faults != NULL && pool->faults->timer_open) {
        pool->faults->timer_open = false;
        uv_close((uv_handle_t *)&pool->faults->timer, NULL);
    }
}

void plab_faults_free(struct plab_pool *pool) {
    free(pool->faults);
    pool->faults = NULL;
}
