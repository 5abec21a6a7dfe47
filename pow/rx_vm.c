/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The RandomX virtual machine, interpreted. Compiled with -frounding-math (mk/config.mk).
 *
 * Floating-point operands and results always live in memory, in struct plab_rx_machine, between two
 * operations; with the memory barrier in pow/rx_fpu.h no compiler can move an operation past a
 * change of the rounding mode. Source: [RXSPEC] sections 2, 4.6 and 5.
 */
#include "pow/rx_vm.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "pow/blake2b.h"
#include "pow/rx_cache.h"
#include "pow/rx_fpu.h"

typedef uint64_t u64x2 __attribute__((vector_size(16)));
typedef int32_t i32x2 __attribute__((vector_size(8)));

/* 52 bits of fraction and the low 4 of the exponent survive in an E value. */
#define E_KEEP_MASK UINT64_C(0x00FFFFFFFFFFFFFF)
#define FSCAL_MASK UINT64_C(0x80F0000000000000)

struct plab_rx_vm {
    struct plab_rx_machine machine;
    struct plab_rx_program program;
    PLAB_ALIGNED(64) uint8_t code[PLAB_RX_PROGRAM_BYTES(PLAB_RX_PROGRAM_MAX)];
    const struct plab_rx_params *params;
    struct plab_kernels kernels;
    const struct plab_rx_cache *cache;
    const uint8_t *dataset;
    uint64_t dataset_items; /* that are in `dataset`; the cache computes those from here on */
    uint32_t ma, mx;
};

/* Two 32-bit integers as doubles; exact. */
static inline plab_f64x2 load_f(const uint8_t *p) {
    i32x2 pair;
    memcpy(&pair, p, sizeof pair);
    return __builtin_convertvector(pair, plab_f64x2);
}

static inline plab_f64x2 load_e(const uint8_t *p, const uint64_t e_mask[2]) {
    u64x2 bits = (u64x2)load_f(p);
    bits = (bits & E_KEEP_MASK) | (u64x2){e_mask[0], e_mask[1]};
    return (plab_f64x2)bits;
}

static inline plab_f64x2 sqrt_pair(plab_f64x2 x) {
    return (plab_f64x2){__builtin_sqrt(x[0]), __builtin_sqrt(x[1])};
}

static void change_rounding(struct plab_rx_machine *m, const struct plab_rx_op *op) {
    uint64_t value = plab_rotr64(m->r[op->src], op->shift);
    unsigned mode = value & 3;
    if ((value & op->mask) == 0 && mode != m->rounding) {
        m->rounding = mode;
        plab_rx_fpu_set_rounding(mode);
    }
}

