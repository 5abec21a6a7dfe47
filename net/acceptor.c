/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/acceptor.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define BACKLOG 4096 /* the kernel may have a lower limit */
#define BATCH 64     /* connections taken at once; then others have their turn */
#define WAIT_FIRST_MS 50
#define WAIT_LAST_MS 1600

struct plab_acceptor {
    uv_poll_t poll;
    uv_timer_t timer; /* runs while accepting waits */
    const struct plab_acceptor_events *events;
    void *cookie;
    const struct plab_log *log;
    int fd;
    bool running;
    unsigned open_handles;
    unsigned wait_ms; /* next pause */
    uint64_t waits;
    uint16_t port;
    char name[PLAB_NETGUARD_NAME_LEN];
};

static void on_ready(uv_poll_t *poll, int code, int what);

static void listen_again(struct plab_acceptor *acceptor) {
    uv_poll_start(&acceptor->poll, UV_READABLE, on_ready);
}

static void on_wait_over(uv_timer_t *timer) {
    struct plab_acceptor *acceptor = timer->data;
    if (acceptor->running) {
        listen_again(acceptor);
    }
}

/* There are no descriptors or no memory: asking again at once would only burn the processor. */
static void wait_a_little(struct plab_acceptor *acceptor, int code) {
    plab_log_line(acceptor->log, acceptor->waits == 0 ? PLAB_LOG_WARN : PLAB_LOG_DEBUG,
                  "cannot take connections at %s: %s; trying again in %u ms", acceptor->name,
                  strerror(code), acceptor->wait_ms);
    acceptor->waits++;
    uv_poll_stop(&acceptor->poll);
    uv_timer_start(&acceptor->timer, on_wait_over, acceptor->wait_ms, 0);
    if (acceptor->wait_ms < WAIT_LAST_MS) {
        acceptor->wait_ms *= 2;
    }
}

static void take(struct plab_acceptor *acceptor, int fd, const struct sockaddr *peer) {
    acceptor->wait_ms = WAIT_FIRST_MS;
    if (plab_netguard_is_lab(peer)) {
        acceptor->events->accepted(acceptor->cookie, fd, peer);
        return;
    }
    close(fd);
    if (acceptor->events->refused != NULL) {
        acceptor->events->refused(acceptor->cookie, peer);
    }
}

/* Errors of the one connection, not of ours; Linux passes on what the network said about it. */
static bool concerns_the_peer(int code) {
    static const int codes[] = {EINTR,       ECONNABORTED, EPERM,     EPROTO,
                                ENETDOWN,    ENETUNREACH,  EHOSTDOWN, EHOSTUNREACH,
                                ENOPROTOOPT, EOPNOTSUPP,   ENONET};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(codes); i++) {
        if (codes[i] == code) {
            return true;
        }
    }
    return false;
}

