/* SPDX-License-Identifier: BSD-3-Clause */
/* A CSV table read back whole (RFC 4180): columns by name, fields as texts or numbers. */
#ifndef PLAB_LAB_TABLE_H
#define PLAB_LAB_TABLE_H

#include <stddef.h>

#include "base/status.h"

#define PLAB_TABLE_NO_COLUMN ((size_t)-1)

struct plab_table {
    size_t column_count, row_count; /* rows without the first, which names the columns */
    char *text;                     /* owned: all fields, each ended by a NUL */
    char **fields;                  /* owned: names, then row by row */
};

/* Reads a file. PLAB_E_IO when it can't be read, PLAB_E_INPUT (with the line) when a row has
 * another number of fields than the first; a last row without a line end, as a killed writer leaves
 * it, is left out. */
PLAB_NODISCARD enum plab_status plab_table_read(struct plab_table *out, const char *path,
                                                struct plab_error *err);

/* The same from a text; takes `text`, also on error. `path` is for messages. */
PLAB_NODISCARD enum plab_status plab_table_parse(struct plab_table *out, char *text,
                                                 const char *path, struct plab_error *err);
void plab_table_free(struct plab_table *table);

/* Index of a column, PLAB_TABLE_NO_COLUMN when there is none of that name. */
size_t plab_table_column(const struct plab_table *table, const char *name);

/* A field; "" for a column that isn't there. */
const char *plab_table_text(const struct plab_table *table, size_t row, size_t column);

/* A field as a number; NAN when it is empty or no number. */
double plab_table_number(const struct plab_table *table, size_t row, size_t column);

#endif
