/* SPDX-License-Identifier: BSD-3-Clause */
/* Rounds of dataset items: the scalar part, and the frame for all. */
#include "arch/x86/kernels_x86.h"
#include "arch/x86/rx_items.h"

/* ---- one scalar item ---- */

static bool is_constant_kind(uint8_t kind) {
    return (kind >= PLAB_RX_SS_IADD_C7 && kind <= PLAB_RX_SS_IXOR_C9) ||
           kind == PLAB_RX_SS_IMUL_RCP;
}

static void emit_lea(struct ss_emit *e, unsigned dst, unsigned src, unsigned shift) {
    ss_bytes(e, 0x4F, 1); /* all three are r8..r15 */
    ss_bytes(e, 0x8D, 1);
    ss_bytes(e, 0x44 | (dst & 7) << 3, 1);
    ss_bytes(e, shift << 6 | (src & 7) << 3 | (dst & 7), 1);
    ss_bytes(e, 0, 1); /* the displacement that r13 needs as a base */
}

static void emit_mulh(struct ss_emit *e, unsigned extension, unsigned dst, unsigned src) {
    ss_int(e, SS_MOV_STORE, dst, ss_reg(SS_RAX), 0);
    ss_int(e, SS_GROUP_MUL, extension, ss_reg(src), 0);
    ss_int(e, SS_MOV_STORE, SS_RDX, ss_reg(dst), 0);
}

static void emit_imm32(struct ss_emit *e, unsigned extension, unsigned dst, uint32_t imm) {
    ss_int(e, SS_GROUP_IMM, extension, ss_reg(dst), 4);
    ss_bytes(e, imm, 4);
}

static void emit_rotate(struct ss_emit *e, bool bmi2, unsigned dst, unsigned count) {
    if (bmi2) {
        ss_vex(e, SS_RORX, false, dst, 0, ss_reg(dst), 1);
    } else {
        ss_int(e, SS_GROUP_SHIFT, 1, ss_reg(dst), 1);
    }
    ss_bytes(e, count, 1);
}

static void emit_scalar(struct ss_emit *e, const struct plab_rx_ss_instr *in,
                        const uint8_t *constant, bool bmi2) {
    unsigned d = RX_ITEMS_R0 + in->dst, s = RX_ITEMS_R0 + in->src, shift = in->mod >> 2 & 3;
    switch ((enum plab_rx_ss_kind)in->kind) {
    case PLAB_RX_SS_ISUB_R:
        ss_int(e, SS_SUB_STORE, s, ss_reg(d), 0);
        break;
    case PLAB_RX_SS_IXOR_R:
        ss_int(e, SS_XOR_STORE, s, ss_reg(d), 0);
        break;
    case PLAB_RX_SS_IADD_RS:
        if (shift == 0) {
            ss_int(e, SS_ADD_STORE, s, ss_reg(d), 0);
        } else {
            emit_lea(e, d, s, shift);
        }
        break;
    case PLAB_RX_SS_IMUL_R:
        ss_int(e, SS_IMUL, d, ss_reg(s), 0);
        break;
    case PLAB_RX_SS_IROR_C:
        emit_rotate(e, bmi2, d, in->imm32 & 63);
        break;
    case PLAB_RX_SS_IADD_C7:
    case PLAB_RX_SS_IADD_C8:
    case PLAB_RX_SS_IADD_C9:
        emit_imm32(e, 0, d, in->imm32);
        break;
    case PLAB_RX_SS_IXOR_C7:
    case PLAB_RX_SS_IXOR_C8:
    case PLAB_RX_SS_IXOR_C9:
        emit_imm32(e, 6, d, in->imm32);
        break;
    case PLAB_RX_SS_IMULH_R:
        if (bmi2) { /* of two equal destinations the high half wins */
            ss_int(e, SS_MOV_STORE, d, ss_reg(SS_RDX), 0);
            ss_vex(e, SS_MULX, false, d, d, ss_reg(s), 0);
        } else {
            emit_mulh(e, 4, d, s);
        }
        break;
    case PLAB_RX_SS_ISMULH_R:
        emit_mulh(e, 5, d, s);
        break;
    case PLAB_RX_SS_IMUL_RCP:
        ss_int(e, SS_IMUL, d, ss_data(constant), 0);
        break;
    case PLAB_RX_SS_KIND_COUNT:
        __builtin_unreachable();
    }
}

