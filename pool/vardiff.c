/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/vardiff.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1e6
#define DEAD_BAND 1.3
#define STEP_MAX 2.0
#define WARM_UP_STEPS 4 /* estimates with larger steps */
#define WARM_UP_STEP_MAX 8.0
#define EARLY_SHARES 4   /* that many in a quarter of the time are evidence enough */
#define SILENT_TARGETS 4 /* target times without a share until the difficulty is halved */

void plab_vardiff_init(struct plab_vardiff *vardiff, const struct plab_vardiff_config *config,
                       uint64_t now_ns) {
    memset(vardiff, 0, sizeof *vardiff);
    vardiff->config = *config;
    vardiff->difficulty = config->start;
    vardiff->window_start_ns = now_ns;
}

void plab_vardiff_fix(struct plab_vardiff *vardiff, uint64_t difficulty) {
    vardiff->fixed = true;
    vardiff->difficulty = difficulty;
}

static void restart_window(struct plab_vardiff *vardiff, uint64_t now_ns) {
    vardiff->window_start_ns = now_ns;
    vardiff->shares = 0;
    vardiff->work = 0;
    vardiff->steps++;
}

static double clamp(double value, double low, double high) {
    return value < low ? low : value > high ? high : value;
}

static bool apply(struct plab_vardiff *vardiff, double wanted) {
    uint64_t old = vardiff->difficulty;
    double bounded = clamp(wanted, (double)vardiff->config.min, (double)vardiff->config.max);
    vardiff->difficulty = (uint64_t)(bounded + 0.5);
    return vardiff->difficulty != old;
}

/* `work` was done in the window so far; moves the difficulty towards what that rate asks for. */
static bool estimate(struct plab_vardiff *vardiff, double work, uint64_t now_ns) {
    double target_ms = (double)vardiff->config.target_ms;
    double elapsed_ms = (double)(now_ns - vardiff->window_start_ns) / NS_PER_MS;
    /* A burst within a millisecond is limited by the step anyway. */
    double ideal = work * target_ms / clamp(elapsed_ms, 1.0, 1e15);
    double ratio = ideal / (double)vardiff->difficulty;
    double limit = vardiff->steps < WARM_UP_STEPS ? WARM_UP_STEP_MAX : STEP_MAX;
    restart_window(vardiff, now_ns);
    if (ratio < DEAD_BAND && ratio > 1 / DEAD_BAND) {
        return false;
    }
    return apply(vardiff, (double)vardiff->difficulty * clamp(ratio, 1 / limit, limit));
}

bool plab_vardiff_share(struct plab_vardiff *vardiff, uint64_t share_difficulty, uint64_t now_ns) {
    if (vardiff->fixed) {
        return false;
    }
    double elapsed_ms = (double)(now_ns - vardiff->window_start_ns) / NS_PER_MS;
    vardiff->shares++;
    vardiff->work += (double)share_difficulty;
    bool early = vardiff->shares >= EARLY_SHARES &&
                 elapsed_ms * 4 < vardiff->shares * (double)vardiff->config.target_ms;
    if (!early && vardiff->shares < vardiff->config.window_shares) {
        return false;
    }
    /* The window ends with a share, so its last one is not part of the estimate: n - 1 gaps. */
    double work = vardiff->work * (vardiff->shares - 1) / vardiff->shares;
    return estimate(vardiff, work, now_ns);
}

bool plab_vardiff_tick(struct plab_vardiff *vardiff, uint64_t now_ns) {
    double targets =
        (double)(now_ns - vardiff->window_start_ns) / NS_PER_MS / (double)vardiff->config.target_ms;
    if (vardiff->fixed) {
        return false;
    }
    if (vardiff->shares == 0 && targets >= SILENT_TARGETS) {
        restart_window(vardiff, now_ns);
        return apply(vardiff, (double)vardiff->difficulty / 2);
    }
    if (targets >= 2.0 * vardiff->config.window_shares) {
        return estimate(vardiff, vardiff->work, now_ns);
    }
    return false;
}

static bool parse_number(const char *text, size_t len, uint64_t *out) {
    uint64_t value = 0;
    if (len == 0 || len > 19) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = value;
    return value >= 1 && value <= INT64_MAX;
}

bool plab_vardiff_parse_wish(const char *login, const char *pass, uint64_t *difficulty) {
    const char *plus = strrchr(login, '+');
    *difficulty = 0;
    if (plus != NULL) {
        return parse_number(plus + 1, strlen(plus + 1), difficulty);
    }
    while (*pass != '\0') {
        size_t len = strcspn(pass, ",;");
        if (len >= 2 && pass[0] == 'd' && pass[1] == '=') {
            return parse_number(pass + 2, len - 2, difficulty);
        }
        pass += len + (pass[len] != '\0');
    }
    return true;
}
