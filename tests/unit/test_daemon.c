/* SPDX-License-Identifier: BSD-3-Clause */
/* The bridge against a scripted daemon on loopback: refusals, faults, a template, a block handed
 * in. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "daemon/block.h"
#include "daemon/rpc_msg.h"
#include "tests/harness.h"
#include "tests/unit/pool_lab.h"
#include "tests/vector_file.h"

/* A daemon that answers each connection by the method in its request. */
struct fake {
    int fd;
    uint16_t port;
    pthread_t thread;
    atomic_bool stop;
    _Atomic(const char *) info; /* answer to get_info: a body, or NULL: say nothing */
    char template[9000];
    const char *submit;
    atomic_uint polls;
    char submitted[9000]; /* hex of the block handed in */
    atomic_bool has_submitted;
};

static struct fake fake;
static struct pool_lab lab;
static struct lab_client client;
static struct plab_algo rx_like; /* small, under the name that a daemon's chain needs */

static const char regtest[] = "{\"result\":{\"nettype\":\"fakechain\",\"mainnet\":false,"
                              "\"height\":91,\"top_block_hash\":\"aa\",\"status\":\"OK\"}}";

/* Reads a whole request; false when the peer goes away. */
static bool read_request(int fd, char *request, size_t cap) {
    size_t len = 0, want = 0;
    while (want == 0 || len < want) {
        ssize_t got = recv(fd, request + len, cap - 1 - len, 0);
        if (got <= 0) {
            return false;
        }
        len += (size_t)got;
        request[len] = '\0';
        const char *body = strstr(request, "\r\n\r\n");
        const char *field = strstr(request, "Content-Length: ");
        if (want == 0 && body != NULL && field != NULL) {
            want = (size_t)(body - request) + 4 + (size_t)atoi(field + 16);
        }
    }
    return true;
}

static const char *answer_to(const char *request) {
    if (strstr(request, "\"get_info\"") != NULL) {
        atomic_fetch_add(&fake.polls, 1);
        return fake.info;
    }
    if (strstr(request, "\"get_block_template\"") != NULL) {
        return fake.template;
    }
    const char *hex = strstr(request, "\"params\":[\"");
    if (hex != NULL && !atomic_load(&fake.has_submitted)) {
        hex += 11;
        snprintf(fake.submitted, sizeof fake.submitted, "%.*s", (int)strcspn(hex, "\""), hex);
        atomic_store(&fake.has_submitted, true);
    }
    return fake.submit;
}

static void *fake_main(void *cookie) {
    static char request[20000], answer[20000];
    (void)cookie;
    while (!atomic_load(&fake.stop)) {
        int fd = accept(fake.fd, NULL, NULL);
        if (fd < 0) {
            continue;
        }
        if (read_request(fd, request, sizeof request)) {
            const char *body = answer_to(request);
            if (body != NULL) {
                int len = snprintf(answer, sizeof answer,
                                   "HTTP/1.1 200 Ok\r\nContent-Length: %zu\r\n\r\n%s", strlen(body),
                                   body);
                send(fd, answer, (size_t)len, MSG_NOSIGNAL);
            }
        }
        close(fd);
    }
    return NULL;
}

static void fake_start(const char *info) {
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_usec = 50000};
    socklen_t len = sizeof addr;
    memset(&fake, 0, sizeof fake);
    fake.info = info;
    fake.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fake.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    CHECK(bind(fake.fd, (struct sockaddr *)&addr, sizeof addr) == 0 && listen(fake.fd, 16) == 0);
    CHECK(getsockname(fake.fd, (struct sockaddr *)&addr, &len) == 0);
    fake.port = ntohs(addr.sin_port);
    CHECK(pthread_create(&fake.thread, NULL, fake_main, NULL) == 0);
}

static void fake_stop(void) {
    atomic_store(&fake.stop, true);
    pthread_join(fake.thread, NULL);
    close(fake.fd);
}

/* A template of a real daemon, with a small difficulty. */
static void script_template(uint64_t difficulty) {
    static struct plab_vector_file file;
    plab_vector_open(&file, "tests/vectors/monero_template.txt");
    CHECK(plab_vector_next(&file) && plab_vector_next(&file));
    snprintf(
        fake.template, sizeof fake.template,
        "{\"result\":{\"blocktemplate_blob\":\"%s\",\"blockhashing_blob\":\"%s\",\"height\":%s,"
        "\"reserved_offset\":%s,\"difficulty\":%llu,\"seed_hash\":\"%064d\",\"status\":\"OK\"}}",
        plab_vector_text(&file, 0), plab_vector_text(&file, 1), plab_vector_text(&file, 2),
        plab_vector_text(&file, 3), (unsigned long long)difficulty, 7);
    plab_vector_close(&file);
}

static void configure(void) {
    static char url[60];
    rx_like = mini_rx;
    rx_like.name = "rx/0";
    lab_init(&lab, &rx_like);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", fake.port);
    lab.config.daemon_url = url;
    lab.config.wallet = PLAB_RPC_LAB_WALLET;
}

TEST(daemon, main_network_is_refused) {
    fake_start("{\"result\":{\"nettype\":\"mainnet\",\"mainnet\":true,\"height\":3000000}}");
    configure();
    lab_start(&lab);
    lab_wait(&lab);
    CHECK(lab.status == PLAB_E_REFUSED);
    CHECK_MSG(strstr(lab.err.text, "regtest") != NULL, "%s", lab.err.text);
    fake_stop();
}

