/* SPDX-License-Identifier: BSD-3-Clause */
/* Single instructions, and what the decoder makes of them. */
#include "pow/rx_machine.h"

#include "base/bytes.h"
#include "pow/rx_fpu.h"
#include "pow/rx_program.h"
#include "pow/rx_superscalar.h"
#include "tests/harness.h"
#include "tests/vector_file.h"

#define IMM32 0xC0CB96D2u
#define DST 0
#define SRC 1

/* Opcodes; [RXSPEC] chapter 5. */
enum {
    OP_IADD_RS = 0,
    OP_IADD_M = 16,
    OP_ISUB_R = 23,
    OP_IMUL_RCP = 76,
    OP_INEG_R = 84,
    OP_ISWAP_R = 116,
    OP_FSWAP_R = 120,
    OP_FADD_R = 124,
    OP_FDIV_M = 204,
    OP_CBRANCH = 214,
    OP_CFROUND = 239,
    OP_ISTORE = 240,
};

/* A program of 8 instructions; those that a test doesn't set are ISWAP_R r0, r0, which does
 * nothing and is not even decoded. */
struct listing {
    struct plab_rx_params params;
    uint8_t bytes[PLAB_RX_PROGRAM_BYTES(8)];
    struct plab_rx_program program;
    struct plab_rx_machine machine;
    PLAB_ALIGNED(64) uint8_t pad[8192];
};

static void listing_init(struct listing *l) {
    memset(l, 0, sizeof *l);
    l->params = plab_rx_params_0;
    l->params.program_size = 8;
    l->params.l1_bytes = 2048;
    l->params.l2_bytes = 4096;
    l->params.l3_bytes = sizeof l->pad;
    for (int i = 0; i < 8; i++) {
        l->bytes[PLAB_RX_PROGRAM_BYTES(i)] = OP_ISWAP_R;
    }
    l->machine.scratchpad = l->pad;
}

static void listing_set(struct listing *l, int at, uint8_t opcode, uint8_t dst, uint8_t src,
                        uint8_t mod, uint32_t imm32) {
    uint8_t *p = l->bytes + PLAB_RX_PROGRAM_BYTES(at);
    p[0] = opcode;
    p[1] = dst;
    p[2] = src;
    p[3] = mod;
    plab_store32_le(p + 4, imm32);
}

static void listing_run(struct listing *l) {
    plab_rx_program_load(&l->program, &l->params, l->bytes);
    plab_rx_program_decode(&l->program, &l->params);
    uint64_t saved = plab_rx_fpu_save();
    plab_rx_fpu_set_rounding(l->machine.rounding);
    plab_rx_machine_execute(&l->machine, &l->program);
    plab_rx_fpu_restore(saved);
}

TEST(rx_vm, integer_instructions) {
    static struct listing l;
    struct plab_vector_file file;
    plab_vector_open(&file, "tests/vectors/rx_vm_int.txt");
    while (plab_vector_next(&file)) {
        bool same = strcmp(plab_vector_text(&file, 3), "=") == 0;
        listing_init(&l);
        listing_set(&l, 0, (uint8_t)plab_vector_u64(&file, 1), DST, same ? DST : SRC, 255, IMM32);
        l.machine.r[DST] = plab_vector_u64(&file, 2);
        if (!same) {
            l.machine.r[SRC] = plab_vector_u64(&file, 3);
        }
        listing_run(&l);
        CHECK_U64(l.machine.r[DST], plab_vector_u64(&file, 4));
        CHECK_U64(l.machine.r[same ? DST : SRC], plab_vector_u64(&file, 5));
    }
    CHECK_U64(plab_vector_close(&file), 12);
}

static plab_f64x2 pair_from_bits(uint64_t low, uint64_t high) {
    uint64_t bits[2] = {low, high};
    plab_f64x2 pair;
    memcpy(&pair, bits, sizeof pair);
    return pair;
}

