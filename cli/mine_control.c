/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/mine_control.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define LINE_MAX_BYTES 64

struct plab_mine_control {
    const struct plab_mine *mine;
    struct plab_miner *miner;
    uv_pipe_t input;
    char line[LINE_MAX_BYTES + 1], buffer[256];
    size_t len; /* of the line so far */
};

static bool obey(struct plab_mine_control *control, const char *line) {
    uint64_t percent;
    if (strncmp(line, "duty ", 5) == 0 &&
        plab_opt_parse_u64("duty", line + 5, 1, 100, &percent, NULL) == PLAB_OK) {
        plab_miner_set_duty(control->miner, (unsigned)percent);
    } else if (strcmp(line, "pause") == 0) {
        plab_miner_pause(control->miner);
    } else if (strcmp(line, "resume") == 0) {
        plab_miner_resume(control->miner);
    } else if (strcmp(line, "quit") == 0) {
        plab_miner_stop(control->miner);
        return false;
    } else {
        char shown[2 * LINE_MAX_BYTES];
        plab_log_warn(&control->mine->cli.log,
                      "no command: \"%s\"; there are duty N, pause, resume, quit",
                      plab_log_escape(line, strlen(line), shown, sizeof shown));
    }
    return true;
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf) {
    struct plab_mine_control *control = stream->data;
    if (count < 0) {
        uv_read_stop(stream);
        return;
    }
    for (ssize_t i = 0; i < count; i++) {
        char c = buf->base[i];
        if (c != '\n' && control->len < LINE_MAX_BYTES) {
            control->line[control->len++] = c;
        } else if (c == '\n') {
            control->line[control->len] = '\0';
            control->len = 0;
            if (!obey(control, control->line)) {
                return;
            }
        }
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    struct plab_mine_control *control = handle->data;
    (void)suggested;
    *buf = uv_buf_init(control->buffer, sizeof control->buffer);
}

static enum plab_status begin(void *cookie, struct plab_miner *miner, struct uv_loop_s *loop,
                              struct plab_error *err) {
    struct plab_mine_control *control = cookie;
    control->miner = miner;
    uv_pipe_init(loop, &control->input, 0);
    control->input.data = control;
    int status = uv_pipe_open(&control->input, STDIN_FILENO);
    if (status == 0) {
        status = uv_read_start((uv_stream_t *)&control->input, on_alloc, on_read);
    }
    return status == 0 ? PLAB_OK
                       : plab_fail(err, PLAB_E_USAGE,
                                   "--control needs a pipe or socket as standard input: %s",
                                   uv_strerror(status));
}

static void end(void *cookie) {
    struct plab_mine_control *control = cookie;
    uv_close((uv_handle_t *)&control->input, NULL);
}

struct plab_mine_control *plab_mine_control_new(const struct plab_mine *mine) {
    struct plab_mine_control *control = calloc(1, sizeof *control);
    if (control != NULL) {
        control->mine = mine;
    }
    return control;
}

void plab_mine_control_free(struct plab_mine_control *control) {
    free(control);
}

struct plab_miner_guest plab_mine_control_guest(struct plab_mine_control *control) {
    return (struct plab_miner_guest){begin, end, control};
}
