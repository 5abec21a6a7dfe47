/* SPDX-License-Identifier: BSD-3-Clause */
/* Strict hexadecimal text: pairs of digits, either case, nothing else. */
#ifndef PLAB_BASE_HEX_H
#define PLAB_BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Decodes `hex_len` digits at `hex` into `out` (room for `out_cap` bytes) and stores the number of
 * bytes in `*out_len`. Returns PLAB_E_INPUT for an odd length, a foreign character (the text names
 * its position) or more than `out_cap` bytes. `err` may be NULL. */
PLAB_NODISCARD enum plab_status plab_hex_decode(const char *hex, size_t hex_len, uint8_t *out,
                                                size_t out_cap, size_t *out_len,
                                                struct plab_error *err);

/* Writes 2 * len lower-case digits and a terminating NUL to `out` (2 * len + 1 bytes). */
void plab_hex_encode(const uint8_t *bytes, size_t len, char *out);

#endif
