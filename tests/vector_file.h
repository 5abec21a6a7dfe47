/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads the files of tests/vectors/: one vector a line, fields separated by blanks, "#" comments,
 * "-" for an empty byte string (format: tests/vectors/README.md). Also the one way of tests to take
 * and give back the aligned memory that kernels want.
 *
 *   struct plab_vector_file file;
 *   plab_vector_open(&file, "tests/vectors/keccak.txt");
 *   while (plab_vector_next(&file)) {
 *       size_t len = plab_vector_hex(&file, 0, buffer, sizeof buffer);
 *       CHECK_MEM(...);
 *   }
 *   CHECK(plab_vector_close(&file) == 13);
 *
 * A file that is missing or malformed fails the running test.
 */
#ifndef PLAB_TESTS_VECTOR_FILE_H
#define PLAB_TESTS_VECTOR_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PLAB_VECTOR_FIELDS_MAX 16
#define PLAB_VECTOR_LINE_MAX 16384

struct plab_vector_file {
    FILE *stream;
    const char *path;
    int line;  /* number of the current line, from 1 */
    int count; /* vectors read so far */
    int field_count;
    char *field[PLAB_VECTOR_FIELDS_MAX]; /* into `text` */
    char text[PLAB_VECTOR_LINE_MAX];
};

/* Opens `path`, relative to the repository's root. `path` must outlive the file. */
void plab_vector_open(struct plab_vector_file *file, const char *path);

/* Goes to the next vector; 0 at the end of the file. */
int plab_vector_next(struct plab_vector_file *file);

/* Decodes hexadecimal field `index` into `out`; returns the number of bytes, at most `out_cap`. */
size_t plab_vector_hex(const struct plab_vector_file *file, int index, uint8_t *out,
                       size_t out_cap);

/* Field `index` as an unsigned number, decimal or with 0x. */
uint64_t plab_vector_u64(const struct plab_vector_file *file, int index);

/* Field `index` as text. */
const char *plab_vector_text(const struct plab_vector_file *file, int index);

/* Closes the file and returns how many vectors were read. */
int plab_vector_close(struct plab_vector_file *file);

/* `bytes` of zeroed memory, 64-byte aligned; fails the running test when there is none. Freed with
 * free(). */
void *plab_test_alloc(size_t bytes);

#endif
