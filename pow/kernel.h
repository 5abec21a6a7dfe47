/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The contract between pow/ (algorithms) and arch/ (instruction-set kernels).
 *
 * A kernel is a unit of work worth at least some hundred nanoseconds. Each has one function type,
 * one portable implementation `plab_<kernel>_c` in pow/, and any number of `plab_<kernel>_<isa>` in
 * arch/, all bit-exact with the portable one (tests/checkasm proves it).
 *
 * Rules for every kernel: no allocation, no global state, no errno, cannot fail; buffers don't
 * overlap unless said; the floating-point control word (MXCSR, FPCR) is left as it was found unless
 * said.
 * Buffers called "aligned" are 64-byte aligned by the caller; others have no alignment.
 *
 * Sources: [CNS008] CryptoNight Hash Function · [RXSPEC] RandomX specification.
 */
#ifndef PLAB_POW_KERNEL_H
#define PLAB_POW_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAB_KECCAK_STATE_BYTES 200

struct plab_cnr_program;
struct plab_codemem;       /* base/codemem.h */
struct plab_rx_cache;      /* pow/rx_cache.h */
struct plab_rx_machine;    /* pow/rx_machine.h */
struct plab_rx_ss_program; /* pow/rx_superscalar.h */

/* What a CryptoNight main loop works on. */
struct plab_cn_loop_args {
    const uint64_t *state; /* 25 words: the Keccak state after absorbing the input; not changed */
    uint8_t *pad;          /* aligned scratchpad, mask + 16 bytes or more; changed */
    uint32_t iterations;   /* full rounds: one AES half and one multiply half each */
    uint32_t mask;         /* byte offset mask, multiple of 16, e.g. 0x1FFFF0 for 2 MiB */
    uint64_t tweak;        /* cn/1 only: LE64(input[35..42]) xor state word 24 */
    const struct plab_cnr_program *program; /* cn/r only, else NULL */
};

/* Keccak-f[1600], 24 rounds, in place. Source: FIPS 202 section 3. */
typedef void plab_keccak_f1600_fn(uint64_t state[25]);

/* Fills `pad` (aligned, `pad_bytes` a multiple of 128) from the Keccak state: AES-256 key schedule
 * over state bytes 0..31 (ten round keys), blocks from state bytes 64..191.
 * Source: [CNS008] section 3. */
typedef void plab_cn_explode_fn(const uint64_t state[25], uint8_t *pad, size_t pad_bytes);

/* Absorbs `pad` into state bytes 64..191 with the key from state bytes 32..63.
 * Source: [CNS008] section 5. */
typedef void plab_cn_implode_fn(uint64_t state[25], const uint8_t *pad, size_t pad_bytes);

/* A whole memory-hard loop. Source: [CNS008] section 4; Monero's variants 1, 2 and 4. */
typedef void plab_cn_loop_fn(const struct plab_cn_loop_args *args);

/* AesGenerator1R: overwrites `out` (aligned, a multiple of 64 bytes) with the generator's output
 * and `state` with its final state. Source: [RXSPEC] section 3.2. */
typedef void plab_rx_fill_1r_fn(uint8_t state[64], uint8_t *out, size_t out_bytes);

/* AesGenerator4R, same shape. Keys 0..3 are those of columns 0 and 1, keys 4..7 of columns 2 and 3;
 * a key is 16 bytes as two little-endian words. Source: [RXSPEC] section 3.3. */
typedef void plab_rx_fill_4r_fn(const uint64_t keys[8][2], uint8_t state[64], uint8_t *out,
                                size_t out_bytes);

/* AesHash1R of `in` (aligned, a multiple of 64 bytes). Source: [RXSPEC] section 3.4. */
typedef void plab_rx_hash_1r_fn(const uint8_t *in, size_t in_bytes, uint8_t out[64]);

/* What lies between two hashes of one scratchpad. */
struct plab_rx_turn {
    uint8_t *pad;      /* aligned; read, then overwritten */
    uint8_t state[64]; /* of AesGenerator1R for the new content; its final state after the call */
    uint8_t hash[64];  /* out: AesHash1R of the old content */
};

/* The end of one hash and the start of the next in one pass over each of `count` (1 or more)
 * scratchpads of `pad_bytes` (a multiple of 64): AesHash1R of what is there, AesGenerator1R over
 * it.
 * Source: [RXSPEC] sections 2, 3.2 and 3.4. */
typedef void plab_rx_turn_1r_fn(struct plab_rx_turn *turns, unsigned count, size_t pad_bytes);

/* RandomX v2's mix of the F and E registers: for i = 0..3 one AES round of every f with key e[i],
 * f0 and f2 encrypting, f1 and f3 decrypting. `f` and `e` are 4 registers of 16 bytes (aligned to
 * 16); e is not changed. Source: RandomX v2 design, "AES mix of F and E". */
typedef void plab_rx_mix_v2_fn(uint8_t f[64], const uint8_t e[64]);

/* Consecutive blocks of one segment (a lane's part of a slice) of Argon2d's memory. */
struct plab_argon2_run {
    uint64_t *memory;     /* aligned: lanes * lane_blocks blocks of 1024 bytes */
    uint32_t lanes;       /* at least 1 */
    uint32_t lane_blocks; /* a multiple of 4, at least 8 */
    uint32_t pass, slice, lane;
    uint32_t first, end; /* blocks of the segment to fill: first .. end - 1, at least one; in the
                          * very first segment of a lane not blocks 0 and 1 */
};

