/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/mine_keys.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <uv.h>

#include "pool_client/rates.h"

#define LOOK_MS 250 /* between looks whether the terminal is still ours */

struct plab_mine_keys {
    const struct plab_mine *mine;
    struct plab_miner *miner;
    int fd; /* of the terminal, opened anew: libuv makes it non-blocking, which the description that
               the shell and stderr share must not become; -1: closed */
    uv_poll_t poll;
    uv_timer_t look;
    uv_signal_t stop;
};

/* ---- the terminal, of which a process has one ---- */

static struct termios as_it_was;
static volatile sig_atomic_t is_changed;

static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT, SIGHUP, SIGTRAP};

/* Also from a signal's handler: only what is allowed there. */
static void restore_terminal(void) {
    if (is_changed) {
        tcsetattr(STDIN_FILENO, TCSANOW, &as_it_was);
        is_changed = 0;
    }
}

static void on_death(int number) {
    restore_terminal();
    signal(number, SIG_DFL);
    raise(number);
}

static void watch_deaths(void (*handler)(int)) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(deadly); i++) {
        struct sigaction old;
        /* What somebody else handles or ignores (nohup) stays so. */
        if (sigaction(deadly[i], NULL, &old) == 0 &&
            (old.sa_handler == SIG_DFL || old.sa_handler == on_death)) {
            signal(deadly[i], handler);
        }
    }
}

