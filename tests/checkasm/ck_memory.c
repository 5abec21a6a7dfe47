/* SPDX-License-Identifier: BSD-3-Clause */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/attr.h"
#include "tests/checkasm/checkasm.h"

#define CANARY_BYTES 64
#define CANARY 0xC5
/* Room to shift a buffer off its alignment in the middle of an arena. */
#define SHIFT_MAX 64

static size_t page_bytes(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

void ck_arena_init(struct ck_arena *arena) {
    size_t page = page_bytes();
    size_t need = CK_ARENA_BYTES + 2 * CANARY_BYTES + SHIFT_MAX;
    arena->data_bytes = (need + page - 1) / page * page;
    uint8_t *map =
        mmap(NULL, arena->data_bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + page, arena->data_bytes, PROT_READ | PROT_WRITE) != 0) {
        perror("checkasm: guard pages");
        exit(2);
    }
    arena->data = map + page;
}

void ck_arena_free(struct ck_arena *arena) {
    size_t page = page_bytes();
    munmap(arena->data - page, arena->data_bytes + 2 * page);
    arena->data = NULL;
}

const char *ck_place_name(enum ck_place place) {
    static const char *const names[CK_PLACE_COUNT] = {
        [CK_MIDDLE] = "canaries on both sides",
        [CK_AT_END] = "end at a guard page",
        [CK_AT_START] = "start at a guard page",
    };
    return names[place];
}

uint8_t *ck_arena_place(struct ck_arena *arena, const struct ck_buffer *buffer, enum ck_place place,
                        struct plab_prng *rng) {
    assert(buffer->bytes <= CK_ARENA_BYTES && buffer->bytes % buffer->align == 0);
    uint8_t *at = arena->data;
    if (place == CK_AT_END) {
        at += arena->data_bytes - buffer->bytes;
    } else if (place == CK_MIDDLE) {
        size_t steps = SHIFT_MAX / buffer->align;
        at += CANARY_BYTES + buffer->align * plab_prng_below(rng, steps);
    }
    memset(arena->data, CANARY, arena->data_bytes);
    return at;
}

/* Compares each byte with its neighbour, which memcmp() does fast. */
static bool all_canary(const uint8_t *p, size_t bytes) {
    return bytes == 0 || (p[0] == CANARY && memcmp(p, p + 1, bytes - 1) == 0);
}

ptrdiff_t ck_arena_damage(const struct ck_arena *arena, const uint8_t *at, size_t bytes) {
    const uint8_t *end = arena->data + arena->data_bytes;
    if (!all_canary(arena->data, (size_t)(at - arena->data))) {
        ptrdiff_t offset = -1;
        while (at[offset] == CANARY) {
            offset--;
        }
        return offset;
    }
    if (!all_canary(at + bytes, (size_t)(end - at) - bytes)) {
        size_t offset = bytes;
        while (at[offset] == CANARY) {
            offset++;
        }
        return (ptrdiff_t)offset;
    }
    return 0;
}

const char *ck_pattern_name(enum ck_pattern pattern) {
    static const char *const names[CK_PATTERN_COUNT] = {
        [CK_RANDOM] = "random",   [CK_ZEROS] = "all-0",       [CK_ONES] = "all-1",
        [CK_ONE_HOT] = "one-hot", [CK_COUNTING] = "counting",
    };
    return names[pattern];
}

void ck_pattern_fill(enum ck_pattern pattern, uint8_t *out, size_t bytes, struct plab_prng *rng) {
    switch (pattern) {
    case CK_ZEROS:
        memset(out, 0, bytes);
        break;
    case CK_ONES:
        memset(out, 0xFF, bytes);
        break;
    case CK_ONE_HOT: {
        uint64_t bit = plab_prng_below(rng, bytes * 8);
        memset(out, 0, bytes);
        out[bit / 8] = (uint8_t)(1u << bit % 8);
        break;
    }
    case CK_COUNTING:
        for (size_t i = 0; i < bytes; i++) {
            out[i] = (uint8_t)(i % 251);
        }
        break;
    case CK_RANDOM:
    case CK_PATTERN_COUNT:
        plab_prng_fill(rng, out, bytes);
        break;
    }
}
