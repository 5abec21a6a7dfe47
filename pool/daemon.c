/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/daemon_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum plab_status plab_daemon_init(struct plab_daemon *daemon, uv_loop_t *loop,
                                  const struct plab_daemon_config *config, struct plab_error *err) {
    memset(daemon, 0, sizeof *daemon);
    daemon->config = *config;
    daemon->rpc.loop = loop;
    enum plab_status status = plab_rpc_check_wallet(config->wallet, err);
    if (status == PLAB_OK) {
        status = plab_rpc_init(&daemon->rpc, loop, config->url, config->deadline_ms, err);
    }
    return status;
}

static void fatal(struct plab_daemon *daemon, enum plab_status status,
                  const struct plab_error *err) {
    if (!daemon->fatal) {
        daemon->fatal = true;
        daemon->config.events.on_fatal(daemon->config.events.cookie, status, err);
    }
}

/* A poll that failed. */
static void stumble(struct plab_daemon *daemon, enum plab_status status,
                    const struct plab_error *err) {
    daemon->polling = false;
    if (!daemon->had_template || status == PLAB_E_REFUSED) {
        fatal(daemon, status, err);
    } else if (!daemon->outage) {
        daemon->outage = true;
        plab_log_warn(daemon->config.log, "%s; trying again each %.1f s", err->text,
                      (double)daemon->config.poll_ms / 1e3);
    }
}

static void on_template(void *cookie, uint64_t tag, enum plab_status status, const char *body,
                        size_t body_len, const struct plab_error *call_err) {
    struct plab_daemon *daemon = cookie;
    struct plab_error err = *call_err;
    struct plab_template *tmpl = NULL;
    (void)tag;
    if (status == PLAB_OK) {
        status = plab_rpc_parse_template(body, body_len, daemon->config.instance, &tmpl, &err);
    }
    if (status != PLAB_OK) {
        stumble(daemon, status, &err);
        return;
    }
    if (daemon->outage) {
        plab_log_info(daemon->config.log, "the daemon answers again");
    }
    daemon->outage = false;
    daemon->polling = false;
    daemon->had_template = true;
    daemon->template_ns = plab_clock_ns();
    daemon->taken = daemon->info;
    daemon->config.events.on_template(daemon->config.events.cookie, tmpl);
}

static bool template_is_fresh(const struct plab_daemon *daemon) {
    uint64_t age_ms = (plab_clock_ns() - daemon->template_ns) / 1000000;
    return daemon->had_template && daemon->info.height == daemon->taken.height &&
           strcmp(daemon->info.top, daemon->taken.top) == 0 && age_ms < daemon->config.refresh_ms;
}

static void on_info(void *cookie, uint64_t tag, enum plab_status status, const char *body,
                    size_t body_len, const struct plab_error *call_err) {
    struct plab_daemon *daemon = cookie;
    struct plab_error err = *call_err;
    (void)tag;
    if (status == PLAB_OK) {
        status = plab_rpc_parse_info(body, body_len, &daemon->info, &err);
    }
    if (status == PLAB_OK && template_is_fresh(daemon)) {
        daemon->polling = false;
        return;
    }
    if (status == PLAB_OK) {
        char *request = plab_rpc_build_get_template(daemon->config.wallet);
        status = plab_rpc_call(&daemon->rpc, request, on_template, daemon, 0, &err);
        free(request);
    }
    if (status != PLAB_OK) {
        stumble(daemon, status, &err);
    }
}

static void poll_tip(struct plab_daemon *daemon) {
    struct plab_error err;
    if (daemon->polling || daemon->fatal) {
        return;
    }
    daemon->polling = true;
    char *request = plab_rpc_build_get_info();
    enum plab_status status = plab_rpc_call(&daemon->rpc, request, on_info, daemon, 0, &err);
    free(request);
    if (status != PLAB_OK) {
        stumble(daemon, status, &err);
    }
}

static void on_timer(uv_timer_t *timer) {
    poll_tip(timer->data);
}

void plab_daemon_start(struct plab_daemon *daemon) {
    uv_timer_init(daemon->rpc.loop, &daemon->timer);
    daemon->timer.data = daemon;
    daemon->timer_open = true;
    uv_timer_start(&daemon->timer, on_timer, 0, daemon->config.poll_ms);
}

static void on_submitted(void *cookie, uint64_t tag, enum plab_status status, const char *body,
                         size_t body_len, const struct plab_error *call_err) {
    struct plab_daemon *daemon = cookie;
    struct plab_error err = *call_err;
    if (status == PLAB_OK) {
        status = plab_rpc_parse_submit(body, body_len, &err);
    }
    daemon->config.events.on_submitted(daemon->config.events.cookie, tag, status, &err);
    if (daemon->timer_open) {
        poll_tip(daemon); /* the tip has probably moved: don't wait for the timer */
    }
}

void plab_daemon_submit(struct plab_daemon *daemon, const uint8_t *block, size_t len,
                        uint64_t tag) {
    struct plab_error err;
    char *request = plab_rpc_build_submit(block, len);
    enum plab_status status = plab_rpc_call(&daemon->rpc, request, on_submitted, daemon, tag, &err);
    free(request);
    if (status != PLAB_OK) {
        daemon->config.events.on_submitted(daemon->config.events.cookie, tag, status, &err);
    }
}

void plab_daemon_close(struct plab_daemon *daemon) {
    if (daemon->timer_open) {
        daemon->timer_open = false;
        uv_close((uv_handle_t *)&daemon->timer, NULL);
    }
    plab_rpc_close(&daemon->rpc);
}
