/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The generator of superscalar programs: simulates how a processor with three ports decodes and
 * schedules macro-operations, and chooses instructions so that few cycles stay empty.
 *
 * Every draw from the generator, and its place in the order of draws, is part of the definition.
 * Source: [RXSPEC] section 6.3.
 */
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "pow/blake2b.h"
#include "pow/rx_superscalar.h"

#define P0 1
#define P1 2
#define P5 4
#define TABLE_CYCLES_MAX (PLAB_RX_SS_LATENCY_MAX + 4)
#define LOOK_FORWARD_CYCLES 4
#define THROW_AWAY_MAX 256
#define NEEDS_DISPLACEMENT 5 /* r5, as the base of an x86 address, would cost IADD_RS a byte */
#define NO_REG (-1)
#define NO_KIND (-1)

void plab_rx_blake_gen_init(struct plab_rx_blake_gen *gen, const uint8_t *key, size_t key_len) {
    assert(key_len <= 60);
    memset(gen->block, 0, sizeof gen->block); /* bytes 60..63: a nonce, always 0 */
    if (key_len > 0) {
        memcpy(gen->block, key, key_len); /* an empty key may be NULL */
    }
    gen->at = sizeof gen->block;
}

static const uint8_t *draw(struct plab_rx_blake_gen *gen, size_t bytes) {
    if (gen->at + bytes > sizeof gen->block) {
        plab_blake2b_hash(gen->block, sizeof gen->block, gen->block, sizeof gen->block);
        gen->at = 0;
    }
    gen->at += bytes;
    return gen->block + gen->at - bytes;
}

static uint8_t draw_byte(struct plab_rx_blake_gen *gen) {
    return *draw(gen, 1);
}

static uint32_t draw_u32(struct plab_rx_blake_gen *gen) {
    return plab_load32_le(draw(gen, 4));
}

/* A macro-operation: what the decoder hands to the ports. */
struct macro_op {
    uint8_t latency;
    uint8_t ports[2]; /* allowed ports of each micro-operation; 0: there is none */
    bool dependent;   /* starts when the previous macro-operation has its result */
};

struct kind_info {
    uint8_t op_count;
    int8_t src_op, dst_op, result_op; /* macro-op that selects the source, ...; -1: no source */
    uint8_t group; /* instructions of a group with the same parameter don't follow on a register */
    bool is_mul;
    struct macro_op op[3];
};

#define ANY_PORT (P0 | P1 | P5)
#define CONSTANT_KIND(group)            \
    {                                   \
        1, -1, 0, 0, group, false, {    \
            { 1, {ANY_PORT, 0}, false } \
        }                               \
    }
#define HIGH_MUL_KIND(group)                            \
    {                                                   \
        3, 1, 0, 1, group, true, {                      \
            {0, {0, 0}, false}, {4, {P1, P5}, false}, { \
                0, {0, 0}, false                        \
            }                                           \
        }                                               \
    }

static const struct kind_info kinds[PLAB_RX_SS_KIND_COUNT] = {
    [PLAB_RX_SS_ISUB_R] = {1, 0, 0, 0, PLAB_RX_SS_IADD_RS, false, {{1, {ANY_PORT, 0}, false}}},
    [PLAB_RX_SS_IXOR_R] = {1, 0, 0, 0, PLAB_RX_SS_IXOR_R, false, {{1, {ANY_PORT, 0}, false}}},
    [PLAB_RX_SS_IADD_RS] = {1, 0, 0, 0, PLAB_RX_SS_IADD_RS, false, {{1, {P0 | P1, 0}, false}}},
    [PLAB_RX_SS_IMUL_R] = {1, 0, 0, 0, PLAB_RX_SS_IMUL_R, true, {{3, {P1, 0}, false}}},
    [PLAB_RX_SS_IROR_C] = {1, -1, 0, 0, PLAB_RX_SS_IROR_C, false, {{1, {P0 | P5, 0}, false}}},
    [PLAB_RX_SS_IADD_C7] = CONSTANT_KIND(PLAB_RX_SS_IADD_C7),
    [PLAB_RX_SS_IXOR_C7] = CONSTANT_KIND(PLAB_RX_SS_IXOR_C7),
    [PLAB_RX_SS_IADD_C8] = CONSTANT_KIND(PLAB_RX_SS_IADD_C7),
    [PLAB_RX_SS_IXOR_C8] = CONSTANT_KIND(PLAB_RX_SS_IXOR_C7),
    [PLAB_RX_SS_IADD_C9] = CONSTANT_KIND(PLAB_RX_SS_IADD_C7),
    [PLAB_RX_SS_IXOR_C9] = CONSTANT_KIND(PLAB_RX_SS_IXOR_C7),
    [PLAB_RX_SS_IMULH_R] = HIGH_MUL_KIND(PLAB_RX_SS_IMULH_R),
    [PLAB_RX_SS_ISMULH_R] = HIGH_MUL_KIND(PLAB_RX_SS_ISMULH_R),
    [PLAB_RX_SS_IMUL_RCP] =
        {2, -1, 1, 1, PLAB_RX_SS_IMUL_RCP, true, {{1, {ANY_PORT, 0}, false}, {3, {P1, 0}, true}}},
};

