/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Machine code around RandomX programs: whole loops for several machines in turn, and single steps.
 *
 * In a loop the bodies of all machines stand one behind the other and are run iteration by
 * iteration: while the dataset item of one machine is on its way, the others compute. At the end of
 * an iteration F and E are dead, so that a change of machines costs the integer registers, the
 * addresses and the constants.
 *
 * Items are asked for ahead, and for all machines in one go. A prefetch retires without its data,
 * but not without its translation: where that takes a walk through page tables, everything stands
 * once the reorder buffer is full, which it is after one program. In a virtual machine whose host
 * has small pages nearly every item takes a walk, whatever the pages of the guest; walks that are
 * asked for together take place side by side. In v1 the item is that of the next iteration, so
 * the end of an iteration that mixes it in is put off until the next machine's program has run. In
 * v2 the items of two iterations are known, and asked for every other round.
 *
 * The control word stays as the last program had it, for whoever calls gives it back once a hash.
 *
 * Source: [RXSPEC] section 4.6.2; System V ABI, AMD64 supplement, for what is saved.
 */
#include "arch/x86/rx_jit.h"

#include <stddef.h>

#include "arch/x86/kernels_x86.h"
#include "pow/rx_fpu.h"

#define OFFSET(member) ((uint32_t)offsetof(struct plab_rx_machine, member))
#define REG(n) ((uint64_t)(n) << 3)
#define BYTE(value, position) ((uint64_t)(value) << (8 * (position)))

/* Constants that all code of one code memory shares, at its start. */
struct constants {
    uint64_t e_keep[2]; /* 52 bits of fraction and the low 4 of the exponent survive */
    uint64_t fscal[2];
};

static const struct constants shared_constants = {
    {UINT64_C(0x00FFFFFFFFFFFFFF), UINT64_C(0x00FFFFFFFFFFFFFF)},
    {UINT64_C(0x80F0000000000000), UINT64_C(0x80F0000000000000)},
};

/* One piece of code being written. */
struct piece {
    struct rx_jit jit;
    const uint8_t *constants;
    bool reloads;    /* each iteration takes everything from memory: several machines in turn, or a
                        function call in between */
    bool asks;       /* for its own item: no other machine in the loop */
    uint8_t *ending; /* behind the jump to code for the last iteration; it comes back there */
};

/* ---- jumps ---- */

/* je to somewhere that jump_ends_here() tells. */
static uint8_t *jump_if_equal(uint8_t **at) {
    plab_emit(at, 0x840F, 2);
    plab_emit32(at, 0);
    return *at;
}

static void jump_ends_here(uint8_t *jump, const uint8_t *at) {
    const uint32_t distance = (uint32_t)(at - jump);
    memcpy(jump - 4, &distance, 4);
}

/* ---- operands in the machine: [rbp + offset] ---- */

/* An instruction of `count` bytes whose ModRM byte (the last) says [rbp + disp32]. */
static void with_member(struct piece *p, uint64_t bytes, unsigned count, uint32_t member) {
    plab_emit(&p->jit.at, bytes, count);
    plab_emit32(&p->jit.at, p->jit.machine + member);
}

static void load_integers(struct piece *p) {
    for (unsigned i = 0; i < 8; i++) { /* mov r_i, [r] */
        with_member(p, 0x8B4C | BYTE(0x85 | REG(i), 2), 3, OFFSET(r) + 8 * i);
    }
}

static void save_integers(struct piece *p) {
    for (unsigned i = 0; i < 8; i++) { /* mov [r], r_i */
        with_member(p, 0x894C | BYTE(0x85 | REG(i), 2), 3, OFFSET(r) + 8 * i);
    }
}

static void save_floats(struct piece *p) {
    for (unsigned i = 0; i < 8; i++) { /* movaps [fe], xmm_i */
        with_member(p, 0x290F | BYTE(0x85 | REG(i), 2), 3, OFFSET(fe) + 16 * i);
    }
}