/* NOLINTNEXTLINE(readability-function-size): one short case an operation reads best in one place */
void plab_rx_machine_execute(struct plab_rx_machine *m, const struct plab_rx_program *program) {
    uint64_t *const r = m->r;
    plab_f64x2 *const fe = m->fe;
    uint8_t *const pad = m->scratchpad;
    const struct plab_rx_op *op = program->op;

#define DST r[op->dst]
#define SRC r[op->src]
#define SRC_ADDRESS (pad + ((SRC + op->imm) & op->mask))
#define MEM plab_load64_le(SRC_ADDRESS)
    for (;;) {
        switch ((enum plab_rx_op_code)op->code) {
        case PLAB_RX_OP_IADD_RS:
            DST += (SRC << op->shift) + op->imm;
            break;
        case PLAB_RX_OP_IADD_M:
            DST += MEM;
            break;
        case PLAB_RX_OP_ISUB_R:
            DST -= SRC;
            break;
        case PLAB_RX_OP_ISUB_I:
            DST -= op->imm;
            break;
        case PLAB_RX_OP_ISUB_M:
            DST -= MEM;
            break;
        case PLAB_RX_OP_IMUL_R:
            DST *= SRC;
            break;
        case PLAB_RX_OP_IMUL_I:
            DST *= op->imm;
            break;
        case PLAB_RX_OP_IMUL_M:
            DST *= MEM;
            break;
        case PLAB_RX_OP_IMULH_R:
            DST = plab_mulh_u64(DST, SRC);
            break;
        case PLAB_RX_OP_IMULH_M:
            DST = plab_mulh_u64(DST, MEM);
            break;
        case PLAB_RX_OP_ISMULH_R:
            DST = (uint64_t)plab_mulh_i64((int64_t)DST, (int64_t)SRC);
            break;
        case PLAB_RX_OP_ISMULH_M:
            DST = (uint64_t)plab_mulh_i64((int64_t)DST, (int64_t)MEM);
            break;
        case PLAB_RX_OP_INEG_R:
            DST = 0 - DST;
            break;
        case PLAB_RX_OP_IXOR_R:
            DST ^= SRC;
            break;
        case PLAB_RX_OP_IXOR_I:
            DST ^= op->imm;
            break;
        case PLAB_RX_OP_IXOR_M:
            DST ^= MEM;
            break;
        case PLAB_RX_OP_IROR_R:
            DST = plab_rotr64(DST, SRC & 63);
            break;
        case PLAB_RX_OP_IROR_I:
            DST = plab_rotr64(DST, op->shift);
            break;
        case PLAB_RX_OP_IROL_R:
            DST = plab_rotl64(DST, SRC & 63);
            break;
        case PLAB_RX_OP_ISWAP_R: {
            uint64_t dst = DST;
            DST = SRC;
            SRC = dst;
            break;
        }
        case PLAB_RX_OP_FSWAP_R:
            fe[op->dst] = (plab_f64x2){fe[op->dst][1], fe[op->dst][0]};
            break;
        case PLAB_RX_OP_FADD_R:
            fe[op->dst] += m->a[op->src];
            break;
        case PLAB_RX_OP_FADD_M:
            fe[op->dst] += load_f(SRC_ADDRESS);
            break;
        case PLAB_RX_OP_FSUB_R:
            fe[op->dst] -= m->a[op->src];
            break;
        case PLAB_RX_OP_FSUB_M:
            fe[op->dst] -= load_f(SRC_ADDRESS);
            break;
        case PLAB_RX_OP_FSCAL_R:
            fe[op->dst] = (plab_f64x2)((u64x2)fe[op->dst] ^ FSCAL_MASK);
            break;
        case PLAB_RX_OP_FMUL_R:
            fe[op->dst] *= m->a[op->src];
            break;
        case PLAB_RX_OP_FDIV_M:
            fe[op->dst] /= load_e(SRC_ADDRESS, m->e_mask);
            break;
        case PLAB_RX_OP_FSQRT_R:
            fe[op->dst] = sqrt_pair(fe[op->dst]);
            break;
        case PLAB_RX_OP_CBRANCH:
            DST += op->imm;
            if ((DST >> op->shift & 0xFF) == 0) {
                op = program->op + op->target;
                continue;
            }
            break;
        case PLAB_RX_OP_CFROUND:
            change_rounding(m, op);
            break;
        case PLAB_RX_OP_ISTORE:
            plab_store64_le(pad + ((DST + op->imm) & op->mask), SRC);
            break;
        case PLAB_RX_OP_END:
            return;
        }
        op++;
    }
#undef DST
#undef SRC
#undef SRC_ADDRESS
#undef MEM
}

/* Steps 1 to 3 of an iteration: registers from the scratchpad. */
static inline void load_registers(struct plab_rx_machine *m, const uint8_t *integers,
                                  const uint8_t *floats) {
    for (int i = 0; i < 8; i++) {
        m->r[i] ^= plab_load64_le(integers + 8 * i);
    }
    for (int i = 0; i < 4; i++) {
        m->fe[i] = load_f(floats + 8 * i);
        m->fe[4 + i] = load_e(floats + 32 + 8 * i, m->e_mask);
    }
}

