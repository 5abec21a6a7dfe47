/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

/* Of an output that goes on, the last bytes are kept. */
#define ERROR_TAIL 4096

struct pipes {
    int out[2], error[2], failed[2]; /* failed: errno of an exec that didn't happen */
};

static void close_all(struct pipes *pipes) {
    int *const fds[] = {&pipes->out[0],   &pipes->out[1],    &pipes->error[0],
                        &pipes->error[1], &pipes->failed[0], &pipes->failed[1]};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(fds); i++) {
        if (*fds[i] >= 0) {
            close(*fds[i]);
        }
        *fds[i] = -1;
    }
}

static bool open_all(struct pipes *pipes) {
    *pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    if (pipe2(pipes->out, O_CLOEXEC) == 0 && pipe2(pipes->error, O_CLOEXEC) == 0 &&
        pipe2(pipes->failed, O_CLOEXEC) == 0) {
        return true;
    }
    close_all(pipes);
    return false;
}

static void become(const struct pipes *pipes, char *const *argv, const char *cwd) {
    int nothing = open("/dev/null", O_RDONLY);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    if (nothing >= 0 && dup2(nothing, 0) >= 0 && dup2(pipes->out[1], 1) >= 0 &&
        dup2(pipes->error[1], 2) >= 0 && chdir(cwd) == 0) {
        execvp(argv[0], argv);
    }
    int why = errno;
    ssize_t n = write(pipes->failed[1], &why, sizeof why);
    _exit(n > 0 ? 127 : 126);
}

/* ---- reading both of its streams ---- */

struct reading {
    char *text;
    size_t len, cap;
    char tail[ERROR_TAIL + 1];
    size_t tail_len;
};

static bool take_output(struct reading *reading, int fd) {
    if (reading->cap - reading->len < 65536) {
        size_t cap = reading->cap != 0 ? 2 * reading->cap : 131072;
        char *larger =
            cap <= 2 * (size_t)PLAB_TOOL_OUTPUT_MAX ? realloc(reading->text, cap + 1) : NULL;
        if (larger == NULL) {
            return false;
        }
        reading->text = larger;
        reading->cap = cap;
    }
    ssize_t n = read(fd, reading->text + reading->len, 65536);
    reading->len += n > 0 ? (size_t)n : 0;
    return n > 0;
}

static bool take_error(struct reading *reading, int fd) {
    size_t half = ERROR_TAIL / 2;
    if (reading->tail_len > half) {
        memmove(reading->tail, reading->tail + reading->tail_len - half, half);
        reading->tail_len = half;
    }
    ssize_t n = read(fd, reading->tail + reading->tail_len, half);
    reading->tail_len += n > 0 ? (size_t)n : 0;
    return n > 0;
}

/* Until both streams are closed; false when time or room ran out. */
static bool read_streams(struct reading *reading, int out, int error, unsigned timeout_ms) {
    uint64_t end_ns = plab_clock_ns() + (uint64_t)timeout_ms * 1000000;
    struct pollfd fds[] = {{.fd = out, .events = POLLIN}, {.fd = error, .events = POLLIN}};
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        uint64_t now_ns = plab_clock_ns();
        int left_ms = now_ns < end_ns ? (int)((end_ns - now_ns) / 1000000) + 1 : 0;
        int ready = poll(fds, 2, left_ms);
        if (ready == 0 || reading->len > PLAB_TOOL_OUTPUT_MAX) {
            return false;
        }
        if (ready > 0 && fds[0].revents != 0 && !take_output(reading, out)) {
            fds[0].fd = -1;
        }
        if (ready > 0 && fds[1].revents != 0 && !take_error(reading, error)) {
            fds[1].fd = -1;
        }
    }
    return true;
}

/* Its last line, without the line's end. */
static void keep_last_line(struct reading *reading, char out[200]) {
    reading->tail[reading->tail_len] = '\0';
    while (reading->tail_len > 0 && reading->tail[reading->tail_len - 1] == '\n') {
        reading->tail[--reading->tail_len] = '\0';
    }
    const char *line = strrchr(reading->tail, '\n');
    snprintf(out, 200, "%.199s", line != NULL ? line + 1 : reading->tail);
}

static enum plab_status wait_and_judge(pid_t pid, const struct pipes *pipes, const char *name,
                                       struct plab_tool_result *result, struct plab_error *err) {
    int status = 0, why = 0;
    waitpid(pid, &status, 0);
    if (read(pipes->failed[0], &why, sizeof why) == (ssize_t)sizeof why) {
        return plab_fail(err, why == ENOENT ? PLAB_E_UNSUPPORTED : PLAB_E_RESOURCE,
                         "cannot run %s: %s", name, strerror(why));
    }
    result->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return PLAB_OK;
}

static enum plab_status follow(pid_t pid, struct pipes *pipes, const char *name,
                               unsigned timeout_ms, struct plab_tool_result *result,
                               struct plab_error *err) {
    struct reading reading = {.text = NULL};
    close(pipes->out[1]);
    close(pipes->error[1]);
    close(pipes->failed[1]);
    pipes->out[1] = pipes->error[1] = pipes->failed[1] = -1;
    bool whole = read_streams(&reading, pipes->out[0], pipes->error[0], timeout_ms);
    if (!whole) {
        kill(pid, SIGKILL);
    }
    enum plab_status status = wait_and_judge(pid, pipes, name, result, err);
    keep_last_line(&reading, result->error);
    result->output = reading.text != NULL ? reading.text : calloc(1, 1);
    result->len = reading.len;
    if (result->output == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for what %s says", name);
    }
    result->output[result->len] = '\0';
    if (status == PLAB_OK && !whole) {
        status = plab_fail(err, PLAB_E_FAILED,
                           "%s was stopped: it took longer than %u s or said more than %u MiB",
                           name, timeout_ms / 1000, PLAB_TOOL_OUTPUT_MAX >> 20);
    }
    if (status != PLAB_OK) {
        plab_tool_free(result);
    }
    return status;
}

enum plab_status plab_tool_run(struct plab_tool_result *result, char *const *argv, const char *cwd,
                               unsigned timeout_ms, struct plab_error *err) {
    struct pipes pipes;
    memset(result, 0, sizeof *result);
    if (!open_all(&pipes)) {
        return plab_fail(err, PLAB_E_RESOURCE, "cannot run %s: %s", argv[0], strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0) {
        become(&pipes, argv, cwd);
    }
    enum plab_status status =
        pid > 0 ? follow(pid, &pipes, argv[0], timeout_ms, result, err)
                : plab_fail(err, PLAB_E_RESOURCE, "cannot run %s: %s", argv[0], strerror(errno));
    close_all(&pipes);
    return status;
}

void plab_tool_free(struct plab_tool_result *result) {
    free(result->output);
    result->output = NULL;
    result->len = 0;
}
