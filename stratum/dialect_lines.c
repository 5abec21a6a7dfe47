/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests of the clients that speak login and submit; each as its original writes them. */
#include <inttypes.h>
#include <string.h>

#include "stratum/dialect_priv.h"
#include "stratum/writer_priv.h"

/* ---- xmrig ---- */

size_t plab_xmrig_login(char *out, size_t cap, const struct plab_dialect_ask *ask) {
    return plab_stratum_build_login(out, cap, ask->id, ask->login);
}

size_t plab_xmrig_submit(char *out, size_t cap, const struct plab_dialect_ask *ask) {
    return plab_stratum_build_submit(out, cap, ask->id, ask->submit);
}

size_t plab_xmrig_keepalive(char *out, size_t cap, const struct plab_dialect_ask *ask) {
    return plab_stratum_build_keepalived(out, cap, ask->id, ask->session_id);
}

/* ---- xmr-stak, xmr-stak-cpu ---- */

static size_t stak_finish(struct plab_writer *w, int64_t id) {
    plab_put_format(w, "},\"id\":%" PRId64, id);
    return plab_finish(w, "}");
}

static void stak_begin_login(struct plab_writer *w, const struct plab_stratum_login *login) {
    plab_put_member(w, "{\"method\":\"login\",\"params\":{\"login\":", login->login);
    plab_put_member(w, ",\"pass\":", login->pass);
}

/* The rig id stands there even when it is empty. */
size_t plab_xmrstak_login(char *out, size_t cap, const struct plab_dialect_ask *ask) {
    struct plab_writer w = {.out = out, .cap = cap};
    stak_begin_login(&w, ask->login);
    plab_put_member(&w, ",\"rigid\":", ask->login->rig_id);
    plab_put_member(&w, ",\"agent\":", ask->login->agent);
    return stak_finish(&w, ask->id);
}

size_t plab_xmrstak_cpu_login(char *out, size_t cap, const struct plab_dialect_ask *ask) {
    struct plab_writer w = {.out = out, .cap = cap};
    stak_begin_login(&w, ask->login);
    plab_put_member(&w, ",\"agent\":", ask->login->agent);
    return stak_finish(&w, ask->id);
}

static void stak_begin_submit(struct plab_writer *w, const struct plab_stratum_submit *submit) {
    plab_put_member(w, "{\"method\":\"submit\",\"params\":{\"id\":", submit->session_id);
    plab_put_member(w, ",\"job_id\":", submit->job_id);
    plab_put_hex(w, ",\"nonce\":", submit->nonce, sizeof submit->nonce);
    plab_put_hex(w, ",\"result\":", submit->result, sizeof submit->result);
}

/* For pools with the extension "algo": xmr-stak's own name, and the three numbers that define the
 * algorithm. It knows no RandomX, so that a share of another algorithm says nothing of the kind. */
static void stak_put_algo(struct plab_writer *w, const char *algo) {
    static const char *const names[][2] = {{"cn/0", "cryptonight"},
                                           {"cn/1", "cryptonight_v7"},
                                           {"cn/2", "cryptonight_v8"},
                                           {"cn/r", "cryptonight_r"}};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(names); i++) {
        if (strcmp(algo, names[i][0]) == 0) {
            plab_put_member(w, ",\"algo\":", names[i][1]);
            plab_put_member(w, ",\"base_algo\":", names[i][1]);
            plab_put(w, ",\"iterations\":\"0x00080000\",\"scratchpad\":\"0x00200000\",\"mask\":"
                        "\"0x001ffff0\"");
        }
    }
}

size_t plab_xmrstak_submit(char *out, size_t cap, const struct plab_dialect_ask *ask) {
    struct plab_writer w = {.out = out, .cap = cap};
    stak_begin_submit(&w, ask->submit);
    stak_put_algo(&w, ask->submit->algo);
    return stak_finish(&w, ask->id);
}

size_t plab_xmrstak_cpu_submit(char *out, size_t cap, const struct plab_dialect_ask *ask) {
    struct plab_writer w = {.out = out, .cap = cap};
    stak_begin_submit(&w, ask->submit);
    return stak_finish(&w, ask->id);
}

/* ---- cpuminer-multi ---- */

size_t plab_cpuminer_login(char *out, size_t cap, const struct plab_dialect_ask *ask) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put_member(&w, "{\"method\": \"login\", \"params\": {\"login\": ", ask->login->login);
    plab_put_member(&w, ", \"pass\": ", ask->login->pass);
    plab_put_member(&w, ", \"agent\": ", ask->login->agent);
    plab_put_format(&w, "}, \"id\": %" PRId64, ask->id);
    return plab_finish(&w, "}");
}

/* Its text ends in CR LF already when the sender adds a line feed. */
size_t plab_cpuminer_submit(char *out, size_t cap, const struct plab_dialect_ask *ask) {
    const struct plab_stratum_submit *submit = ask->submit;
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put_member(&w, "{\"method\": \"submit\", \"params\": {\"id\": ", submit->session_id);
    plab_put_member(&w, ", \"job_id\": ", submit->job_id);
    plab_put_hex(&w, ", \"nonce\": ", submit->nonce, sizeof submit->nonce);
    plab_put_hex(&w, ", \"result\": ", submit->result, sizeof submit->result);
    plab_put_format(&w, "}, \"id\":%" PRId64, ask->id);
    return plab_finish(&w, "}\r\n");
}
