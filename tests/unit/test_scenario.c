/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenario files: what is accepted, its defaults, and where errors are said to be. */
#include <stdlib.h>

#include "base/status.h"
#include "lab/scenario.h"
#include "tests/harness.h"

#define HEAD                   \
    "name: t\n"                \
    "pool: {difficulty: 10}\n" \
    "workers:\n"               \
    "  - name: w\n"
#define TAIL    \
    "phases:\n" \
    "  - {name: full, duration: 10s}\n"

static enum plab_status parse(const char *text, struct plab_scenario *out, struct plab_error *err) {
    err->text[0] = '\0';
    return plab_scenario_parse(out, text, strlen(text), "x.yaml", err);
}

static void check_bad(const char *text, enum plab_status want, const char *message) {
    struct plab_scenario scenario;
    struct plab_error err;
    enum plab_status got = parse(text, &scenario, &err);
    CHECK_MSG(got == want, "%s: status %d, want %d (%s)", message, (int)got, (int)want, err.text);
    CHECK_STR(err.text, message);
    CHECK_U64(scenario.phase_count, 0);
}

TEST(scenario, defaults) {
    struct plab_scenario s;
    struct plab_error err;
    CHECK_MSG(parse(HEAD TAIL, &s, &err) == PLAB_OK, "%s", err.text);
    CHECK_STR(s.name, "t");
    CHECK_STR(s.label, "");
    CHECK_U64(s.seed, 1);
    CHECK_STR(s.pool.algo, "rx/0");
    CHECK_STR(s.pool.listen, "127.0.0.1:0");
    CHECK_U64(s.pool.vardiff_target_ms, 0);
    CHECK_U64(s.pool.job_interval_ms, 30000);
    CHECK_U64(s.worker_count, 1);
    CHECK_STR(s.workers[0].user, "w");
    CHECK_STR(s.workers[0].algo, "rx/0");
    CHECK_STR(s.workers[0].randomx_mode, "auto");
    CHECK_U64(s.workers[0].count, 1);
    CHECK_U64(s.workers[0].threads, 0);
    CHECK_U64(s.workers[0].duty_percent, 100);
    CHECK_U64(s.phases[0].load_percent, 100);
    CHECK_U64(s.phases[0].workers, 1);
    CHECK_U64(s.expect.max_rejected, UINT64_MAX);
    CHECK_U64(s.max_ms, 70000);
}

TEST(scenario, every_key) {
    struct plab_scenario s;
    struct plab_error err;
    const char *text = "name: all-keys\n"
                       "label: in the open\n"
                       "seed: 42\n"
                       "pool:\n"
                       "  algo: cn/r\n"
                       "  difficulty: 11\n"
                       "  vardiff: 1500ms\n"
                       "  network_difficulty: 22\n"
                       "  epoch_blocks: 3\n"
                       "  job_interval: 2m\n"
                       "  listen: \"[::1]:3333\"\n"
                       "workers:\n"
                       "  - {name: a, user: alice, count: 2, threads: 3, algo: cn/r, randomx_mode: "
                       "light, cpus: \"0,2-3\", duty_percent: 40}\n"
                       "  - {name: b, dataset_mem: 768MiB}\n"
                       "phases:\n"
                       "  - {name: one, duration: 0.5m, load_percent: 50, workers: [b]}\n"
                       "  - {name: two, duration: 2s, load_percent: 0}\n"
                       "limits: {max_seconds: 99}\n"
                       "expect: {min_accepted: 20, max_rejected: 0, min_blocks: 2, "
                       "min_seed_changes: 1}\n";
    CHECK_MSG(parse(text, &s, &err) == PLAB_OK, "%s", err.text);
    CHECK_STR(s.label, "in the open");
    CHECK_U64(s.seed, 42);
    CHECK_STR(s.pool.algo, "cn/r");
    CHECK_U64(s.pool.difficulty, 11);
    CHECK_U64(s.pool.vardiff_target_ms, 1500);
    CHECK_U64(s.pool.network_difficulty, 22);
    CHECK_U64(s.pool.epoch_blocks, 3);
    CHECK_U64(s.pool.job_interval_ms, 120000);
    CHECK_STR(s.pool.listen, "[::1]:3333");
    CHECK_STR(s.workers[0].user, "alice");
    CHECK_STR(s.workers[0].algo, "cn/r");
    CHECK_STR(s.workers[0].randomx_mode, "light");
    CHECK_STR(s.workers[0].cpus, "0,2-3");
    CHECK_STR(s.workers[0].dataset_mem, "");
    CHECK_STR(s.workers[1].dataset_mem, "768MiB");
    CHECK_STR(s.workers[1].randomx_mode, "auto");
    CHECK_U64(s.workers[0].count, 2);
    CHECK_U64(s.workers[0].threads, 3);
    CHECK_U64(s.workers[0].duty_percent, 40);
    CHECK_STR(s.workers[1].algo, "cn/r");
    CHECK_U64(plab_scenario_process_count(&s), 3);
    CHECK_U64(s.phases[0].duration_ms, 30000);
    CHECK_U64(s.phases[0].workers, 2);
    CHECK_U64(s.phases[1].workers, 3);
    CHECK_U64(s.phases[1].load_percent, 0);
    CHECK_U64(plab_scenario_duration_ms(&s), 32000);
    CHECK_U64(s.expect.min_accepted, 20);
    CHECK_U64(s.expect.max_rejected, 0);
    CHECK_U64(s.expect.min_blocks, 2);
    CHECK_U64(s.expect.min_seed_changes, 1);
    CHECK_U64(s.max_ms, 99000);
}

