/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables of a run as CSV (RFC 4180, lines end in LF): a first row of column names with their units,
 * then rows, each written through at once, so that what was recorded survives whatever comes. A
 * missing value is an empty field, never zero.
 */
#ifndef PLAB_LAB_CSV_H
#define PLAB_LAB_CSV_H

#include <stdint.h>

#include "base/status.h"

struct plab_csv;

/* Creates the file. PLAB_E_IO names path and reason. */
PLAB_NODISCARD enum plab_status plab_csv_open(struct plab_csv **out, const char *path,
                                              struct plab_error *err);

/* Fields of the current row, in order. A text is quoted where it must be. */
void plab_csv_text(struct plab_csv *csv, const char *text);
void plab_csv_number(struct plab_csv *csv, double value, int decimals); /* NAN: missing */
void plab_csv_integer(struct plab_csv *csv, uint64_t value);
/* A text made of parts; at most 255 bytes, longer is cut. */
void plab_csv_format(struct plab_csv *csv, const char *fmt, ...) PLAB_PRINTF(2, 3);

/* Ends the row and writes it through. PLAB_E_IO names path and reason, of whatever failed since the
 * last row. */
PLAB_NODISCARD enum plab_status plab_csv_end(struct plab_csv *csv, struct plab_error *err);

/* Closes it and sets `*csv` to NULL; NULL is fine. */
void plab_csv_close(struct plab_csv **csv);

#endif