/* Fills a run: each block becomes G(the one before it, the one that this refers to), in passes
 * after the first xored onto its old content. pow/argon2_run.h says which blocks these are.
 * Source: RFC 9106 sections 3.4 and 3.5. */
typedef void plab_argon2_fill_fn(const struct plab_argon2_run *run);

/* Computes the dataset items numbers[0 .. count - 1] from a cache into `out` (count * 64 bytes,
 * 8-byte aligned). Source: [RXSPEC] section 7.3. */
typedef void plab_rx_items_fn(const struct plab_rx_cache *cache, const uint64_t *numbers,
                              size_t count, uint8_t *out);

/* Makes ready to compute items with these superscalar programs, one for each of the `programs`
 * cache accesses, and returns what computes them: with a cache that has the same programs and this
 * `code` (opened by the caller, who closes it before the first item). It may write machine code, at
 * most `code->bytes` of it; NULL means that this doesn't suffice. The portable one writes none. */
typedef plab_rx_items_fn *plab_rx_items_make_fn(const struct plab_rx_ss_program *program,
                                                uint32_t programs, struct plab_codemem *code);

/* The first part of one iteration of a machine's program; see pow/rx_machine.h. Leaves the control
 * word as the program had it. */
typedef void plab_rx_step_fn(struct plab_rx_machine *machine);

/* All iterations of the programs of `count` machines, with items from the whole dataset (64-byte
 * aligned). Leaves the control word as the last machine's program had it. */
typedef void plab_rx_loop_fn(struct plab_rx_machine *machines, unsigned count,
                             const uint8_t *dataset);

/* Makes ready to run the programs loaded into `count` machines: sets the `step` of each. As with
 * items, machine code may be written to `code`, which the caller has opened and closes before the
 * first step; false means that it doesn't suffice. What is made is good until the next making with
 * the same `code` or until a machine loads another program, and for these machines only. */
typedef bool plab_rx_step_make_fn(struct plab_rx_machine *machines, unsigned count,
                                  struct plab_codemem *code);

/* The same for the whole loop, to be called with the same machines and count; NULL means that
 * `code` doesn't suffice. */
typedef plab_rx_loop_fn *plab_rx_loop_make_fn(struct plab_rx_machine *machines, unsigned count,
                                              struct plab_codemem *code);

/* X(kernel, function type): every kernel of the table, in the order in which they are reported. */
#define PLAB_KERNEL_LIST(X)                 \
    X(keccak_f1600, plab_keccak_f1600_fn)   \
    X(cn_explode, plab_cn_explode_fn)       \
    X(cn_implode, plab_cn_implode_fn)       \
    X(cn_loop_v0, plab_cn_loop_fn)          \
    X(cn_loop_v1, plab_cn_loop_fn)          \
    X(cn_loop_v2, plab_cn_loop_fn)          \
    X(cn_loop_r, plab_cn_loop_fn)           \
    X(rx_fill_1r, plab_rx_fill_1r_fn)       \
    X(rx_fill_4r, plab_rx_fill_4r_fn)       \
    X(rx_hash_1r, plab_rx_hash_1r_fn)       \
    X(rx_turn_1r, plab_rx_turn_1r_fn)       \
    X(rx_mix_v2, plab_rx_mix_v2_fn)         \
    X(rx_items_make, plab_rx_items_make_fn) \
    X(rx_step_make, plab_rx_step_make_fn)   \
    X(rx_loop_make, plab_rx_loop_make_fn)   \
    X(argon2_fill, plab_argon2_fill_fn)

enum plab_kernel_id {
#define PLAB_KERNEL_ENUM(kernel, type) PLAB_KERNEL_##kernel,
    PLAB_KERNEL_LIST(PLAB_KERNEL_ENUM)
#undef PLAB_KERNEL_ENUM
        PLAB_KERNEL_COUNT
};

/* Where machine code of RandomX programs asks for memory ahead of time to be put. */
enum plab_prefetch {
    PLAB_PREFETCH_NTA, /* near, and to be forgotten first */
    PLAB_PREFETCH_T0,  /* all levels */
    PLAB_PREFETCH_T1,  /* L2 and beyond */
    PLAB_PREFETCH_T2,  /* L3 and beyond */
    PLAB_PREFETCH_OFF,
};

/* Name of a prefetch as reports spell it: "nta", "t0" ... */
const char *plab_prefetch_name(enum plab_prefetch prefetch);

/* What is chosen by measuring, not by features: host/tune.h. */
struct plab_rx_hints {
    uint8_t item;  /* enum plab_prefetch: the dataset item of the next iteration */
    uint8_t lines; /* enum plab_prefetch: the two scratchpad lines of the next iteration */
};

/* A chosen set of kernels: a value, copied freely, valid for ever. `isa[id]` is the name of the
 * chosen implementation ("c", "aesni", "ce" ...), a static string. arch/dispatch.h fills it. */
struct plab_kernels {
#define PLAB_KERNEL_MEMBER(kernel, type) type *kernel;
    PLAB_KERNEL_LIST(PLAB_KERNEL_MEMBER)
#undef PLAB_KERNEL_MEMBER
    const char *isa[PLAB_KERNEL_COUNT];
    struct plab_rx_hints hints; /* arch/dispatch.h: NTA for items, T0 for lines */
};

/* The portable implementations. */
#define PLAB_KERNEL_PROTOTYPE(kernel, type) type plab_##kernel##_c;
PLAB_KERNEL_LIST(PLAB_KERNEL_PROTOTYPE)
#undef PLAB_KERNEL_PROTOTYPE

#endif
