/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/codemem.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/harness.h"

typedef enum plab_status map_fn(struct plab_codemem *out, size_t bytes, struct plab_error *err);

static map_fn *const ways[] = {plab_codemem_map, plab_codemem_map_flipping};

/* Protection of the mapping at `at` as /proc/self/maps has it, e.g. "r-xs". */
static void protection_of(const void *at, char out[5]) {
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    strcpy(out, "none");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        uintptr_t from, to;
        char protection[8];
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &from, &to, protection) == 3 &&
            (uintptr_t)at >= from && (uintptr_t)at < to) {
            memcpy(out, protection, 5);
        }
    }
    fclose(maps);
}

static void check_never_both(const void *at) {
    char protection[5];
    protection_of(at, protection);
    CHECK_MSG(protection[1] != 'w' || protection[2] != 'x', "%s", protection);
}

TEST(codemem, nothing_is_writable_and_executable_at_once) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(ways); i++) {
        struct plab_codemem code;
        struct plab_error err = {""};
        CHECK_MSG(ways[i](&code, 10000, &err) == PLAB_OK, "%s", err.text);
        CHECK(code.bytes >= 10000);
        for (int round = 0; round < 2; round++) {
            CHECK(plab_codemem_open(&code));
            check_never_both(code.write);
            check_never_both(code.exec);
            memset(code.write, 0xC3, code.bytes);
            CHECK(plab_codemem_close(&code));
            check_never_both(code.write);
            check_never_both(code.exec);
            CHECK(code.exec[9999] == 0xC3);
        }
        plab_codemem_unmap(&code);
        CHECK(code.bytes == 0 && code.write == NULL && code.exec == NULL);
        plab_codemem_unmap(&code);
    }
}

#if defined(__x86_64__)

typedef int number_fn(void);

static void write_function(struct plab_codemem *code, uint8_t number) {
    const uint8_t bytes[] = {0xB8, number, 0, 0, 0, 0xC3}; /* mov eax, number; ret */
    CHECK(plab_codemem_open(code));
    memcpy(code->write, bytes, sizeof bytes);
    CHECK(plab_codemem_close(code));
}

TEST(codemem, new_code_replaces_the_old) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(ways); i++) {
        struct plab_codemem code;
        CHECK(ways[i](&code, 1, NULL) == PLAB_OK);
        number_fn *function = (number_fn *)(uintptr_t)code.exec;
        for (uint8_t number = 1; number < 100; number++) {
            write_function(&code, number);
            CHECK_U64((uint64_t)function(), number);
        }
        plab_codemem_unmap(&code);
    }
}

#endif
