/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a pool hears, in every tongue: members within their limits, the same whatever the memory
 * held before; a login or share that a client writes from them is read as the same again; and the
 * answers, with the peer's id and what was wrong in them, are what the client understands.
 *
 * Input: one line, or one text of a browser miner.
 */
#include <string.h>

#include "stratum/dialect.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/messages.h"

static void check_text(const char *text, size_t cap) {
    FUZZ_HOLDS(plab_fuzz_ends(text, cap) && plab_fuzz_is_utf8(text, strlen(text)));
}

static void check_plain(const char *text, size_t cap) {
    check_text(text, cap);
    for (const char *p = text; *p != '\0'; p++) {
        FUZZ_HOLDS((unsigned char)*p >= ' ' && *p != 127);
    }
}

static void check_login_limits(const struct plab_stratum_login *login) {
    check_plain(login->login, sizeof login->login);
    check_text(login->pass, sizeof login->pass);
    check_text(login->agent, sizeof login->agent);
    check_text(login->rig_id, sizeof login->rig_id);
    FUZZ_HOLDS(login->login[0] != '\0' && login->algo_count <= PLAB_STRATUM_ALGO_MAX);
    for (size_t i = 0; i < login->algo_count; i++) {
        check_plain(login->algo[i], sizeof login->algo[i]);
    }
}

/* ---- there and back ---- */

static const struct plab_stratum_request *ask_again(const struct plab_dialect *dialect,
                                                    enum plab_ask what,
                                                    const struct plab_dialect_ask *ask) {
    static char text[PLAB_FUZZ_MESSAGE_MAX];
    static struct plab_stratum_request heard;
    struct plab_error err = {.text = ""};
    const char *rest = text, *line;
    FUZZ_HOLDS(dialect->ask[what].build(text, sizeof text, ask) == strlen(text));
    size_t len = plab_fuzz_cut_line(&rest, &line);
    enum plab_tongue tongue = plab_fuzz_tongue_of(dialect);
    FUZZ_HOLDS(plab_fuzz_parse_request(tongue, line, len, &heard, &err) == PLAB_OK);
    FUZZ_HOLDS(heard.tongue == tongue && heard.id.number == (dialect->websocket ? 0 : ask->id));
    return &heard;
}

static void check_login(const struct plab_dialect *dialect, const struct plab_stratum_login *sent) {
    const struct plab_dialect_ask ask = {.id = 9, .login = sent};
    enum plab_ask what =
        dialect->ask[PLAB_ASK_LOGIN_MORE].build != NULL ? PLAB_ASK_LOGIN_MORE : PLAB_ASK_LOGIN;
    const struct plab_stratum_request *heard = ask_again(dialect, what, &ask);
    const struct plab_stratum_login *got = &heard->login;
    FUZZ_HOLDS(heard->method == PLAB_METHOD_LOGIN);
    FUZZ_HOLDS(strcmp(got->login, sent->login) == 0);
    FUZZ_HOLDS(dialect->websocket || strcmp(got->pass, sent->pass) == 0);
    FUZZ_HOLDS(dialect->websocket || what == PLAB_ASK_LOGIN_MORE ||
               strcmp(got->agent, sent->agent) == 0);
    if (dialect == plab_dialect_list(&(size_t){0})) { /* the first says all */
        FUZZ_HOLDS(strcmp(got->rig_id, sent->rig_id) == 0);
        FUZZ_HOLDS(got->algo_count == sent->algo_count);
        FUZZ_HOLDS(memcmp(got->algo, sent->algo, sizeof got->algo) == 0);
    }
}

/* As it came, and with another nonce: a parser that read the wrong field would find it unchanged.
 */
static void check_share(const struct plab_dialect *dialect,
                        const struct plab_stratum_submit *sent) {
    static const struct plab_stratum_job job = {.blob_len = PLAB_STRATUM_BLOB_MIN};
    const struct plab_stratum_login login = {.login = "lab"};
    struct plab_stratum_submit other = *sent;
    struct plab_dialect_ask ask = {.id = 9, .login = &login, .submit = sent, .job = &job};
    plab_fuzz_check_share(dialect, &ask);
    other.nonce[0] ^= 0xA5;
    ask.submit = &other;
    plab_fuzz_check_share(dialect, &ask);
}

static void check_keepalive(const struct plab_dialect *dialect, const char *session_id) {
    const struct plab_dialect_ask ask = {.id = 9, .session_id = session_id};
    if (dialect->ask[PLAB_ASK_KEEPALIVE].build != NULL) {
        const struct plab_stratum_request *heard = ask_again(dialect, PLAB_ASK_KEEPALIVE, &ask);
        FUZZ_HOLDS(heard->method == PLAB_METHOD_KEEPALIVED);
        FUZZ_HOLDS(strcmp(heard->session_id, session_id) == 0);
    }
}

static void check_in(const struct plab_dialect *dialect, const struct plab_stratum_request *heard) {
    switch (heard->method) {
    case PLAB_METHOD_LOGIN:
        check_login_limits(&heard->login);
        check_login(dialect, &heard->login);
        break;
    case PLAB_METHOD_SUBMIT:
        check_plain(heard->submit.session_id, sizeof heard->submit.session_id);
        check_plain(heard->submit.job_id, sizeof heard->submit.job_id);
        check_plain(heard->submit.algo, sizeof heard->submit.algo);
        check_share(dialect, &heard->submit);
        break;
    case PLAB_METHOD_KEEPALIVED:
    case PLAB_METHOD_GETJOB:
        check_plain(heard->session_id, sizeof heard->session_id);
        check_keepalive(dialect, heard->session_id);
        break;
    default:
        break;
    }
}

/* As a line, or as the text of a browser. */
static void check_line(enum plab_tongue tongue, const char *line, size_t len) {
    static struct plab_stratum_request heard, again;
    struct plab_error err = {.text = ""};
    size_t count;
    const struct plab_dialect *dialects = plab_dialect_list(&count);
    memset(&heard, 0x55, sizeof heard);
    memset(&again, 0xAA, sizeof again);
    enum plab_status status = plab_fuzz_parse_request(tongue, line, len, &heard, &err);
    FUZZ_HOLDS(plab_fuzz_parse_request(tongue, line, len, &again, NULL) == status);
    FUZZ_HOLDS(memcmp(&heard, &again, sizeof heard) == 0);
    FUZZ_HOLDS(status == PLAB_OK || status == PLAB_E_INPUT || status == PLAB_E_PROTOCOL);
    plab_fuzz_check_error(status, &err);
    check_text(heard.method_name, sizeof heard.method_name);
    if (status == PLAB_E_PROTOCOL) {
        return;
    }
    check_plain(heard.id.text, sizeof heard.id.text);
    plab_fuzz_check_answers(heard.tongue, &heard.id, status == PLAB_OK ? "no" : err.text);
    for (size_t i = 0; i < count && status == PLAB_OK; i++) {
        if (plab_fuzz_tongue_of(&dialects[i]) == heard.tongue) {
            check_in(&dialects[i], &heard);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check_line(PLAB_TONGUE_CRYPTONOTE, (const char *)data, size);
    check_line(PLAB_TONGUE_COINHIVE, (const char *)data, size);
    return 0;
}