static void on_ready(uv_poll_t *poll, int code, int what) {
    struct plab_acceptor *acceptor = poll->data;
    (void)code, (void)what; /* accept() says what there is to say */
    for (unsigned i = 0; i < BATCH && acceptor->running; i++) {
        struct sockaddr_storage peer = {0};
        socklen_t len = sizeof peer;
        int fd =
            accept4(acceptor->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take(acceptor, fd, (const struct sockaddr *)&peer);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (!concerns_the_peer(errno)) {
            wait_a_little(acceptor, errno);
            return;
        }
    }
}

void plab_acceptor_run(struct plab_acceptor *acceptor, bool on) {
    acceptor->running = on;
    uv_timer_stop(&acceptor->timer);
    if (on) {
        listen_again(acceptor);
    } else {
        uv_poll_stop(&acceptor->poll);
    }
}

/* ---- the beginning ---- */

static int bind_socket(struct plab_acceptor *acceptor, const struct sockaddr *addr) {
    int on = 1;
    bool v6 = addr->sa_family == AF_INET6;
    socklen_t len = v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    acceptor->fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (acceptor->fd < 0 ||
        setsockopt(acceptor->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (v6 && setsockopt(acceptor->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) ||
        bind(acceptor->fd, addr, len) != 0 || listen(acceptor->fd, BACKLOG) != 0) {
        return errno;
    }
    return 0;
}

static int read_back_name(struct plab_acceptor *acceptor) {
    struct sockaddr_storage bound = {0};
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    socklen_t len = sizeof bound;
    if (getsockname(acceptor->fd, (struct sockaddr *)&bound, &len) != 0) {
        return errno;
    }
    memcpy(&v4, &bound, sizeof v4);
    memcpy(&v6, &bound, sizeof v6);
    acceptor->port = ntohs(bound.ss_family == AF_INET6 ? v6.sin6_port : v4.sin_port);
    plab_netguard_name((const struct sockaddr *)&bound, acceptor->name);
    return 0;
}

static int enter_loop(struct plab_acceptor *acceptor, struct uv_loop_s *loop) {
    int code = uv_poll_init_socket(loop, &acceptor->poll, acceptor->fd);
    if (code != 0) {
        return -code;
    }
    uv_timer_init(loop, &acceptor->timer);
    acceptor->poll.data = acceptor->timer.data = acceptor;
    acceptor->open_handles = 2;
    return 0;
}

static enum plab_status cannot_listen(struct plab_acceptor *acceptor, int code,
                                      struct plab_error *err) {
    plab_fail(err, PLAB_E_RESOURCE, "cannot listen on %s: %s%s", acceptor->name, strerror(code),
              code == EADDRINUSE ? "; another program has the port, port 0 takes any free one"
                                 : "");
    if (acceptor->fd >= 0) {
        close(acceptor->fd);
    }
    free(acceptor);
    return PLAB_E_RESOURCE;
}

enum plab_status plab_acceptor_open(struct plab_acceptor **out, struct uv_loop_s *loop,
                                    const struct sockaddr *addr,
                                    const struct plab_acceptor_events *events, void *cookie,
                                    const struct plab_log *log, struct plab_error *err) {
    *out = NULL;
    enum plab_status status = plab_netguard_check(addr, err);
    if (status != PLAB_OK) {
        return status;
    }
    struct plab_acceptor *acceptor = calloc(1, sizeof *acceptor);
    if (acceptor == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to listen");
    }
    acceptor->events = events;
    acceptor->cookie = cookie;
    acceptor->log = log;
    acceptor->wait_ms = WAIT_FIRST_MS;
    plab_netguard_name(addr, acceptor->name);
    int code = bind_socket(acceptor, addr);
    if (code == 0) {
        code = read_back_name(acceptor);
    }
    if (code == 0) {
        code = enter_loop(acceptor, loop);
    }
    if (code != 0) {
        return cannot_listen(acceptor, code, err);
    }
    *out = acceptor;
    return PLAB_OK;
}

const char *plab_acceptor_name(const struct plab_acceptor *acceptor) {
    return acceptor->name;
}

uint16_t plab_acceptor_port(const struct plab_acceptor *acceptor) {
    return acceptor->port;
}

uint64_t plab_acceptor_waits(const struct plab_acceptor *acceptor) {
    return acceptor->waits;
}

/* ---- the end ---- */

static void on_handle_closed(uv_handle_t *handle) {
    struct plab_acceptor *acceptor = handle->data;
    if (--acceptor->open_handles == 0) {
        free(acceptor);
    }
}

void plab_acceptor_close(struct plab_acceptor **acceptor) {
    struct plab_acceptor *last = *acceptor;
    *acceptor = NULL;
    if (last == NULL) {
        return;
    }
    last->running = false;
    uv_close((uv_handle_t *)&last->poll, on_handle_closed);
    uv_close((uv_handle_t *)&last->timer, on_handle_closed);
    close(last->fd); /* not watched any more: uv_close() has stopped the poll */
}