/* Number of the item that a value of ma or mx means. */
static inline uint64_t item_number(const struct plab_rx_vm *vm, uint32_t address) {
    uint64_t mask = vm->params->dataset_base_bytes - 1;
    return vm->program.dataset_offset + (address & mask) / PLAB_RX_ITEM_BYTES;
}

static inline void prefetch_item(const struct plab_rx_vm *vm, uint32_t address) {
    uint64_t number = item_number(vm, address);
    if (number < vm->dataset_items) {
        __builtin_prefetch(vm->dataset + number * PLAB_RX_ITEM_BYTES);
    }
}

static inline void mix_item(struct plab_rx_vm *vm, uint32_t address) {
    uint64_t item[PLAB_RX_ITEM_WORDS];
    uint64_t number = item_number(vm, address);
    if (number < vm->dataset_items) {
        memcpy(item, vm->dataset + number * PLAB_RX_ITEM_BYTES, sizeof item);
    } else {
        vm->cache->items(vm->cache, &number, 1, (uint8_t *)item);
    }
    for (int i = 0; i < PLAB_RX_ITEM_WORDS; i++) {
        vm->machine.r[i] ^= item[i];
    }
}

/* Step 5: reads an item, after choosing a later one. v1 chooses the next iteration's (mx becomes ma
 * by the swap), v2 the one after that (the new ma becomes mx first). */
static inline void mix_dataset(struct plab_rx_vm *vm) {
    const uint64_t *r = vm->machine.r;
    const uint8_t *reg = vm->program.read_reg;
    uint32_t read_address = vm->ma;
    uint32_t *later = vm->params->v2 ? &vm->ma : &vm->mx;
    *later ^= (uint32_t)(r[reg[2]] ^ r[reg[3]]);
    prefetch_item(vm, *later);
    mix_item(vm, read_address);
    uint32_t ma = vm->ma;
    vm->ma = vm->mx;
    vm->mx = ma;
}

/* Step 6: registers to the scratchpad; where both places are the same line, F wins. */
static inline void store_registers(struct plab_rx_vm *vm, uint8_t *integers, uint8_t *floats) {
    struct plab_rx_machine *m = &vm->machine;
    memcpy(integers, m->r, 64);
    if (vm->params->v2) {
        vm->kernels.rx_mix_v2((uint8_t *)m->fe, (const uint8_t *)(m->fe + 4));
    } else {
        for (int i = 0; i < 4; i++) {
            m->fe[i] = (plab_f64x2)((u64x2)m->fe[i] ^ (u64x2)m->fe[4 + i]);
        }
    }
    memcpy(floats, m->fe, 64);
}

static void load_program(struct plab_rx_vm *vm) {
    struct plab_rx_machine *m = &vm->machine;
    plab_rx_program_decode(&vm->program, vm->params, vm->code);
    memset(m->r, 0, sizeof m->r);
    memcpy(m->a, vm->program.a, sizeof m->a);
    memcpy(m->e_mask, vm->program.e_mask, sizeof m->e_mask);
    vm->ma = vm->program.ma;
    vm->mx = vm->program.mx;
    prefetch_item(vm, vm->ma);
    prefetch_item(vm, vm->mx);
}

/* Source: [RXSPEC] section 4.6. */
static void run_program(struct plab_rx_vm *vm) {
    struct plab_rx_machine *m = &vm->machine;
    const uint8_t *reg = vm->program.read_reg;
    const uint32_t mask = (vm->params->l3_bytes - 1) & ~UINT32_C(63);
    uint32_t sp0 = vm->mx, sp1 = vm->ma;
    for (uint32_t i = 0; i < vm->params->program_iterations; i++) {
        uint64_t mix = m->r[reg[0]] ^ m->r[reg[1]];
        uint8_t *line0 = m->scratchpad + ((sp0 ^ (uint32_t)mix) & mask);
        uint8_t *line1 = m->scratchpad + ((sp1 ^ (uint32_t)(mix >> 32)) & mask);
        load_registers(m, line0, line1);
        plab_rx_machine_execute(m, &vm->program);
        mix_dataset(vm);
        store_registers(vm, line1, line0);
        sp0 = 0;
        sp1 = 0;
    }
}