/* movaps xmm13 or xmm15, [rip + constant]. */
static void load_constant(struct piece *p, unsigned xmm, size_t offset) {
    plab_emit(&p->jit.at, 0x280F44 | BYTE(0x05 | REG(xmm & 7), 3), 4);
    plab_emit32(&p->jit.at, plab_emit_distance(p->jit.at, p->constants + offset));
}

/* Scratchpad, A registers, constants, rounding mode. */
static void load_surroundings(struct piece *p) {
    with_member(p, 0xB58B48, 3, OFFSET(scratchpad)); /* mov rsi, [scratchpad] */
    for (unsigned i = 0; i < 4; i++) {               /* movaps xmm_(8+i), [a] */
        with_member(p, 0x280F44 | BYTE(0x85 | REG(i), 3), 4, OFFSET(a) + 16 * i);
    }
    with_member(p, 0xB5280F44, 4, OFFSET(e_mask)); /* movaps xmm14, [e_mask] */
    load_constant(p, 13, offsetof(struct constants, e_keep));
    load_constant(p, 15, offsetof(struct constants, fscal));
    with_member(p, 0x858B, 2, OFFSET(rounding));              /* mov eax, [rounding] */
    with_member(p, UINT64_C(0x8594AE0F), 4, OFFSET(control)); /* ldmxcsr [control + 4 * rax] */
}

/* ---- an iteration ---- */

/* Lines of the scratchpad into the registers. */
static void load_lines(struct piece *p) {
    uint8_t **at = &p->jit.at;
    with_member(p, 0x858B, 2, OFFSET(line[0])); /* mov eax, [line0] */
    with_member(p, 0x8D8B, 2, OFFSET(line[1])); /* mov ecx, [line1] */
    for (unsigned i = 0; i < 8; i++) {          /* xor r_i, [rsi + rax + 8i] */
        plab_emit(at, 0x334C | BYTE(0x44 | REG(i), 2) | BYTE(0x06, 3) | BYTE(8 * i, 4), 5);
    }
    for (unsigned i = 0; i < 8; i++) { /* cvtdq2pd xmm_i, [rsi + rcx + 8i] */
        plab_emit(at, 0xE60FF3 | BYTE(0x44 | REG(i), 3) | BYTE(0x0E, 4) | BYTE(8 * i, 5), 6);
    }
    for (unsigned i = 4; i < 8; i++) {
        plab_rx_jit_mask_e(&p->jit, i);
    }
}

/* Leaves in edx the address that is read now; ma and mx are as after the swap. */
static void choose_items(struct piece *p) {
    const uint8_t *reg = p->jit.m->program->read_reg;
    uint8_t **at = &p->jit.at;
    plab_emit(at, 0x8944 | BYTE(0xC1 | REG(reg[2] & 7), 2), 3); /* mov ecx, r_read2 */
    plab_emit(at, 0x3144 | BYTE(0xC1 | REG(reg[3] & 7), 2), 3); /* xor ecx, r_read3 */
    with_member(p, 0x858B, 2, OFFSET(mx));                      /* mov eax, [mx] */
    with_member(p, 0x958B, 2, OFFSET(ma));                      /* mov edx, [ma] */
    if (p->jit.m->params->v2) {
        plab_emit(at, 0xD131, 2);              /* xor ecx, edx */
        with_member(p, 0x8589, 2, OFFSET(ma)); /* mov [ma], eax */
        with_member(p, 0x8D89, 2, OFFSET(mx)); /* mov [mx], ecx */
    } else {
        plab_emit(at, 0xC831, 2);              /* xor eax, ecx */
        with_member(p, 0x8589, 2, OFFSET(ma)); /* mov [ma], eax */
        with_member(p, 0x9589, 2, OFFSET(mx)); /* mov [mx], edx */
    }
}

static uint32_t dataset_mask(const struct piece *p) {
    return (uint32_t)((p->jit.m->params->dataset_base_bytes - 1) & ~UINT64_C(63));
}

static uint32_t dataset_offset(const struct piece *p) {
    return (uint32_t)(p->jit.m->program->dataset_offset * PLAB_RX_ITEM_BYTES);
}

