/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pool under test: a real one on 127.0.0.1 in a thread of its own, with small algorithms, and a
 * client that says exactly what a test wants.
 */
#ifndef PLAB_TESTS_POOL_LAB_H
#define PLAB_TESTS_POOL_LAB_H

#include <openssl/ssl.h>
#include <pthread.h>

#include "pool/server.h"
#include "stratum/msg.h"
#include "tests/mini_algos.h"

struct pool_lab {
    struct plab_pool_config config; /* may be changed between lab_init() and lab_start() */
    struct plab_kernels kernels;
    char tls_dir[32]; /* ""; or a folder that goes with the pool */
    struct plab_pool *pool;
    pthread_t thread;
    enum plab_status status; /* of the run, after lab_stop() */
    struct plab_error err;
    struct plab_pool_stats stats; /* after lab_stop() */
};

/* A configuration for tests: `algo`, fixed difficulty 4, no blocks, portable kernels. */
void lab_init(struct pool_lab *lab, const struct plab_algo *algo);
/* Gives it a folder for its certificates, for one run. */
void lab_make_tls_dir(struct pool_lab *lab);
void lab_start(struct pool_lab *lab);
/* Stops the pool, or waits for it if it ends by itself. */
void lab_stop(struct pool_lab *lab);
void lab_wait(struct pool_lab *lab);

struct lab_client {
    int fd;
    SSL *ssl; /* NULL: plain */
    char buffer[65536];
    size_t len;
    char session[PLAB_STRATUM_ID_MAX + 1];
    struct plab_stratum_job job;     /* the newest */
    struct plab_stratum_reply reply; /* the last response */
    unsigned jobs;                   /* notifications so far */
    int64_t next_id;
};

/* Connects; nothing is said yet. */
void client_open(struct lab_client *client, const struct pool_lab *lab);
/* The same at listener `index`, with TLS by OpenSSL itself when `context` isn't NULL (borrowed).
 * The handshake is over then, or `client->ssl` is NULL again. */
void client_open_at(struct lab_client *client, const struct pool_lab *lab, size_t index,
                    SSL_CTX *context);
void client_close(struct lab_client *client);
void client_send(struct lab_client *client, const char *text);
void client_send_bytes(struct lab_client *client, const void *bytes, size_t len);
/* Reads lines until a response comes (jobs on the way are taken); false at the end of the
 * connection, or after five seconds. */
bool client_response(struct lab_client *client);
/* Reads one job notification; false as above. */
bool client_job(struct lab_client *client);
/* True when the pool closes the connection within five seconds. */
bool client_is_hung_up(struct lab_client *client);
/* Opens, logs in as `login` and fails the test when that doesn't work. */
void client_login(struct lab_client *client, const struct pool_lab *lab, const char *login);

/* The same on a connection that is open already. */
void client_log_in(struct lab_client *client, const char *login);

/* Looks for a nonce from `first` on whose value meets (or, with `good` false, misses) the job's
 * target, with the job's own algorithm; fills in a submit. */
void client_mine(struct lab_client *client, const struct pool_lab *lab, uint32_t first, bool good,
                 struct plab_stratum_submit *submit);
/* Sends a submit and waits for its answer: "" when accepted, else the error text, "(closed)"
 * without one. */
const char *client_submit(struct lab_client *client, const struct plab_stratum_submit *submit);

#endif