/* What the decoder fetches in a cycle: 16 bytes cut into slots. */
enum { GROUP_4444 = 4, GROUP_3310 = 5 };
static const uint8_t decode_groups[6][4] = {
    {4, 8, 4, 0}, {7, 3, 3, 3}, {3, 7, 3, 3}, {4, 9, 3, 0}, {4, 4, 4, 4}, {3, 3, 10, 0},
};

/* The instruction being processed. */
struct current {
    int kind;     /* NO_KIND: none */
    int op_at;    /* next macro-op */
    int src, dst; /* NO_REG until selected */
    int64_t parameter;
    uint8_t mod;
    uint32_t imm32;
};

struct reg_info {
    int ready_cycle;
    int last_group;
    int64_t last_parameter;
};

struct generator {
    struct plab_rx_blake_gen *gen;
    struct plab_rx_ss_program *out;
    int latency, size_max;
    struct current current;
    struct reg_info reg[8];
    uint8_t busy[TABLE_CYCLES_MAX]; /* ports taken, by cycle */
    int cycle, decode_cycle, dependency_cycle;
    int mul_count, throw_away_count;
    bool saturated;
};

/* True if all macro-ops of the current instruction are done, or there is none. */
static bool current_done(const struct current *current) {
    return current->kind == NO_KIND || current->op_at >= kinds[current->kind].op_count;
}

static int choose_group(struct generator *g) {
    int kind = g->current.kind;
    if (kind == PLAB_RX_SS_IMULH_R || kind == PLAB_RX_SS_ISMULH_R) {
        return GROUP_3310; /* two more 3-byte slots for the rest of it */
    }
    if (g->mul_count < g->decode_cycle + 1) {
        return GROUP_4444;
    }
    if (kind == PLAB_RX_SS_IMUL_RCP) {
        return draw_byte(g->gen) & 1 ? 0 : 3;
    }
    return draw_byte(g->gen) & 3;
}

static int choose_kind(struct generator *g, int slot_bytes, int group, bool last_slot) {
    switch (slot_bytes) {
    case 3:
        if (last_slot) {
            static const int any[4] = {PLAB_RX_SS_ISUB_R, PLAB_RX_SS_IXOR_R, PLAB_RX_SS_IMULH_R,
                                       PLAB_RX_SS_ISMULH_R};
            return any[draw_byte(g->gen) & 3];
        }
        return draw_byte(g->gen) & 1 ? PLAB_RX_SS_IXOR_R : PLAB_RX_SS_ISUB_R;
    case 4:
        if (group == GROUP_4444 && !last_slot) {
            return PLAB_RX_SS_IMUL_R;
        }
        return draw_byte(g->gen) & 1 ? PLAB_RX_SS_IADD_RS : PLAB_RX_SS_IROR_C;
    case 7:
        return draw_byte(g->gen) & 1 ? PLAB_RX_SS_IADD_C7 : PLAB_RX_SS_IXOR_C7;
    case 8:
        return draw_byte(g->gen) & 1 ? PLAB_RX_SS_IADD_C8 : PLAB_RX_SS_IXOR_C8;
    case 9:
        return draw_byte(g->gen) & 1 ? PLAB_RX_SS_IADD_C9 : PLAB_RX_SS_IXOR_C9;
    default:
        return PLAB_RX_SS_IMUL_RCP;
    }
}

static uint32_t draw_rotation(struct plab_rx_blake_gen *gen) {
    uint32_t count;
    do {
        count = draw_byte(gen) & 63;
    } while (count == 0);
    return count;
}

static uint32_t draw_divisor(struct plab_rx_blake_gen *gen) {
    uint32_t divisor;
    do {
        divisor = draw_u32(gen);
    } while ((divisor & (divisor - 1)) == 0);
    return divisor;
}