/* Puts the operand where the instruction finds it: register a1, or the memory that r1 points to. */
static void set_float_operand(struct listing *l, const struct plab_vector_file *file) {
    uint64_t first = plab_vector_u64(file, 5), second = plab_vector_u64(file, 6);
    l->machine.a[SRC] = pair_from_bits(first, second);
    l->machine.r[SRC] = first;
    uint64_t address = (first + (uint64_t)(int64_t)(int32_t)IMM32) & (l->params.l1_bytes - 8);
    plab_store64_le(l->pad + address, second);
}

TEST(rx_vm, float_instructions) {
    static struct listing l;
    struct plab_vector_file file;
    plab_vector_open(&file, "tests/vectors/rx_vm_float.txt");
    while (plab_vector_next(&file)) {
        uint8_t want[16];
        uint8_t opcode = (uint8_t)plab_vector_u64(&file, 1);
        bool is_e = opcode > 171; /* FMUL_R and after */
        CHECK_U64(plab_vector_hex(&file, 9, want, sizeof want), 16);
        listing_init(&l);
        listing_set(&l, 0, opcode, DST, SRC, 1, IMM32);
        set_float_operand(&l, &file);
        l.machine.rounding = (unsigned)plab_vector_u64(&file, 2);
        l.machine.e_mask[0] = plab_vector_u64(&file, 7);
        l.machine.e_mask[1] = plab_vector_u64(&file, 8);
        plab_f64x2 *dst = &l.machine.fe[is_e ? 4 + DST : DST];
        *dst = pair_from_bits(plab_vector_u64(&file, 3), plab_vector_u64(&file, 4));
        listing_run(&l);
        CHECK_MEM(dst, want, sizeof want);
    }
    CHECK_U64(plab_vector_close(&file), 19);
}

TEST(rx_vm, cbranch_known_answer) {
    static struct listing l;
    struct plab_vector_file file;
    plab_vector_open(&file, "tests/vectors/rx_vm_cbranch.txt");
    while (plab_vector_next(&file)) {
        /* r7 -= -1 counts how often the part before the branch runs. */
        listing_init(&l);
        listing_set(&l, 0, OP_ISUB_R, 7, 7, 0, UINT32_MAX);
        listing_set(&l, 1, OP_CBRANCH, DST, 0, (uint8_t)plab_vector_u64(&file, 1),
                    (uint32_t)plab_vector_u64(&file, 0));
        l.machine.r[DST] = plab_vector_u64(&file, 4);
        listing_run(&l);
        CHECK_U64(l.program.op[1].imm, plab_vector_u64(&file, 2));
        CHECK_U64(UINT64_C(0xFF) << l.program.op[1].shift, plab_vector_u64(&file, 3));
        CHECK_U64(l.program.op[1].target, 0);
        CHECK_U64(l.machine.r[7], 1);
        l.machine.r[7] = 0;
        l.machine.r[DST] = plab_vector_u64(&file, 5);
        listing_run(&l);
        CHECK_U64(l.machine.r[7], 2);
    }
    CHECK_U64(plab_vector_close(&file), 1);
}

/* Target of a branch on r0 that follows `opcode` with these fields, after an unrelated operation.
 */
static uint32_t target_after(uint8_t opcode, uint8_t dst, uint8_t src, uint32_t imm32) {
    static struct listing l;
    listing_init(&l);
    listing_set(&l, 0, OP_INEG_R, 7, 0, 0, 0);
    listing_set(&l, 1, opcode, dst, src, 0, imm32);
    listing_set(&l, 2, OP_INEG_R, 7, 0, 0, 0);
    listing_set(&l, 3, OP_CBRANCH, 0, 0, 0, 0);
    plab_rx_program_load(&l.program, &l.params, l.bytes);
    plab_rx_program_decode(&l.program, &l.params);
    return l.program.op[l.program.op_count - 1].target;
}

