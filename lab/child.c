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
#include <sys/resource.h>
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
    if (child->commanded) {
        uv_close((uv_handle_t *)&child->input, on_closed);
    }
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

static void add_enclosure(struct plab_argv *out, const struct plab_enclosure *enclosure) {
    if (enclosure->netns != NULL) {
        plab_argv_add(out, "--netns=%s", enclosure->netns);
    }
    if (enclosure->etc != NULL) {
        plab_argv_add(out, "--etc=%s", enclosure->etc);
    }
    if (enclosure->writable != NULL) {
        plab_argv_add(out, "--writable=%s", enclosure->writable);
    }
}

static void guarded(struct plab_argv *out, const struct plab_child_plan *plan) {
    if (plan->guard != NULL) {
        plab_argv_add(out, "%s", plan->guard);
        plab_argv_add(out, "lab");
        plab_argv_add(out, "exec");
        plab_argv_add(out, "--parent=%d", (int)getpid());
        if (plan->nice != 0) {
            plab_argv_add(out, "--nice=%d", plan->nice);
        }
        add_enclosure(out, &plan->enclosure);
        plab_argv_add(out, "--");
    }
    for (size_t i = 0; i < plan->argv->count; i++) {
        plab_argv_add(out, "%s", plan->argv->items[i]);
    }
    out->failed |= plan->argv->failed;
}

static bool is_named_in(const char *item, const struct plab_argv *more) {
    size_t len = strcspn(item, "=") + 1;
    for (size_t i = 0; more != NULL && i < more->count; i++) {
        if (strncmp(item, more->items[i], len) == 0) {
            return true;
        }
    }
    return false;
}

/* The laboratory's environment with more in it; items are borrowed. NULL without memory. */
static char **environment(const struct plab_argv *more) {
    size_t own = 0, count = 0;
    while (environ[own] != NULL) {
        own++;
    }
    char **list = calloc(own + (more != NULL ? more->count : 0) + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < own; i++) {
        if (!is_named_in(environ[i], more)) {
            list[count++] = environ[i];
        }
    }
    for (size_t i = 0; list != NULL && more != NULL && i < more->count; i++) {
        list[count++] = more->items[i];
    }
    return list;
}

static int spawn(struct plab_child *child, uv_loop_t *loop, struct plab_argv *words, char **env,
                 int log) {
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = log},
        {.flags = UV_INHERIT_FD, .data.fd = log},
    };
    uv_process_options_t options = {.exit_cb = on_ended,
                                    .file = words->items[0],
                                    .args = words->items,
                                    .env = env,
                                    .stdio_count = PLAB_ARRAY_LEN(stdio),
                                    .stdio = stdio};
    if (child->commanded) {
        uv_pipe_init(loop, &child->input, 0);
        child->input.data = child;
        stdio[0].flags = UV_CREATE_PIPE | UV_READABLE_PIPE;
        stdio[0].data.stream = (uv_stream_t *)&child->input;
    }
    uv_timer_init(loop, &child->killer);
    child->killer.data = child->process.data = child;
    child->asked = child->killed = false;
    child->exit_code = child->signal = 0;
    child->start_ns = plab_clock_ns();
    child->end_ns = 0;
    child->open_handles = child->commanded ? 3 : 2;
    child->running = true;
    int result = uv_spawn(loop, &child->process, &options);
    child->pid = child->process.pid;
    return result;
}

enum plab_status plab_child_start(struct plab_child *child, uv_loop_t *loop,
                                  const struct plab_child_plan *plan, struct plab_error *err) {
    struct plab_argv words = {.count = 0};
    guarded(&words, plan);
    char **env = words.failed ? NULL : environment(plan->env);
    if (env == NULL) {
        plab_argv_free(&words);
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to start a process");
    }
    int log = open(plan->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0) {
        plab_argv_free(&words);
        free(env);
        return plab_fail(err, PLAB_E_IO, "cannot write %s: %s", plan->log_path, strerror(errno));
    }
    child->commanded = plan->commanded;
    int result = spawn(child, loop, &words, env, log);
    close(log);
    plab_argv_free(&words);
    free(env);
    if (result != 0) {
        child->exit_code = 127;
        child->end_ns = child->start_ns;
        close_handles(child);
        return plab_fail(err, PLAB_E_RESOURCE, "cannot start %s: %s", plan->argv->items[0],
                         uv_strerror(result));
    }
    return PLAB_OK;
}

void plab_child_tell(struct plab_child *child, const char *fmt, ...) {
    char line[64];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(line, sizeof line - 1, fmt, args);
    va_end(args);
    if (!child->running || !child->commanded || len < 0 || len >= (int)sizeof line - 1) {
        return;
    }
    line[len] = '\n';
    uv_buf_t buf = uv_buf_init(line, (unsigned)len + 1);
    /* A few bytes always fit into an empty pipe; a child that doesn't read them isn't to be
     * commanded anyway. */
    (void)uv_try_write((uv_stream_t *)&child->input, &buf, 1);
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

enum plab_status plab_child_exec(const struct plab_child_exec *how, char *const *argv,
                                 struct plab_error *err) {
    /* A group of its own: a Ctrl-C at the terminal reaches the laboratory, which decides who ends
     * when; otherwise the pool would be gone before the last shares were answered. */
    setpgid(0, 0);
    if (how->nice > 0 && setpriority(PRIO_PROCESS, 0, how->nice) != 0) {
        return plab_fail(err, PLAB_E_RESOURCE, "cannot set the priority: %s", strerror(errno));
    }
    /* Before the tie to the parent, which a change of privileges may cut. */
    enum plab_status status = plab_enclose(&how->enclosure, err);
    if (status != PLAB_OK) {
        return status;
    }
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error to report, not a death */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        return plab_fail(err, PLAB_E_RESOURCE, "cannot tie a process to its parent: %s",
                         strerror(errno));
    }
    if (getppid() != how->parent) {
        return plab_fail(err, PLAB_E_FAILED, "process %d, which started this one, is gone",
                         how->parent);
    }
    /* The laboratory's samplers, its children, may look at this one where only descendants may be
     * traced (Yama); without Yama this fails, and isn't needed. */
    prctl(PR_SET_PTRACER, (unsigned long)how->parent, 0, 0, 0);
    execvp(argv[0], argv);
    return plab_fail(err, PLAB_E_RESOURCE, "cannot start %s: %s", argv[0], strerror(errno));
}