static bool in_foreground(void) {
    return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static void change_terminal(void) {
    struct termios now;
    if (tcgetattr(STDIN_FILENO, &now) != 0 || (now.c_lflag & ICANON) == 0) {
        return; /* changed already, by us or by somebody who knows why */
    }
    as_it_was = now;
    now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    now.c_cc[VMIN] = 1;
    now.c_cc[VTIME] = 0;
    is_changed = tcsetattr(STDIN_FILENO, TCSANOW, &now) == 0;
}

/* ---- what keys do ---- */

static void tell_thread_rates(const struct plab_mine_keys *keys) {
    const struct plab_pin_plan *plan = &keys->mine->plan;
    for (unsigned i = 0; i < plan->threads; i++) {
        double rates[PLAB_MINER_WINDOWS];
        char text[PLAB_MINER_WINDOWS][PLAB_RATES_TEXT], cpu[24] = "any CPU";
        plab_miner_thread_rates(keys->miner, i, rates);
        for (size_t k = 0; k < PLAB_MINER_WINDOWS; k++) {
            plab_rates_text(rates[k], text[k]);
        }
        if (plan->slots[i].cpu >= 0) {
            snprintf(cpu, sizeof cpu, "CPU %d", plan->slots[i].cpu);
        }
        plab_log_info(&keys->mine->cli.log, "thread %u %s 10s/60s/15m %s %s %s H/s", i, cpu,
                      text[0], text[1], text[2]);
    }
}

static void tell_results(const struct plab_mine_keys *keys) {
    struct plab_miner_snapshot now;
    char best[120] = "";
    size_t at = 0;
    const struct plab_log *log = &keys->mine->cli.log;
    plab_miner_snapshot(keys->miner, &now);
    const struct plab_miner_result *counts = &now.counts;
    plab_log_info(log,
                  "results: %" PRIu64 " accepted, %" PRIu64 " rejected, %" PRIu64 " stale, %" PRIu64
                  " unanswered",
                  counts->accepted, counts->rejected, counts->stale, counts->unanswered);
    plab_log_info(log, "%" PRIu64 " hashes in %.0f s, answers after %.0f ms (slowest %.0f ms)",
                  counts->hashes, now.uptime_s, counts->latency_mean_ms, counts->latency_max_ms);
    for (size_t i = 0; i < 3 && now.best.difficulty[i] > 0; i++) {
        at += (size_t)snprintf(best + at, sizeof best - at, " %" PRIu64, now.best.difficulty[i]);
    }
    if (at > 0) {
        plab_log_info(log, "best shares: difficulties%s", best);
    }
}

static void tell_connection(const struct plab_mine_keys *keys) {
    struct plab_miner_snapshot now;
    plab_miner_snapshot(keys->miner, &now);
    const struct plab_client_stats *client = &now.counts.client;
    plab_log_info(&keys->mine->cli.log,
                  "%s: %s for %.0f s; %" PRIu64 " logins, %" PRIu64 " failures, %" PRIu64 " jobs",
                  client->tally[client->pool].name, client->online ? "online" : "offline",
                  client->online_s, client->logins, client->failures, now.counts.jobs);
}

/* False when the run has ended. */
static bool press(struct plab_mine_keys *keys, char key) {
    switch (key) {
    case 'h':
    case 'H':
        tell_thread_rates(keys);
        plab_miner_tell(keys->miner);
        return true;
    case 'p':
    case 'P':
        plab_miner_pause(keys->miner);
        return true;
    case 'r':
    case 'R':
        plab_miner_resume(keys->miner);
        return true;
    case 's':
    case 'S':
        tell_results(keys);
        return true;
    case 'c':
    case 'C':
        tell_connection(keys);
        return true;
    case 'q':
    case 'Q':
        plab_log_info(&keys->mine->cli.log, "q: ending");
        plab_miner_stop(keys->miner);
        return false;
    default:
        return true;
    }
}

/* ---- the guest ---- */

static void on_readable(uv_poll_t *poll, int status, int events) {
    struct plab_mine_keys *keys = poll->data;
    char typed[64];
    (void)events;
    ssize_t count = status == 0 && in_foreground() ? read(keys->fd, typed, sizeof typed) : 0;
    if (count <= 0) {
        uv_poll_stop(poll); /* nobody there; the next look decides */
    }
    for (ssize_t i = 0; i < count && press(keys, typed[i]); i++) {
    }
}

/* Takes the terminal when it is ours, and lets go of it when it isn't. */
static void look(struct plab_mine_keys *keys) {
    if (in_foreground()) {
        change_terminal();
        uv_poll_start(&keys->poll, UV_READABLE, on_readable);
    } else {
        is_changed = 0; /* whoever has it now sets it as he likes */
        uv_poll_stop(&keys->poll);
    }
}

static void on_look(uv_timer_t *timer) {
    look(timer->data);
}

/* Ctrl-Z: gives the terminal back, stops as anybody would, and goes on from here. */
static void on_stop(uv_signal_t *handle, int number) {
    struct plab_mine_keys *keys = handle->data;
    uv_poll_stop(&keys->poll);
    restore_terminal();
    uv_signal_stop(handle);
    raise(number);
    uv_signal_start(handle, on_stop, number);
    look(keys);
}

static void close_fd(struct plab_mine_keys *keys) {
    if (keys->fd >= 0) {
        close(keys->fd);
        keys->fd = -1;
    }
}

static void on_poll_closed(uv_handle_t *handle) {
    close_fd(handle->data);
}

static enum plab_status begin(void *cookie, struct plab_miner *miner, struct uv_loop_s *loop,
                              struct plab_error *err) {
    struct plab_mine_keys *keys = cookie;
    keys->miner = miner;
    uv_timer_init(loop, &keys->look);
    uv_signal_init(loop, &keys->stop);
    keys->look.data = keys->stop.data = keys->poll.data = keys;
    int status = uv_poll_init(loop, &keys->poll, keys->fd);
    if (status != 0) {
        close_fd(keys);
        return plab_fail(err, PLAB_E_RESOURCE, "can't wait for keys: %s", uv_strerror(status));
    }
    watch_deaths(on_death);
    uv_signal_start(&keys->stop, on_stop, SIGTSTP);
    uv_timer_start(&keys->look, on_look, LOOK_MS, LOOK_MS);
    look(keys);
    return PLAB_OK;
}

static void end(void *cookie) {
    struct plab_mine_keys *keys = cookie;
    restore_terminal();
    watch_deaths(SIG_DFL);
    uv_close((uv_handle_t *)&keys->look, NULL);
    uv_close((uv_handle_t *)&keys->stop, NULL);
    if (keys->fd >= 0) {
        uv_close((uv_handle_t *)&keys->poll, on_poll_closed);
    }
}

struct plab_mine_keys *plab_mine_keys_new(const struct plab_mine *mine) {
    const char *name = isatty(STDIN_FILENO) != 0 ? ttyname(STDIN_FILENO) : NULL;
    int fd = name != NULL ? open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK) : -1;
    struct plab_mine_keys *keys = fd >= 0 ? calloc(1, sizeof *keys) : NULL;
    if (keys != NULL) {
        keys->mine = mine;
        keys->fd = fd;
    } else if (fd >= 0) {
        close(fd);
    }
    return keys;
}

void plab_mine_keys_free(struct plab_mine_keys *keys) {
    if (keys != NULL) {
        close_fd(keys); /* still open when the run didn't begin */
        free(keys);
    }
}

struct plab_miner_guest plab_mine_keys_guest(struct plab_mine_keys *keys) {
    return (struct plab_miner_guest){begin, end, keys};
}
