/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/stage.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "arch/dispatch.h"
#include "base/hex.h"
#include "pow/hasher.h"
#include "tests/harness.h"

#define EVERY_HASH "ffffffffffffffff"
#define STALE_ANSWER "\"error\":{\"code\":-1,\"message\":\"Block expired\"}"

void put_blob(const struct stage *stage, char blob[153]) {
    memset(blob, '1', 152);
    memcpy(blob + 78, stage->nonce, 8);
    blob[152] = '\0';
}

static void say_job(struct stage *stage, struct fake_conn *conn, const char *head,
                    const char *tail) {
    char blob[153], seed[200] = "", algo[50] = "";
    put_blob(stage, blob);
    if (stage->with_seed) {
        snprintf(seed, sizeof seed, ",\"seed_hash\":\"%064x\"", stage->new_seeds ? stage->jobs : 1);
    }
    if (stage->announces) {
        snprintf(seed + strlen(seed), 100, ",\"next_seed_hash\":\"%064x\"", stage->jobs + 1);
    }
    bool other = stage->other_algo != NULL && stage->jobs % 2 != 0;
    const char *name = other ? stage->other_algo : stage->algo;
    if (name != NULL) {
        snprintf(algo, sizeof algo, ",\"algo\":\"%s\"", name);
    }
    fake_say(conn, "%s{\"blob\":\"%s\",\"job_id\":\"%u\",\"target\":\"" EVERY_HASH "\"%s%s}%s\n",
             head, blob, ++stage->jobs, seed, algo, tail);
}

static void notify_job(struct stage *stage, struct fake_conn *conn) {
    say_job(stage, conn, "{\"method\":\"job\",\"params\":", "}");
}

static void on_line(struct fake_conn *conn, const char *line) {
    struct stage *stage = conn->pool->cookie;
    struct plab_stratum_request request;
    if (plab_stratum_parse_request(line, strlen(line), &request, NULL) != PLAB_OK) {
        return;
    }
    if (request.method == PLAB_METHOD_LOGIN) {
        stage->conn = conn;
        say_job(stage, conn, "{\"id\":1,\"result\":{\"id\":\"s\",\"job\":", "}}");
    } else if (request.method == PLAB_METHOD_SUBMIT) {
        stage->submit[stage->submits++ % SUBMITS_MAX] = request.submit;
        bool stale =
            stage->job_every > 0 && strtoul(request.submit.job_id, NULL, 10) != stage->jobs;
        fake_say(conn, "{\"id\":%lld,%s}\n", (long long)request.id.number,
                 stale ? STALE_ANSWER : stage->submit_answer);
        if (!stale && stage->job_every > 0 && ++stage->of_this_job == stage->job_every) {
            stage->of_this_job = 0;
            notify_job(stage, conn);
        }
        if (stage->signal != 0 && stage->submits == 1) {
            kill(getpid(), stage->signal);
        }
    }
}

static void on_job_time(uv_timer_t *timer) {
    struct stage *stage = timer->data;
    for (struct fake_conn *conn = stage->pool.conns; conn != NULL; conn = conn->next) {
        if (conn == stage->conn) { /* still there */
            notify_job(stage, conn);
            return;
        }
    }
}

static void on_stop(uv_async_t *async) {
    struct stage *stage = async->data;
    fake_pool_stop(&stage->pool);
    uv_close((uv_handle_t *)&stage->stop, NULL);
    uv_close((uv_handle_t *)&stage->timer, NULL);
}

static void *pool_main(void *arg) {
    struct stage *stage = arg;
    uv_run(&stage->loop, UV_RUN_DEFAULT);
    return NULL;
}