TEST(rx_vm, cbranch_goes_behind_the_last_write) {
    CHECK_U64(target_after(OP_INEG_R, 0, 3, 0), 2);
    CHECK_U64(target_after(OP_INEG_R, 8, 3, 0), 2); /* register numbers are modulo 8 */
    CHECK_U64(target_after(OP_INEG_R, 1, 0, 0), 0);
    CHECK_U64(target_after(OP_ISWAP_R, 0, 3, 0), 2);
    CHECK_U64(target_after(OP_ISWAP_R, 3, 0, 0), 2);
    CHECK_U64(target_after(OP_ISWAP_R, 0, 0, 0), 0);
    CHECK_U64(target_after(OP_IMUL_RCP, 0, 0, 3), 2);
    CHECK_U64(target_after(OP_IMUL_RCP, 0, 0, 0), 0);
    CHECK_U64(target_after(OP_IMUL_RCP, 0, 0, 0x80000000), 0);
    CHECK_U64(target_after(OP_CBRANCH, 5, 0, 0), 2);
    CHECK_U64(target_after(OP_FADD_R, 0, 0, 0), 0);
    CHECK_U64(target_after(OP_CFROUND, 0, 0, 0), 0);
    CHECK_U64(target_after(OP_ISTORE, 0, 0, 0), 0);
}

/* The JITs of two other implementations negated this immediate in 32 bits. */
TEST(rx_vm, isub_of_the_smallest_immediate_adds_two_to_the_31) {
    static struct listing l;
    listing_init(&l);
    listing_set(&l, 0, OP_ISUB_R, 2, 2, 0, 0x80000000);
    listing_run(&l);
    CHECK_U64(l.machine.r[2], UINT64_C(0x80000000));
}

TEST(rx_vm, only_r5_takes_the_immediate_of_iadd_rs) {
    static struct listing l;
    listing_init(&l);
    listing_set(&l, 0, OP_IADD_RS, 5, 1, 4, 0x80000001);
    listing_set(&l, 1, OP_IADD_RS, 4, 1, 4, 0x80000001);
    l.machine.r[1] = 3;
    listing_run(&l);
    CHECK_U64(l.machine.r[5], UINT64_C(0xFFFFFFFF80000001) + 6);
    CHECK_U64(l.machine.r[4], 6);
}

/* Integer _M with one register: the immediate alone, in L3. Float _M and ISTORE keep to r[...]. */
TEST(rx_vm, addresses_and_levels) {
    static struct listing l;
    listing_init(&l);
    l.params.program_size = 8;
    listing_set(&l, 0, OP_IADD_M, 2, 2, 1, 0x1FFF);    /* L3: 0x1FF8 */
    listing_set(&l, 1, OP_IADD_M, 3, 4, 1, 0x1FFF);    /* L1: (16 + 0x1FFF) -> 0x008 */
    listing_set(&l, 2, OP_IADD_M, 5, 4, 0, 0x1FFF);    /* L2: 0x008 */
    listing_set(&l, 3, OP_IADD_M, 6, 4, 4, 0x0FE0);    /* L2: 0xFF0 */
    listing_set(&l, 4, OP_ISTORE, 4, 4, 0xE1, 0x1000); /* L3: 0x1010 */
    listing_set(&l, 5, OP_ISTORE, 4, 4, 0xD1, 0x1020); /* L1: 0x030 */
    plab_store64_le(l.pad + 0x1FF8, 1);
    plab_store64_le(l.pad + 0x008, 20);
    plab_store64_le(l.pad + 0xFF0, 300);
    l.machine.r[2] = 0x1000;
    l.machine.r[4] = 16;
    listing_run(&l);
    CHECK_U64(l.machine.r[2], 0x1001);
    CHECK_U64(l.machine.r[3], 20);
    CHECK_U64(l.machine.r[5], 20);
    CHECK_U64(l.machine.r[6], 300);
    CHECK_U64(plab_load64_le(l.pad + 0x1010), 16);
    CHECK_U64(plab_load64_le(l.pad + 0x030), 16);
}