TEST(scenario, form_errors_name_line_column_and_key) {
    check_bad("", PLAB_E_INPUT, "x.yaml:1:1: the file is empty");
    check_bad("name: a\n  b: [\n", PLAB_E_INPUT,
              "x.yaml:2:4: mapping values are not allowed in this context");
    check_bad(HEAD TAIL "---\nname: b\n", PLAB_E_INPUT,
              "x.yaml:7:1: a second document begins here");
    check_bad(HEAD "    colour: red\n" TAIL, PLAB_E_INPUT,
              "x.yaml:5:5: workers[0].colour: unknown key");
    check_bad(HEAD TAIL "speed: 3\n", PLAB_E_INPUT, "x.yaml:7:1: speed: unknown key");
    check_bad(HEAD "phases:\n  - name: p\n", PLAB_E_INPUT,
              "x.yaml:6:5: phases[0].duration: this key is missing");
    check_bad(HEAD, PLAB_E_INPUT, "x.yaml:1:1: phases: this key is missing");
    check_bad("name: a\n" HEAD TAIL, PLAB_E_INPUT, "x.yaml:1:1: name: this key is there twice");
    check_bad(HEAD "    threads: many\n" TAIL, PLAB_E_INPUT,
              "x.yaml:5:5: workers[0].threads: Invalid INT value: 'many'");
    check_bad(HEAD "    threads: 99999999999999999999\n" TAIL, PLAB_E_INPUT,
              "x.yaml:5:5: workers[0].threads: Invalid INT value: '99999999999999999999'");
    check_bad(HEAD "phases: []\n", PLAB_E_INPUT,
              "x.yaml:5:1: phases: Insufficient entries (0 of 1 min) in sequence.");
    check_bad(HEAD "phases: full\n", PLAB_E_INPUT,
              "x.yaml:5:1: phases: Expecting SEQUENCE, got event: SCALAR");
    check_bad(HEAD "    user: &u x\n    cpus: *u\n" TAIL, PLAB_E_INPUT,
              "x.yaml:6:5: workers[0].cpus: YAML alias unsupported");
}

