/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/fault_script.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/netguard.h"
#include "base/suggest.h"
#include "pool/fault_raw_priv.h"
#include "stratum/msg.h"
#include "yaml/load.h"
#include "yaml/place.h"

#define FILE_MAX_BYTES (256 * 1024)
#define TIME_MAX_MS (UINT64_C(24) * 3600 * 1000)
#define KEY_MAX 64
#define BYTES_MAX 65536
#define JOBS_MAX 100000

#define RETURN_IF_BAD(call)              \
    do {                                 \
        enum plab_status status_ = call; \
        if (status_ != PLAB_OK) {        \
            return status_;              \
        }                                \
    } while (0)

/* ---- what belongs to what ---- */

/* Keys that only some kinds have. */
enum {
    HAS_FOR = 1u << 0,
    HAS_INTERVAL = 1u << 1,
    HAS_BYTES = 1u << 2,
    HAS_COUNT = 1u << 3,
    HAS_TEXT = 1u << 4,
    HAS_THEN = 1u << 5,
    HAS_TARGET = 1u << 6,
    HAS_ALGO = 1u << 7,
    HAS_HOST = 1u << 8,
    HAS_CERTIFICATE = 1u << 9,
    NEEDS_TEXT = 1u << 10,
    NEEDS_FOR = 1u << 11,
    OF_POOL = 1u << 12, /* nobody's in particular */
};

#define ON(trigger) (1u << PLAB_FAULT_ON_##trigger)
#define ON_ANY (ON(CONNECT) | ON(LOGIN) | ON(JOB) | ON(SHARE) | ON(ANSWER) | ON(TIME))
#define ON_LOGGED_IN (ON(JOB) | ON(SHARE) | ON(ANSWER) | ON(TIME)) /* who has jobs */
#define NO_DEFAULT PLAB_FAULT_TRIGGER_COUNT

static const struct {
    unsigned keys;
    unsigned triggers;
    enum plab_fault_trigger usual; /* when a rule doesn't say */
    uint64_t for_ms, interval_ms;
    uint32_t bytes, count;
} kinds[PLAB_FAULT_COUNT] = {
    [PLAB_FAULT_STALL] = {HAS_FOR | NEEDS_FOR, ON_ANY, NO_DEFAULT, 0, 0, 0, 0},
    [PLAB_FAULT_HALF_LINE] = {HAS_FOR | HAS_THEN, ON_ANY, NO_DEFAULT, 1000, 0, 0, 0},
    [PLAB_FAULT_SLOW_BYTES] = {HAS_FOR | HAS_INTERVAL | HAS_BYTES, ON_ANY, NO_DEFAULT, 0, 100, 1,
                               0},
    [PLAB_FAULT_RST] = {0, ON_ANY, NO_DEFAULT, 0, 0, 0, 0},
    [PLAB_FAULT_FIN] = {0, ON_ANY, NO_DEFAULT, 0, 0, 0, 0},
    [PLAB_FAULT_GARBAGE] = {HAS_BYTES | HAS_TEXT, ON_ANY, NO_DEFAULT, 0, 0, 64, 0},
    [PLAB_FAULT_JOB_STORM] = {HAS_COUNT | HAS_INTERVAL, ON_LOGGED_IN, NO_DEFAULT, 0, 10, 0, 100},
    [PLAB_FAULT_DUPLICATE_JOB] = {0, ON_LOGGED_IN, PLAB_FAULT_ON_JOB, 0, 0, 0, 0},
    [PLAB_FAULT_STALE_SEED] = {0, ON_LOGGED_IN, PLAB_FAULT_ON_JOB, 0, 0, 0, 0},
    [PLAB_FAULT_SEED_CHANGE] = {OF_POOL, ON_ANY, NO_DEFAULT, 0, 0, 0, 0},
    [PLAB_FAULT_WRONG_ALGO] = {HAS_ALGO, ON_LOGGED_IN, PLAB_FAULT_ON_JOB, 0, 0, 0, 0},
    [PLAB_FAULT_BAD_TARGET] = {HAS_TARGET, ON_LOGGED_IN, PLAB_FAULT_ON_JOB, 0, 0, 0, 0},
    [PLAB_FAULT_TLS_CERT_CHANGE] = {OF_POOL | HAS_CERTIFICATE, ON_ANY, NO_DEFAULT, 0, 0, 0, 0},
    [PLAB_FAULT_RECONNECT_NOTICE] = {HAS_HOST, ON_ANY, NO_DEFAULT, 0, 0, 0, 0},
    [PLAB_FAULT_DROP_ANSWERS] = {0, ON(ANSWER), PLAB_FAULT_ON_ANSWER, 0, 0, 0, 0},
    [PLAB_FAULT_REFUSE_LOGIN] = {HAS_TEXT, ON(LOGIN), PLAB_FAULT_ON_LOGIN, 0, 0, 0, 0},
    [PLAB_FAULT_EXTRA] = {HAS_TEXT | NEEDS_TEXT, ON_ANY, NO_DEFAULT, 0, 0, 0, 0},
};

