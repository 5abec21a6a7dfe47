/* SPDX-License-Identifier: BSD-3-Clause */
/* Which rules of a script are due, and how bytes are held up: both without a pool. */
#include "pool/fault_gate.h"
#include "pool/fault_plan.h"
#include "tests/harness.h"

#define MS UINT64_C(1000000)

static struct plab_fault_script *script;
static struct plab_fault_plan plan;
static uint64_t seen_a[8], seen_b[8];

static void load(const char *rules) {
    char text[1000];
    struct plab_error err;
    snprintf(text, sizeof text, "seed: 5\nfaults:\n%s", rules);
    CHECK_MSG(plab_fault_script_parse(&script, text, strlen(text), "x", &err) == PLAB_OK, "%s",
              err.text);
    plab_fault_plan_init(&plan, script);
    memset(seen_a, 0, sizeof seen_a);
    memset(seen_b, 0, sizeof seen_b);
}

static bool strikes(uint32_t session, const char *login, uint64_t ms) {
    const struct plab_fault_whom whom = {session, login, session == 1 ? seen_a : seen_b};
    return plab_fault_plan_event(&plan, 0, PLAB_FAULT_ON_JOB, &whom, ms);
}

/* 'x' for each of `count` jobs of session 1 that is struck. */
static const char *jobs(int count, char out[64]) {
    for (int i = 0; i < count; i++) {
        out[i] = strikes(1, "w", 0) ? 'x' : '.';
    }
    out[count] = '\0';
    return out;
}

TEST(fault_plan, numbers) {
    static const struct {
        const char *rule, *pattern;
    } cases[] = {
        {"", "xxxxxxxxxx"},
        {", nth: 3", "..x......."},
        {", every: 3", "..x..x..x."},
        {", nth: 2, every: 3", ".x..x..x.."},
        {", every: 3, times: 2", "..x..x...."},
        {", times: 1", "x........."},
    };
    char rule[200], pattern[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(rule, sizeof rule, "  - {kind: rst, when: job%s}\n", cases[i].rule);
        load(rule);
        CHECK_STR(jobs(10, pattern), cases[i].pattern);
        plab_fault_script_free(&script);
    }
}

TEST(fault_plan, scopes_and_patterns) {
    load("  - {kind: rst, when: job, nth: 2}\n");
    CHECK(!strikes(1, "w", 0) && !strikes(2, "w", 0));
    CHECK(strikes(1, "w", 0) && strikes(2, "w", 0)); /* each has a second one */
    plab_fault_script_free(&script);
    load("  - {kind: rst, when: job, nth: 2, per: pool}\n");
    CHECK(!strikes(1, "w", 0) && strikes(2, "w", 0) && !strikes(1, "w", 0));
    plab_fault_script_free(&script);
    load("  - {kind: rst, when: job, worker: \"lab-*\"}\n");
    CHECK(!strikes(1, "w", 0) && strikes(1, "lab-7", 0) && !strikes(1, "xlab-7", 0));
    plab_fault_script_free(&script);
    load("  - {kind: rst, when: job, session: 2}\n");
    CHECK(!strikes(1, "w", 0) && strikes(2, "w", 0));
    plab_fault_script_free(&script);
    load("  - {kind: rst, when: job, after: 1s, until: 2s, nth: 1}\n");
    CHECK(!strikes(1, "w", 999) && strikes(1, "w", 1000) && !strikes(2, "w", 2000));
    plab_fault_script_free(&script);
    load("  - {kind: rst, when: share}\n");
    CHECK(!strikes(1, "w", 0));
    plab_fault_script_free(&script);
}

TEST(fault_plan, chance_has_a_seed) {
    char first[64], again[64];
    unsigned struck = 0;
    load("  - {kind: rst, when: job, probability: 0.3}\n");
    jobs(60, first);
    for (int i = 0; i < 10000; i++) {
        struck += strikes(1, "w", 0);
    }
    CHECK_MSG(struck > 2800 && struck < 3200, "%u of 10000", struck);
    plab_fault_script_free(&script);
    /* Another rule beside it changes nothing. */
    load("  - {kind: rst, when: job, probability: 0.3}\n"
         "  - {kind: fin, when: job, probability: 0.5}\n");
    for (int i = 0; i < 60; i++) {
        const struct plab_fault_whom whom = {1, "w", seen_a};
        again[i] = strikes(1, "w", 0) ? 'x' : '.';
        plab_fault_plan_event(&plan, 1, PLAB_FAULT_ON_JOB, &whom, 0);
    }
    again[60] = '\0';
    CHECK_STR(again, first);
    script->seed = 6;
    plab_fault_plan_init(&plan, script);
    CHECK(strcmp(jobs(60, again), first) != 0);
    plab_fault_script_free(&script);
}

