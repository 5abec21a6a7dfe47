/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/pool_lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "arch/dispatch.h"
#include "base/bytes.h"
#include "pow/hasher.h"
#include "stratum/target.h"
#include "tests/harness.h"
#include "tests/vector_file.h"

void lab_init(struct pool_lab *lab, const struct plab_algo *algo) {
    memset(lab, 0, sizeof *lab);
    plab_kernels_select(&lab->kernels, 0);
    plab_pool_config_init(&lab->config);
    lab->config.algo = algo;
    lab->config.kernels = &lab->kernels;
    lab->config.listen[0] = "127.0.0.1:0";
    lab->config.listen_count = 1;
    lab->config.difficulty = 4;
    lab->config.network_difficulty = UINT64_MAX;
}

void lab_make_tls_dir(struct pool_lab *lab) {
    strcpy(lab->tls_dir, "/tmp/powlab-test-tls-XXXXXX");
    CHECK(mkdtemp(lab->tls_dir) != NULL);
    lab->config.tls.ca.dir = lab->tls_dir;
}

static void drop_tls_dir(struct pool_lab *lab) {
    char command[64];
    if (lab->tls_dir[0] != '\0') {
        snprintf(command, sizeof command, "rm -r '%s'", lab->tls_dir);
        CHECK(system(command) == 0);
        lab->tls_dir[0] = '\0';
    }
}

static void *run(void *cookie) {
    struct pool_lab *lab = cookie;
    lab->status = plab_pool_run(lab->pool, &lab->err);
    return NULL;
}

void lab_start(struct pool_lab *lab) {
    enum plab_status status = plab_pool_create(&lab->pool, &lab->config, &lab->err);
    CHECK_MSG(status == PLAB_OK, "%s", lab->err.text);
    CHECK(pthread_create(&lab->thread, NULL, run, lab) == 0);
}

void lab_wait(struct pool_lab *lab) {
    pthread_join(lab->thread, NULL);
    plab_pool_stats(lab->pool, &lab->stats);
    plab_pool_destroy(&lab->pool);
    drop_tls_dir(lab);
}

void lab_stop(struct pool_lab *lab) {
    plab_pool_stop(lab->pool);
    lab_wait(lab);
}

static void begin_tls(struct lab_client *client, SSL_CTX *context) {
    client->ssl = SSL_new(context);
    CHECK(client->ssl != NULL && SSL_set_fd(client->ssl, client->fd) == 1);
    if (SSL_connect(client->ssl) != 1) {
        SSL_free(client->ssl);
        client->ssl = NULL;
    }
}

void client_open_at(struct lab_client *client, const struct pool_lab *lab, size_t index,
                    SSL_CTX *context) {
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(plab_pool_port(lab->pool, index)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 5};
    memset(client, 0, sizeof *client);
    client->next_id = 1;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(client->fd >= 0);
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    CHECK(connect(client->fd, (struct sockaddr *)&addr, sizeof addr) == 0);
    if (context != NULL) {
        begin_tls(client, context);
    }
}

void client_open(struct lab_client *client, const struct pool_lab *lab) {
    client_open_at(client, lab, 0, NULL);
}

static ssize_t get_bytes(struct lab_client *client, void *out, size_t cap) {
    return client->ssl != NULL ? SSL_read(client->ssl, out, (int)cap)
                               : recv(client->fd, out, cap, 0);
}

static ssize_t put_bytes(struct lab_client *client, const void *bytes, size_t len) {
    return client->ssl != NULL ? SSL_write(client->ssl, bytes, (int)len)
                               : send(client->fd, bytes, len, MSG_NOSIGNAL);
}

void client_close(struct lab_client *client) {
    SSL_free(client->ssl);
    client->ssl = NULL;
    close(client->fd);
    client->fd = -1;
}

void client_send_bytes(struct lab_client *client, const void *bytes, size_t len) {
    const char *at = bytes;
    while (len > 0) {
        ssize_t sent = put_bytes(client, at, len);
        if (sent <= 0) {
            return; /* hung up on: the test finds out when it reads */
        }
        at += sent;
        len -= (size_t)sent;
    }
}

void client_send(struct lab_client *client, const char *text) {
    client_send_bytes(client, text, strlen(text));
}

/* Takes the next line out of the buffer, into `line`. */
static bool next_line(struct lab_client *client, char *line, size_t cap) {
    for (;;) {
        char *end = memchr(client->buffer, '\n', client->len);
        if (end != NULL) {
            size_t len = (size_t)(end - client->buffer);
            CHECK(len < cap);
            memcpy(line, client->buffer, len);
            line[len] = '\0';
            client->len -= len + 1;
            memmove(client->buffer, end + 1, client->len);
            return true;
        }
        ssize_t got =
            get_bytes(client, client->buffer + client->len, sizeof client->buffer - client->len);
        if (got <= 0) {
            return false;
        }
        client->len += (size_t)got;
    }
}