/* Result of CFROUND with `value`, starting from mode 0; what 1 + 2^-60 rounds to is checked too. */
static unsigned mode_after(bool v2, uint64_t value, uint32_t rotation) {
    static const double low_half[4] = {1.0, 1.0, 0x1.0000000000001p0, 1.0};
    static struct listing l;
    listing_init(&l);
    l.params.v2 = v2;
    listing_set(&l, 0, OP_CFROUND, 0, SRC, 0, rotation);
    listing_set(&l, 1, OP_FADD_R, DST, DST, 0, 0);
    l.machine.r[SRC] = value;
    l.machine.fe[DST] = (plab_f64x2){0x1p-60, -0x1p-60};
    l.machine.a[DST] = (plab_f64x2){1.0, 1.0};
    listing_run(&l);
    CHECK(l.machine.fe[DST][0] == low_half[l.machine.rounding]);
    return l.machine.rounding;
}

TEST(rx_vm, cfround_and_its_gate_in_v2) {
    for (unsigned mode = 0; mode < 4; mode++) {
        CHECK_U64(mode_after(false, mode, 0), mode);
        CHECK_U64(mode_after(false, (uint64_t)(0xFF00 | mode) << 13, 13), mode);
        CHECK_U64(mode_after(false, 60 | mode, 0), mode);
        CHECK_U64(mode_after(true, (uint64_t)(0xFFC0 | mode) << 13, 13), mode);
        for (uint64_t gate = 4; gate < 64; gate += 4) {
            CHECK_U64(mode_after(true, gate | mode, 0), 0);
        }
    }
}

/* E values can overflow: to infinity upwards, to the largest finite double downwards. */
TEST(rx_vm, overflow_depends_on_the_mode) {
    static const uint64_t infinity = UINT64_C(0x7FF0000000000000);
    for (unsigned mode = 0; mode < 4; mode++) {
        static struct listing l;
        uint64_t got;
        listing_init(&l);
        listing_set(&l, 0, 172 /* FMUL_R */, DST, DST, 0, 0);
        l.machine.rounding = mode;
        l.machine.fe[4 + DST] = (plab_f64x2){0x1p1023, 1.0};
        l.machine.a[DST] = (plab_f64x2){4.0, 1.0};
        listing_run(&l);
        memcpy(&got, &l.machine.fe[4 + DST], sizeof got);
        CHECK_U64(got, mode == 0 || mode == 2 ? infinity : infinity - 1);
    }
}

TEST(rx_vm, configuration_fields) {
    static struct listing l;
    static uint64_t q[16];
    listing_init(&l);
    l.params.dataset_extra_bytes = 6400;
    q[0] = UINT64_C(31) << 59 | UINT64_C(127) << 52 | 5; /* the 7 bits between are ignored */
    q[1] = 0;
    q[8] = UINT64_C(0x123456789ABCDEF0);
    q[10] = UINT64_C(0xFEDCBA9876543210);
    q[12] = 0xA;
    q[13] = 101 * 7 + 100;
    q[14] = UINT64_C(0xA) << 60 | UINT64_C(1) << 22 | 3;
    memcpy(l.bytes, q, sizeof q);
    plab_rx_program_load(&l.program, &l.params, l.bytes);
    plab_rx_program_decode(&l.program, &l.params);
    CHECK_U64(l.program.a[0][0], UINT64_C(1054) << 52 | 5);
    CHECK_U64(l.program.a[0][1], UINT64_C(1023) << 52);
    CHECK_U64(l.program.ma, 0x9ABCDEF0);
    CHECK_U64(l.program.mx, 0x76543210);
    CHECK(l.program.read_reg[0] == 0 && l.program.read_reg[1] == 3);
    CHECK(l.program.read_reg[2] == 4 && l.program.read_reg[3] == 7);
    CHECK_U64(l.program.dataset_offset, 100);
    CHECK_U64(l.program.e_mask[0], UINT64_C(0x3A0) << 52 | 3);
    CHECK_U64(l.program.e_mask[1], UINT64_C(0x300) << 52);
}