/* prefetchnta, t0, t1 or t2: 0F 18 /0 .. /3, with `modrm` and what follows it; false if off. */
static bool prefetch(struct piece *p, uint8_t hint, uint64_t modrm_sib) {
    if (hint == PLAB_PREFETCH_OFF) {
        return false;
    }
    plab_emit(&p->jit.at, 0x180F | BYTE(modrm_sib | REG(hint), 2), 4);
    return true;
}

/* Asks for the item that `member`, ma or mx, of the machine of `of` means. */
static void prefetch_item(struct piece *p, const struct piece *of, uint32_t member) {
    plab_emit(&p->jit.at, 0x858B, 2); /* mov eax, [member] */
    plab_emit32(&p->jit.at, of->jit.machine + member);
    plab_emit(&p->jit.at, 0x25, 1); /* and eax, mask */
    plab_emit32(&p->jit.at, dataset_mask(of));
    if (prefetch(p, of->jit.m->hints.item, 0x0784)) { /* [rdi + rax + offset] */
        plab_emit32(&p->jit.at, dataset_offset(of));
    }
}

/* In v1 the item of the next iteration, in v2 of the one after. */
static void prefetch_newest_item(struct piece *p) {
    if (p->asks) {
        prefetch_item(p, p, p->jit.m->params->v2 ? OFFSET(mx) : OFFSET(ma));
    }
}

static void mix_item(struct piece *p) {
    plab_emit(&p->jit.at, 0xE281, 2); /* and edx, mask */
    plab_emit32(&p->jit.at, dataset_mask(p));
    for (unsigned i = 0; i < 8; i++) { /* xor r_i, [rdi + rdx + offset + 8i] */
        plab_emit(&p->jit.at, 0x334C | BYTE(0x84 | REG(i), 2) | BYTE(0x17, 3), 4);
        plab_emit32(&p->jit.at, dataset_offset(p) + 8 * i);
    }
}

/* v2 without AES instructions: everything into memory, a call, everything back. */
static void call_mix(struct piece *p) {
    uint8_t **at = &p->jit.at;
    save_integers(p);
    save_floats(p);
    plab_emit(at, 0x5756, 2);                     /* push rsi; push rdi */
    with_member(p, 0xBD8D48, 3, OFFSET(fe));      /* lea rdi, [f] */
    with_member(p, 0xB58D48, 3, OFFSET(fe) + 64); /* lea rsi, [e] */
    with_member(p, 0x95FF, 2, OFFSET(mix_v2));    /* call [mix_v2] */
    plab_emit(at, 0x5E5F, 2);                     /* pop rdi; pop rsi */
    load_integers(p);
    for (unsigned i = 0; i < 8; i++) { /* movaps xmm_i, [fe] */
        with_member(p, 0x280F | BYTE(0x85 | REG(i), 2), 3, OFFSET(fe) + 16 * i);
    }
}

static void mix_floats(struct piece *p) {
    uint8_t **at = &p->jit.at;
    if (!p->jit.m->params->v2) {
        for (unsigned i = 0; i < 4; i++) { /* xorps f_i, e_i */
            plab_emit(at, 0x570F | BYTE(0xC4 | REG(i) | i, 2), 3);
        }
        return;
    }
    if ((p->jit.isa & RX_JIT_AES) == 0) {
        call_mix(p);
        return;
    }
    for (unsigned e = 4; e < 8; e++) { /* aesenc f0, f2; aesdec f1, f3 */
        for (unsigned f = 0; f < 4; f++) {
            plab_emit(at, 0x380F66 | BYTE(f % 2 == 0 ? 0xDC : 0xDE, 3) | BYTE(0xC0 | REG(f) | e, 4),
                      5);
        }
    }
}

/* mov [rsi + rcx + 8i], r_i: 40 bytes */
#define STORE_INTEGERS_BYTES 40
static void store_integers(struct piece *p) {
    for (unsigned i = 0; i < 8; i++) {
        plab_emit(&p->jit.at, 0x894C | BYTE(0x44 | REG(i), 2) | BYTE(0x0E, 3) | BYTE(8 * i, 4), 5);
    }
}

