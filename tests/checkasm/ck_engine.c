/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/checkasm/checkasm.h"

/* One check in progress. */
struct check {
    const struct ck_kernel *kernel;
    plab_any_fn *reference, *fn;
    struct plab_prng rng;
    struct ck_call call;
    uint8_t *before[CK_BUFFERS_MAX]; /* contents before the call */
    uint8_t *want[CK_BUFFERS_MAX];   /* what the reference made of them */
    struct ck_arena arena[CK_BUFFERS_MAX];
    char *why;
    /* Circumstances, for the report. */
    unsigned round, fp_mode;
    enum ck_place place;
    const char *input;
};

static bool fail(struct check *c, const char *fmt, ...) PLAB_PRINTF(2, 3);

/* Writes what was found and in which circumstances; false, so that a caller can return it. */
static bool fail(struct check *c, const char *fmt, ...) {
    char found[160], sizes[120];
    size_t len = 0;
    va_list args;

    va_start(args, fmt);
    vsnprintf(found, sizeof found, fmt, args);
    va_end(args);
    for (unsigned i = 0; i < c->call.count; i++) {
        int n = snprintf(sizes + len, sizeof sizes - len, " %s=%zu", c->call.buffer[i].name,
                         c->call.buffer[i].bytes);
        len += n > 0 && (size_t)n < sizeof sizes - len ? (size_t)n : 0;
    }
    snprintf(c->why, CK_WHY_LEN, "%s (round %u, %s, %s, %s;%s)", found, c->round, c->input,
             ck_place_name(c->place), ck_fp_mode_name(c->fp_mode), sizes);
    return false;
}

static void choose_input(struct check *c) {
    enum ck_pattern pattern = (enum ck_pattern)(c->round % CK_PATTERN_COUNT);
    c->kernel->shape(&c->call, &c->rng, false);
    for (unsigned i = 0; i < c->call.count; i++) {
        const struct ck_buffer *buffer = &c->call.buffer[i];
        /* Random remains in an output show up when a kernel forgets a part of it. */
        ck_pattern_fill(buffer->use == CK_OUT ? CK_RANDOM : pattern, c->before[i], buffer->bytes,
                        &c->rng);
    }
    c->input = ck_pattern_name(pattern);
    if (c->kernel->craft != NULL) {
        const char *crafted = c->kernel->craft(&c->call, c->before, &c->rng);
        c->input = crafted != NULL ? crafted : c->input;
    }
}

static void place_buffers(struct check *c) {
    for (unsigned i = 0; i < c->call.count; i++) {
        const struct ck_buffer *buffer = &c->call.buffer[i];
        c->call.at[i] = ck_arena_place(&c->arena[i], buffer, c->place, &c->rng);
        memcpy(c->call.at[i], c->before[i], buffer->bytes);
    }
}

static bool run_reference(struct check *c) {
    c->place = CK_MIDDLE;
    c->fp_mode = 0;
    place_buffers(c);
    struct ck_outcome outcome = ck_guarded_call(c->kernel, c->reference, &c->call, 0);
    if (outcome.signal != 0) {
        return fail(c, "the reference itself got signal %d", outcome.signal);
    }
    for (unsigned i = 0; i < c->call.count; i++) {
        memcpy(c->want[i], c->call.at[i], c->call.buffer[i].bytes);
    }
    return true;
}

static bool compare_buffer(struct check *c, unsigned i) {
    const struct ck_buffer *buffer = &c->call.buffer[i];
    const uint8_t *got = c->call.at[i];
    const uint8_t *want = buffer->use == CK_IN ? c->before[i] : c->want[i];

    for (size_t k = 0; k < buffer->bytes; k++) {
        if (got[k] != want[k]) {
            return fail(c, "%s%s[%zu] is 0x%02x, want 0x%02x",
                        buffer->use == CK_IN ? "input changed: " : "", buffer->name, k, got[k],
                        want[k]);
        }
    }
    ptrdiff_t damage = ck_arena_damage(&c->arena[i], got, buffer->bytes);
    if (damage != 0) {
        return fail(c, "wrote outside its buffer: %s[%td] of %zu", buffer->name, damage,
                    buffer->bytes);
    }
    return true;
}

static const char *signal_text(int signal_number) {
    return sigdescr_np(signal_number);
}

static bool run_candidate(struct check *c) {
    place_buffers(c);
    struct ck_outcome outcome = ck_guarded_call(c->kernel, c->fn, &c->call, c->fp_mode);
    if (outcome.signal == CK_SIGNAL_TIME_UP) {
        return fail(c, "did not return");
    }
    if (outcome.signal != 0) {
        return fail(c, "got a signal: %s", signal_text(outcome.signal));
    }
    if (outcome.broken != NULL) {
        return fail(c, "did not preserve %s", outcome.broken);
    }
    for (unsigned i = 0; i < c->call.count; i++) {
        if (!compare_buffer(c, i)) {
            return false;
        }
    }
    return outcome.fp_preserved || fail(c, "changed the floating-point control word");
}

static bool check_round(struct check *c) {
    choose_input(c);
    if (!run_reference(c)) {
        return false;
    }
    for (int place = 0; place < CK_PLACE_COUNT; place++) {
        c->place = (enum ck_place)place;
        c->fp_mode = (c->round + (unsigned)place) % CK_FP_MODES;
        if (!run_candidate(c)) {
            return false;
        }
    }
    return true;
}

static uint8_t *allocate(void) {
    uint8_t *p = malloc(CK_ARENA_BYTES);
    if (p == NULL) {
        perror("checkasm");
        exit(2);
    }
    return p;
}

bool ck_check(const struct ck_kernel *kernel, plab_any_fn *reference, plab_any_fn *fn,
              uint64_t seed, unsigned rounds, char why[CK_WHY_LEN]) {
    struct check c = {
        .kernel = kernel, .reference = reference, .fn = fn, .rng = {seed}, .why = why};
    bool good = true;

    for (unsigned i = 0; i < CK_BUFFERS_MAX; i++) {
        ck_arena_init(&c.arena[i]);
        c.before[i] = allocate();
        c.want[i] = allocate();
    }
    for (c.round = 0; good && c.round < rounds; c.round++) {
        good = check_round(&c);
    }
    for (unsigned i = 0; i < CK_BUFFERS_MAX; i++) {
        ck_arena_free(&c.arena[i]);
        free(c.before[i]);
        free(c.want[i]);
    }
    return good;
}