static const char *const kind_names[] = {
#define NAME(kind, name) [PLAB_FAULT_##kind] = (name),
    PLAB_FAULT_LIST(NAME)
#undef NAME
};

static const char *const trigger_names[] = {
#define NAME(trigger, name) [PLAB_FAULT_ON_##trigger] = (name),
    PLAB_FAULT_TRIGGER_LIST(NAME)
#undef NAME
};

static const char *const then_names[] = {"resume", "fin", "rst"};
static const char *const scope_names[] = {"session", "pool"};
static const char *const certificate_names[] = {"new", "expired", "wrong_name", "self_signed"};

const char *plab_fault_name(enum plab_fault_kind kind) {
    return kind_names[kind];
}

/* ---- values ---- */

/* One rule on its way from `raw` to `out`. */
struct reader {
    const struct plab_yaml_source *source;
    const struct plab_raw_fault *raw;
    struct plab_fault_rule *out;
    size_t index;
    bool allow_bad_target;
};

/* Builds "faults[3].interval". */
static const char *key_of(const struct reader *r, const char *field, char out[KEY_MAX]) {
    snprintf(out, KEY_MAX, "faults[%zu].%s", r->index, field);
    return out;
}

static enum plab_status bad(const struct reader *r, const char *field, const char *what) {
    char key[KEY_MAX];
    return plab_yaml_bad(r->source, PLAB_E_INPUT, key_of(r, field, key), "%s", what);
}

static enum plab_status get_choice(const struct reader *r, const char *field, const char *raw,
                                   const char *const *names, size_t count, unsigned *out) {
    char text[300];
    for (size_t i = 0; i < count; i++) {
        if (strcmp(raw, names[i]) == 0) {
            *out = (unsigned)i;
            return PLAB_OK;
        }
    }
    const char *near = plab_suggest(raw, names, count);
    int used = snprintf(text, sizeof text, "\"%.40s\" is none of", raw);
    for (size_t i = 0; i < count && (size_t)used < sizeof text; i++) {
        used += snprintf(text + used, sizeof text - (size_t)used, " %s", names[i]);
    }
    if (near != NULL) {
        snprintf(text, sizeof text, "\"%.40s\" is unknown; did you mean %s?", raw, near);
    }
    return bad(r, field, text);
}

static enum plab_status get_number(const struct reader *r, const char *field, const int64_t *raw,
                                   uint64_t fallback, int64_t max, uint64_t *out) {
    char text[120];
    *out = fallback;
    if (raw == NULL) {
        return PLAB_OK;
    }
    if (*raw < 1 || *raw > max) {
        snprintf(text, sizeof text, "%lld is not between 1 and %lld", (long long)*raw,
                 (long long)max);
        return bad(r, field, text);
    }
    *out = (uint64_t)*raw;
    return PLAB_OK;
}

static enum plab_status get_small(const struct reader *r, const char *field, const int64_t *raw,
                                  uint32_t fallback, int64_t max, uint32_t *out) {
    uint64_t value = 0;
    enum plab_status status = get_number(r, field, raw, fallback, max, &value);
    *out = (uint32_t)value;
    return status;
}

static enum plab_status get_time(const struct reader *r, const char *field, const char *raw,
                                 uint64_t fallback, uint64_t min_ms, uint64_t *out) {
    char text[160];
    *out = fallback;
    if (raw == NULL) {
        return PLAB_OK;
    }
    if (!plab_yaml_duration(raw, out)) {
        snprintf(text, sizeof text,
                 "\"%.40s\" is no duration; give a number with ms, s, m or h, such as 45s", raw);
        return bad(r, field, text);
    }
    if (*out < min_ms || *out > TIME_MAX_MS) {
        snprintf(text, sizeof text, "%.40s is not between %llu ms and 24 h", raw,
                 (unsigned long long)min_ms);
        return bad(r, field, text);
    }
    return PLAB_OK;
}

