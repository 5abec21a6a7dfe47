/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_CELLS 20
#define TIME_TEXT 32

/* Before that the time left would be a guess. */
#define KNOWN_PART 0.02

void plab_progress_open(struct plab_progress *progress, struct plab_cli *cli) {
    const char *term = getenv("TERM");
    bool dumb = term == NULL || strcmp(term, "dumb") == 0;
    *progress = (struct plab_progress){
        .cli = cli,
        .terminal = !cli->quiet && !dumb && isatty(STDERR_FILENO) != 0,
    };
    cli->log.clears_line = progress->terminal;
}

static const char *time_text(double seconds, char out[TIME_TEXT]) {
    if (seconds < 100) {
        snprintf(out, TIME_TEXT, "%.0f s", seconds);
    } else {
        unsigned long whole = seconds < 1e7 ? (unsigned long)seconds : 10000000;
        snprintf(out, TIME_TEXT, "%lu:%02lu min", whole / 60, whole % 60);
    }
    return out;
}

void plab_progress_format(char *out, size_t out_cap, const char *label, double done,
                          double elapsed_s, const char *detail, size_t columns) {
    char bar[BAR_CELLS + 1], gone[TIME_TEXT], left[TIME_TEXT];
    done = done < 0 ? 0 : done > 1 ? 1 : done;
    size_t filled = (size_t)(done * BAR_CELLS);
    memset(bar, '.', BAR_CELLS);
    memset(bar, '#', filled);
    bar[BAR_CELLS] = '\0';
    size_t cap = columns + 1 < out_cap ? columns + 1 : out_cap;
    int used = snprintf(out, cap, "%s [%s] %3.0f %%%s%s  %s", label, bar, done * 100,
                        detail[0] != '\0' ? "  " : "", detail, time_text(elapsed_s, gone));
    if (done > KNOWN_PART && done < 1 && used > 0 && (size_t)used < cap) {
        snprintf(out + used, cap - (size_t)used, ", %s left",
                 time_text(elapsed_s * (1 - done) / done, left));
    }
}

static size_t columns_of_terminal(void) {
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return PLAB_PROGRESS_COLUMNS;
    }
    size_t columns = (size_t)size.ws_col - 1; /* a full line would wrap */
    return columns < PLAB_PROGRESS_COLUMNS ? columns : PLAB_PROGRESS_COLUMNS;
}

void plab_progress_draw(struct plab_progress *progress, const char *label, double done,
                        double elapsed_s, const char *detail) {
    char line[PLAB_PROGRESS_COLUMNS + 1];
    if (!progress->terminal) {
        return;
    }
    plab_progress_format(line, sizeof line, label, done, elapsed_s, detail, columns_of_terminal());
    const char *bar = strstr(line, "[#"), *end = bar != NULL ? strpbrk(bar, ".]") : NULL;
    if (progress->cli->color_err && end != NULL) {
        fprintf(stderr, "\r%.*s\033[36m%.*s\033[0m%s\033[K\r", (int)(bar + 1 - line), line,
                (int)(end - bar - 1), bar + 1, end);
    } else {
        fprintf(stderr, "\r%s\033[K\r", line);
    }
    fflush(stderr);
    progress->shown = true;
}

void plab_progress_seed(void *cookie, const char *stage, double done, double elapsed_s) {
    struct plab_progress *progress = cookie;
    bool begins = strcmp(progress->stage, stage) != 0;
    snprintf(progress->stage, sizeof progress->stage, "%s", done < 1 ? stage : "");
    if (progress->terminal) {
        char label[40];
        bool built = strcmp(stage, "tuning") != 0;
        snprintf(label, sizeof label, "%s%s", built ? "building the " : "", stage);
        plab_progress_draw(progress, label, done, elapsed_s, "");
    } else if (strcmp(stage, "dataset") != 0) {
        return; /* a second or less */
    } else if (done >= 1) {
        plab_log_info(&progress->cli->log, "RandomX dataset ready after %.1f s", elapsed_s);
    } else if (begins) {
        plab_log_info(&progress->cli->log, "building the RandomX dataset");
    }
}

void plab_progress_clear(struct plab_progress *progress) {
    if (progress->shown) {
        fprintf(stderr, "\r\033[K");
        fflush(stderr);
        progress->shown = false;
    }
}