static void emit_scalar_load(struct ss_emit *e, size_t state) {
    for (unsigned reg = 0; reg < PLAB_RX_ITEM_WORDS; reg++) {
        ss_int(e, SS_MOV_LOAD, RX_ITEMS_R0 + reg, ss_mem(RX_ITEMS_STATE, state + 8 * reg), 0);
    }
}

void plab_rx_items_emit_next_line(struct ss_emit *e, size_t lines) {
    ss_int(e, SS_GROUP_SHIFT, 4, ss_reg(SS_RDX), 1);
    ss_bytes(e, 6, 1);
    ss_int(e, SS_AND_STORE, RX_ITEMS_MASK, ss_reg(SS_RDX), 0);
    ss_int(e, SS_ADD_STORE, RX_ITEMS_BASE, ss_reg(SS_RDX), 0);
    ss_int(e, SS_MOV_STORE, SS_RDX, ss_mem(RX_ITEMS_LINES, lines), 0);
}

static void emit_scalar_finish(struct ss_emit *e, size_t state, size_t lines, unsigned next) {
    ss_int(e, SS_MOV_LOAD, SS_RAX, ss_mem(RX_ITEMS_LINES, lines), 0);
    if (next != RX_ITEMS_NO_NEXT) {
        /* First the word that the next line depends on. */
        unsigned reg = RX_ITEMS_R0 + next;
        ss_int(e, SS_MOV_STORE, reg, ss_reg(SS_RDX), 0);
        ss_int(e, SS_XOR_LOAD, SS_RDX, ss_mem(SS_RAX, 8 * next), 0);
        plab_rx_items_emit_next_line(e, lines);
    }
    for (unsigned reg = 0; reg < PLAB_RX_ITEM_WORDS; reg++) {
        ss_int(e, SS_XOR_LOAD, RX_ITEMS_R0 + reg, ss_mem(SS_RAX, 8 * reg), 0);
        ss_int(e, SS_MOV_STORE, RX_ITEMS_R0 + reg, ss_mem(RX_ITEMS_STATE, state + 8 * reg), 0);
    }
}

/* ---- a round ---- */

/* A round that is being made, and how far its scalar items are: they share one set of registers, so
 * they come one after the other. */
struct round {
    struct ss_emit *e;
    const struct plab_rx_ss_program *program;
    const struct rx_items_pool *pool;
    const struct rx_items_maker *maker;
    const struct rx_items_shape *form;
    unsigned next;        /* register of the next line, or RX_ITEMS_NO_NEXT */
    uint32_t item, instr; /* the next scalar instruction */
};

static unsigned groups(const struct round *r) {
    return r->maker->vector == NULL ? 0 : r->form->groups;
}

static size_t vector_items(const struct round *r) {
    const struct rx_items_vector *vector = r->maker->vector;
    return vector == NULL ? 0 : (size_t)r->form->groups * vector->lanes;
}

static size_t block_items(const struct round *r) {
    return vector_items(r) + r->form->scalars;
}

/* The next instruction of the scalar items. */
static void scalar_step(struct round *r) {
    size_t at = vector_items(r) + r->item;
    size_t state = at * PLAB_RX_ITEM_BYTES, lines = at * sizeof(uint64_t *);
    if (r->instr == 0) {
        emit_scalar_load(r->e, state);
    }
    emit_scalar(r->e, &r->program->instr[r->instr], r->pool->at[r->instr], r->maker->bmi2);
    if (++r->instr == r->program->size) {
        emit_scalar_finish(r->e, state, lines, r->next);
        r->instr = 0;
        r->item++;
    }
}

/* Back to `loop` unless the last result was 0. */
static void emit_jnz(struct ss_emit *e, const uint8_t *loop) {
    ss_bytes(e, 0x850F, 2);
    ss_bytes(e, (uint32_t)(loop - (e->at + 4)), 4);
}

/* The line of an item of the block, or of one behind it. */
static void emit_prefetch(struct ss_emit *e, unsigned hint, size_t item) {
    ss_int(e, SS_MOV_LOAD, SS_RAX, ss_mem(RX_ITEMS_LINES, item * sizeof(uint64_t *)), 0);
    ss_int(e, SS_PREFETCH, hint, ss_mem(SS_RAX, 0), 0);
}

