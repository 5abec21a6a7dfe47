/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One set of tests, two runners: Criterion, and a plain program for places where Criterion can't
 * run (ThreadSanitizer, qemu-user). Nothing else in the tree includes Criterion.
 *
 *   TEST(suite, name) { CHECK(x == y); CHECK_STR(text, "expected"); CHECK_MEM(a, b, len); }
 *
 * A failing CHECK ends its test.
 */
#ifndef PLAB_TESTS_HARNESS_H
#define PLAB_TESTS_HARNESS_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef PLAB_TEST_PLAIN

struct plab_test {
    const char *suite, *name;
    void (*run)(void);
    struct plab_test *next;
};
void plab_test_register(struct plab_test *test);
void plab_test_fail(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), noreturn));

#define TEST(suite_, name_)                                                              \
    static void test_##suite_##_##name_(void);                                           \
    __attribute__((constructor)) static void register_##suite_##_##name_(void) {         \
        static struct plab_test test = {#suite_, #name_, test_##suite_##_##name_, NULL}; \
        plab_test_register(&test);                                                       \
    }                                                                                    \
    static void test_##suite_##_##name_(void)
#define CHECK_MSG(cond, ...)                                 \
    do {                                                     \
        if (!(cond)) {                                       \
            plab_test_fail(__FILE__, __LINE__, __VA_ARGS__); \
        }                                                    \
    } while (0)

#else

#include <criterion/criterion.h>
#define TEST(suite_, name_) Test(suite_, name_)
#define CHECK_MSG(cond, ...) cr_assert((cond), __VA_ARGS__)

#endif

#define CHECK(cond) CHECK_MSG(cond, "%s", #cond)
#define CHECK_STR(got, want) \
    CHECK_MSG(strcmp((got), (want)) == 0, "%s: got \"%s\", want \"%s\"", #got, (got), (want))
#define CHECK_U64(got, want)                                                                    \
    CHECK_MSG((uint64_t)(got) == (uint64_t)(want), "%s: got %llu (0x%llx), want %llu (0x%llx)", \
              #got, (unsigned long long)(got), (unsigned long long)(got),                       \
              (unsigned long long)(want), (unsigned long long)(want))
#define CHECK_MEM(got, want, len) \
    CHECK_MSG(memcmp((got), (want), (len)) == 0, "%s differs from %s", #got, #want)

#endif