static void save_register_file(const struct plab_rx_machine *m,
                               uint8_t file[PLAB_RX_REGISTER_FILE_BYTES]) {
    memcpy(file, m->r, 64);
    memcpy(file + 64, m->fe, 128);
    memcpy(file + 192, m->a, 64);
}

/* The chain of programs; `seed` is the generator's, `file` gets the last registers. */
static void run_programs(struct plab_rx_vm *vm, uint8_t seed[64],
                         uint8_t file[PLAB_RX_REGISTER_FILE_BYTES]) {
    const struct plab_rx_params *params = vm->params;
    uint64_t saved = plab_rx_fpu_save();
    vm->machine.rounding = 0; /* once a hash: a program inherits the mode of the one before */
    plab_rx_fpu_set_rounding(0);
    for (uint32_t i = 0; i < params->program_count; i++) {
        if (i > 0) {
            plab_blake2b_hash(seed, 64, file, PLAB_RX_REGISTER_FILE_BYTES);
        }
        vm->kernels.rx_fill_4r(seed, vm->code, PLAB_RX_PROGRAM_BYTES(params->program_size));
        load_program(vm);
        run_program(vm);
        save_register_file(&vm->machine, file);
    }
    plab_rx_fpu_restore(saved);
}

void plab_rx_vm_hash(struct plab_rx_vm *vm, const uint8_t *input, size_t input_len,
                     uint8_t out[PLAB_HASH_BYTES]) {
    uint8_t seed[64], file[PLAB_RX_REGISTER_FILE_BYTES];
    uint8_t *pad = vm->machine.scratchpad;
    plab_blake2b_hash(seed, sizeof seed, input, input_len);
    vm->kernels.rx_fill_1r(seed, pad, vm->params->l3_bytes);
    run_programs(vm, seed, file);
    vm->kernels.rx_hash_1r(pad, vm->params->l3_bytes, file + 192);
    plab_blake2b_hash(out, PLAB_HASH_BYTES, file, sizeof file);
}

enum plab_status plab_rx_vm_create(struct plab_rx_vm **out, const struct plab_rx_params *params,
                                   const struct plab_kernels *kernels, void *scratchpad) {
    assert(params->program_size % 8 == 0 && params->program_size <= PLAB_RX_PROGRAM_MAX);
    struct plab_rx_vm *vm = aligned_alloc(64, (sizeof *vm + 63) / 64 * 64);
    *out = vm;
    if (vm == NULL) {
        return PLAB_E_NOMEM;
    }
    memset(vm, 0, sizeof *vm);
    vm->params = params;
    vm->kernels = *kernels;
    vm->machine.scratchpad = scratchpad;
    return PLAB_OK;
}

void plab_rx_vm_destroy(struct plab_rx_vm **vm) {
    free(*vm);
    *vm = NULL;
}

void plab_rx_vm_set_seed(struct plab_rx_vm *vm, const struct plab_rx_cache *cache,
                         const uint8_t *dataset, uint64_t dataset_items) {
    vm->cache = cache;
    vm->dataset = dataset;
    vm->dataset_items = dataset_items;
}

void plab_rx_commitment(const uint8_t *input, size_t input_len, const uint8_t hash[PLAB_HASH_BYTES],
                        uint8_t out[PLAB_HASH_BYTES]) {
    struct plab_blake2b commitment;
    plab_blake2b_init(&commitment, PLAB_HASH_BYTES, NULL, 0);
    plab_blake2b_update(&commitment, input, input_len);
    plab_blake2b_update(&commitment, hash, PLAB_HASH_BYTES);
    plab_blake2b_final(&commitment, out);
}
