/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Machine code for dataset items: what rx_items_x64.c makes for all its users.
 *
 * A *round* is one superscalar program with the mixing of a cache line: an item is 8 of them. The
 * code of a round goes over a list of items, leaves the address of each one's next line and
 * prefetches that line; so the wait for it is over when the next round's code comes to it.
 *
 * Items come in *blocks*: `groups` of items in a vector's lanes (word 0 of all lanes, word 1 ...),
 * then `scalars` items one after the other. A superscalar program is a web of long chains, longer
 * still by vectors, whose products take 15 cycles, and one group of it is more than the reorder
 * buffer holds. So what should overlap stands side by side in the code: instructions of two groups
 * alternate, and scalar ones, which have other ports, stand between them.
 *
 * A prefetch does not retire before its address is translated, and not before a buffer is free for
 * it (see rx_jit.c). So where there are many blocks, the lines of the next one are prefetched one
 * by one, all over the code of a block.
 */
#ifndef PLAB_ARCH_X86_RX_ITEMS_H
#define PLAB_ARCH_X86_RX_ITEMS_H

#include "arch/x86/ss_emit.h"
#include "pow/rx_cache.h"

/* Registers of a round's code. */
#define RX_ITEMS_STATE SS_RSI /* of this block */
#define RX_ITEMS_LINES SS_RDI /* pointers to the lines of this block's items */
#define RX_ITEMS_COUNT SS_RCX /* blocks that are left */
#define RX_ITEMS_BASE SS_RBX  /* the cache's memory */
#define RX_ITEMS_MASK SS_RBP  /* its size in bytes - 64 */
#define RX_ITEMS_R0 SS_R8     /* r8..r15: the words of a scalar item; rax and rdx are free */

/* A round over `blocks` blocks. */
typedef void rx_items_round_fn(uint64_t *state, const uint64_t **lines, size_t blocks,
                               const uint64_t *memory, uint64_t byte_mask);

/* Constants of a program, where its code reads them. */
struct rx_items_pool {
    const uint8_t *at[PLAB_RX_SS_SIZE_MAX]; /* NULL for instructions without one */
};

/* How the groups of a block are worked on; `group` counts them from 0. */
struct rx_items_vector {
    unsigned lanes;
    void (*constant)(struct ss_emit *e, const struct plab_rx_ss_instr *in); /* to the pool */
    void (*enter)(struct ss_emit *e);                                       /* once a call */
    void (*load)(struct ss_emit *e, unsigned group);
    void (*step)(struct ss_emit *e, unsigned group, const struct plab_rx_ss_instr *in,
                 const uint8_t *constant);
    /* Mixes the lines in; the addresses of the next ones unless `next` is not a register. */
    void (*mix)(struct ss_emit *e, unsigned group, unsigned next);
    void (*save)(struct ss_emit *e, unsigned group);
};

#define RX_ITEMS_NO_NEXT 8

/* When lines are prefetched, and whose. */
enum rx_items_ask {
    RX_ITEMS_ASK_BESIDE, /* of the next block, meanwhile. Behind the lines of the last block the
                            caller puts as many pointers to something harmless, and it prefetches
                            those of the first block */
    RX_ITEMS_ASK_AFTER,  /* of the block, for the next round, as soon as they are known: for the few
                            items of lockstep hashing. These lines pass by the second level cache,
                            which the scratchpads need */
};

/* A form of blocks. */
struct rx_items_shape {
    unsigned groups, scalars;
    enum rx_items_ask ask;
};

#define RX_ITEMS_FORMS_MAX 4

/* What code is made of; `vector` is NULL if no form has groups. */
struct rx_items_maker {
    const struct rx_items_vector *vector;
    bool bmi2;
    unsigned forms;
    const struct rx_items_shape *form; /* RX_ITEMS_FORMS_MAX at most */
};

/* At the start of the code memory: where the rounds of each form are. */
struct rx_items_code {
    uint32_t entry[RX_ITEMS_FORMS_MAX][PLAB_RX_CACHE_ACCESSES_MAX];
};

/* Makes the rounds of all forms. False when the memory does not suffice. */
bool plab_rx_items_compile(const struct rx_items_maker *maker,
                           const struct plab_rx_ss_program *program, uint32_t programs,
                           struct plab_codemem *code);

/* Code that makes the word in rdx a line's address and stores that at `lines`. */
void plab_rx_items_emit_next_line(struct ss_emit *e, size_t lines);

static inline rx_items_round_fn *rx_items_round(const struct plab_rx_cache *cache, unsigned form,
                                                uint32_t program) {
    const struct rx_items_code *head = (const void *)cache->code.exec;
    return (rx_items_round_fn *)(uintptr_t)(cache->code.exec + head->entry[form][program]);
}

/* Runs a round of a form over some blocks, or none. */
static inline void rx_items_run(const struct plab_rx_cache *cache, unsigned form, uint32_t program,
                                uint64_t *state, const uint64_t **lines, size_t blocks) {
    if (blocks == 0) {
        return;
    }
    rx_items_round(cache, form, program)(state, lines, blocks, cache->memory,
                                         cache->line_mask * PLAB_RX_ITEM_BYTES);
}

/* Items of a list that are few: those of lockstep hashing. */
#define RX_ITEMS_FEW 16

/* Items that go through a round one behind the other: enough for every wait, and few enough for
 * their states and lines to stay in a first level cache. */
#define RX_ITEMS_BATCH 120

static inline size_t rx_items_part(size_t count, size_t most) {
    return count < most ? count : most;
}

/* Prefetches the first lines of items. */
static inline void rx_items_fetch(const struct plab_rx_cache *cache, const uint64_t *numbers,
                                  size_t count) {
    for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(plab_rx_cache_line(cache, numbers[i]));
    }
}

/* First state and line of scalar items. */
static inline void rx_items_start(const struct plab_rx_cache *cache, const uint64_t *numbers,
                                  size_t count, uint64_t *state, const uint64_t **lines) {
    for (size_t i = 0; i < count; i++) {
        lines[i] = plab_rx_cache_line(cache, numbers[i]);
        uint64_t first = (numbers[i] + 1) * PLAB_RX_ITEM_MULTIPLIER;
        for (size_t reg = 0; reg < PLAB_RX_ITEM_WORDS; reg++) {
            state[i * PLAB_RX_ITEM_WORDS + reg] = first ^ plab_rx_item_xor[reg];
        }
    }
}

#endif
