/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool_client/resolve_priv.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/thread.h"

/* Held by the loop (until its handle is closed) and by the thread (until it ends). */
struct plab_resolve {
    atomic_uint refs;
    uv_async_t wake;
    plab_resolve_fn *done;
    void *cookie;
    struct plab_url url;

    pthread_mutex_t lock; /* guards what follows */
    bool abandoned;       /* `wake` may not be used any more */
    struct addrinfo *list;
    char reason[160];
};

static void drop(struct plab_resolve *resolve) {
    /* Release: our use comes before the free. Acquire: the one who frees comes after all others. */
    if (atomic_fetch_sub_explicit(&resolve->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    if (resolve->list != NULL) {
        freeaddrinfo(resolve->list);
    }
    pthread_mutex_destroy(&resolve->lock);
    free(resolve);
}

static void look_up(struct plab_resolve *resolve, struct addrinfo **list, char *reason,
                    size_t reason_cap) {
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)resolve->url.port);
    int status = getaddrinfo(resolve->url.host, port, &hints, list);
    if (status != 0) {
        *list = NULL;
        snprintf(reason, reason_cap, "%s",
                 status == EAI_SYSTEM ? strerror(errno) : gai_strerror(status));
    }
}

static void *resolver_main(void *arg) {
    struct plab_resolve *resolve = arg;
    struct addrinfo *list = NULL;
    char reason[sizeof resolve->reason] = "";
    look_up(resolve, &list, reason, sizeof reason);
    pthread_mutex_lock(&resolve->lock);
    resolve->list = list;
    memcpy(resolve->reason, reason, sizeof reason);
    if (!resolve->abandoned) {
        uv_async_send(&resolve->wake);
    }
    pthread_mutex_unlock(&resolve->lock);
    drop(resolve);
    return NULL;
}

static void on_closed(uv_handle_t *handle) {
    drop(handle->data);
}

static void on_wake(uv_async_t *async) {
    struct plab_resolve *resolve = async->data;
    pthread_mutex_lock(&resolve->lock); /* the thread wrote before it sent */
    pthread_mutex_unlock(&resolve->lock);
    uv_close((uv_handle_t *)async, on_closed);
    resolve->done(resolve->cookie, resolve->list, resolve->reason);
}

void plab_resolve_abandon(struct plab_resolve *resolve) {
    pthread_mutex_lock(&resolve->lock);
    resolve->abandoned = true;
    pthread_mutex_unlock(&resolve->lock);
    uv_close((uv_handle_t *)&resolve->wake, on_closed);
}

struct plab_resolve *plab_resolve_start(uv_loop_t *loop, const struct plab_url *url,
                                        plab_resolve_fn *done, void *cookie,
                                        struct plab_error *err) {
    struct plab_resolve *resolve = calloc(1, sizeof *resolve);
    pthread_t thread;
    if (resolve == NULL) {
        plab_fail(err, PLAB_E_NOMEM, "not enough memory to resolve a name");
        return NULL;
    }
    resolve->done = done;
    resolve->cookie = cookie;
    resolve->url = *url;
    pthread_mutex_init(&resolve->lock, NULL);
    atomic_init(&resolve->refs, 2);
    int status = uv_async_init(loop, &resolve->wake, on_wake);
    if (status != 0) {
        plab_fail(err, PLAB_E_RESOURCE, "can't wait for a name: %s", uv_strerror(status));
        atomic_init(&resolve->refs, 1);
        drop(resolve);
        return NULL;
    }
    resolve->wake.data = resolve;
    if (plab_thread_start(&thread, "dns", -1, resolver_main, resolve, err) != PLAB_OK) {
        drop(resolve); /* for the thread that isn't there; closing drops the other reference */
        uv_close((uv_handle_t *)&resolve->wake, on_closed);
        return NULL;
    }
    pthread_detach(thread);
    return resolve;
}