TEST(fault_plan, times) {
    load("  - {kind: rst, at: 2s, repeat: 500ms, until: 4s}\n"
         "  - {kind: fin, at: 3s}\n");
    CHECK_U64(plab_fault_plan_next_ms(&plan), 2000);
    CHECK(!plab_fault_plan_due(&plan, 0, 1999));
    CHECK(plab_fault_plan_due(&plan, 0, 2000) && !plab_fault_plan_due(&plan, 0, 2000));
    CHECK_U64(plab_fault_plan_next_ms(&plan), 2500);
    CHECK(plab_fault_plan_due(&plan, 0, 3100)); /* two were slept through */
    CHECK_U64(plab_fault_plan_next_ms(&plan), 3000);
    CHECK(plab_fault_plan_due(&plan, 1, 3000) && !plab_fault_plan_due(&plan, 1, 9000));
    CHECK_U64(plab_fault_plan_next_ms(&plan), 3500);
    CHECK(plab_fault_plan_due(&plan, 0, 3500));
    CHECK(!plab_fault_plan_due(&plan, 0, 9000));
    CHECK_U64(plab_fault_plan_next_ms(&plan), UINT64_MAX);
    plab_fault_script_free(&script);
}

/* ---- the gate ---- */

static struct plab_gate gate;
static char out[200];

/* Tests may share a process. */
static void begin(void) {
    plab_gate_free(&gate);
    out[0] = '\0';
}

/* All that comes out at that time is appended. */
static const char *take(uint64_t now_ns) {
    const char *bytes;
    size_t len, used = strlen(out);
    while ((len = plab_gate_take(&gate, &bytes, now_ns)) > 0) {
        memcpy(out + used, bytes, len);
        used += len;
        out[used] = '\0';
    }
    return out;
}

static void put(const char *text, uint64_t now_ns) {
    CHECK(plab_gate_put(&gate, text, strlen(text), now_ns) == PLAB_OK);
}

TEST(fault_gate, stall) {
    begin();
    CHECK(plab_gate_is_open(&gate));
    plab_gate_hold(&gate, 100 * MS, 1000 * MS);
    CHECK(!plab_gate_is_open(&gate));
    put("one\n", 1000 * MS);
    CHECK_STR(take(1050 * MS), "");
    plab_gate_hold(&gate, 10 * MS, 1050 * MS); /* a shorter one changes nothing */
    put("two\n", 1060 * MS);
    CHECK_U64(plab_gate_next_ns(&gate), 1100 * MS);
    CHECK_STR(take(1099 * MS), "");
    CHECK_STR(take(1100 * MS), "one\ntwo\n");
    CHECK(plab_gate_is_open(&gate) && plab_gate_next_ns(&gate) == UINT64_MAX);
    plab_gate_free(&gate);
}

TEST(fault_gate, half_a_line) {
    begin();
    plab_gate_halve(&gate, 100 * MS, PLAB_FAULT_THEN_RESUME);
    CHECK(!plab_gate_is_open(&gate));
    CHECK_U64(plab_gate_next_ns(&gate), UINT64_MAX); /* nothing to do before a line comes */
    put("abcdef\n", 1000 * MS);
    CHECK_STR(take(1000 * MS), "abc");
    put("next\n", 1000 * MS);
    CHECK_STR(take(1099 * MS), "abc");
    CHECK(plab_gate_then(&gate, 1099 * MS) == PLAB_FAULT_THEN_RESUME);
    CHECK_STR(take(1100 * MS), "abcdef\nnext\n");
    CHECK(plab_gate_is_open(&gate));
    plab_gate_free(&gate);
}

TEST(fault_gate, half_a_line_and_the_end) {
    begin();
    plab_gate_halve(&gate, 100 * MS, PLAB_FAULT_THEN_RST);
    put("abcdef\n", 1000 * MS);
    CHECK_STR(take(1000 * MS), "abc");
    CHECK(plab_gate_then(&gate, 1050 * MS) == PLAB_FAULT_THEN_RESUME);
    CHECK_STR(take(1100 * MS), "abc"); /* the rest never comes */
    CHECK(plab_gate_then(&gate, 1100 * MS) == PLAB_FAULT_THEN_RST);
    plab_gate_free(&gate);
}

TEST(fault_gate, trickle_of_a_line) {
    begin();
    plab_gate_drip(&gate, 2, 10 * MS, 0, 1000 * MS);
    CHECK_STR(take(1000 * MS), "");
    CHECK(!plab_gate_is_open(&gate));
    put("abcde", 1005 * MS);
    CHECK_STR(take(1005 * MS), "ab");
    CHECK_U64(plab_gate_next_ns(&gate), 1015 * MS);
    CHECK_STR(take(1014 * MS), "ab");
    CHECK_STR(take(1015 * MS), "abcd");
    CHECK_STR(take(1025 * MS), "abcde");
    CHECK(plab_gate_is_open(&gate));
    plab_gate_free(&gate);
}

TEST(fault_gate, trickle_for_a_time) {
    begin();
    plab_gate_drip(&gate, 1, 10 * MS, 25 * MS, 1000 * MS);
    put("abcde", 1000 * MS);
    CHECK_STR(take(1000 * MS), "a");
    CHECK_STR(take(1010 * MS), "ab");
    CHECK_STR(take(1025 * MS), "abcde");
    CHECK(plab_gate_is_open(&gate));
    plab_gate_free(&gate);
}

TEST(fault_gate, has_a_limit) {
    begin();
    static char much[100000];
    plab_gate_hold(&gate, MS, 0);
    CHECK(plab_gate_put(&gate, much, sizeof much, 0) == PLAB_OK);
    CHECK(plab_gate_put(&gate, much, sizeof much, 0) == PLAB_OK);
    CHECK(plab_gate_put(&gate, much, sizeof much, 0) == PLAB_E_RESOURCE);
    plab_gate_free(&gate);
}