TEST(scenario, values_out_of_range) {
    check_bad(HEAD "    threads: 0\n" TAIL, PLAB_E_INPUT,
              "x.yaml:5:5: workers[0].threads: 0 is not between 1 and 1024");
    check_bad(HEAD "    threads: -1\n" TAIL, PLAB_E_INPUT,
              "x.yaml:5:5: workers[0].threads: -1 is not between 1 and 1024");
    check_bad(HEAD "    duty_percent: 101\n" TAIL, PLAB_E_INPUT,
              "x.yaml:5:5: workers[0].duty_percent: 101 is not between 1 and 100");
    check_bad(HEAD "    dataset_mem: 1GB\n" TAIL, PLAB_E_INPUT,
              "x.yaml:5:5: workers[0].dataset_mem: \"1GB\" is not a size such as 512MiB or 1GiB");
    check_bad(HEAD "    dataset_mem: 1GiB\n    randomx_mode: fast\n" TAIL, PLAB_E_INPUT,
              "x.yaml:5:5: workers[0].dataset_mem: goes without randomx_mode: it is a mode of its "
              "own");
    check_bad(HEAD "    randomx_mode: slow\n" TAIL, PLAB_E_INPUT,
              "x.yaml:5:5: workers[0].randomx_mode: \"slow\" is none of auto, fast, light");
    check_bad(HEAD "  - name: w\n" TAIL, PLAB_E_INPUT,
              "x.yaml:5:5: workers[1].name: \"w\" is the name of workers[0] already");
    check_bad(HEAD "  - {name: v, count: 64}\n" TAIL, PLAB_E_INPUT,
              "x.yaml:3:1: workers: 65 processes together; at most 64 are possible");
    check_bad(HEAD "phases:\n  - {name: p, duration: 45}\n", PLAB_E_INPUT,
              "x.yaml:6:15: phases[0].duration: \"45\" is no duration; give a number with ms, s, m "
              "or h, such as 45s");
    check_bad(HEAD "phases:\n  - {name: p, duration: 25h}\n", PLAB_E_INPUT,
              "x.yaml:6:15: phases[0].duration: 25h is not between 1000 ms and 24 h");
    check_bad(HEAD "phases:\n  - {name: p, duration: 1e400h}\n", PLAB_E_INPUT,
              "x.yaml:6:15: phases[0].duration: 1e400h is not between 1000 ms and 24 h");
    check_bad(HEAD "phases:\n  - {name: p, duration: 5s, workers: [w, v]}\n", PLAB_E_INPUT,
              "x.yaml:6:42: phases[0].workers[1]: \"v\" is no name of a worker");
    check_bad(HEAD TAIL "limits: {max_seconds: 5}\n", PLAB_E_INPUT,
              "x.yaml:7:10: limits.max_seconds: the phases take 10 s, more than the limit of 5 s");
    check_bad("name: ../up\n" TAIL "pool: {}\nworkers: [{name: w}]\n", PLAB_E_INPUT,
              "x.yaml:1:1: name: a name is 1 to 32 letters, digits, - or _, and doesn't begin "
              "with -");
}

TEST(scenario, listens_on_lab_addresses_only) {
    static const char *const refused[] = {"8.8.8.8:3333", "0.0.0.0:3333", "\"[2606:4700::1]:1\""};
    static const char *const malformed[] = {
        "localhost:1", "127.0.0.1", "127.0.0.1:", "\":1\"", "127.0.0.1:65536", "127.0.0.1:0x1"};
    struct plab_scenario s;
    struct plab_error err;
    char text[256];
    for (size_t i = 0; i < PLAB_ARRAY_LEN(refused); i++) {
        snprintf(text, sizeof text, "name: t\npool:\n  listen: %s\nworkers: [{name: w}]\n" TAIL,
                 refused[i]);
        CHECK_MSG(parse(text, &s, &err) == PLAB_E_REFUSED, "%s: %s", refused[i], err.text);
        CHECK(strncmp(err.text, "x.yaml:3:3: pool.listen: ", 25) == 0);
    }
    for (size_t i = 0; i < PLAB_ARRAY_LEN(malformed); i++) {
        snprintf(text, sizeof text, "name: t\npool:\n  listen: %s\nworkers: [{name: w}]\n" TAIL,
                 malformed[i]);
        CHECK_MSG(parse(text, &s, &err) == PLAB_E_INPUT, "%s: %s", malformed[i], err.text);
    }
}

TEST(scenario, scale_shortens_phases_and_expectations) {
    struct plab_scenario s;
    struct plab_error err = {.text = ""};
    CHECK(parse(HEAD TAIL "expect: {min_accepted: 21, max_rejected: 3}\n", &s, &err) == PLAB_OK);
    CHECK(plab_scenario_scale(&s, 0.5, &err) == PLAB_OK);
    CHECK_U64(s.phases[0].duration_ms, 5000);
    CHECK_U64(s.expect.min_accepted, 10);
    CHECK_U64(s.expect.max_rejected, 3);
    CHECK_U64(s.max_ms, 70000);
    CHECK(plab_scenario_scale(&s, 4, &err) == PLAB_OK);
    CHECK_U64(s.phases[0].duration_ms, 20000);
    CHECK_U64(s.max_ms, 280000);
    CHECK(plab_scenario_scale(&s, 0.01, &err) == PLAB_E_USAGE);
    CHECK(plab_scenario_scale(&s, 1e9, &err) == PLAB_E_USAGE);
    CHECK_U64(s.phases[0].duration_ms, 20000);
}