static enum plab_status get_text(const struct reader *r, const char *field, const char *raw,
                                 char **out) {
    char what[80];
    if (raw == NULL) {
        return PLAB_OK;
    }
    if (raw[0] == '\0' || strlen(raw) > PLAB_FAULT_TEXT_MAX) {
        snprintf(what, sizeof what, "a text has 1 to %d bytes", PLAB_FAULT_TEXT_MAX);
        return bad(r, field, what);
    }
    *out = strdup(raw);
    return *out != NULL ? PLAB_OK
                        : plab_fail(r->source->err, PLAB_E_NOMEM, "no memory for a script");
}

/* ---- when and for whom ---- */

static enum plab_status get_kind(const struct reader *r) {
    unsigned kind = 0;
    RETURN_IF_BAD(
        get_choice(r, "kind", r->raw->kind, kind_names, PLAB_ARRAY_LEN(kind_names), &kind));
    r->out->kind = (enum plab_fault_kind)kind;
    return PLAB_OK;
}

static enum plab_status get_trigger(const struct reader *r) {
    unsigned trigger = r->raw->at != NULL ? PLAB_FAULT_ON_TIME : kinds[r->out->kind].usual;
    char what[120];
    if (r->raw->when != NULL) {
        RETURN_IF_BAD(get_choice(r, "when", r->raw->when, trigger_names,
                                 PLAB_ARRAY_LEN(trigger_names), &trigger));
    }
    if (trigger == NO_DEFAULT) {
        return bad(r, "kind", "give a time: \"when\" an event, or \"at\"");
    }
    if ((kinds[r->out->kind].triggers & 1u << trigger) == 0) {
        snprintf(what, sizeof what, "%s can't happen on %s", r->raw->kind, trigger_names[trigger]);
        return bad(r, r->raw->when != NULL ? "when" : "kind", what);
    }
    r->out->trigger = (enum plab_fault_trigger)trigger;
    if (trigger == PLAB_FAULT_ON_TIME && r->raw->at == NULL) {
        return bad(r, "when", "time needs \"at\", such as at: 30s");
    }
    return PLAB_OK;
}

/* Keys that say nothing for this trigger would only mislead. */
static enum plab_status check_trigger_keys(const struct reader *r) {
    const struct plab_raw_fault *raw = r->raw;
    bool timed = r->out->trigger == PLAB_FAULT_ON_TIME;
    bool nobody = timed && (kinds[r->out->kind].keys & OF_POOL) != 0;
    const struct {
        const char *field;
        bool given, fits;
    } keys[] = {
        {"at", raw->at != NULL, timed},
        {"repeat", raw->repeat != NULL, timed},
        {"after", raw->after != NULL, !timed},
        {"nth", raw->nth != NULL, !timed},
        {"every", raw->every != NULL, !timed},
        {"per", raw->per != NULL, !timed},
        {"worker", raw->worker != NULL, r->out->trigger != PLAB_FAULT_ON_CONNECT && !nobody},
        {"session", raw->session != NULL, !nobody},
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(keys); i++) {
        if (keys[i].given && !keys[i].fits) {
            char what[80];
            snprintf(what, sizeof what, "has no meaning on %s", trigger_names[r->out->trigger]);
            return bad(r, keys[i].field, what);
        }
    }
    return PLAB_OK;
}

static enum plab_status get_choice_of_events(const struct reader *r) {
    const struct plab_raw_fault *raw = r->raw;
    struct plab_fault_rule *out = r->out;
    /* A session has one connection and one login: these are counted in the pool. */
    unsigned of_pool = out->trigger == PLAB_FAULT_ON_CONNECT || out->trigger == PLAB_FAULT_ON_LOGIN;
    RETURN_IF_BAD(get_text(r, "worker", raw->worker, &out->worker));
    RETURN_IF_BAD(get_small(r, "session", raw->session, 0, UINT32_MAX, &out->session));
    RETURN_IF_BAD(get_number(r, "nth", raw->nth, 0, INT64_MAX, &out->nth));
    RETURN_IF_BAD(get_number(r, "every", raw->every, 0, INT64_MAX, &out->every));
    RETURN_IF_BAD(get_number(r, "times", raw->times, 0, INT64_MAX, &out->times));
    if (raw->per != NULL) {
        RETURN_IF_BAD(
            get_choice(r, "per", raw->per, scope_names, PLAB_ARRAY_LEN(scope_names), &of_pool));
    }
    out->of_pool = of_pool != 0;
    out->probability = raw->probability != NULL ? *raw->probability : 1;
    if (!(out->probability > 0 && out->probability <= 1)) {
        return bad(r, "probability", "a probability is above 0 and at most 1");
    }
    return PLAB_OK;
}

