/* SPDX-License-Identifier: BSD-3-Clause */
/* The plain runner of tests/harness.h: in one process, in order; "suite/name" prefixes select. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tests/harness.h"

static struct plab_test *tests;
static jmp_buf failed_test;

void plab_test_register(struct plab_test *test) {
    test->next = tests;
    tests = test;
}

void plab_test_fail(const char *file, int line, const char *fmt, ...) {
    va_list args;
    printf("%s:%d: ", file, line);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");
    longjmp(failed_test, 1);
}

static bool selected(const struct plab_test *test, int count, char **prefixes) {
    char name[200];
    snprintf(name, sizeof name, "%s/%s", test->suite, test->name);
    for (int i = 0; i < count; i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return count == 0;
}

int main(int argc, char **argv) {
    /* Volatile: they live across longjmp(). */
    volatile int passed = 0, failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (struct plab_test *volatile test = tests; test != NULL; test = test->next) {
        if (!selected(test, argc - 1, argv + 1)) {
            continue;
        }
        if (setjmp(failed_test) == 0) {
            test->run();
            passed++;
        } else {
            printf("FAILED %s/%s\n", test->suite, test->name);
            failed++;
        }
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
