/* SPDX-License-Identifier: BSD-3-Clause */
/* Scripts of faults: what is accepted, where errors are said to be, and that the examples are good.
 */
#include <dirent.h>
#include <stdlib.h>

#include "pool/fault_script.h"
#include "tests/harness.h"

static struct plab_fault_script *script;
static struct plab_error err;

static enum plab_status parse(const char *text) {
    err.text[0] = '\0';
    return plab_fault_script_parse(&script, text, strlen(text), "x.yaml", &err);
}

static void check_bad(const char *rule, const char *message) {
    char text[400];
    snprintf(text, sizeof text, "faults:\n  - %s\n", rule);
    CHECK_MSG(parse(text) == PLAB_E_INPUT, "%s", rule);
    CHECK(script == NULL);
    CHECK_STR(err.text, message);
}

TEST(fault_script, every_key) {
    const char *text = "name: all\n"
                       "seed: 42\n"
                       "allow_bad_target: true\n"
                       "faults:\n"
                       "  - {kind: stall, when: share, nth: 3, every: 2, times: 5, per: pool,\n"
                       "     worker: \"lab-*\", session: 7, probability: 0.25, after: 10s,\n"
                       "     until: 2m, for: 1.5s}\n"
                       "  - {kind: half_line, when: job, for: 300ms, then: rst}\n"
                       "  - {kind: slow_bytes, at: 1s, repeat: 10s, bytes: 3, interval: 20ms}\n"
                       "  - {kind: bad_target, target: \"01000000\"}\n"
                       "  - {kind: reconnect_notice, when: login, host: \"::1\", port: 3334}\n"
                       "  - {kind: tls_cert_change, at: 0s, certificate: expired}\n"
                       "  - {kind: wrong_algo, algo: rx/wow}\n"
                       "  - {kind: extra, when: connect, text: \"{}\"}\n";
    CHECK_MSG(parse(text) == PLAB_OK, "%s", err.text);
    const struct plab_fault_rule *rule = script->rules;
    CHECK_U64(script->seed, 42);
    CHECK_U64(script->rule_count, 8);
    CHECK(rule->kind == PLAB_FAULT_STALL && rule->trigger == PLAB_FAULT_ON_SHARE);
    CHECK(rule->nth == 3 && rule->every == 2 && rule->times == 5 && rule->of_pool);
    CHECK_STR(rule->worker, "lab-*");
    CHECK(rule->session == 7 && rule->probability == 0.25);
    CHECK(rule->from_ms == 10000 && rule->until_ms == 120000 && rule->for_ms == 1500);
    CHECK(rule[1].then == PLAB_FAULT_THEN_RST && rule[1].for_ms == 300 && !rule[1].of_pool);
    CHECK(rule[2].trigger == PLAB_FAULT_ON_TIME && rule[2].from_ms == 1000);
    CHECK(rule[2].repeat_ms == 10000 && rule[2].bytes == 3 && rule[2].interval_ms == 20);
    CHECK(rule[3].trigger == PLAB_FAULT_ON_JOB && rule[3].target_bytes == 4);
    CHECK_U64(rule[3].target, UINT64_C(1) << 32);
    CHECK_STR(rule[4].host, "::1");
    CHECK(rule[4].port == 3334 && rule[4].of_pool);
    CHECK(rule[5].flaw == PLAB_LABCA_EXPIRED);
    CHECK_STR(rule[6].text, "rx/wow");
    CHECK_STR(rule[7].text, "{}");
    plab_fault_script_free(&script);
}

TEST(fault_script, defaults) {
    CHECK(parse("faults:\n  - {kind: drop_answers}\n  - {kind: garbage, when: job}\n") == PLAB_OK);
    CHECK_U64(script->seed, 1);
    CHECK(script->rules[0].trigger == PLAB_FAULT_ON_ANSWER);
    CHECK(script->rules[0].probability == 1 && script->rules[0].until_ms == UINT64_MAX);
    CHECK_U64(script->rules[1].bytes, 64);
    plab_fault_script_free(&script);
}

