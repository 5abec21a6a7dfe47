/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The RandomX virtual machine: hashes, as a pipeline of groups. Source: [RXSPEC] sections 2 and 4.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "pow/blake2b.h"
#include "pow/hasher.h"
#include "pow/rx_cache.h"
#include "pow/rx_fpu.h"
#include "pow/rx_machine.h"

/* Iterations whose items are known at once: this one's and the next's; in v2 one more. */
#define AHEAD_V1 2
#define AHEAD_V2 3
#define AHEAD_MAX 3

/* Code is written where code was run a while ago: over code that has just run, compiling takes
 * twice as long (docs/performance.md). */
#define CODE_AREAS 3

/* What a machine needs beside it. */
struct lane {
    PLAB_ALIGNED(64) uint8_t code[PLAB_RX_PROGRAM_BYTES(PLAB_RX_PROGRAM_MAX)];
    struct plab_rx_program program;
    uint8_t file[PLAB_RX_REGISTER_FILE_BYTES];
};

/* Items that all lanes need for the next iterations. */
struct visit {
    PLAB_ALIGNED(64) uint8_t computed[PLAB_RX_LANES_MAX * AHEAD_MAX][PLAB_RX_ITEM_BYTES];
    const uint8_t *item[PLAB_RX_LANES_MAX * AHEAD_MAX]; /* lane * AHEAD_MAX + iteration */
    uint64_t missing[PLAB_RX_LANES_MAX * AHEAD_MAX];
    size_t missing_count;
};

struct plab_rx_vm {
    struct plab_rx_machine machine[PLAB_RX_LANES_MAX];
    struct lane lane[PLAB_RX_LANES_MAX];
    struct plab_rx_turn turn[PLAB_RX_LANES_MAX]; /* state: generator's, for the programs */
    struct visit visit;
    const struct plab_rx_params *params;
    struct plab_kernels kernels;
    struct plab_codemem code_memory[CODE_AREAS]; /* taken in turn */
    unsigned code_turn;
    const struct plab_rx_cache *cache;
    const uint8_t *dataset;
    uint64_t dataset_items;
    unsigned lanes;
    unsigned count; /* lanes in use by the group under way */
};

/* ---- items ---- */

/* Address of the item that `machine` reads `ahead` iterations from now, after a step. */
static uint32_t address_ahead(const struct plab_rx_machine *machine, unsigned ahead) {
    return ahead == 0 ? machine->read : ahead == 1 ? machine->ma : machine->mx;
}

/* Memory that an item needs first: itself, or the first of the cache lines that it is made of. */
static const void *memory_of(const struct plab_rx_vm *vm, uint64_t number) {
    return number < vm->dataset_items ? (const void *)(vm->dataset + number * PLAB_RX_ITEM_BYTES)
                                      : plab_rx_cache_line(vm->cache, number);
}

/* Notes one item: where it is, or where it will be once it has been computed. */
static void want_item(const struct plab_rx_vm *vm, struct visit *visit, size_t index,
                      uint64_t number) {
    __builtin_prefetch(memory_of(vm, number));
    if (number < vm->dataset_items) {
        visit->item[index] = vm->dataset + number * PLAB_RX_ITEM_BYTES;
    } else {
        visit->item[index] = visit->computed[visit->missing_count];
        visit->missing[visit->missing_count++] = number;
    }
}

/* Those that a lane needs for the next `ahead` iterations, after a step. */
static void want_items(struct plab_rx_vm *vm, unsigned lane, unsigned ahead) {
    const struct plab_rx_machine *machine = &vm->machine[lane];
    for (unsigned i = 0; i < ahead; i++) {
        uint64_t number = plab_rx_item_number(machine, address_ahead(machine, i));
        want_item(vm, &vm->visit, lane * AHEAD_MAX + i, number);
    }
}

/* What is known already of the items after these. With several machines there is time enough until
 * the last one has made its step. */
static void ask_ahead(const struct plab_rx_vm *vm, const struct plab_rx_machine *machine) {
    for (unsigned i = 1; i < (vm->params->v2 ? AHEAD_V2 : AHEAD_V1); i++) {
        uint64_t number = plab_rx_item_number(machine, address_ahead(machine, i));
        __builtin_prefetch(memory_of(vm, number));
    }
}

static void compute_missing(struct plab_rx_vm *vm) {
    struct visit *visit = &vm->visit;
    if (visit->missing_count > 0) {
        vm->cache->items(vm->cache, visit->missing, visit->missing_count, visit->computed[0]);
        visit->missing_count = 0;
    }
}

/* ---- programs ---- */

/* All lanes in lockstep, with the items of some iterations got together. */
static void run_stepwise(struct plab_rx_vm *vm) {
    const unsigned known = vm->params->v2 ? AHEAD_V2 : AHEAD_V1;
    const uint32_t iterations = vm->params->program_iterations;
    for (uint32_t at = 0; at < iterations; at += known) {
        unsigned ahead = iterations - at < known ? (unsigned)(iterations - at) : known;
        for (unsigned i = 0; i < ahead; i++) {
            for (unsigned lane = 0; lane < vm->count; lane++) {
                vm->machine[lane].step(&vm->machine[lane]);
                if (i == 0) {
                    want_items(vm, lane, ahead);
                }
                if (i + 1 == ahead && vm->count == 1) {
                    ask_ahead(vm, &vm->machine[lane]);
                }
            }
            compute_missing(vm);
            for (unsigned lane = 0; lane < vm->count; lane++) {
                plab_rx_machine_finish(&vm->machine[lane], vm->visit.item[lane * AHEAD_MAX + i]);
            }
        }
    }
}