static void store_floats(struct piece *p) {
    for (unsigned i = 0; i < 4; i++) { /* movaps [rsi + rax + 16i], f_i */
        plab_emit(&p->jit.at, 0x290F | BYTE(0x44 | REG(i), 2) | BYTE(0x06, 3) | BYTE(16 * i, 4), 5);
    }
}

/* Registers back to the scratchpad; where both lines are the same, F wins. */
static void store_lines(struct piece *p) {
    with_member(p, 0x8D8B, 2, OFFSET(line[1])); /* mov ecx, [line1] */
    with_member(p, 0x858B, 2, OFFSET(line[0])); /* mov eax, [line0] */
    store_integers(p);
    store_floats(p);
}

/* Lines of the next iteration, and their way into the cache. */
static void choose_lines(struct piece *p) {
    const uint8_t *reg = p->jit.m->program->read_reg;
    const uint32_t mask = (p->jit.m->params->l3_bytes - 1) & ~UINT32_C(63);
    uint8_t **at = &p->jit.at;
    plab_emit(at, 0x894C | BYTE(0xC1 | REG(reg[0] & 7), 2), 3); /* mov rcx, r_read0 */
    plab_emit(at, 0x314C | BYTE(0xC1 | REG(reg[1] & 7), 2), 3); /* xor rcx, r_read1 */
    plab_emit(at, 0x25C889, 3);                                 /* mov eax, ecx; and eax, */
    plab_emit32(at, mask);
    with_member(p, 0x8589, 2, OFFSET(line[0])); /* mov [line0], eax */
    prefetch(p, p->jit.m->hints.lines, 0x0604); /* [rsi + rax] */
    plab_emit(at, UINT64_C(0xE18120E9C148), 6); /* shr rcx, 32; and ecx, */
    plab_emit32(at, mask);
    with_member(p, 0x8D89, 2, OFFSET(line[1])); /* mov [line1], ecx */
    prefetch(p, p->jit.m->hints.lines, 0x0E04); /* [rsi + rcx] */
}

static void leave_room_for_ending(struct piece *p) {
    plab_emit(&p->jit.at, 0x01FB83, 3); /* cmp ebx, 1; je to the ending */
    p->ending = jump_if_equal(&p->jit.at);
}

/* A whole iteration of one machine in a loop. */
static void iteration(struct piece *p) {
    if (p->reloads) {
        load_surroundings(p);
        load_integers(p);
    }
    load_lines(p);
    plab_rx_jit_program(&p->jit);
    if (p->jit.m->params->v2 && (p->jit.isa & RX_JIT_AES) == 0) {
        mix_floats(p); /* the call changes the registers below */
        choose_items(p);
        prefetch_newest_item(p);
    } else {
        choose_items(p);
        prefetch_newest_item(p);
        mix_floats(p); /* in the shadow of the item's load */
    }
    mix_item(p);
    store_lines(p);
    choose_lines(p);
    if (p->reloads) {
        save_integers(p);
    }
    leave_room_for_ending(p);
}

/* The first part of an iteration, up to where the item is needed, with F already stored. */
static void head(struct piece *p) {
    load_surroundings(p);
    load_integers(p);
    load_lines(p);
    plab_rx_jit_program(&p->jit);
    choose_items(p);
    with_member(p, 0x9589, 2, OFFSET(read)); /* mov [read], edx */
    mix_floats(p);
    save_integers(p);
    with_member(p, 0x858B, 2, OFFSET(line[0])); /* mov eax, [line0] */
    store_floats(p);
    leave_room_for_ending(p);
}

/* The rest of it, some time later. The integers are not stored over an F in the same line. */
static void finish(struct piece *p) {
    uint8_t **at = &p->jit.at;
    with_member(p, 0xB58B48, 3, OFFSET(scratchpad)); /* mov rsi, [scratchpad] */
    with_member(p, 0x958B, 2, OFFSET(read));         /* mov edx, [read] */
    with_member(p, 0x858B, 2, OFFSET(line[0]));      /* mov eax, [line0] */
    with_member(p, 0x8D8B, 2, OFFSET(line[1]));      /* mov ecx, [line1] */
    load_integers(p);
    mix_item(p);
    save_integers(p);
    plab_emit(at, 0x74C839 | BYTE(STORE_INTEGERS_BYTES, 3), 4); /* cmp eax, ecx; je over them */
    store_integers(p);
    choose_lines(p);
}