TEST(daemon, silence_and_absence_are_network_errors) {
    fake_start(NULL);
    configure();
    lab_start(&lab);
    lab_wait(&lab);
    CHECK(lab.status == PLAB_E_PROTOCOL);
    fake_stop();
    lab_start(&lab); /* nobody listens there any more */
    lab_wait(&lab);
    CHECK(lab.status == PLAB_E_NETWORK);
    CHECK_MSG(strstr(lab.err.text, "127.0.0.1") != NULL, "%s", lab.err.text);
}

TEST(daemon, addresses_and_wallets_are_checked_first) {
    struct plab_pool *pool;
    fake.port = 1;
    configure();
    lab.config.daemon_url = "http://8.8.8.8:18081";
    CHECK(plab_pool_create(&pool, &lab.config, &lab.err) == PLAB_E_REFUSED);
    lab.config.daemon_url = "http://[2001:4860:4860::8888]:18081";
    CHECK(plab_pool_create(&pool, &lab.config, &lab.err) == PLAB_E_REFUSED);
    lab.config.daemon_url = "https://127.0.0.1:18081";
    CHECK(plab_pool_create(&pool, &lab.config, &lab.err) == PLAB_E_USAGE);
    lab.config.daemon_url = "http://127.0.0.1:18081";
    lab.config.wallet = "me";
    CHECK(plab_pool_create(&pool, &lab.config, &lab.err) == PLAB_E_USAGE);
    lab.config.wallet = PLAB_RPC_LAB_WALLET;
    lab.config.algo = &mini_rx;
    CHECK(plab_pool_create(&pool, &lab.config, &lab.err) == PLAB_E_USAGE);
    CHECK(pool == NULL);
}

TEST(daemon, a_block_is_handed_in) {
    static uint8_t bytes[5000], hashing[PLAB_BLOCK_HASHING_MAX];
    struct plab_stratum_submit submit;
    struct plab_block block;
    struct plab_block_branch branch;
    size_t len;
    fake_start(regtest);
    script_template(2);
    fake.submit = "{\"result\":{\"status\":\"OK\"}}";
    configure();
    lab_start(&lab);
    client_login(&client, &lab, "worker1"); /* waits until there is a template */
    CHECK_U64(client.job.height, 91);
    client_mine(&client, &lab, 7, true, &submit);
    CHECK_STR(client_submit(&client, &submit), "");
    for (int i = 0; i < 3000 && !atomic_load(&fake.has_submitted); i++) {
        plab_clock_sleep_ns(1000000);
    }
    CHECK(atomic_load(&fake.has_submitted));
    plab_clock_sleep_ns(200000000);
    struct plab_stratum_submit rival; /* on the same tip: a good share, but no second block */
    client_mine(&client, &lab, 1000, true, &rival);
    CHECK_STR(client_submit(&client, &rival), "");
    client_close(&client);
    lab_stop(&lab);
    CHECK_U64(lab.stats.blocks_found, 2);
    CHECK_U64(lab.stats.blocks_accepted, 1);
    /* What was handed in is a block with the miner's work in it. */
    CHECK(plab_hex_decode(fake.submitted, strlen(fake.submitted), bytes, sizeof bytes, &len,
                          NULL) == PLAB_OK);
    CHECK(plab_block_parse(bytes, len, &block, NULL) == PLAB_OK);
    CHECK_MEM(bytes + block.nonce_at, submit.nonce, 4);
    CHECK(plab_block_branch_make(&block, bytes, &branch) == PLAB_OK);
    memcpy(client.job.blob + 39, submit.nonce, 4);
    CHECK_U64(plab_block_hashing_blob(&block, bytes, &branch, hashing), client.job.blob_len);
    CHECK_MEM(hashing, client.job.blob, client.job.blob_len);
    fake_stop();
}

TEST(daemon, a_refused_block_is_counted_as_such) {
    struct plab_stratum_submit submit;
    fake_start(regtest);
    script_template(2);
    fake.submit = "{\"error\":{\"code\":-7,\"message\":\"Block not accepted\"}}";
    configure();
    lab_start(&lab);
    client_login(&client, &lab, "worker1");
    client_mine(&client, &lab, 0, true, &submit);
    CHECK_STR(client_submit(&client, &submit), "");
    for (int i = 0; i < 3000 && !atomic_load(&fake.has_submitted); i++) {
        plab_clock_sleep_ns(1000000);
    }
    plab_clock_sleep_ns(200000000);
    client_close(&client);
    lab_stop(&lab);
    CHECK_U64(lab.stats.blocks_found, 1);
    CHECK_U64(lab.stats.blocks_accepted, 0);
    fake_stop();
}

TEST(daemon, an_outage_is_survived) {
    struct plab_stratum_submit submit;
    fake_start(regtest);
    script_template(1000000);
    configure();
    lab_start(&lab);
    client_login(&client, &lab, "worker1");
    fake.info = "{\"error\":{\"message\":\"busy\"}}";
    unsigned polls = atomic_load(&fake.polls);
    for (int i = 0; i < 5000 && atomic_load(&fake.polls) < polls + 2; i++) {
        plab_clock_sleep_ns(1000000);
    }
    CHECK(atomic_load(&fake.polls) >= polls + 2); /* it goes on asking */
    client_mine(&client, &lab, 0, true, &submit);
    CHECK_STR(client_submit(&client, &submit), "");
    /* But a daemon that turns out to be on the main network ends everything. */
    fake.info = "{\"result\":{\"nettype\":\"mainnet\",\"mainnet\":true,\"height\":91}}";
    lab_wait(&lab);
    CHECK(lab.status == PLAB_E_REFUSED);
    client_close(&client);
    fake_stop();
}
