/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/memmap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"

#define PIECES 16
#define PIECE_BYTES 4096

double plab_memmap_entropy(const uint8_t *bytes, size_t len) {
    size_t counts[256] = {0};
    double bits = 0;
    for (size_t i = 0; i < len; i++) {
        counts[bytes[i]]++;
    }
    for (size_t i = 0; i < PLAB_ARRAY_LEN(counts); i++) {
        if (counts[i] > 0) {
            double p = (double)counts[i] / (double)len;
            bits -= p * log2(p);
        }
    }
    return bits;
}

/* ---- smaps ---- */

/* "START-END rw-p OFFSET DEV INODE   NAME" of a mapping that may be of interest. */
static bool parse_head(const char *line, struct plab_memmap_one *map) {
    uint64_t end;
    char rights[8];
    int name_at = 0;
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*s %*s %*s %n", &map->start, &end, rights,
               &name_at) < 3 ||
        end < map->start) {
        return false;
    }
    map->bytes = end - map->start;
    map->entropy_bits = NAN;
    const char *name = line + name_at;
    bool anonymous = name_at == 0 || *name == '\n' || *name == '\0' ||
                     strncmp(name, "[heap]", 6) == 0 || strncmp(name, "[anon", 5) == 0 ||
                     strncmp(name, "/anon_hugepage", 14) == 0;
    return rights[0] == 'r' && rights[1] == 'w' && anonymous && map->bytes >= PLAB_MEMMAP_MIN;
}

static void parse_detail(const char *line, struct plab_memmap_one *map) {
    static const struct {
        const char *key;
        bool resident, huge;
    } rows[] = {
        {"Rss:", true, false},
        {"AnonHugePages:", false, true},
        {"Private_Hugetlb:", true, true},
        {"Shared_Hugetlb:", true, true},
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(rows); i++) {
        size_t len = strlen(rows[i].key);
        if (strncmp(line, rows[i].key, len) == 0) {
            uint64_t bytes = strtoull(line + len, NULL, 10) * 1024;
            map->resident_bytes += rows[i].resident ? bytes : 0;
            map->huge_bytes += rows[i].huge ? bytes : 0;
        }
    }
}

/* Keeps the largest in order. */
static void keep(struct plab_memmap *out, const struct plab_memmap_one *map) {
    size_t at = out->count;
    while (at > 0 && out->maps[at - 1].bytes < map->bytes) {
        at--;
    }
    if (at == PLAB_MEMMAP_MAX) {
        return;
    }
    size_t last = out->count < PLAB_MEMMAP_MAX ? out->count++ : PLAB_MEMMAP_MAX - 1;
    memmove(&out->maps[at + 1], &out->maps[at], (last - at) * sizeof out->maps[0]);
    out->maps[at] = *map;
}

static void read_smaps(FILE *file, struct plab_memmap *out) {
    char line[PATH_MAX + 128];
    struct plab_memmap_one map;
    bool wanted = false;
    while (fgets(line, sizeof line, file) != NULL) {
        bool head = strchr(line, '-') != NULL && strspn(line, "0123456789abcdef") > 0 &&
                    line[strspn(line, "0123456789abcdef")] == '-';
        if (!head && wanted) {
            parse_detail(line, &map);
        } else if (head) {
            if (wanted) {
                keep(out, &map);
            }
            memset(&map, 0, sizeof map);
            wanted = parse_head(line, &map);
        }
    }
    if (wanted) {
        keep(out, &map);
    }
}

/* ---- bytes ---- */

/* Pieces at equal distances; NAN when nothing could be read. */
static double entropy_of(int memory, const struct plab_memmap_one *map) {
    uint8_t bytes[PIECES * PIECE_BYTES];
    size_t got = 0;
    for (uint64_t i = 0; i < PIECES; i++) {
        uint64_t at = map->start + map->bytes / PIECES * i;
        ssize_t n = pread(memory, bytes + got, PIECE_BYTES, (off_t)at);
        got += n > 0 ? (size_t)n : 0;
    }
    return got > 0 ? plab_memmap_entropy(bytes, got) : NAN;
}

enum plab_status plab_memmap_read(struct plab_memmap *out, const char *root, int pid,
                                  struct plab_error *err) {
    char path[PATH_MAX];
    memset(out, 0, sizeof *out);
    snprintf(path, sizeof path, "%s/%d/smaps", root, pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return plab_fail(err, PLAB_E_RESOURCE, "cannot read %s: %s", path, strerror(errno));
    }
    read_smaps(file, out);
    fclose(file);
    snprintf(path, sizeof path, "%s/%d/mem", root, pid);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < out->count && memory >= 0; i++) {
        out->maps[i].entropy_bits = entropy_of(memory, &out->maps[i]);
    }
    if (memory >= 0) {
        close(memory);
    }
    return PLAB_OK;
}