static struct plab_codemem *next_code_memory(struct plab_rx_vm *vm) {
    vm->code_turn = (vm->code_turn + 1) % CODE_AREAS;
    return &vm->code_memory[vm->code_turn];
}

static void make_steps(struct plab_rx_vm *vm) {
    struct plab_codemem *code = next_code_memory(vm);
    bool made = plab_codemem_open(code) && vm->kernels.rx_step_make(vm->machine, vm->count, code);
    if (!plab_codemem_close(code) || !made) {
        made = plab_rx_step_make_c(vm->machine, vm->count, code);
        assert(made);
    }
}

/* `count` machines from `machine` on. */
static void run_loop(struct plab_rx_vm *vm, struct plab_rx_machine *machine, unsigned count) {
    struct plab_codemem *code = next_code_memory(vm);
    plab_rx_loop_fn *loop = NULL;
    if (plab_codemem_open(code)) {
        loop = vm->kernels.rx_loop_make(machine, count, code);
    }
    if (!plab_codemem_close(code) || loop == NULL) {
        loop = plab_rx_loop_make_c(machine, count, code);
    }
    loop(machine, count, vm->dataset);
}

static bool dataset_is_whole(const struct plab_rx_vm *vm) {
    return vm->dataset_items >= plab_rx_dataset_items(vm->params);
}

static void prefetch_item(const struct plab_rx_vm *vm, const struct plab_rx_machine *machine,
                          uint32_t address) {
    uint64_t number = plab_rx_item_number(machine, address);
    if (number < vm->dataset_items) {
        __builtin_prefetch(vm->dataset + number * PLAB_RX_ITEM_BYTES);
    }
}

static void load_program(struct plab_rx_vm *vm, unsigned i, uint8_t seed[64]) {
    struct lane *lane = &vm->lane[i];
    struct plab_rx_machine *machine = &vm->machine[i];
    vm->kernels.rx_fill_4r(plab_rx_program_keys(vm->params), seed, lane->code,
                           PLAB_RX_PROGRAM_BYTES(vm->params->program_size));
    plab_rx_program_load(&lane->program, vm->params, lane->code);
    plab_rx_machine_load(machine, &lane->program);
    prefetch_item(vm, machine, machine->ma);
    prefetch_item(vm, machine, machine->mx);
}

static void run_programs_once(struct plab_rx_vm *vm) {
    if (!dataset_is_whole(vm)) {
        make_steps(vm);
        run_stepwise(vm);
        return;
    }
    for (unsigned first = 0; first < vm->count; first += PLAB_RX_LOOP_LANES_MAX) {
        unsigned left = vm->count - first;
        unsigned group = left < PLAB_RX_LOOP_LANES_MAX ? left : PLAB_RX_LOOP_LANES_MAX;
        run_loop(vm, &vm->machine[first], group);
    }
}

static void save_register_file(const struct plab_rx_machine *m,
                               uint8_t file[PLAB_RX_REGISTER_FILE_BYTES]) {
    memcpy(file, m->r, 64);
    memcpy(file + 64, m->fe, 128);
    memcpy(file + 192, m->a, 64);
}

/* The chain of programs of each lane, from the generators' states to the last registers. */
static void run_programs(struct plab_rx_vm *vm) {
    for (unsigned i = 0; i < vm->count; i++) {
        vm->machine[i].rounding = 0; /* once a hash: a program inherits it from the one before */
    }
    for (uint32_t p = 0; p < vm->params->program_count; p++) {
        for (unsigned i = 0; i < vm->count; i++) {
            uint8_t *seed = vm->turn[i].state;
            if (p > 0) {
                plab_blake2b_hash(seed, 64, vm->lane[i].file, PLAB_RX_REGISTER_FILE_BYTES);
            }
            load_program(vm, i, seed);
        }
        run_programs_once(vm);
        for (unsigned i = 0; i < vm->count; i++) {
            save_register_file(&vm->machine[i], vm->lane[i].file);
        }
    }
}

/* ---- hashes ---- */

static void seed_generators(struct plab_rx_vm *vm, const struct plab_hash_input *inputs,
                            unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        plab_blake2b_hash(vm->turn[i].state, 64, inputs[i].data, inputs[i].len);
    }
}

void plab_rx_vm_start(struct plab_rx_vm *vm, const struct plab_hash_input *inputs, unsigned count) {
    assert(count >= 1 && count <= vm->lanes);
    vm->count = count;
    seed_generators(vm, inputs, count);
    for (unsigned i = 0; i < count; i++) {
        vm->kernels.rx_fill_1r(vm->turn[i].state, vm->turn[i].pad, vm->params->l3_bytes);
    }
}

