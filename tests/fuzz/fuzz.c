/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void plab_fuzz_broken(const char *file, int line, const char *what) {
    fprintf(stderr, "%s:%d: error: this doesn't hold: %s\n", file, line, what);
    abort();
}

bool plab_fuzz_ends(const char *text, size_t cap) {
    return memchr(text, '\0', cap) != NULL;
}

void plab_fuzz_check_error(enum plab_status status, const struct plab_error *err) {
    FUZZ_HOLDS(plab_fuzz_ends(err->text, sizeof err->text));
    FUZZ_HOLDS((status == PLAB_OK) == (err->text[0] == '\0'));
    for (const char *p = err->text; *p != '\0'; p++) {
        FUZZ_HOLDS(*p >= ' ' && *p <= '~');
    }
}

/* Bytes of the sequence that begins with `first`, and the range of the byte after it; 0: none. */
static size_t sequence(unsigned char first, unsigned char *low, unsigned char *high) {
    *low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    *high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    return first < 0x80                     ? 1
           : first >= 0xC2 && first <= 0xDF ? 2
           : first >= 0xE0 && first <= 0xEF ? 3
           : first >= 0xF0 && first <= 0xF4 ? 4
                                            : 0;
}

bool plab_fuzz_is_utf8(const char *text, size_t len) {
    const unsigned char *p = (const unsigned char *)text;
    while (len > 0) {
        unsigned char low, high;
        size_t used = sequence(p[0], &low, &high);
        if (used == 0 || used > len || (used > 1 && (p[1] < low || p[1] > high))) {
            return false;
        }
        for (size_t i = 2; i < used; i++) {
            if ((p[i] & 0xC0) != 0x80) {
                return false;
            }
        }
        p += used;
        len -= used;
    }
    return true;
}

size_t plab_fuzz_piece(uint32_t *salt, size_t left) {
    *salt = *salt * 1664525u + 1013904223u;
    size_t piece = 1 + ((size_t)(*salt >> 18 & 0x3F) << (*salt >> 24) % 8);
    return piece < left ? piece : left;
}
