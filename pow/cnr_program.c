/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/cnr_program.h"

#include <stdbool.h>
#include <string.h>

#include "pow/blake256.h"

#define RANDOM_BYTES 32
#define LATENCY_TARGET 45 /* cycles that the program takes at least on a CPU */
#define SLOTS 3           /* instructions that a CPU issues in one cycle */
#define RETRIES_MAX 64
#define DRAWS_MAX 256
#define IDLE_MAX 7 /* cycles a register may stay unchanged */
#define SIGNATURE_NONE 0xFFFFFF
#define FREE_REGISTER 8 /* source of ADD, SUB and XOR in place of the destination itself */

struct op_facts {
    int latency;      /* on a CPU */
    int asic_latency; /* on an idealised circuit */
    int slots;        /* which can execute it: 0 .. slots - 1 */
    bool rotation;
};

static const struct op_facts op_facts[] = {
    [PLAB_CNR_MUL] = {3, 3, 1, false}, [PLAB_CNR_ADD] = {2, 1, 3, false},
    [PLAB_CNR_SUB] = {1, 1, 3, false}, [PLAB_CNR_ROR] = {2, 1, 3, true},
    [PLAB_CNR_ROL] = {2, 1, 3, true},  [PLAB_CNR_XOR] = {1, 1, 3, false},
};

/* Random bytes: a chain of BLAKE-256 digests. */
struct random_bytes {
    uint8_t buffer[RANDOM_BYTES];
    unsigned used;
};

/* What one attempt at a program knows. */
struct attempt {
    struct plab_cnr_program *program;
    struct random_bytes *random;
    int latency[PLAB_CNR_REGISTERS]; /* cycle in which a register's value is ready */
    int asic_latency[PLAB_CNR_REGISTERS];
    bool busy[LATENCY_TARGET + 1][SLOTS];
    bool rotated[PLAB_CNR_REGISTERS]; /* last written by a rotation */
    /* How a register was last written: instruction number, operation << 8, number of the
     * instruction that wrote the source << 16. */
    uint32_t signature[PLAB_CNR_REGISTERS];
    int rotations;
    int retries;
    bool free_register_used;
};

static void random_start(struct random_bytes *random, uint64_t height) {
    memset(random->buffer, 0, sizeof random->buffer);
    plab_store64_le(random->buffer, height);
    random->buffer[20] = 0xDA;
    random->used = RANDOM_BYTES; /* the first draw hashes */
}

/* The next `count` bytes (valid until the next draw); what is left of a digest that is too short is
 * thrown away. */
static const uint8_t *random_draw(struct random_bytes *random, unsigned count) {
    if (random->used + count > RANDOM_BYTES) {
        plab_blake256(random->buffer, RANDOM_BYTES, random->buffer);
        random->used = 0;
    }
    const uint8_t *bytes = random->buffer + random->used;
    random->used += count;
    return bytes;
}

static int max_int(int a, int b) {
    return a > b ? a : b;
}

static void attempt_start(struct attempt *a, struct plab_cnr_program *program,
                          struct random_bytes *random) {
    memset(a, 0, sizeof *a);
    a->program = program;
    a->random = random;
    program->count = 0;
    for (unsigned i = 0; i < PLAB_CNR_REGISTERS; i++) {
        a->signature[i] = i < 4 ? i : SIGNATURE_NONE;
    }
}

static bool below_target(const int latency[4]) {
    return latency[0] < LATENCY_TARGET || latency[1] < LATENCY_TARGET ||
           latency[2] < LATENCY_TARGET || latency[3] < LATENCY_TARGET;
}

static void emit(struct plab_cnr_program *program, enum plab_cnr_op op, unsigned dst, unsigned src,
                 uint32_t constant) {
    program->code[program->count++] = (struct plab_cnr_instruction){
        .op = (uint8_t)op, .dst = (uint8_t)dst, .src = (uint8_t)src, .constant = constant};
}

/* The operation of a random byte's low three bits; rotations draw their direction. */
static enum plab_cnr_op draw_op(struct random_bytes *random, unsigned selector) {
    static const enum plab_cnr_op ops[8] = {PLAB_CNR_MUL, PLAB_CNR_MUL, PLAB_CNR_MUL, PLAB_CNR_ADD,
                                            PLAB_CNR_SUB, PLAB_CNR_ROR, PLAB_CNR_XOR, PLAB_CNR_XOR};
    if (ops[selector] == PLAB_CNR_ROR) {
        return *random_draw(random, 1) < 0x80 ? PLAB_CNR_ROR : PLAB_CNR_ROL;
    }
    return ops[selector];
}

static uint32_t signature_of(const struct attempt *a, enum plab_cnr_op op, unsigned src) {
    return ((uint32_t)op << 8) + ((a->signature[src] & 0xFF) << 16);
}