void plab_rx_vm_next(struct plab_rx_vm *vm, const struct plab_hash_input *inputs,
                     uint8_t (*out)[PLAB_HASH_BYTES]) {
    assert(vm->count > 0);
    /* Between steps and after them there is only integer arithmetic, whatever the control word. */
    const uint64_t control = plab_rx_fpu_save();
    run_programs(vm);
    if (inputs != NULL) {
        seed_generators(vm, inputs, vm->count);
        vm->kernels.rx_turn_1r(vm->turn, vm->count, vm->params->l3_bytes);
    } else {
        for (unsigned i = 0; i < vm->count; i++) {
            vm->kernels.rx_hash_1r(vm->turn[i].pad, vm->params->l3_bytes, vm->turn[i].hash);
        }
    }
    for (unsigned i = 0; i < vm->count; i++) {
        memcpy(vm->lane[i].file + 192, vm->turn[i].hash, 64);
        plab_blake2b_hash(out[i], PLAB_HASH_BYTES, vm->lane[i].file, PLAB_RX_REGISTER_FILE_BYTES);
    }
    if (inputs == NULL) {
        vm->count = 0;
    }
    plab_rx_fpu_restore(control);
}

void plab_rx_vm_hash(struct plab_rx_vm *vm, const uint8_t *input, size_t input_len,
                     uint8_t out[PLAB_HASH_BYTES]) {
    struct plab_hash_input only = {input, input_len};
    uint8_t hash[1][PLAB_HASH_BYTES];
    plab_rx_vm_start(vm, &only, 1);
    plab_rx_vm_next(vm, NULL, hash);
    memcpy(out, hash[0], PLAB_HASH_BYTES);
}

/* ---- life ---- */

static void init_machine(struct plab_rx_machine *machine, const struct plab_rx_vm *vm,
                         uint8_t *scratchpad) {
    machine->scratchpad = scratchpad;
    machine->params = vm->params;
    machine->mix_v2 = vm->kernels.rx_mix_v2;
    machine->hints = vm->kernels.hints;
    plab_rx_fpu_controls(machine->control);
}

/* No memory for machine code is no error: the interpreter gives the same hashes. */
static void map_code(struct plab_rx_vm *vm) {
    bool interpreted = vm->kernels.rx_step_make == plab_rx_step_make_c &&
                       vm->kernels.rx_loop_make == plab_rx_loop_make_c;
    for (unsigned i = 0; i < CODE_AREAS && !interpreted; i++) {
        interpreted = plab_codemem_map(&vm->code_memory[i], vm->lanes * PLAB_RX_MACHINE_CODE_BYTES,
                                       NULL) != PLAB_OK;
    }
    if (interpreted) {
        vm->kernels.rx_step_make = plab_rx_step_make_c;
        vm->kernels.rx_loop_make = plab_rx_loop_make_c;
    }
}

enum plab_status plab_rx_vm_create(struct plab_rx_vm **out, const struct plab_rx_params *params,
                                   const struct plab_kernels *kernels, unsigned lanes,
                                   void *scratchpads) {
    assert(params->program_size % 8 == 0 && params->program_size <= PLAB_RX_PROGRAM_MAX);
    assert(lanes >= 1 && lanes <= PLAB_RX_LANES_MAX);
    struct plab_rx_vm *vm = aligned_alloc(64, (sizeof *vm + 63) / 64 * 64);
    *out = vm;
    if (vm == NULL) {
        return PLAB_E_NOMEM;
    }
    memset(vm, 0, sizeof *vm);
    vm->params = params;
    vm->kernels = *kernels;
    vm->lanes = lanes;
    for (unsigned i = 0; i < lanes; i++) {
        vm->turn[i].pad = (uint8_t *)scratchpads + i * (size_t)params->l3_bytes;
        init_machine(&vm->machine[i], vm, vm->turn[i].pad);
    }
    map_code(vm);
    return PLAB_OK;
}

void plab_rx_vm_destroy(struct plab_rx_vm **vm) {
    if (*vm != NULL) {
        for (unsigned i = 0; i < CODE_AREAS; i++) {
            plab_codemem_unmap(&(*vm)->code_memory[i]);
        }
    }
    free(*vm);
    *vm = NULL;
}

void plab_rx_vm_set_seed(struct plab_rx_vm *vm, const struct plab_rx_cache *cache,
                         const uint8_t *dataset, uint64_t dataset_items) {
    vm->cache = cache;
    vm->dataset = dataset;
    vm->dataset_items = dataset_items;
    vm->count = 0;
}

void plab_rx_commitment(const uint8_t *input, size_t input_len, const uint8_t hash[PLAB_HASH_BYTES],
                        uint8_t out[PLAB_HASH_BYTES]) {
    struct plab_blake2b commitment;
    plab_blake2b_init(&commitment, PLAB_HASH_BYTES, NULL, 0);
    plab_blake2b_update(&commitment, input, input_len);
    plab_blake2b_update(&commitment, hash, PLAB_HASH_BYTES);
    plab_blake2b_final(&commitment, out);
}