/* One instruction of the program for all items, with its share of the prefetches. */
static void emit_instr(struct round *r, uint32_t i) {
    const struct plab_rx_ss_program *program = r->program;
    for (unsigned group = 0; group < groups(r); group++) {
        r->maker->vector->step(r->e, group, &program->instr[i], r->pool->at[i]);
    }
    for (unsigned scalar = 0; scalar < r->form->scalars; scalar++) {
        scalar_step(r);
    }
    if (r->form->ask == RX_ITEMS_ASK_BESIDE) {
        const size_t items = block_items(r);
        for (size_t j = items * i / program->size; j < items * (i + 1) / program->size; j++) {
            emit_prefetch(r->e, SS_T0, items + j);
        }
    }
}

static void emit_block(struct round *r) {
    const struct rx_items_vector *vector = r->maker->vector;
    const unsigned count = groups(r);
    for (unsigned group = 0; group < count; group++) {
        vector->load(r->e, group);
    }
    for (uint32_t i = 0; i < r->program->size; i++) {
        emit_instr(r, i);
    }
    for (unsigned group = 0; group < count; group++) {
        vector->mix(r->e, group, r->next);
    }
    if (r->form->ask == RX_ITEMS_ASK_AFTER && r->next != RX_ITEMS_NO_NEXT) {
        for (size_t i = 0; i < block_items(r); i++) {
            emit_prefetch(r->e, SS_NTA, i);
        }
    }
    for (unsigned group = 0; group < count; group++) {
        vector->save(r->e, group);
    }
}

static void emit_push(struct ss_emit *e) {
    static const uint8_t push[] = {0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57};
    for (size_t i = 0; i < sizeof push; i++) {
        ss_bytes(e, push[i], 1); /* rbx, rbp, r12, r13, r14, r15 */
    }
}

static void emit_pop_ret(struct ss_emit *e) {
    static const uint8_t pop[] = {0x41, 0x5F, 0x41, 0x5E, 0x41, 0x5D, 0x41, 0x5C, 0x5D, 0x5B, 0xC3};
    for (size_t i = 0; i < sizeof pop; i++) {
        ss_bytes(e, pop[i], 1);
    }
}

/* rx_items_round_fn: its arguments come in rdi, rsi, rdx, rcx, r8. */
static void emit_round(struct round *r) {
    struct ss_emit *e = r->e;
    const size_t items = block_items(r);
    emit_push(e);
    ss_int(e, SS_MOV_STORE, SS_RDI, ss_reg(SS_RAX), 0);
    ss_int(e, SS_MOV_STORE, SS_RSI, ss_reg(RX_ITEMS_LINES), 0);
    ss_int(e, SS_MOV_STORE, SS_RAX, ss_reg(RX_ITEMS_STATE), 0);
    ss_int(e, SS_MOV_STORE, SS_RCX, ss_reg(RX_ITEMS_BASE), 0);
    ss_int(e, SS_MOV_STORE, SS_RDX, ss_reg(RX_ITEMS_COUNT), 0);
    ss_int(e, SS_MOV_STORE, SS_R8, ss_reg(RX_ITEMS_MASK), 0);
    if (groups(r) > 0) {
        r->maker->vector->enter(e);
    }
    const uint8_t *loop = e->at;
    emit_block(r);
    emit_imm32(e, 0, RX_ITEMS_STATE, (uint32_t)(items * PLAB_RX_ITEM_BYTES));
    emit_imm32(e, 0, RX_ITEMS_LINES, (uint32_t)(items * sizeof(uint64_t *)));
    emit_imm32(e, 5, RX_ITEMS_COUNT, 1);
    emit_jnz(e, loop);
    if (groups(r) > 0) {
        ss_bytes(e, 0x77F8C5, 3); /* vzeroupper */
    }
    emit_pop_ret(e);
}

static void emit_pool(struct ss_emit *e, const struct plab_rx_ss_program *program,
                      const struct rx_items_vector *vector, struct rx_items_pool *pool) {
    ss_align(e, 64);
    for (uint32_t i = 0; i < program->size; i++) {
        const struct plab_rx_ss_instr *in = &program->instr[i];
        pool->at[i] = e->at;
        if (is_constant_kind(in->kind)) {
            if (vector != NULL) {
                vector->constant(e, in);
            } else if (in->kind == PLAB_RX_SS_IMUL_RCP) {
                ss_bytes(e, in->operand, 8);
            }
        }
    }
}