/* Instructions that would undo or repeat what the destination's last one did. */
static bool is_pointless(const struct attempt *a, enum plab_cnr_op op, unsigned dst, unsigned src) {
    if (op_facts[op].rotation && a->rotated[dst]) {
        return true;
    }
    return op != PLAB_CNR_MUL && (a->signature[dst] & 0xFFFF00) == signature_of(a, op, src);
}

/* The highest free slot for `op` in that cycle, or -1. */
static int free_slot(const struct attempt *a, enum plab_cnr_op op, int cycle) {
    if (op_facts[op].rotation && cycle < a->rotations * op_facts[op].latency) {
        return -1;
    }
    for (int slot = op_facts[op].slots - 1; slot >= 0; slot--) {
        /* An addition with a constant is two instructions on a CPU, one after the other. */
        bool next_busy = op == PLAB_CNR_ADD && a->busy[cycle + 1][slot];
        if (!a->busy[cycle][slot] && !next_busy) {
            return slot;
        }
    }
    return -1;
}

/* Books an instruction that starts in `cycle` and appends it. */
static void accept(struct attempt *a, enum plab_cnr_op op, unsigned dst, unsigned src, int cycle,
                   int slot) {
    uint32_t constant = 0;
    a->rotations += op_facts[op].rotation;
    a->rotated[dst] = op_facts[op].rotation;
    a->busy[cycle][slot] = true;
    a->latency[dst] = cycle + op_facts[op].latency;
    a->asic_latency[dst] =
        max_int(a->asic_latency[dst], a->asic_latency[src]) + op_facts[op].asic_latency;
    a->signature[dst] = a->program->count + signature_of(a, op, src);
    a->free_register_used |= src == FREE_REGISTER;
    if (op == PLAB_CNR_ADD) {
        a->busy[cycle + 1][slot] = true;
        constant = plab_load32_le(random_draw(a->random, 4));
    }
    emit(a->program, op, dst, src, constant);
}

/* Draws one instruction and takes it if it fits. */
static void draw_instruction(struct attempt *a) {
    unsigned byte = *random_draw(a->random, 1);
    enum plab_cnr_op op = draw_op(a->random, byte & 7);
    unsigned dst = byte >> 3 & 3;
    unsigned src = byte >> 5;
    if (src == dst && (op == PLAB_CNR_ADD || op == PLAB_CNR_SUB || op == PLAB_CNR_XOR)) {
        src = FREE_REGISTER;
    }
    if (is_pointless(a, op, dst, src)) {
        return;
    }
    int cycle = max_int(a->latency[dst], a->latency[src]);
    int slot = -1;
    for (; cycle < LATENCY_TARGET; cycle++) {
        slot = free_slot(a, op, cycle);
        if (slot >= 0) {
            break;
        }
    }
    if (cycle > a->latency[dst] + IDLE_MAX) {
        return;
    }
    if (cycle + op_facts[op].latency > LATENCY_TARGET) {
        a->retries++;
        return;
    }
    accept(a, op, dst, src, cycle, slot);
}

static void draw_instructions(struct attempt *a) {
    for (int draws = 0; draws < DRAWS_MAX; draws++) {
        if (!below_target(a->latency) || a->retries >= RETRIES_MAX ||
            a->program->count >= PLAB_CNR_INSTRUCTIONS_MIN) {
            return;
        }
        draw_instruction(a);
    }
}

/* Adds instructions until a circuit without limits on what it does at once is not faster than the
 * target either: the earliest register is made to wait for the latest. */
static void fill_for_asic(struct attempt *a) {
    static const enum plab_cnr_op pattern[3] = {PLAB_CNR_ROR, PLAB_CNR_MUL, PLAB_CNR_MUL};
    struct plab_cnr_program *program = a->program;
    unsigned first = program->count;
    while (program->count < PLAB_CNR_INSTRUCTIONS_MAX) {
        unsigned min = 0, max = 0;
        for (unsigned i = 1; i < 4; i++) {
            min = a->asic_latency[i] < a->asic_latency[min] ? i : min;
            max = a->asic_latency[i] > a->asic_latency[max] ? i : max;
        }
        if (a->asic_latency[max] >= LATENCY_TARGET) {
            return;
        }
        enum plab_cnr_op op = pattern[(program->count - first) % 3];
        a->latency[min] = a->latency[max] + op_facts[op].latency;
        a->asic_latency[min] = a->asic_latency[max] + op_facts[op].asic_latency;
        emit(program, op, min, max, 0);
    }
}

void plab_cnr_generate(struct plab_cnr_program *program, uint64_t height) {
    struct random_bytes random;
    struct attempt attempt;
    memset(program, 0, sizeof *program);
    program->height = height;
    random_start(&random, height);
    do {
        attempt_start(&attempt, program, &random);
        draw_instructions(&attempt);
        fill_for_asic(&attempt);
    } while (!attempt.free_register_used || program->count < PLAB_CNR_INSTRUCTIONS_MIN);
}
