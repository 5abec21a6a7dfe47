/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/hex.h"

static int digit_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

enum plab_status plab_hex_decode(const char *hex, size_t hex_len, uint8_t *out, size_t out_cap,
                                 size_t *out_len, struct plab_error *err) {
    *out_len = 0;
    for (size_t i = 0; i < hex_len; i++) {
        if (digit_value(hex[i]) < 0) {
            return plab_fail(err, PLAB_E_INPUT,
                             "not hexadecimal: character %zu of %zu is not one of 0-9 a-f A-F",
                             i + 1, hex_len);
        }
    }
    if (hex_len % 2 != 0) {
        return plab_fail(err, PLAB_E_INPUT,
                         "not hexadecimal bytes: %zu digits is odd, each byte needs two", hex_len);
    }
    if (hex_len / 2 > out_cap) {
        return plab_fail(err, PLAB_E_INPUT, "too long: %zu bytes where at most %zu fit",
                         hex_len / 2, out_cap);
    }
    for (size_t i = 0; i < hex_len / 2; i++) {
        out[i] = (uint8_t)(digit_value(hex[2 * i]) << 4 | digit_value(hex[2 * i + 1]));
    }
    *out_len = hex_len / 2;
    return PLAB_OK;
}

void plab_hex_encode(const uint8_t *bytes, size_t len, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}