bool plab_rx_items_compile(const struct rx_items_maker *maker,
                           const struct plab_rx_ss_program *program, uint32_t programs,
                           struct plab_codemem *code) {
    struct rx_items_code head = {{{0}}};
    if (code->bytes < sizeof head) {
        return false;
    }
    struct ss_emit e = {code->write, code->write + sizeof head, code->write + code->bytes, false};
    for (uint32_t i = 0; i < programs; i++) {
        bool last = i + 1 == programs;
        struct rx_items_pool pool;
        emit_pool(&e, &program[i], maker->vector, &pool);
        for (unsigned form = 0; form < maker->forms; form++) {
            ss_align(&e, 64);
            head.entry[form][i] = (uint32_t)(e.at - e.begin);
            struct round round = {.e = &e,
                                  .program = &program[i],
                                  .pool = &pool,
                                  .maker = maker,
                                  .form = &maker->form[form],
                                  .next = last ? RX_ITEMS_NO_NEXT : program[i].address_reg};
            emit_round(&round);
        }
    }
    if (e.full) {
        return false;
    }
    memcpy(code->write, &head, sizeof head);
    return true;
}

/* ---- without vectors ---- */

enum { ONE, MANY, FORMS };

/* Items of a block where there are many. */
#define BLOCK 8

static const struct rx_items_shape shape_of[FORMS] = {
    [ONE] = {0, 1, RX_ITEMS_ASK_AFTER},
    [MANY] = {0, BLOCK, RX_ITEMS_ASK_BESIDE},
};

/* `lines` has room for BLOCK pointers more. */
static void run_scalars(const struct plab_rx_cache *cache, uint32_t program, uint64_t *state,
                        const uint64_t **lines, size_t count) {
    const size_t blocks = count > RX_ITEMS_FEW ? count / BLOCK : 0, first = blocks * BLOCK;
    for (size_t i = 0; i < BLOCK && blocks > 0; i++) {
        lines[count + i] = lines[i];
        __builtin_prefetch(lines[i]);
    }
    rx_items_run(cache, MANY, program, state, lines, blocks);
    rx_items_run(cache, ONE, program, state + first * PLAB_RX_ITEM_WORDS, lines + first,
                 count - first);
}

static void items_scalar(const struct plab_rx_cache *cache, const uint64_t *numbers, size_t count,
                         uint8_t *out) {
    const uint64_t *lines[RX_ITEMS_BATCH + BLOCK];
    uint64_t *state = (uint64_t *)(void *)out;
    uint32_t programs = cache->params->cache_accesses;
    size_t part = rx_items_part(count, RX_ITEMS_BATCH);
    rx_items_fetch(cache, numbers, part);
    while (count > 0) {
        count -= part;
        size_t ahead = rx_items_part(count, RX_ITEMS_BATCH);
        rx_items_start(cache, numbers, part, state, lines);
        for (uint32_t i = 0; i < programs; i++) {
            size_t from = part + ahead * i / programs, to = part + ahead * (i + 1) / programs;
            rx_items_fetch(cache, numbers + from, to - from);
            run_scalars(cache, i, state, lines, part);
        }
        numbers += part;
        state += part * PLAB_RX_ITEM_WORDS;
        part = ahead;
    }
}

static plab_rx_items_fn *make(const struct plab_rx_ss_program *program, uint32_t programs,
                              struct plab_codemem *code, bool bmi2) {
    const struct rx_items_maker maker = {NULL, bmi2, FORMS, shape_of};
    return plab_rx_items_compile(&maker, program, programs, code) ? items_scalar : NULL;
}

plab_rx_items_fn *plab_rx_items_make_x64(const struct plab_rx_ss_program *program,
                                         uint32_t programs, struct plab_codemem *code) {
    return make(program, programs, code, false);
}

plab_rx_items_fn *plab_rx_items_make_bmi2(const struct plab_rx_ss_program *program,
                                          uint32_t programs, struct plab_codemem *code) {
    return make(program, programs, code, true);
}
