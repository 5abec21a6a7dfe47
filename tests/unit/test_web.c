/* SPDX-License-Identifier: BSD-3-Clause */
/* The pool's web server in a real pool: what it says after shares, and that it ends with the pool.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/harness.h"
#include "tests/unit/pool_lab.h"

static struct pool_lab lab;
static struct lab_client client;

static int request(const char *path) {
    char text[200];
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(plab_pool_web_port(lab.pool)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 5};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int len = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    CHECK(send(fd, text, (size_t)len, MSG_NOSIGNAL) == len);
    return fd;
}

/* Reads until `text` has come or the connection ends; returns what was read. */
static const char *hear(int fd, const char *text) {
    static char buffer[200000];
    size_t len = 0;
    ssize_t got;
    while ((got = recv(fd, buffer + len, sizeof buffer - 1 - len, 0)) > 0) {
        len += (size_t)got;
        buffer[len] = '\0';
        if (text != NULL && strstr(buffer, text) != NULL) {
            break;
        }
    }
    buffer[len] = '\0';
    return buffer;
}

static const char *get(const char *path) {
    int fd = request(path);
    const char *text = hear(fd, NULL);
    close(fd);
    return text;
}

static void start(void) {
    lab_init(&lab, &mini_cn);
    lab.config.web_listen = "0";
    lab_start(&lab);
}

TEST(web, tells_what_the_pool_did) {
    struct plab_stratum_submit submit;
    start();
    CHECK(strstr(get("/healthz"), "{\"status\":\"ok\"}") != NULL);
    CHECK(strstr(get("/api/v1/workers"), "\"count\":0") != NULL);
    client_login(&client, &lab, "worker1");
    client_mine(&client, &lab, 0, true, &submit);
    CHECK_STR(client_submit(&client, &submit), "");
    CHECK_STR(client_submit(&client, &submit), "Duplicate share");
    const char *text = get("/api/v1/summary");
    CHECK(strncmp(text, "HTTP/1.1 200 ", 13) == 0);
    CHECK(strstr(text, "\"shares\":{\"accepted\":1,\"rejected\":1,\"accepted_work\":4,") != NULL);
    CHECK(strstr(text, "\"duplicate\":1") != NULL);
    CHECK(strstr(text, "\"height\":100000") != NULL);
    text = get("/metrics");
    CHECK(strstr(text, "\npowlab_pool_shares_total{verdict=\"accepted\"} 1\n") != NULL);
    CHECK(strstr(text, "\npowlab_pool_share_latency_seconds_count 1\n") != NULL);
    text = get("/api/v1/shares");
    CHECK(strstr(text, "\"login\":\"worker1\",\"verdict\":\"duplicate\"") != NULL);
    CHECK(strstr(get("/app.js"), "'use strict'") != NULL);
    CHECK(strncmp(get("/app"), "HTTP/1.1 404 ", 13) == 0);
    client_close(&client);
    lab_stop(&lab);
    CHECK(lab.status == PLAB_OK);
}

/* A snapshot at once, and another with each second; the pool stops with a watcher. */
TEST(web, streams_snapshots) {
    start();
    int fd = request("/api/v1/events");
    const char *text = hear(fd, "}\n\n");
    CHECK(strstr(text, "\r\nContent-Type: text/event-stream\r\n") != NULL);
    CHECK(strstr(text, "\r\n\r\ndata: {\"schema\":\"powlab-api-snapshot/1\",") != NULL);
    text = hear(fd, "}\n\n");
    CHECK(strncmp(text, "data: {\"schema\":\"powlab-api-snapshot/1\",", 40) == 0);
    lab_stop(&lab);
    CHECK(lab.status == PLAB_OK);
    hear(fd, NULL);
    close(fd);
}

TEST(web, a_bad_address_is_told) {
    lab_init(&lab, &mini_cn);
    lab.config.web_listen = "localhost";
    CHECK(plab_pool_create(&lab.pool, &lab.config, &lab.err) == PLAB_E_USAGE);
    lab.config.web_listen = "0.0.0.0:0";
    CHECK(plab_pool_create(&lab.pool, &lab.config, &lab.err) == PLAB_E_REFUSED);
    CHECK(strstr(lab.err.text, "lab address") != NULL);
}
