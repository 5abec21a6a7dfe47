/* SPDX-License-Identifier: BSD-3-Clause */
#include "stratum/dialect.h"

#include <string.h>

#include "stratum/dialect_priv.h"

static const struct plab_dialect dialects[] = {
    {
        .name = "xmrig",
        .summary = "XMRig 6.26",
        .job_in_login = true,
        .session_id = true,
        .ask = {[PLAB_ASK_LOGIN] = {plab_xmrig_login, 1},
                [PLAB_ASK_SUBMIT] = {plab_xmrig_submit, PLAB_ID_COUNTED},
                [PLAB_ASK_KEEPALIVE] = {plab_xmrig_keepalive, PLAB_ID_COUNTED}},
        .parse_reply = plab_stratum_parse_reply,
    },
    {
        .name = "xmr-stak",
        .summary = "xmr-stak 2.10",
        .lockstep = true,
        .job_in_login = true,
        .session_id = true,
        .ask = {[PLAB_ASK_LOGIN] = {plab_xmrstak_login, 1},
                [PLAB_ASK_SUBMIT] = {plab_xmrstak_submit, 1}},
        .parse_reply = plab_stratum_parse_reply,
    },
    {
        .name = "xmr-stak-cpu",
        .summary = "xmr-stak-cpu 1.3",
        .lockstep = true,
        .job_in_login = true,
        .session_id = true,
        .ask = {[PLAB_ASK_LOGIN] = {plab_xmrstak_cpu_login, 1},
                [PLAB_ASK_SUBMIT] = {plab_xmrstak_cpu_submit, 1}},
        .parse_reply = plab_stratum_parse_reply,
    },
    {
        .name = "cpuminer-multi",
        .summary = "cpuminer-multi 1.3",
        .job_in_login = true,
        .session_id = true,
        .ask = {[PLAB_ASK_LOGIN] = {plab_cpuminer_login, 1},
                [PLAB_ASK_SUBMIT] = {plab_cpuminer_submit, 4}},
        .parse_reply = plab_stratum_parse_reply,
    },
    {
        .name = "stratum1",
        .summary = "mining.subscribe, mining.authorize, mining.submit",
        .ask = {[PLAB_ASK_LOGIN] = {plab_stratum1_subscribe, 1},
                [PLAB_ASK_LOGIN_MORE] = {plab_stratum1_authorize, 2},
                [PLAB_ASK_EXTRA] = {plab_stratum1_extra, 3},
                [PLAB_ASK_SUBMIT] = {plab_stratum1_submit, 4}},
        .parse_reply = plab_stratum1_parse_reply,
    },
    {
        .name = "getblocktemplate",
        .summary = "getblocktemplate and submitblock on bare TCP",
        .job_in_login = true,
        .work_ms = 5000, /* cpuminer's scan time */
        .ask = {[PLAB_ASK_LOGIN] = {plab_template_ask, 0},
                [PLAB_ASK_SUBMIT] = {plab_template_submit, 4},
                [PLAB_ASK_WORK] = {plab_template_ask, 0}},
        .parse_reply = plab_template_parse_reply,
    },
    {
        .name = "ws-coinhive",
        .summary = "a browser miner of Coinhive's kind, over WebSocket",
        .websocket = true,
        .ask = {[PLAB_ASK_LOGIN] = {plab_coinhive_auth, 1},
                [PLAB_ASK_SUBMIT] = {plab_coinhive_submit, PLAB_ID_COUNTED}},
        .parse_reply = plab_coinhive_parse_reply,
    },
};

const struct plab_dialect *plab_dialect_list(size_t *count) {
    *count = PLAB_ARRAY_LEN(dialects);
    return dialects;
}

enum plab_status plab_dialect_find(const char *name, const struct plab_dialect **out,
                                   struct plab_error *err) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(dialects); i++) {
        if (strcmp(name, dialects[i].name) == 0) {
            *out = &dialects[i];
            return PLAB_OK;
        }
    }
    return plab_fail(err, PLAB_E_USAGE,
                     "\"%.40s\" is no dialect; there are xmrig, xmr-stak, xmr-stak-cpu, "
                     "cpuminer-multi, stratum1, getblocktemplate, ws-coinhive",
                     name);
}

/* ---- algorithm lists ---- */

/* What a CPU-only XMRig 6.26.0 lists. */
static const char *const xmrig_algos[] = {
    "cn/0",        "cn/1",      "cn/2",       "cn/r",          "cn/fast",         "cn/half",
    "cn/xao",      "cn/rto",    "cn/rwz",     "cn/zls",        "cn/double",       "cn/ccx",
    "cn-lite/0",   "cn-lite/1", "cn-heavy/0", "cn-heavy/tube", "cn-heavy/xhv",    "cn-pico",
    "cn-pico/tlo", "cn/upx2",   "rx/0",       "rx/2",          "rx/wow",          "rx/arq",
    "rx/graft",    "rx/sfx",    "rx/yada",    "argon2/chukwa", "argon2/chukwav2", "argon2/ninja",
    "ghostrider"};

static void list_as_xmrig(struct plab_stratum_login *login, const char *first) {
    size_t swap = 0;
    login->algo_count = PLAB_ARRAY_LEN(xmrig_algos);
    for (size_t i = 0; i < login->algo_count; i++) {
        memcpy(login->algo[i], xmrig_algos[i], strlen(xmrig_algos[i]) + 1);
        swap = first != NULL && strcmp(first, xmrig_algos[i]) == 0 ? i : swap;
    }
    memcpy(login->algo[swap], xmrig_algos[0], strlen(xmrig_algos[0]) + 1);
    memcpy(login->algo[0], xmrig_algos[swap], strlen(xmrig_algos[swap]) + 1);
}

static bool is_name(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] == 127 || (unsigned char)text[i] > 127) {
            return false;
        }
    }
    return len > 0 && len < PLAB_STRATUM_NAME_MAX;
}

enum plab_status plab_dialect_algo_list(struct plab_stratum_login *login, const char *text,
                                        const char *first, struct plab_error *err) {
    login->algo_count = 0;
    if (strcmp(text, "xmrig") == 0) {
        list_as_xmrig(login, first);
        return PLAB_OK;
    }
    while (*text != '\0') {
        size_t len = strcspn(text, ",");
        if (!is_name(text, len) || login->algo_count == PLAB_STRATUM_ALGO_MAX) {
            return plab_fail(err, PLAB_E_USAGE,
                             "a list of algorithms is \"xmrig\" or at most %d names of 1 to %d "
                             "characters, separated by commas",
                             PLAB_STRATUM_ALGO_MAX, PLAB_STRATUM_NAME_MAX - 1);
        }
        memcpy(login->algo[login->algo_count], text, len);
        login->algo[login->algo_count++][len] = '\0';
        text += len + (text[len] == ',');
    }
    return PLAB_OK;
}