TEST(scenario, quickstart_is_good) {
    struct plab_scenario s;
    struct plab_error err = {.text = ""};
    CHECK_MSG(plab_scenario_load(&s, "configs/scenarios/quickstart.yaml", &err) == PLAB_OK, "%s",
              err.text);
    CHECK_STR(s.name, "quickstart");
    CHECK(plab_scenario_duration_ms(&s) <= 120000);
    CHECK(s.expect.min_accepted >= 10 && s.expect.max_rejected == 0);
    CHECK(plab_scenario_load(&s, "configs/scenarios/none.yaml", &err) == PLAB_E_IO);
}

/* No prefix and no damaged byte may do worse than an error. */
TEST(scenario, survives_damage) {
    char text[] = HEAD "    duty_percent: 50\n" TAIL "limits: {max_seconds: 50}\n";
    struct plab_scenario s;
    struct plab_error err;
    for (size_t len = 0; len < sizeof text; len++) {
        (void)!plab_scenario_parse(&s, text, len, "x.yaml", &err);
    }
    static const char damage[] = "[]{}&*!-:\"'#\t\xff\0";
    for (size_t i = 0; i + 1 < sizeof text; i++) {
        for (size_t k = 0; k < sizeof damage; k++) {
            char saved = text[i];
            text[i] = damage[k];
            (void)!plab_scenario_parse(&s, text, sizeof text - 1, "x.yaml", &err);
            text[i] = saved;
        }
    }
}

TEST(scenario, shapes_looks_and_verdicts) {
    struct plab_scenario scenario;
    struct plab_error err = {.text = ""};
    const char text[] =
        "name: s\n"
        "pool: {tls: true, personality: p2pool, faults: ../faults/x.yaml, nicehash: true}\n"
        "workers: [{name: w, threads: 4, load_by: threads, nice: 19, dialect: xmr-stak, agent: a "
        "b,\n"
        "           scheme: stratum+tcp, args: [--x, y], env: [A=1]}]\n"
        "controls: [{name: c, command: [openssl, speed], repeat: false}]\n"
        "phases: [{name: p, duration: 10s, load_percent: 30, ramp_to_percent: 90, controls: [c]},\n"
        "         {name: q, duration: 10s, cycle: {on: 2s, off: 4s, jitter_percent: 10}}]\n"
        "expect: {detectors: [{detector: ndpi, verdict: fire}, {detector: yara-file, verdict: "
        "na}]}\n";
    CHECK_MSG(plab_scenario_parse(&scenario, text, strlen(text), "t", &err) == PLAB_OK, "%s",
              err.text);
    CHECK(scenario.pool.tls && scenario.pool.nicehash);
    CHECK_STR(scenario.pool.personality, "p2pool");
    CHECK_STR(scenario.pool.faults, "../faults/x.yaml");
    const struct plab_scenario_worker *worker = &scenario.workers[0];
    CHECK(worker->load_by_threads && worker->nice == 19 && worker->arg_count == 2);
    CHECK_STR(worker->dialect, "xmr-stak");
    CHECK_STR(worker->agent, "a b");
    CHECK_STR(worker->scheme, "stratum+tcp");
    CHECK_STR(worker->args[1].text, "y");
    CHECK_STR(worker->env[0].text, "A=1");
    CHECK(scenario.control_count == 1 && !scenario.controls[0].repeat);
    CHECK_STR(scenario.controls[0].words[1].text, "speed");
    CHECK_U64(scenario.phases[0].ramp_to_percent, 90);
    CHECK_U64(scenario.phases[0].controls, 1);
    CHECK_U64(scenario.phases[1].controls, 0);
    CHECK_U64(scenario.phases[1].ramp_to_percent, 100);
    CHECK(scenario.phases[1].cycle_on_ms == 2000 && scenario.phases[1].cycle_off_ms == 4000);
    CHECK_U64(scenario.expect.detector_count, 2);
    CHECK(scenario.expect.detectors[0].verdict == PLAB_EXPECT_FIRE);
    CHECK(scenario.expect.detectors[1].verdict == PLAB_EXPECT_NA);
}

