/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput(), which libFuzzer
 * calls with bytes of its choosing, and tests/fuzz/replay.c with those of files. The bytes lie in
 * memory of exactly their size, so that AddressSanitizer sees the first one read too many.
 *
 * A target states what must hold for every input; one that doesn't aborts, with a line that says
 * what. Sanitizers see the rest.
 */
#ifndef PLAB_TESTS_FUZZ_H
#define PLAB_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/status.h"

/* libFuzzer's entry point. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_HOLDS(cond)                                 \
    do {                                                 \
        if (!(cond)) {                                   \
            plab_fuzz_broken(__FILE__, __LINE__, #cond); \
        }                                                \
    } while (0)

/* Says what doesn't hold and aborts. */
PLAB_NORETURN void plab_fuzz_broken(const char *file, int line, const char *what);

/* What every parser with an error text must keep to: a text exactly when it fails, in printable
 * ASCII whatever the peer wrote. `err->text` was "" before. */
void plab_fuzz_check_error(enum plab_status status, const struct plab_error *err);

/* True for a text that ends within `cap` bytes. */
bool plab_fuzz_ends(const char *text, size_t cap);

/* True for well-formed UTF-8, as RFC 3629 has it. */
bool plab_fuzz_is_utf8(const char *text, size_t len);

/* Size of the next piece of something that comes in pieces, as `*salt` decides: short and long ones
 * up to 8 KiB, at most `left`. */
size_t plab_fuzz_piece(uint32_t *salt, size_t left);

#endif