static enum plab_status get_window(const struct reader *r) {
    const struct plab_raw_fault *raw = r->raw;
    struct plab_fault_rule *out = r->out;
    RETURN_IF_BAD(get_time(r, "after", raw->after, 0, 0, &out->from_ms));
    RETURN_IF_BAD(get_time(r, "at", raw->at, out->from_ms, 0, &out->from_ms));
    RETURN_IF_BAD(get_time(r, "repeat", raw->repeat, 0, 1, &out->repeat_ms));
    RETURN_IF_BAD(get_time(r, "until", raw->until, UINT64_MAX, 1, &out->until_ms));
    if (out->until_ms <= out->from_ms) {
        return bad(r, "until", "ends before it begins");
    }
    return PLAB_OK;
}

/* ---- what ---- */

static enum plab_status check_kind_keys(const struct reader *r) {
    const struct plab_raw_fault *raw = r->raw;
    const struct {
        const char *field;
        bool given;
        unsigned key;
    } keys[] = {
        {"for", raw->duration != NULL, HAS_FOR},
        {"interval", raw->interval != NULL, HAS_INTERVAL},
        {"bytes", raw->bytes != NULL, HAS_BYTES},
        {"count", raw->count != NULL, HAS_COUNT},
        {"text", raw->text != NULL, HAS_TEXT},
        {"then", raw->then != NULL, HAS_THEN},
        {"target", raw->target != NULL, HAS_TARGET},
        {"algo", raw->algo != NULL, HAS_ALGO},
        {"host", raw->host != NULL, HAS_HOST},
        {"port", raw->port != NULL, HAS_HOST},
        {"certificate", raw->certificate != NULL, HAS_CERTIFICATE},
    };
    unsigned has = kinds[r->out->kind].keys;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(keys); i++) {
        if (keys[i].given && (has & keys[i].key) == 0) {
            char what[80];
            snprintf(what, sizeof what, "%s has no such key", raw->kind);
            return bad(r, keys[i].field, what);
        }
    }
    if ((has & NEEDS_FOR) != 0 && raw->duration == NULL) {
        return bad(r, "kind", "say how long, such as for: 30s");
    }
    if ((has & NEEDS_TEXT) != 0 && raw->text == NULL) {
        return bad(r, "kind", "say which line, as text: ...");
    }
    return PLAB_OK;
}

static enum plab_status get_target(const struct reader *r) {
    const char *hex = r->raw->target != NULL ? r->raw->target : "00000000";
    size_t len = strlen(hex), count = 0;
    uint8_t bytes[8] = {0};
    struct plab_fault_rule *out = r->out;
    if (!r->allow_bad_target) {
        return bad(r, "kind",
                   "a target that can't be met makes miners work for nothing; write "
                   "allow_bad_target: true at the top of the file if that is wanted");
    }
    if ((len != 8 && len != 16) ||
        plab_hex_decode(hex, len, bytes + 8 - len / 2, len / 2, &count, NULL) != PLAB_OK) {
        return bad(r, "target", "a target has 8 or 16 hex digits; put it in quotes");
    }
    out->target = plab_load64_le(bytes);
    out->target_bytes = (unsigned)len / 2;
    return PLAB_OK;
}

static enum plab_status get_place(const struct reader *r) {
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    const struct sockaddr *addr = (const struct sockaddr *)&v4;
    const char *host = r->raw->host;
    char key[KEY_MAX];
    struct plab_error why;
    uint32_t port = 0;
    RETURN_IF_BAD(get_small(r, "port", r->raw->port, 0, UINT16_MAX, &port));
    r->out->port = (uint16_t)port;
    if (host == NULL) {
        return PLAB_OK;
    }
    if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        addr = (const struct sockaddr *)&v6;
    } else if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
                         &v4.sin_addr) != 1) {
        return bad(r, "host", "give a numeric lab address, or localhost");
    }
    if (plab_netguard_check(addr, &why) != PLAB_OK) {
        return plab_yaml_bad(r->source, PLAB_E_REFUSED, key_of(r, "host", key), "%s", why.text);
    }
    snprintf(r->out->host, sizeof r->out->host, "%s", host);
    return PLAB_OK;
}

/* The algorithm stands where other kinds have their text. */
static enum plab_status get_algo(const struct reader *r) {
    const char *algo = r->raw->algo != NULL ? r->raw->algo : "unknown/0";
    if (strlen(algo) >= PLAB_STRATUM_NAME_MAX) {
        return bad(r, "algo", "this name is too long for a job");
    }
    return get_text(r, "algo", algo, &r->out->text);
}