TEST(scenario, bad_shapes_are_named) {
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"name: s\npool: {}\nphases: [{name: p, duration: 1s}]\n", "workers or controls"},
        {"name: s\npool: {}\nworkers: [{name: w, load_by: luck}]\nphases: [{name: p, duration: "
         "1s}]\n",
         "t:3:21: workers[0].load_by: \"luck\""},
        {"name: s\npool: {}\nworkers: [{name: w, algo: cn/r}]\nphases: [{name: p, duration: 1s}]\n",
         "t:3:21: workers[0].algo: cn/r, but the pool only has work for rx/0"},
        {"name: s\npool: {}\nsecond_pool: {serves: me}\nworkers: [{name: w}]\nphases: [{name: p, "
         "duration: "
         "1s}]\n",
         "second_pool.serves: \"me\" is none of workers"},
        {"name: s\npool: {}\nworkers: [{name: w, load_by: threads}]\n"
         "phases: [{name: p, duration: 1s}]\n",
         "give threads"},
        {"name: s\npool: {}\nworkers: [{name: w, env: [A]}]\nphases: [{name: p, duration: 1s}]\n",
         "NAME=value"},
        {"name: s\npool: {}\nworkers: [{name: w, scheme: http}]\nphases: [{name: p, duration: "
         "1s}]\n",
         "\"http\" is none of"},
        {"name: s\npool: {websocket: true}\nworkers: [{name: w, dialect: xmrig}]\n"
         "phases: [{name: p, duration: 1s}]\n",
         "t:3:21: workers[0].dialect: \"xmrig\" doesn't suit the pool"},
        {"name: s\npool: {}\nworkers: [{name: w, dialect: ws-coinhive}]\n"
         "phases: [{name: p, duration: 1s}]\n",
         "need each other"},
        {"name: s\npool: {}\nworkers: [{name: w}]\nphases: [{name: p, duration: 1s, controls: "
         "[c]}]\n",
         "phases[0].controls[0]: \"c\" is no name of a control"},
        {"name: s\npool: {}\nworkers: [{name: w}]\n"
         "phases: [{name: p, duration: 1s, ramp_to_percent: 5, cycle: {on: 1s, off: 1s}}]\n",
         "goes without ramp_to_percent"},
        {"name: s\npool: {}\nworkers: [{name: w}]\nphases: [{name: p, duration: 1s}]\n"
         "expect: {detectors: [{detector: d, verdict: maybe}]}\n",
         "\"maybe\" is none of fire, quiet, na"},
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(rows); i++) {
        struct plab_scenario scenario;
        struct plab_error err = {.text = ""};
        CHECK(plab_scenario_parse(&scenario, rows[i].text, strlen(rows[i].text), "t", &err) ==
              PLAB_E_INPUT);
        CHECK_MSG(strstr(err.text, rows[i].says) != NULL, "%zu: %s", i, err.text);
    }
}

TEST(scenario, holding_a_sensor) {
#define HOLD(words) \
    "name: t\npool: {}\nworkers: [{name: w}]\nphases: [{name: p, duration: 9s, " words "}]\n"
    static const struct {
        const char *text, *says; /* NULL: fine */
    } rows[] = {
        {HOLD("hold: {power_w: 20.5}"), NULL},
        {HOLD("load_percent: 60, hold: {temperature_c: 65, cutout: 90}"), NULL},
        {HOLD("hold: {}"), "phases[0].hold: give either power_w or temperature_c"},
        {HOLD("hold: {power_w: 1, temperature_c: 2}"), "give either"},
        {HOLD("hold: {temperature_c: 65, cutout: 65}"), "1 <= target < cut-out <= 110"},
        {HOLD("hold: {temperature_c: 100}"), "cut-out at 115"},
        {HOLD("hold: {power_w: -3}"), "-3 W"},
        {HOLD("hold: {power_w: .nan}"), "hold"},
        {HOLD("load_percent: 0, hold: {power_w: 9}"), "a load above 0"},
        {HOLD("ramp_to_percent: 9, hold: {power_w: 9}"), "without cycle"},
        {HOLD("hold: {celsius: 9}"), "celsius"},
    };
#undef HOLD
    for (size_t i = 0; i < PLAB_ARRAY_LEN(rows); i++) {
        static struct plab_scenario scenario;
        struct plab_error why = {.text = ""};
        enum plab_status status =
            plab_scenario_parse(&scenario, rows[i].text, strlen(rows[i].text), "t.yaml", &why);
        CHECK_MSG(status == (rows[i].says == NULL ? PLAB_OK : PLAB_E_INPUT), "%zu: %s", i,
                  why.text);
        CHECK_MSG(rows[i].says == NULL || strstr(why.text, rows[i].says) != NULL, "%zu: %s", i,
                  why.text);
        const struct plab_hold *hold = &scenario.phases[0].hold;
        CHECK(i != 0 || (hold->kind == PLAB_HOLD_POWER && hold->cutout == 30.75));
        CHECK(i != 1 || (hold->kind == PLAB_HOLD_TEMPERATURE && hold->cutout == 90));
    }
}