TEST(fault_script, errors_have_a_place) {
    check_bad("{kind: stal, when: job}",
              "x.yaml:2:6: faults[0].kind: \"stal\" is unknown; did you mean stall?");
    check_bad("{kind: rst}",
              "x.yaml:2:6: faults[0].kind: give a time: \"when\" an event, or \"at\"");
    check_bad(
        "{kind: rst, when: noon}",
        "x.yaml:2:17: faults[0].when: \"noon\" is none of connect login job share answer time");
    check_bad("{kind: stall, when: job}",
              "x.yaml:2:6: faults[0].kind: say how long, such as for: 30s");
    check_bad("{kind: stall, when: job, for: 5}",
              "x.yaml:2:30: faults[0].for: \"5\" is no duration; give a number with ms, s, m or h, "
              "such as 45s");
    check_bad("{kind: rst, when: job, for: 5s}", "x.yaml:2:28: faults[0].for: rst has no such key");
    check_bad("{kind: rst, when: job, at: 5s}", "x.yaml:2:28: faults[0].at: has no meaning on job");
    check_bad("{kind: rst, when: time}",
              "x.yaml:2:17: faults[0].when: time needs \"at\", such as at: 30s");
    check_bad("{kind: rst, at: 5s, nth: 2}", "x.yaml:2:25: faults[0].nth: has no meaning on time");
    check_bad("{kind: rst, when: connect, worker: a}",
              "x.yaml:2:32: faults[0].worker: has no meaning on connect");
    check_bad("{kind: rst, when: job, nth: 0}",
              "x.yaml:2:28: faults[0].nth: 0 is not between 1 and 9223372036854775807");
    check_bad("{kind: rst, when: job, probability: 1.5}",
              "x.yaml:2:28: faults[0].probability: a probability is above 0 and at most 1");
    check_bad("{kind: rst, when: job, after: 5s, until: 5s}",
              "x.yaml:2:39: faults[0].until: ends before it begins");
    check_bad("{kind: refuse_login, when: job}",
              "x.yaml:2:26: faults[0].when: refuse_login can't happen on job");
    check_bad("{kind: job_storm, when: login}",
              "x.yaml:2:23: faults[0].when: job_storm can't happen on login");
    check_bad("{kind: extra, when: job}",
              "x.yaml:2:6: faults[0].kind: say which line, as text: ...");
    check_bad("{kind: bad_target}",
              "x.yaml:2:6: faults[0].kind: a target that can't be met makes miners work for "
              "nothing; write allow_bad_target: true at the top of the file if that is wanted");
    check_bad("{kind: reconnect_notice, when: job, host: pool.example}",
              "x.yaml:2:41: faults[0].host: give a numeric lab address, or localhost");
    check_bad("{kind: rst, when: job, colour: red}", "x.yaml:2:28: faults[0].colour: unknown key");
    CHECK(parse("seed: 1\n") == PLAB_E_INPUT);
    CHECK(parse("faults: []\n") == PLAB_E_INPUT);
    CHECK(parse("faults:\n  - {kind: rst, when: job\n") == PLAB_E_INPUT);
    CHECK(strncmp(err.text, "x.yaml:3:1: ", 12) == 0);
}

/* A redirection is the one thing by which a script could lead somebody out of the lab. */
TEST(fault_script, redirections_stay_in_the_lab) {
    static const char *const outside[] = {"8.8.8.8", "\"2001:4860::1\"", "\"::ffff:8.8.8.8\"",
                                          "0.0.0.0"};
    char text[200];
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        snprintf(text, sizeof text, "faults:\n  - {kind: reconnect_notice, when: job, host: %s}\n",
                 outside[i]);
        CHECK_MSG(parse(text) == PLAB_E_REFUSED, "%s: %s", outside[i], err.text);
        CHECK(script == NULL);
    }
}

static int ends_in_yaml(const struct dirent *entry) {
    size_t len = strlen(entry->d_name);
    return len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

/* Each kind has an example, and each example is good. */
TEST(fault_script, examples) {
    bool seen[PLAB_FAULT_COUNT] = {false};
    struct dirent **entries;
    int count = scandir("configs/faults", &entries, ends_in_yaml, alphasort);
    CHECK_MSG(count > 0, "no configs/faults here; run from the top of the source");
    for (int i = 0; i < count; i++) {
        char path[300];
        snprintf(path, sizeof path, "configs/faults/%s", entries[i]->d_name);
        CHECK_MSG(plab_fault_script_load(&script, path, &err) == PLAB_OK, "%s", err.text);
        for (size_t k = 0; k < script->rule_count; k++) {
            seen[script->rules[k].kind] = true;
        }
        plab_fault_script_free(&script);
        free(entries[i]);
    }
    free(entries);
    for (int kind = 0; kind < PLAB_FAULT_COUNT; kind++) {
        CHECK_MSG(seen[kind], "no example of %s", plab_fault_name((enum plab_fault_kind)kind));
    }
}

TEST(fault_script, files_that_cannot_be_read) {
    CHECK(plab_fault_script_load(&script, "/nonexistent.yaml", &err) == PLAB_E_IO);
    CHECK(script == NULL);
}