static void create_instruction(struct generator *g, int slot_bytes, int group, bool last_slot) {
    struct current c = {.src = NO_REG, .dst = NO_REG, .parameter = -1};
    c.kind = choose_kind(g, slot_bytes, group, last_slot);
    switch (c.kind) {
    case PLAB_RX_SS_IADD_RS:
        c.mod = draw_byte(g->gen);
        break;
    case PLAB_RX_SS_IROR_C:
        c.imm32 = draw_rotation(g->gen);
        break;
    case PLAB_RX_SS_IADD_C7:
    case PLAB_RX_SS_IXOR_C7:
    case PLAB_RX_SS_IADD_C8:
    case PLAB_RX_SS_IXOR_C8:
    case PLAB_RX_SS_IADD_C9:
    case PLAB_RX_SS_IXOR_C9:
        c.imm32 = draw_u32(g->gen);
        break;
    case PLAB_RX_SS_IMULH_R:
    case PLAB_RX_SS_ISMULH_R:
        c.parameter = draw_u32(g->gen);
        break;
    case PLAB_RX_SS_IMUL_RCP:
        c.imm32 = draw_divisor(g->gen);
        break;
    default:
        break;
    }
    g->current = c;
}

/* The port that a micro-op with these `allowed` ports gets in a cycle, or 0. P1, the multiplier's,
 * is given away last. */
static uint8_t free_port(const struct generator *g, int cycle, uint8_t allowed) {
    static const uint8_t order[3] = {P5, P0, P1};
    for (int i = 0; i < 3; i++) {
        if ((allowed & order[i]) != 0 && (g->busy[cycle] & order[i]) == 0) {
            return order[i];
        }
    }
    return 0;
}

/* First cycle, from `cycle` on, in which the macro-op finds its ports, or -1 beyond the table;
 * takes the ports if `commit`. */
static int schedule(struct generator *g, const struct macro_op *op, int cycle, bool commit) {
    if (op->dependent && cycle < g->dependency_cycle) {
        cycle = g->dependency_cycle;
    }
    if (op->ports[0] == 0) {
        return cycle; /* a register move, done by renaming */
    }
    for (; cycle < g->latency + 4; cycle++) {
        uint8_t first = free_port(g, cycle, op->ports[0]);
        uint8_t second = op->ports[1] != 0 ? free_port(g, cycle, op->ports[1]) : 0;
        if (first == 0 || (op->ports[1] != 0 && second == 0)) {
            continue;
        }
        if (commit) {
            g->busy[cycle] |= first | second;
        }
        return cycle;
    }
    return -1;
}

static int select_register(struct generator *g, const int *candidates, int count) {
    if (count == 0) {
        return NO_REG;
    }
    return candidates[count > 1 ? draw_u32(g->gen) % (uint32_t)count : 0];
}

static bool select_source(struct generator *g, int cycle) {
    struct current *c = &g->current;
    int candidates[8], count = 0;
    for (int i = 0; i < 8; i++) {
        if (g->reg[i].ready_cycle <= cycle) {
            candidates[count++] = i;
        }
    }
    if (c->kind == PLAB_RX_SS_IADD_RS && count == 2 &&
        (candidates[0] == NEEDS_DISPLACEMENT || candidates[1] == NEEDS_DISPLACEMENT)) {
        c->src = NEEDS_DISPLACEMENT; /* it can't be the destination */
    } else {
        c->src = select_register(g, candidates, count);
    }
    if (c->src != NO_REG && c->kind != PLAB_RX_SS_IMULH_R && c->kind != PLAB_RX_SS_ISMULH_R) {
        c->parameter = c->src;
    }
    return c->src != NO_REG;
}

static bool may_be_destination(const struct generator *g, int i, int cycle) {
    const struct current *c = &g->current;
    const struct reg_info *reg = &g->reg[i];
    int group = kinds[c->kind].group;
    bool high_mul = c->kind == PLAB_RX_SS_IMULH_R || c->kind == PLAB_RX_SS_ISMULH_R;
    return reg->ready_cycle <= cycle && (high_mul || i != c->src) &&
           (g->throw_away_count > 0 || group != PLAB_RX_SS_IMUL_R || reg->last_group != group) &&
           (reg->last_group != group || reg->last_parameter != c->parameter) &&
           (c->kind != PLAB_RX_SS_IADD_RS || i != NEEDS_DISPLACEMENT);
}

static bool select_destination(struct generator *g, int cycle) {
    int candidates[8], count = 0;
    for (int i = 0; i < 8; i++) {
        if (may_be_destination(g, i, cycle)) {
            candidates[count++] = i;
        }
    }
    g->current.dst = select_register(g, candidates, count);
    return g->current.dst != NO_REG;
}

/* Tries a selection now and in the next cycles; time that passes is lost for what follows. */
static bool select_within_reach(struct generator *g, int *at,
                                bool (*select)(struct generator *g, int cycle)) {
    for (int i = 0; i < LOOK_FORWARD_CYCLES; i++) {
        if (select(g, *at)) {
            return true;
        }
        *at += 1;
        g->cycle += 1;
    }
    return false;
}

