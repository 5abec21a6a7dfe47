/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "lab/child_priv.h"

void plab_argv_add(struct plab_argv *argv, const char *fmt, ...) {
    va_list args;
    char *word = NULL;
    va_start(args, fmt);
    int n = argv->count < PLAB_ARGV_MAX ? vasprintf(&word, fmt, args) : -1;
    va_end(args);
    if (n < 0) {
        argv->failed = true;
        return;
    }
    argv->items[argv->count++] = word;
    argv->items[argv->count] = NULL;
}

void plab_argv_free(struct plab_argv *argv) {
    for (size_t i = 0; i < argv->count; i++) {
        free(argv->items[i]);
    }
    memset(argv, 0, sizeof *argv);
}

/* The owner hears of the end only when the handles are free to be used again. */
static void on_closed(uv_handle_t *handle) {
    struct plab_child *child = handle->data;
    if (--child->open_handles == 0) {
        child->running = false;
        child->on_exit(child);
    }
}

static void close_handles(struct plab_child *child) {
    uv_close((uv_handle_t *)&child->process, on_closed);
    uv_close((uv_handle_t *)&child->killer, on_closed);
}

static void on_ended(uv_process_t *process, int64_t exit_code, int signal) {
    struct plab_child *child = process->data;
    child->end_ns = plab_clock_ns();
    child->exit_code = (int)exit_code;
    child->signal = signal;
    close_handles(child);
}

static void on_grace_over(uv_timer_t *timer) {
    struct plab_child *child = timer->data;
    child->killed = true;
    uv_process_kill(&child->process, SIGKILL);
}

static void guarded(struct plab_argv *out, const char *guard, const struct plab_argv *argv) {
    if (guard != NULL) {
        plab_argv_add(out, "%s", guard);
        plab_argv_add(out, "lab");
        plab_argv_add(out, "exec");
        plab_argv_add(out, "--parent=%d", (int)getpid());
        plab_argv_add(out, "--");
    }
    for (size_t i = 0; i < argv->count; i++) {
        plab_argv_add(out, "%s", argv->items[i]);
    }
    out->failed |= argv->failed;
}

static int spawn(struct plab_child *child, uv_loop_t *loop, struct plab_argv *words, int log) {
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = log},
        {.flags = UV_INHERIT_FD, .data.fd = log},
    };
    uv_process_options_t options = {.exit_cb = on_ended,
                                    .file = words->items[0],
                                    .args = words->items,
                                    .stdio_count = PLAB_ARRAY_LEN(stdio),
                                    .stdio = stdio};
    uv_timer_init(loop, &child->killer);
    child->killer.data = child->process.data = child;
    child->asked = child->killed = false;
    child->exit_code = child->signal = 0;
    child->start_ns = plab_clock_ns();
    child->end_ns = 0;
    child->open_handles = 2;
    child->running = true;
    int result = uv_spawn(loop, &child->process, &options);
    child->pid = child->process.pid;
    return result;
}

enum plab_status plab_child_start(struct plab_child *child, uv_loop_t *loop,
                                  const struct plab_argv *argv, const char *guard,
                                  const char *log_path, struct plab_error *err) {
    struct plab_argv words = {.count = 0};
    guarded(&words, guard, argv);
    if (words.failed) {
        plab_argv_free(&words);
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to start a process");
    }
    int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0) {
        plab_argv_free(&words);
        return plab_fail(err, PLAB_E_IO, "cannot write %s: %s", log_path, strerror(errno));
    }
    int result = spawn(child, loop, &words, log);
    close(log);
    plab_argv_free(&words);
    if (result != 0) {
        child->exit_code = 127;
        child->end_ns = child->start_ns;
        close_handles(child);
        return plab_fail(err, PLAB_E_RESOURCE, "cannot start %s: %s", argv->items[0],
                         uv_strerror(result));
    }
    return PLAB_OK;
}

void plab_child_stop(struct plab_child *child, uint64_t grace_ms) {
    if (!child->running || uv_is_closing((uv_handle_t *)&child->process)) {
        return;
    }
    if (!child->asked) {
        child->asked = true;
        uv_process_kill(&child->process, SIGTERM);
    } else if (uv_timer_get_due_in(&child->killer) <= grace_ms) {
        return;
    }
    uv_timer_start(&child->killer, on_grace_over, grace_ms, 0);
}

enum plab_status plab_child_exec(int parent, char *const *argv, struct plab_error *err) {
    /* A group of its own: a Ctrl-C at the terminal reaches the laboratory, which decides who ends
     * when; otherwise the pool would be gone before the last shares were answered. */
    setpgid(0, 0);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error to report, not a death */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        return plab_fail(err, PLAB_E_RESOURCE, "cannot tie a process to its parent: %s",
                         strerror(errno));
    }
    if (getppid() != parent) {
        return plab_fail(err, PLAB_E_FAILED, "process %d, which started this one, is gone", parent);
    }
    /* The laboratory's samplers, its children, may look at this one where only descendants may be
     * traced (Yama); without Yama this fails, and isn't needed. */
    prctl(PR_SET_PTRACER, (unsigned long)parent, 0, 0, 0);
    execv(argv[0], argv);
    return plab_fail(err, PLAB_E_RESOURCE, "cannot start %s: %s", argv[0], strerror(errno));
}
