/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/vardiff.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1e6
#define DEAD_BAND 1.3
#define STEP_MAX 2.0
#define WARM_UP_STEPS 4 /* estimates with larger steps */
#define WARM_UP_STEP_MAX 8.0
#define PAST_WINDOWS 3  /* that are remembered */
#define PAST_AGREES 2.0 /* rates that differ by more are not of the same time */

/* Evidence enough before a window is full: what a miner of the right difficulty shows in 2 % of the
 * windows while warming up, later in 0.2 %. */
#define EARLY_SHARES 4 /* that many in a quarter of the time ... */
#define EARLY_SHARES_LATER 8
#define SILENT_TARGETS 4 /* ... or target times without a share */
#define SILENT_TARGETS_LATER 6

static double clamp(double value, double low, double high) {
    return value < low ? low : value > high ? high : value;
}

static uint64_t bounded(const struct plab_vardiff *vardiff, uint64_t difficulty) {
    const struct plab_vardiff_config *config = &vardiff->config;
    return difficulty < config->min   ? config->min
           : difficulty > config->max ? config->max
                                      : difficulty;
}

void plab_vardiff_init(struct plab_vardiff *vardiff, const struct plab_vardiff_config *config,
                       uint64_t now_ns) {
    memset(vardiff, 0, sizeof *vardiff);
    vardiff->config = *config;
    vardiff->difficulty = bounded(vardiff, config->start);
    vardiff->window_start_ns = now_ns;
}

void plab_vardiff_fix(struct plab_vardiff *vardiff, uint64_t difficulty) {
    vardiff->fixed = true;
    vardiff->difficulty = bounded(vardiff, difficulty);
}

static double elapsed_ms(const struct plab_vardiff *vardiff, uint64_t now_ns) {
    uint64_t since_ns = vardiff->window_start_ns;
    return now_ns > since_ns ? (double)(now_ns - since_ns) / NS_PER_MS : 0;
}

static bool warming_up(const struct plab_vardiff *vardiff) {
    return vardiff->steps < WARM_UP_STEPS;
}

static void restart_window(struct plab_vardiff *vardiff, uint64_t now_ns) {
    vardiff->window_start_ns = now_ns;
    vardiff->shares = 0;
    vardiff->work = 0;
    vardiff->steps++;
}

static bool apply(struct plab_vardiff *vardiff, double wanted) {
    uint64_t old = vardiff->difficulty;
    vardiff->difficulty = bounded(vardiff, (uint64_t)(clamp(wanted, 1, 0x1p63) + 0.5));
    return vardiff->difficulty != old;
}

/* Adds the windows before to this one's work and time, or forgets them when the rate has changed;
 * what comes out is the past of the next window. */
static void join_past(struct plab_vardiff *vardiff, double *work, double *time_ms) {
    double past_max_ms =
        PAST_WINDOWS * (double)vardiff->config.window_shares * (double)vardiff->config.target_ms;
    if (vardiff->past_ms > 0) {
        double ratio = *work / *time_ms / (vardiff->past_work / vardiff->past_ms);
        if (ratio < PAST_AGREES && ratio > 1 / PAST_AGREES) {
            *work += vardiff->past_work;
            *time_ms += vardiff->past_ms;
        }
    }
    double kept = *time_ms > past_max_ms ? past_max_ms / *time_ms : 1;
    vardiff->past_work = *work * kept;
    vardiff->past_ms = *work > 0 ? *time_ms * kept : 0;
}

/* `work` was done in the window so far; moves the difficulty towards what that rate asks for. */
static bool estimate(struct plab_vardiff *vardiff, double work, uint64_t now_ns) {
    /* A burst within a millisecond is limited by the step anyway. */
    double time_ms = clamp(elapsed_ms(vardiff, now_ns), 1.0, 1e15);
    double limit = warming_up(vardiff) ? WARM_UP_STEP_MAX : STEP_MAX;
    join_past(vardiff, &work, &time_ms);
    double ideal = work * (double)vardiff->config.target_ms / time_ms;
    double ratio = ideal / (double)vardiff->difficulty;
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
    unsigned enough = warming_up(vardiff) ? EARLY_SHARES : EARLY_SHARES_LATER;
    vardiff->shares++;
    vardiff->work += (double)share_difficulty;
    bool early = vardiff->shares >= enough &&
                 elapsed_ms(vardiff, now_ns) * 4 <
                     (double)vardiff->shares * (double)vardiff->config.target_ms;
    if (!early && vardiff->shares < vardiff->config.window_shares) {
        return false;
    }
    /* The window ends with a share, so its last one is not part of the estimate: n - 1 gaps. */
    double work = vardiff->work * (vardiff->shares - 1) / vardiff->shares;
    return estimate(vardiff, work, now_ns);
}

bool plab_vardiff_tick(struct plab_vardiff *vardiff, uint64_t now_ns) {
    double targets = elapsed_ms(vardiff, now_ns) / (double)vardiff->config.target_ms;
    if (vardiff->fixed) {
        return false;
    }
    if (vardiff->shares == 0 &&
        targets >= (warming_up(vardiff) ? SILENT_TARGETS : SILENT_TARGETS_LATER)) {
        vardiff->past_work = vardiff->past_ms = 0;
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
