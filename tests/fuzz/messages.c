/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/fuzz/messages.h"

#include <string.h>

#include "stratum/dialect_priv.h"
#include "tests/fuzz/fuzz.h"

const struct plab_fuzz_voice *plab_fuzz_voices(size_t *count) {
    static const struct plab_fuzz_voice voices[] = {
        {PLAB_TONGUE_CRYPTONOTE, &plab_voice_xmrig_proxy, plab_stratum_parse_reply, true, true,
         true},
        {PLAB_TONGUE_CRYPTONOTE, &plab_voice_monero_pool, plab_stratum_parse_reply, false, true,
         false},
        {PLAB_TONGUE_CRYPTONOTE, &plab_voice_p2pool, plab_stratum_parse_reply, true, false, false},
        {PLAB_TONGUE_CRYPTONOTE, &plab_voice_nodejs_pool, plab_stratum_parse_reply, true, false,
         false},
        {PLAB_TONGUE_STRATUM1, &plab_stratum1_voice, plab_stratum1_parse_reply, false, true, false},
        {PLAB_TONGUE_TEMPLATE, &plab_template_voice, plab_template_parse_reply, true, true, false},
        {PLAB_TONGUE_COINHIVE, &plab_coinhive_voice, plab_coinhive_parse_reply, true, true, false},
    };
    *count = PLAB_ARRAY_LEN(voices);
    return voices;
}

enum plab_tongue plab_fuzz_tongue_of(const struct plab_dialect *dialect) {
    return dialect->parse_reply == plab_stratum1_parse_reply   ? PLAB_TONGUE_STRATUM1
           : dialect->parse_reply == plab_template_parse_reply ? PLAB_TONGUE_TEMPLATE
           : dialect->parse_reply == plab_coinhive_parse_reply ? PLAB_TONGUE_COINHIVE
                                                               : PLAB_TONGUE_CRYPTONOTE;
}

enum plab_status plab_fuzz_parse_request(enum plab_tongue tongue, const char *line, size_t len,
                                         struct plab_stratum_request *out, struct plab_error *err) {
    return tongue == PLAB_TONGUE_COINHIVE ? plab_coinhive_parse_request(line, len, out, err)
                                          : plab_stratum_parse_request(line, len, out, err);
}

bool plab_fuzz_same_id(const struct plab_stratum_id *a, const struct plab_stratum_id *b) {
    return a->is_text == b->is_text && a->number == b->number && strcmp(a->text, b->text) == 0;
}

size_t plab_fuzz_cut_line(const char **text, const char **line) {
    const char *lf = strchr(*text, '\n');
    FUZZ_HOLDS(lf != NULL);
    *line = *text;
    *text = lf + 1;
    size_t len = (size_t)(lf - *line);
    for (size_t i = 0; i < len; i++) {
        FUZZ_HOLDS((unsigned char)(*line)[i] >= ' ' || ((*line)[i] == '\r' && i + 1 == len));
    }
    return len;
}

static void hear(const struct plab_fuzz_voice *row, const char *text,
                 struct plab_stratum_reply *out) {
    struct plab_error err = {.text = ""};
    const char *line;
    size_t len = plab_fuzz_cut_line(&text, &line);
    FUZZ_HOLDS(*text == '\0');
    FUZZ_HOLDS(row->parse_reply(line, len, out, &err) == PLAB_OK);
    FUZZ_HOLDS(out->event == PLAB_EVENT_RESPONSE && !out->has_job);
}

static void check_answer(const struct plab_fuzz_voice *row,
                         const struct plab_voice_answer *answer) {
    static char text[PLAB_FUZZ_MESSAGE_MAX];
    struct plab_stratum_reply heard;
    FUZZ_HOLDS(row->voice->bad(text, sizeof text, answer) == strlen(text));
    hear(row, text, &heard);
    FUZZ_HOLDS(!heard.ok && plab_fuzz_same_id(&heard.id, answer->id));
    FUZZ_HOLDS(strncmp(heard.error, answer->error, PLAB_STRATUM_TEXT_MAX) == 0);
    FUZZ_HOLDS(row->voice->good(text, sizeof text, answer) == strlen(text));
    hear(row, text, &heard);
    FUZZ_HOLDS(heard.ok && plab_fuzz_same_id(&heard.id, answer->id));
    FUZZ_HOLDS(row->tongue != PLAB_TONGUE_CRYPTONOTE || strcmp(heard.status, answer->status) == 0);
}

void plab_fuzz_check_answers(enum plab_tongue tongue, const struct plab_stratum_id *id,
                             const char *error) {
    char cut[PLAB_STRATUM_TEXT_MAX + 1]; /* our own texts are longer, in ASCII */
    size_t count;
    const struct plab_fuzz_voice *voices = plab_fuzz_voices(&count);
    size_t len = strnlen(error, PLAB_STRATUM_TEXT_MAX);
    memcpy(cut, error, len);
    cut[len] = '\0';
    const struct plab_voice_answer answer = {
        .id = id, .status = "OK", .hashes = 7, .code = -1, .error = cut};
    for (size_t i = 0; i < count; i++) {
        if (voices[i].tongue == tongue) {
            check_answer(&voices[i], &answer);
        }
    }
}

void plab_fuzz_check_share(const struct plab_dialect *dialect, const struct plab_dialect_ask *ask) {
    static char text[PLAB_FUZZ_MESSAGE_MAX];
    static struct plab_stratum_request heard;
    struct plab_error err = {.text = ""};
    const struct plab_stratum_submit *sent = ask->submit, *got = &heard.submit;
    enum plab_tongue tongue = plab_fuzz_tongue_of(dialect);
    const char *rest = text, *line;
    FUZZ_HOLDS(dialect->ask[PLAB_ASK_SUBMIT].build(text, sizeof text, ask) == strlen(text));
    size_t len = plab_fuzz_cut_line(&rest, &line);
    FUZZ_HOLDS(plab_fuzz_parse_request(tongue, line, len, &heard, &err) == PLAB_OK);
    FUZZ_HOLDS(heard.method == PLAB_METHOD_SUBMIT && heard.tongue == tongue);
    FUZZ_HOLDS(!heard.id.is_text && heard.id.number == (dialect->websocket ? 0 : ask->id));
    FUZZ_HOLDS(strcmp(got->job_id, sent->job_id) == 0);
    FUZZ_HOLDS(memcmp(got->nonce, sent->nonce, sizeof got->nonce) == 0);
    FUZZ_HOLDS(got->no_session == (tongue != PLAB_TONGUE_CRYPTONOTE));
    if (tongue == PLAB_TONGUE_CRYPTONOTE) {
        FUZZ_HOLDS(strcmp(got->session_id, sent->session_id) == 0);
    }
    FUZZ_HOLDS(got->claims_nothing ==
               (tongue == PLAB_TONGUE_STRATUM1 || tongue == PLAB_TONGUE_TEMPLATE));
    if (!got->claims_nothing) {
        FUZZ_HOLDS(memcmp(got->result, sent->result, sizeof got->result) == 0);
    }
    if (dialect == plab_dialect_list(&(size_t){0})) { /* the first says all */
        FUZZ_HOLDS(strcmp(got->algo, sent->algo) == 0);
        FUZZ_HOLDS(got->has_commitment == sent->has_commitment);
        FUZZ_HOLDS(memcmp(got->commitment, sent->commitment, sizeof got->commitment) == 0);
    }
}