/* After the last iteration: the registers that are hashed. Out of line, since it runs once. */
static void ending(struct piece *p) {
    uint8_t **at = &p->jit.at;
    jump_ends_here(p->ending, *at);
    save_integers(p);
    save_floats(p);
    plab_emit(at, 0xE9, 1); /* jmp */
    plab_emit32(at, plab_emit_distance(*at, p->ending));
}

/* ---- functions ---- */

static void enter(uint8_t **at, unsigned isa) {
    plab_emit(at, UINT64_C(0x5641554154415553), 8); /* push rbx, rbp, r12, r13, r14 */
    plab_emit(at, 0x5741, 2);                       /* push r15 */
    plab_emit(at, 0x08EC8348, 4);                   /* sub rsp, 8: calls find it aligned */
    plab_emit(at, 0xFD8948, 3);                     /* mov rbp, rdi */
    if ((isa & RX_JIT_BMI2) != 0) {
        plab_emit(at, 0x77F8C5, 3); /* vzeroupper */
    }
}

static void leave(uint8_t **at) {
    plab_emit(at, 0x08C48348, 4);                   /* add rsp, 8 */
    plab_emit(at, UINT64_C(0x5C415D415E415F41), 8); /* pop r15, r14, r13, r12 */
    plab_emit(at, 0xC35B5D, 3);                     /* pop rbp, rbx; ret */
}

/* Where the code that is written at `at` will run. */
static const void *runs_at(const struct plab_codemem *code, const uint8_t *at) {
    return code->exec + (at - code->write);
}

static uint8_t *begin(struct plab_codemem *code) {
    memcpy(code->write, &shared_constants, sizeof shared_constants);
    return code->write + sizeof shared_constants;
}

/* Writes a part of a piece at `at`; returns where the next one goes. */
static uint8_t *written(uint8_t *at, struct piece *p, void (*part)(struct piece *)) {
    p->jit.at = at;
    part(p);
    return p->jit.at;
}

static void next_round(uint8_t **at, const uint8_t *top) {
    plab_emit(at, 0x850FCBFF, 4); /* dec ebx; jnz to the top */
    plab_emit32(at, plab_emit_distance(*at, top));
}

/* One machine, all of its registers in place from iteration to iteration if possible. */
static uint8_t *loop_alone(struct piece *p, uint8_t *at) {
    const uint8_t *top = at;
    p->asks = true;
    if (!p->reloads) {
        at = written(at, p, load_surroundings);
        top = at = written(at, p, load_integers);
    }
    at = written(at, p, iteration);
    next_round(&at, top);
    return at;
}

/* v1: the rest of an iteration follows on the head of the next machine's, that of the last
 * machine's on the head of the first one's, but for the first round and the last. */
static uint8_t *loop_v1(struct piece *piece, unsigned count, uint8_t *at) {
    const uint8_t *const top = at;
    for (unsigned i = 0; i < count; i++) {
        at = written(at, &piece[i], head);
        if (i > 0) {
            at = written(at, &piece[i - 1], finish);
            continue;
        }
        plab_emit(&at, 0xFB81, 2); /* cmp ebx, iterations; je */
        plab_emit32(&at, piece->jit.m->params->program_iterations);
        uint8_t *first = jump_if_equal(&at);
        at = written(at, &piece[count - 1], finish);
        jump_ends_here(first, at);
    }
    piece->jit.at = at;
    for (unsigned i = 0; i < count; i++) {
        prefetch_item(piece, &piece[i], OFFSET(ma));
    }
    at = piece->jit.at;
    next_round(&at, top);
    return written(at, &piece[count - 1], finish);
}