static enum plab_status get_what(const struct reader *r) {
    const struct plab_raw_fault *raw = r->raw;
    struct plab_fault_rule *out = r->out;
    enum plab_fault_kind kind = out->kind;
    unsigned then = PLAB_FAULT_THEN_RESUME, flaw = PLAB_LABCA_GOOD;
    RETURN_IF_BAD(check_kind_keys(r));
    RETURN_IF_BAD(get_time(r, "for", raw->duration, kinds[kind].for_ms, 1, &out->for_ms));
    RETURN_IF_BAD(
        get_time(r, "interval", raw->interval, kinds[kind].interval_ms, 1, &out->interval_ms));
    RETURN_IF_BAD(get_small(r, "bytes", raw->bytes, kinds[kind].bytes, BYTES_MAX, &out->bytes));
    RETURN_IF_BAD(get_small(r, "count", raw->count, kinds[kind].count, JOBS_MAX, &out->count));
    RETURN_IF_BAD(get_text(r, "text", raw->text, &out->text));
    if (raw->then != NULL) {
        RETURN_IF_BAD(
            get_choice(r, "then", raw->then, then_names, PLAB_ARRAY_LEN(then_names), &then));
    }
    if (raw->certificate != NULL) {
        RETURN_IF_BAD(get_choice(r, "certificate", raw->certificate, certificate_names,
                                 PLAB_ARRAY_LEN(certificate_names), &flaw));
    }
    out->then = (enum plab_fault_then)then;
    out->flaw = (enum plab_labca_flaw)flaw;
    if (kind == PLAB_FAULT_BAD_TARGET) {
        RETURN_IF_BAD(get_target(r));
    }
    if (kind == PLAB_FAULT_WRONG_ALGO) {
        RETURN_IF_BAD(get_algo(r));
    }
    return kind == PLAB_FAULT_RECONNECT_NOTICE ? get_place(r) : PLAB_OK;
}

/* ---- the whole ---- */

static enum plab_status get_rule(const struct reader *r) {
    RETURN_IF_BAD(get_kind(r));
    RETURN_IF_BAD(get_trigger(r));
    RETURN_IF_BAD(check_trigger_keys(r));
    RETURN_IF_BAD(get_choice_of_events(r));
    RETURN_IF_BAD(get_window(r));
    return get_what(r);
}

static enum plab_status get_rules(const struct plab_yaml_source *source,
                                  const struct plab_raw_faults *raw,
                                  struct plab_fault_script *out) {
    out->seed = 1;
    if (raw->seed != NULL) {
        if (*raw->seed < 0) {
            return plab_yaml_bad(source, PLAB_E_INPUT, "seed", "a seed is not negative");
        }
        out->seed = (uint64_t)*raw->seed;
    }
    for (size_t i = 0; i < raw->faults_count; i++) {
        const struct reader reader = {
            .source = source,
            .raw = &raw->faults[i],
            .out = &out->rules[i],
            .index = i,
            .allow_bad_target = raw->allow_bad_target != NULL && *raw->allow_bad_target,
        };
        out->rule_count = i + 1;
        RETURN_IF_BAD(get_rule(&reader));
    }
    return PLAB_OK;
}

enum plab_status plab_fault_script_parse(struct plab_fault_script **out, const char *text,
                                         size_t len, const char *path, struct plab_error *err) {
    const struct plab_yaml_source source = {.text = text, .len = len, .path = path, .err = err};
    struct plab_raw_faults *raw;
    *out = NULL;
    enum plab_status status = plab_raw_faults_load(&raw, text, len, path, err);
    if (status != PLAB_OK) {
        return status;
    }
    struct plab_fault_script *script = calloc(1, sizeof *script);
    status = script != NULL ? get_rules(&source, raw, script)
                            : plab_fail(err, PLAB_E_NOMEM, "no memory for a script");
    plab_raw_faults_free(raw);
    if (status != PLAB_OK) {
        plab_fault_script_free(&script);
    }
    *out = script;
    return status;
}

enum plab_status plab_fault_script_load(struct plab_fault_script **out, const char *path,
                                        struct plab_error *err) {
    char *text = malloc(FILE_MAX_BYTES);
    size_t len = 0;
    *out = NULL;
    if (text == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for a script");
    }
    enum plab_status status = plab_file_read(path, text, FILE_MAX_BYTES, &len, err);
    if (status == PLAB_OK) {
        status = plab_fault_script_parse(out, text, len, path, err);
    }
    free(text);
    return status;
}

void plab_fault_script_free(struct plab_fault_script **script) {
    if (*script != NULL) {
        for (size_t i = 0; i < (*script)->rule_count; i++) {
            free((*script)->rules[i].worker);
            free((*script)->rules[i].text);
        }
        free(*script);
        *script = NULL;
    }
}
