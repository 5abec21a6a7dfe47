/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections of a process: real ones, as the kernel itself names them. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/attr.h"
#include "lab/sockets.h"
#include "tests/harness.h"

static int listen_at(const char *address, int family, uint16_t *port) {
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr *to = family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six;
    socklen_t len = family == AF_INET ? sizeof four : sizeof six;
    inet_pton(family, address, family == AF_INET ? (void *)&four.sin_addr : &six.sin6_addr);
    int fd = socket(family, SOCK_STREAM, 0);
    CHECK(bind(fd, to, len) == 0 && listen(fd, 1) == 0 && getsockname(fd, to, &len) == 0);
    *port = ntohs(family == AF_INET ? four.sin_port : six.sin6_port);
    return fd;
}

static int connect_to(const char *address, int family, uint16_t port) {
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(family, address, family == AF_INET ? (void *)&four.sin_addr : &six.sin6_addr);
    int fd = socket(family, SOCK_STREAM, 0);
    CHECK(family == AF_INET ? connect(fd, (struct sockaddr *)&four, sizeof four) == 0
                            : connect(fd, (struct sockaddr *)&six, sizeof six) == 0);
    return fd;
}

/* A connection from this process to `remote` is told, once, with the port that it really has. */
static void check_told(const char *remote, uint16_t local_port) {
    struct plab_socket sockets[PLAB_SOCKETS_MAX];
    size_t count = plab_sockets_find(sockets, "/proc", getpid()), found = 0;
    for (size_t i = 0; i < count; i++) {
        char text[PLAB_ENDPOINT_TEXT_LEN];
        bool same = strcmp(plab_endpoint_text(&sockets[i].remote, text), remote) == 0;
        found += same && sockets[i].local.port == local_port;
        CHECK(!same || sockets[i].inode != 0);
    }
    CHECK_MSG(found == 1, "%s: %zu times among %zu", remote, found, count);
}

TEST(sockets, connections_as_they_are) {
    static const struct {
        const char *listen, *connect, *told;
        int listen_family, connect_family;
    } rows[] = {
        {"127.0.0.1", "127.0.0.1", "127.0.0.1", AF_INET, AF_INET},
        {"127.0.0.1", "::ffff:127.0.0.1", "127.0.0.1", AF_INET, AF_INET6},
        {"::1", "::1", "[::1]", AF_INET6, AF_INET6},
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(rows); i++) {
        uint16_t port;
        char remote[64];
        struct sockaddr_in6 own;
        socklen_t len = sizeof own;
        int listener = listen_at(rows[i].listen, rows[i].listen_family, &port);
        int fd = connect_to(rows[i].connect, rows[i].connect_family, port);
        snprintf(remote, sizeof remote, "%s:%u", rows[i].told, port);
        CHECK(getsockname(fd, (struct sockaddr *)&own, &len) == 0);
        check_told(remote, ntohs(own.sin6_port)); /* in the same place as sin_port */
        close(fd);
        close(listener);
    }
}

TEST(sockets, of_nobody) {
    struct plab_socket sockets[PLAB_SOCKETS_MAX];
    CHECK_U64(plab_sockets_find(sockets, "/proc", 0x3fffffff), 0);
    CHECK_U64(plab_sockets_find(sockets, "/nowhere", 1), 0);
}