static uint8_t *loop_v2(struct piece *piece, unsigned count, uint8_t *at) {
    const uint8_t *const top = at;
    for (unsigned i = 0; i < count; i++) {
        at = written(at, &piece[i], iteration);
    }
    plab_emit(&at, 0x01C3F6, 3); /* test bl, 1; je */
    uint8_t *even = jump_if_equal(&at);
    piece->jit.at = at;
    for (unsigned i = 0; i < 2 * count; i++) { /* first those that are needed first */
        prefetch_item(piece, &piece[i % count], i < count ? OFFSET(ma) : OFFSET(mx));
    }
    at = piece->jit.at;
    jump_ends_here(even, at);
    next_round(&at, top);
    return at;
}

static plab_rx_loop_fn *make_loop(struct plab_rx_machine *machines, unsigned count,
                                  struct plab_codemem *code, unsigned isa) {
    if (count == 0 || count > PLAB_RX_LOOP_LANES_MAX ||
        code->bytes < count * PLAB_RX_MACHINE_CODE_BYTES) {
        return NULL;
    }
    const struct plab_rx_params *params = machines->params;
    struct piece piece[PLAB_RX_LOOP_LANES_MAX];
    uint8_t *at = begin(code), *const start = at;
    enter(&at, isa);
    plab_emit(&at, 0xD78948, 3); /* mov rdi, rdx */
    plab_emit(&at, 0xBB, 1);     /* mov ebx, iterations */
    plab_emit32(&at, params->program_iterations);
    for (unsigned i = 0; i < count; i++) {
        piece[i] = (struct piece){
            .jit = {NULL, isa, (uint32_t)(i * sizeof *machines), &machines[i]},
            .constants = code->write,
            .reloads = count > 1 || (params->v2 && (isa & RX_JIT_AES) == 0),
        };
    }
    at = count == 1   ? loop_alone(piece, at)
         : params->v2 ? loop_v2(piece, count, at)
                      : loop_v1(piece, count, at);
    leave(&at);
    for (unsigned i = 0; i < count; i++) {
        at = written(at, &piece[i], ending);
    }
    return (plab_rx_loop_fn *)(uintptr_t)runs_at(code, start);
}

static void make_step(struct plab_rx_machine *machine, struct plab_codemem *code, uint8_t **at,
                      unsigned isa) {
    struct piece p = {.jit = {NULL, isa, 0, machine}, .constants = code->write};
    machine->step = (plab_rx_step_fn *)(uintptr_t)runs_at(code, *at);
    enter(at, isa);
    p.jit.at = *at;
    load_surroundings(&p);
    load_integers(&p);
    load_lines(&p);
    plab_rx_jit_program(&p.jit);
    choose_items(&p);
    with_member(&p, 0x9589, 2, OFFSET(read)); /* mov [read], edx */
    mix_floats(&p);
    save_integers(&p);
    save_floats(&p);
    leave(&p.jit.at);
    *at = p.jit.at;
}

static bool make_steps(struct plab_rx_machine *machines, unsigned count, struct plab_codemem *code,
                       unsigned isa) {
    if (code->bytes < count * PLAB_RX_MACHINE_CODE_BYTES) {
        return false;
    }
    uint8_t *at = begin(code);
    for (unsigned i = 0; i < count; i++) {
        make_step(&machines[i], code, &at, isa);
    }
    return true;
}

#define CANDIDATE(suffix, isa)                                                                    \
    bool plab_rx_step_make_##suffix(struct plab_rx_machine *machines, unsigned count,             \
                                    struct plab_codemem *code) {                                  \
        return make_steps(machines, count, code, isa);                                            \
    }                                                                                             \
    plab_rx_loop_fn *plab_rx_loop_make_##suffix(struct plab_rx_machine *machines, unsigned count, \
                                                struct plab_codemem *code) {                      \
        return make_loop(machines, count, code, isa);                                             \
    }

CANDIDATE(x64, 0)
CANDIDATE(aesni, RX_JIT_AES)
CANDIDATE(avx2, RX_JIT_AES | RX_JIT_BMI2)
CANDIDATE(avx512, RX_JIT_AES | RX_JIT_BMI2 | RX_JIT_AVX512)