static bool select_operands(struct generator *g, int *at) {
    const struct kind_info *info = &kinds[g->current.kind];
    if (g->current.op_at == info->src_op && !select_within_reach(g, at, select_source)) {
        return false;
    }
    return g->current.op_at != info->dst_op || select_within_reach(g, at, select_destination);
}

static uint64_t operand(int kind, uint32_t imm32) {
    if (kind == PLAB_RX_SS_IMUL_RCP) {
        return plab_rx_reciprocal(imm32);
    }
    return (uint64_t)(int64_t)(int32_t)imm32;
}

static void append(struct generator *g) {
    const struct current *c = &g->current;
    g->out->instr[g->out->size++] = (struct plab_rx_ss_instr){
        .kind = (uint8_t)c->kind,
        .dst = (uint8_t)c->dst,
        .src = (uint8_t)(c->src == NO_REG ? c->dst : c->src),
        .mod = c->mod,
        .imm32 = c->imm32,
        .operand = operand(c->kind, c->imm32),
    };
    g->mul_count += kinds[c->kind].is_mul;
}

enum slot_end { SLOT_FILLED, SLOT_AGAIN, SLOT_LEAVE };

static enum slot_end discard(struct generator *g) {
    if (g->throw_away_count < THROW_AWAY_MAX) {
        g->throw_away_count++;
        g->current.op_at = kinds[g->current.kind].op_count;
        return SLOT_AGAIN;
    }
    g->current.kind = NO_KIND;
    return SLOT_LEAVE;
}

/* Places the next macro-op in a slot of the decode group. */
static enum slot_end fill_slot(struct generator *g, int slot_bytes, int group, bool last_slot) {
    int top = g->cycle;
    if (current_done(&g->current)) {
        if (g->saturated || (int)g->out->size >= g->size_max) {
            return SLOT_LEAVE;
        }
        create_instruction(g, slot_bytes, group, last_slot);
    }
    const struct kind_info *info = &kinds[g->current.kind];
    const struct macro_op *op = &info->op[g->current.op_at];
    int at = schedule(g, op, g->cycle, false);
    if (at < 0) {
        g->saturated = true;
        return SLOT_LEAVE;
    }
    if (!select_operands(g, &at)) {
        return discard(g);
    }
    g->throw_away_count = 0;
    at = schedule(g, op, at, true);
    if (at < 0) {
        g->saturated = true;
        return SLOT_LEAVE;
    }
    g->dependency_cycle = at + op->latency;
    if (g->current.op_at == info->result_op) {
        g->reg[g->current.dst] =
            (struct reg_info){g->dependency_cycle, info->group, g->current.parameter};
    }
    g->saturated = g->saturated || at >= g->latency;
    g->cycle = top;
    if (++g->current.op_at == info->op_count) {
        append(g);
    }
    return SLOT_FILLED;
}

static void fill_group(struct generator *g) {
    int group = choose_group(g);
    const uint8_t *slots = decode_groups[group];
    int slot_count = slots[3] != 0 ? 4 : 3;
    int slot = 0;
    while (slot < slot_count) {
        enum slot_end end = fill_slot(g, slots[slot], group, slot == slot_count - 1);
        if (end == SLOT_LEAVE) {
            break;
        }
        slot += end == SLOT_FILLED;
    }
}

/* The register that depends on the longest chain of instructions; the first of several. */
static uint8_t address_register(const struct plab_rx_ss_program *program) {
    uint32_t chain[8] = {0};
    for (uint32_t i = 0; i < program->size; i++) {
        const struct plab_rx_ss_instr *in = &program->instr[i];
        uint32_t longer = chain[in->dst] > chain[in->src] ? chain[in->dst] : chain[in->src];
        chain[in->dst] = longer + 1;
    }
    uint8_t best = 0;
    for (uint8_t i = 1; i < 8; i++) {
        best = chain[i] > chain[best] ? i : best;
    }
    return best;
}

void plab_rx_ss_generate(struct plab_rx_ss_program *out, struct plab_rx_blake_gen *gen,
                         uint32_t latency) {
    assert(latency <= PLAB_RX_SS_LATENCY_MAX);
    struct generator g = {.gen = gen, .out = out, .latency = (int)latency};
    g.size_max = 3 * g.latency + 2;
    g.current.kind = NO_KIND;
    for (int i = 0; i < 8; i++) {
        g.reg[i] = (struct reg_info){0, NO_KIND, -1};
    }
    out->size = 0;
    while (g.decode_cycle < g.latency && !g.saturated && (int)out->size < g.size_max) {
        fill_group(&g);
        g.cycle++;
        g.decode_cycle++;
    }
    out->address_reg = address_register(out);
}