void open_stage(struct stage *stage) {
    uv_loop_init(&stage->loop);
    uv_async_init(&stage->loop, &stage->stop, on_stop);
    uv_timer_init(&stage->loop, &stage->timer);
    stage->stop.data = stage->timer.data = stage;
    fake_pool_start(&stage->pool, &stage->loop, 0, on_line, stage);
    if (stage->job_ms > 0) {
        uv_timer_start(&stage->timer, on_job_time, stage->job_ms, stage->job_ms);
    }
    CHECK(pthread_create(&stage->thread, NULL, pool_main, stage) == 0);
}

void close_stage(struct stage *stage) {
    uv_async_send(&stage->stop);
    pthread_join(stage->thread, NULL);
    CHECK(uv_loop_close(&stage->loop) == 0);
}

struct stage *new_stage(void) {
    struct stage *stage = calloc(1, sizeof *stage);
    CHECK(stage != NULL);
    stage->submit_answer = "\"error\":null,\"result\":{\"status\":\"OK\"}";
    stage->nonce = "00000000";
    return stage;
}

void prepare(struct rig *rig, const struct stage *stage, const struct plab_algo *algo) {
    memset(rig, 0, sizeof *rig);
    rig->slots[0] = rig->slots[1] = (struct plab_pin_slot){-1, -1, -1, -1, false};
    rig->plan = (struct plab_pin_plan){.threads = 2, .slots = rig->slots};
    plab_kernels_select(&rig->kernels, 0);
    rig->url = (struct plab_url){.host = "127.0.0.1", .port = stage->deaf ? 1 : stage->pool.port};
    plab_client_defaults(&rig->config.client);
    rig->config.client.pools = &rig->url;
    rig->config.client.pool_count = 1;
    rig->config.client.retry_base_ms = 10;
    rig->config.client.retry_cap_ms = 50;
    rig->config.client.submit_burst = 1e9;
    strcpy(rig->config.client.login.login, "lab");
    rig->config.workers = (struct plab_workers_config){
        .plan = &rig->plan,
        .kernels = &rig->kernels,
        .pages = PLAB_PAGES_NEVER,
        .rx_mode = PLAB_RX_LIGHT,
        .duty_percent = 100,
    };
    rig->config.algo = algo;
    rig->config.duration_ms = 20000;
    rig->config.report_ms = 60000;
}

enum plab_status run(struct rig *rig, struct stage *stage) {
    enum plab_status status = plab_miner_run(&rig->config, &rig->result, &rig->err);
    if (!stage->deaf) {
        close_stage(stage);
    }
    return status;
}

unsigned kept_submits(const struct stage *stage) {
    return stage->submits < SUBMITS_MAX ? stage->submits : SUBMITS_MAX;
}

void check_submits(const struct stage *stage, const struct plab_algo *algo) {
    char text[153];
    uint8_t blob[76], hash[PLAB_HASH_BYTES], value[PLAB_HASH_BYTES];
    size_t len;
    struct plab_kernels kernels;
    struct plab_hasher *hasher;
    void *pad = aligned_alloc(64, algo->scratchpad_bytes);
    plab_kernels_select(&kernels, 0);
    put_blob(stage, text);
    CHECK(pad != NULL);
    CHECK(plab_hex_decode(text, 152, blob, sizeof blob, &len, NULL) == PLAB_OK);
    CHECK(plab_hasher_create(&hasher, algo, &kernels, 1, pad) == PLAB_OK);
    for (unsigned i = 0; i < kept_submits(stage); i++) {
        const struct plab_stratum_submit *submit = &stage->submit[i];
        memcpy(blob + PLAB_NONCE_OFFSET, submit->nonce, PLAB_NONCE_BYTES);
        plab_hasher_hash(hasher, blob, sizeof blob, hash);
        plab_algo_pow_value(algo, blob, sizeof blob, hash, value);
        CHECK_MEM(submit->result, value, sizeof value);
        for (unsigned k = 0; k < i; k++) {
            CHECK_MSG(memcmp(submit->nonce, stage->submit[k].nonce, 4) != 0,
                      "submits %u and %u are the same", k, i);
        }
    }
    plab_hasher_destroy(&hasher);
    free(pad);
}
