/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/suggest.h"

#include <ctype.h>
#include <string.h>

#define MAX_LEN 48

static size_t min3(size_t a, size_t b, size_t c) {
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Levenshtein distance, upper and lower case alike. Both texts are at most MAX_LEN long. */
static size_t distance(const char *a, const char *b) {
    size_t row[MAX_LEN + 1];
    size_t b_len = strlen(b);
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t cost = tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]);
            size_t next = min3(row[j] + 1, row[j - 1] + 1, diagonal + cost);
            diagonal = row[j];
            row[j] = next;
        }
    }
    return row[b_len];
}

const char *plab_suggest(const char *wrong, const char *const *names, size_t count) {
    if (strlen(wrong) > MAX_LEN) {
        return NULL;
    }
    const char *best = NULL;
    size_t best_distance = (size_t)-1;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]);
        if (length > MAX_LEN) {
            continue;
        }
        size_t d = distance(wrong, names[i]);
        if (d < best_distance && d <= 1 + length / 3) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}