static bool next_message(struct lab_client *client, struct plab_stratum_reply *reply) {
    static char line[65536];
    struct plab_error err;
    if (!next_line(client, line, sizeof line)) {
        return false;
    }
    CHECK_MSG(plab_stratum_parse_reply(line, strlen(line), reply, &err) == PLAB_OK, "%s: %s",
              err.text, line);
    if (reply->has_job) {
        client->job = reply->job;
    }
    client->jobs += reply->event == PLAB_EVENT_JOB;
    return true;
}

bool client_response(struct lab_client *client) {
    do {
        if (!next_message(client, &client->reply)) {
            return false;
        }
    } while (client->reply.event != PLAB_EVENT_RESPONSE);
    return true;
}

bool client_job(struct lab_client *client) {
    struct plab_stratum_reply reply;
    return next_message(client, &reply) && reply.event == PLAB_EVENT_JOB;
}

bool client_is_hung_up(struct lab_client *client) {
    char rest[4096];
    ssize_t got;
    do {
        got = get_bytes(client, rest, sizeof rest);
    } while (got > 0);
    return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

void client_log_in(struct lab_client *client, const char *login) {
    static char line[4096];
    struct plab_stratum_login message = {.pass = "x", .agent = "test"};
    memcpy(message.login, login, strlen(login) + 1);
    CHECK(plab_stratum_build_login(line, sizeof line, client->next_id++, &message) > 0);
    client_send(client, line);
    CHECK(client_response(client));
    CHECK_MSG(client->reply.ok && client->reply.has_session && client->reply.has_job, "%s",
              client->reply.error);
    memcpy(client->session, client->reply.session_id, sizeof client->session);
}

void client_login(struct lab_client *client, const struct pool_lab *lab, const char *login) {
    client_open(client, lab);
    client_log_in(client, login);
}

/* A hasher with memory of its own. */
struct miner {
    struct plab_hasher *hasher;
    void *scratchpad, *cache_memory;
    struct plab_rx_cache *cache;
};

static void miner_start(struct miner *miner, const struct pool_lab *lab,
                        const struct plab_stratum_job *job) {
    const struct plab_algo *algo = lab->config.algo;
    memset(miner, 0, sizeof *miner);
    miner->scratchpad = plab_test_alloc(algo->scratchpad_bytes);
    CHECK(plab_hasher_create(&miner->hasher, algo, &lab->kernels, 1, miner->scratchpad) == PLAB_OK);
    if (algo->needs_seed) {
        CHECK(job->has_seed);
        miner->cache_memory = plab_test_alloc(plab_rx_cache_bytes(algo->rx));
        CHECK(plab_rx_cache_create(&miner->cache, algo->rx, &lab->kernels, miner->cache_memory) ==
              PLAB_OK);
        CHECK(plab_rx_cache_build(miner->cache, job->seed_hash, 32, NULL, NULL) == PLAB_OK);
        plab_hasher_set_seed(miner->hasher, miner->cache, NULL, 0);
    }
    plab_hasher_set_height(miner->hasher, job->height);
    CHECK(plab_hasher_check(miner->hasher, job->blob_len, NULL) == PLAB_OK);
}

static void miner_end(struct miner *miner) {
    plab_hasher_destroy(&miner->hasher);
    if (miner->cache != NULL) {
        plab_rx_cache_destroy(&miner->cache);
    }
    free(miner->scratchpad);
    free(miner->cache_memory);
}

void client_mine(struct lab_client *client, const struct pool_lab *lab, uint32_t first, bool good,
                 struct plab_stratum_submit *submit) {
    struct plab_stratum_job *job = &client->job;
    struct miner miner;
    uint8_t hash[PLAB_HASH_BYTES];
    miner_start(&miner, lab, job);
    memset(submit, 0, sizeof *submit);
    for (uint32_t nonce = first;; nonce++) {
        plab_store32_le(job->blob + PLAB_NONCE_OFFSET, nonce);
        plab_hasher_hash(miner.hasher, job->blob, job->blob_len, hash);
        plab_algo_pow_value(lab->config.algo, job->blob, job->blob_len, hash, submit->result);
        if (plab_target_met(submit->result, job->target) == good) {
            plab_store32_le(submit->nonce, nonce);
            break;
        }
    }
    submit->has_commitment = lab->config.algo->has_commitment;
    memcpy(submit->commitment, hash, sizeof hash);
    memcpy(submit->session_id, client->session, sizeof submit->session_id);
    memcpy(submit->job_id, job->job_id, sizeof submit->job_id);
    miner_end(&miner);
}

const char *client_submit(struct lab_client *client, const struct plab_stratum_submit *submit) {
    static char line[4096];
    CHECK(plab_stratum_build_submit(line, sizeof line, client->next_id++, submit) > 0);
    client_send(client, line);
    if (!client_response(client)) {
        return "(closed)";
    }
    CHECK_U64(client->reply.id.number, client->next_id - 1);
    return client->reply.ok ? "" : client->reply.error;
}
