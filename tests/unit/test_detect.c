/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables, Sigma rules, canaries, programs, and verdicts beside a truth that is known. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "lab/canary.h"
#include "lab/detect.h"
#include "lab/program.h"
#include "lab/sigma.h"
#include "lab/table.h"
#include "tests/harness.h"

static void put(const char *path, const char *text) {
    struct plab_error err = {.text = ""};
    CHECK_MSG(plab_file_write(path, text, strlen(text), &err) == PLAB_OK, "%s", err.text);
}

/* ---- tables ---- */

TEST(table, fields) {
    struct plab_table table;
    struct plab_error err = {.text = ""};
    char *text = strdup("a,b,c\n1,\"x,\"\"y\"\"\n\",\r\n-2.5,,3\ncut,off");
    CHECK_MSG(plab_table_parse(&table, text, "t", &err) == PLAB_OK, "%s", err.text);
    CHECK_U64(table.row_count, 2);
    CHECK_STR(plab_table_text(&table, 0, plab_table_column(&table, "b")), "x,\"y\"\n");
    CHECK_STR(plab_table_text(&table, 0, 2), "");
    CHECK(plab_table_number(&table, 1, 0) == -2.5);
    CHECK(isnan(plab_table_number(&table, 1, 1)) && isnan(plab_table_number(&table, 0, 1)));
    CHECK_U64(plab_table_column(&table, "d"), PLAB_TABLE_NO_COLUMN);
    CHECK_STR(plab_table_text(&table, 0, PLAB_TABLE_NO_COLUMN), "");
    plab_table_free(&table);
    CHECK(plab_table_parse(&table, strdup("a,b\n1\n"), "t.csv", &err) == PLAB_E_INPUT);
    CHECK_STR(err.text, "t.csv:2: 1 fields, the first line has 2");
    CHECK(plab_table_read(&table, "/nowhere.csv", &err) == PLAB_E_IO);
}

/* ---- Sigma ---- */

static struct plab_sigma *rule_of(const char *text, struct plab_error *err) {
    char path[] = "/tmp/powlab-sigma.XXXXXX";
    struct plab_sigma *rule;
    close(mkstemp(path));
    put(path, text);
    enum plab_status status = plab_sigma_load(&rule, path, err);
    unlink(path);
    CHECK((status == PLAB_OK) == (rule != NULL));
    return rule;
}

static bool hits(const struct plab_sigma *rule, const char *line, const char *image) {
    const struct plab_sigma_field fields[] = {{"CommandLine", line}, {"Image", image}};
    return plab_sigma_matches(rule, fields, 2);
}

TEST(sigma, conditions_and_modifiers) {
    struct plab_error err = {.text = ""};
    struct plab_sigma *rule = rule_of("title: t\n"
                                      "detection:\n"
                                      "  sel_a: {CommandLine|contains: [one, Two]}\n"
                                      "  sel_b: {CommandLine|contains|all: [x, y], Image: /bin/z}\n"
                                      "  other: {Image|endswith: .sh}\n"
                                      "  condition: (sel_a or sel_b) and not other\n",
                                      &err);
    CHECK_MSG(rule != NULL, "%s", err.text);
    CHECK_STR(plab_sigma_title(rule), "t");
    CHECK(hits(rule, "with two words", "/bin/a"));
    CHECK(!hits(rule, "with two words", "/bin/A.SH"));
    CHECK(hits(rule, "y x", "/bin/z") && !hits(rule, "y x", "/bin/zz") &&
          !hits(rule, "x", "/bin/z"));
    CHECK(!plab_sigma_matches(rule, NULL, 0));
    plab_sigma_free(&rule);
    rule = rule_of("title: t\ndetection:\n  sel_a: {Image: a}\n  sel_b: {CommandLine: b}\n"
                   "  c: {Image: never}\n  condition: all of sel_* or 1 of c*\n",
                   &err);
    CHECK_MSG(rule != NULL, "%s", err.text);
    CHECK(hits(rule, "b", "a") && !hits(rule, "b", "x"));
    plab_sigma_free(&rule);
}

TEST(sigma, what_it_does_not_know_is_an_error) {
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"title: t\ndetection: {a: {Image|base64: x}, condition: a}\n", "modifier"},
        {"title: t\ndetection: {a: {Image: x}, condition: a and b}\n", "condition"},
        {"title: t\ndetection: {a: {Image: x}, condition: (a}\n", "condition"},
        {"title: t\ndetection: {a: {Image: x}, condition: a | count() > 5}\n", "condition"},
        {"title: t\ndetection: {a: {Image: x}}\n", "detection.condition"},
        {"detection: {a: {Image: x}, condition: a}\n", "title"},
        {"a: [", ":"},
        {"", "empty"},
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(rows); i++) {
        struct plab_error err = {.text = ""};
        CHECK(rule_of(rows[i].text, &err) == NULL);
        CHECK_MSG(strstr(err.text, rows[i].says) != NULL, "%zu: %s", i, err.text);
    }
}

/* ---- what is shipped ---- */

static const char *const shipped = "configs/detectors";

static struct plab_detector_file files[PLAB_DETECTORS_MAX];

static size_t load_shipped(void) {
    size_t count;
    struct plab_error err = {.text = ""};
    CHECK_MSG(plab_detector_load_all(files, PLAB_DETECTORS_MAX, &count, shipped, &err) == PLAB_OK,
              "%s", err.text);
    CHECK(count >= 10);
    return count;
}

/* A run with two workers, one of which looks like a miner in every way, the other in none, a
 * control program that rounds oddly, and the pool. */
static void make_run(char *folder) {
    char path[128];
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/raw", folder);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/truth.jsonl", folder);
    put(path, "{\"t_ns\":1000000000,\"t_s\":0,\"event\":\"run_start\"}\n"
              "{\"t_ns\":1,\"t_s\":0.5,\"event\":\"process_start\",\"process\":\"pool\",\"role\":"
              "\"pool\",\"instance\":0,\"pid\":10}\n"
              "{\"t_ns\":1,\"t_s\":2,\"event\":\"process_start\",\"process\":\"w\",\"role\":"
              "\"worker\",\"instance\":0,\"pid\":11}\n"
              "{\"t_ns\":1,\"t_s\":3,\"event\":\"process_start\",\"process\":\"v\",\"role\":"
              "\"worker\",\"instance\":0,\"pid\":12}\n"
              "{\"t_ns\":1,\"t_s\":3,\"event\":\"process_start\",\"process\":\"c\",\"role\":"
              "\"control\",\"instance\":0,\"pid\":13}\n"
              "{\"t_ns\":1,\"t_s\":9,\"event\":\"run_end\",\"complete\":true}\nnot json\n");
    snprintf(path, sizeof path, "%s/raw/observed.jsonl", folder);
    put(path,
        "{\"t_ns\":6000000000,\"event\":\"sample\",\"pid\":11,\"exe\":\"/x\",\"argv\":[\"x\","
        "\"-o\",\"stratum+tcp://127.0.0.1:1\"],\"env\":[],\"rounding\":{\"threads\":[{"
        "\"tid\":1,\"seen\":[1,2,3,4]}]},\"maps\":[]}\n"
        "{\"t_ns\":6000000000,\"event\":\"sample\",\"pid\":13,\"exe\":\"/y\",\"argv\":[\"y\"],"
        "\"env\":[],\"rounding\":{\"threads\":[{\"tid\":1,\"seen\":[1,2,3,0]}]},\"maps\":[]}\n"
        "{\"t_ns\":7000000000,\"event\":\"sample\",\"pid\":10,\"exe\":\"/p\",\"argv\":[\"p\"],"
        "\"env\":[],\"rounding\":{\"threads\":[{\"tid\":1,\"seen\":[1,2,3,0]}]},\"maps\":[]}\n"
        "powlab lab sample: there is no process 99\n");
}

static void remove_run(const char *folder) {
    char command[160];
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
}

static const struct plab_detector_file *named(size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(files[i].detector->name, name) == 0) {
            return &files[i];
        }
    }
    CHECK_MSG(false, "no detector %s", name);
    return NULL;
}

TEST(detect, verdicts_beside_the_truth) {
    char folder[] = "/tmp/powlab-detect.XXXXXX";
    struct plab_evidence evidence;
    struct plab_detection detection;
    struct plab_error err = {.text = ""};
    size_t count = load_shipped();
    make_run(folder);
    CHECK_MSG(plab_evidence_load(&evidence, folder, &err) == PLAB_OK, "%s", err.text);
    CHECK(evidence.complete && evidence.mining_from_s == 2);
    CHECK_U64(evidence.unit_count, 5); /* four processes and the host */
    plab_detect_one(&detection, named(count, "rounding"), &evidence);
    CHECK_MSG(detection.state == PLAB_DETECT_RAN, "%s", detection.reason);
    CHECK_U64(detection.tp, 1); /* w */
    CHECK_U64(detection.fn, 1); /* v */
    CHECK_U64(detection.fp, 1); /* c */
    CHECK_U64(detection.tn, 0);
    CHECK_U64(detection.unjudged_alerts, 1); /* the pool hashes too, and is on neither side */
    CHECK(fabs(detection.time_to_detect_s - 3) < 1e-9);
    CHECK(plab_detection_fired(&detection));
    plab_detection_free(&detection);
    plab_detect_one(&detection, named(count, "command-line"), &evidence);
    CHECK(detection.tp == 1 && detection.fp == 0 && detection.fn == 1 && detection.tn == 1);
    CHECK(strstr(detection.alerts.items[0].evidence, "Sigma rule") != NULL);
    plab_detection_free(&detection);
    /* What wasn't recorded can't be judged, and isn't a miss. */
    plab_detect_one(&detection, named(count, "cpu-host"), &evidence);
    CHECK(detection.state == PLAB_DETECT_NOT_APPLICABLE && detection.fn == 0);
    plab_detection_free(&detection);
    plab_evidence_free(&evidence);
    remove_run(folder);
    CHECK(plab_evidence_load(&evidence, "/tmp", &err) == PLAB_E_INPUT);
}

/* Own rules pass their own canaries; a canary that is no good stops its detector. */
TEST(detect, canaries) {
    char folder[] = "/tmp/powlab-detect.XXXXXX";
    struct plab_evidence evidence;
    struct plab_detection detection;
    struct plab_error err = {.text = ""};
    size_t count = load_shipped();
    make_run(folder);
    CHECK(plab_evidence_load(&evidence, folder, &err) == PLAB_OK);
    for (size_t i = 0; i < count; i++) {
        if (files[i].detector->native != NULL) {
            plab_detect_one(&detection, &files[i], &evidence);
            CHECK_MSG(detection.canary_fired && detection.canary_quiet, "%s: %s",
                      files[i].detector->name, detection.reason);
            plab_detection_free(&detection);
        }
    }
    struct plab_detector_file broken = *named(count, "rounding");
    struct plab_detector detector = *broken.detector;
    struct plab_detector_canary canary = *detector.canary, swapped = {canary.quiet, canary.fire};
    broken.detector = &detector;
    detector.canary = &swapped;
    plab_detect_one(&detection, &broken, &evidence);
    CHECK(detection.state == PLAB_DETECT_NOT_RUNNING && detection.tp == 0);
    plab_detection_free(&detection);
    swapped = (struct plab_detector_canary){canary.fire, canary.fire};
    plab_detect_one(&detection, &broken, &evidence);
    CHECK(detection.state == PLAB_DETECT_NOT_RUNNING);
    CHECK(detection.canary_fired && !detection.canary_quiet);
    plab_detection_free(&detection);
    plab_evidence_free(&evidence);
    remove_run(folder);
}

TEST(detect, thresholds_need_their_time_without_a_break) {
    struct plab_evidence evidence;
    struct plab_alerts alerts = {.count = 0};
    struct plab_error err = {.text = ""};
    const struct plab_detector_file *file = named(load_shipped(), "cpu-host");
    CHECK(plab_canary_evidence(&evidence, "timeline",
                               "t_s,host_busy_percent\n0,99\n59,99\n60,89.9\n61,90\n100,\n"
                               "120,99\n121,99\n122,10\n",
                               &err) == PLAB_OK);
    CHECK(plab_native_run(file, &evidence, &alerts, &err) == PLAB_OK);
    CHECK_U64(alerts.count, 1);
    CHECK(alerts.items[0].t_s == 121); /* since 61; the empty field breaks nothing */
    plab_alerts_free(&alerts);
    plab_evidence_free(&evidence);
}

/* ---- programs ---- */

#define W(word) \
    (char[]) {  \
        word    \
    } /* argv has words that may be changed */

TEST(program, lines_and_json) {
    struct plab_detector detector = {.name = (char[]){"d"}};
    struct plab_detector_read read = {.match = (char[]){"^hit ([0-9]+):([0-9]+) (.*)$"},
                                      .src_port = (char[]){"1"},
                                      .dst_port = (char[]){"2"},
                                      .say = (char[]){"3"}};
    struct plab_detector_file file = {.detector = &detector, .kind = PLAB_UNIT_FLOW};
    struct plab_program_reading reading = {.t_s = NAN};
    struct plab_alerts alerts = {.count = 0};
    struct plab_error err = {.text = ""};
    detector.read = &read;
    CHECK(plab_program_read(&file, "nothing\nhit 3333:1024 a\x1b[1m b\nhit 1024:3333 c\nhit x\n",
                            &reading, &alerts, &err) == PLAB_OK);
    CHECK_U64(alerts.count, 1);
    CHECK_STR(alerts.items[0].key, "1024-3333");
    CHECK_STR(alerts.items[0].evidence, "a\\x1b[1m b");
    plab_alerts_free(&alerts);
    read = (struct plab_detector_read){.field = (char[]){"alert.kind"},
                                       .equals = (char[]){"miner"},
                                       .src_port = (char[]){"sp"},
                                       .dst_port = (char[]){"dp"},
                                       .t_s = (char[]){"t"}};
    CHECK(
        plab_program_read(&file,
                          "{\"alert\":{\"kind\":\"miner\"},\"sp\":9,\"dp\":8,\"t\":2.5}\n"
                          "{\"alert\":{\"kind\":\"other\"},\"sp\":1,\"dp\":2}\n{\"alert\":3}\n[\n",
                          &reading, &alerts, &err) == PLAB_OK);
    CHECK_U64(alerts.count, 1);
    CHECK_STR(alerts.items[0].key, "8-9");
    CHECK(alerts.items[0].t_s == 2.5);
    plab_alerts_free(&alerts);
    read = (struct plab_detector_read){.match = (char[]){"(["}};
    CHECK(plab_program_read(&file, "x", &reading, &alerts, &err) == PLAB_E_INPUT);
    CHECK(strstr(err.text, "read.match") != NULL);
}

/* Lines of Suricata 7.0.10's eve.json, shortened: its times have a zone. */
TEST(program, alerts_of_suricata) {
    static const char *const zones[] = {"+0000", "Z", "+0130", "-02:00", "+01", "", "+0000x"};
    static const double seconds[] = {0, 0, -5400, 7200, NAN, NAN, NAN};
    static const struct plab_evidence evidence = {.start_wall_s = 1795850170.25};
    const struct plab_program_reading reading = {.evidence = &evidence, .t_s = NAN};
    const struct plab_detector_file *suricata = named(load_shipped(), "suricata");
    struct plab_error err = {.text = ""};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(zones); i++) {
        struct plab_alerts alerts = {.count = 0};
        char text[512];
        snprintf(text, sizeof text,
                 "{\"event_type\":\"stats\"}\n{\"timestamp\":\"2026-11-28T07:16:12.750000%s\","
                 "\"event_type\":\"alert\",\"src_ip\":\"10.0.0.1\",\"src_port\":44440,"
                 "\"dest_ip\":\"203.0.113.10\",\"dest_port\":40189,"
                 "\"alert\":{\"signature_id\":9180001,\"signature\":\"a login\"}}\n",
                 zones[i]);
        CHECK(plab_program_read(suricata, text, &reading, &alerts, &err) == PLAB_OK);
        CHECK_U64(alerts.count, 1);
        CHECK_STR(alerts.items[0].key, "40189-44440");
        CHECK_STR(alerts.items[0].evidence, "a login");
        double t_s = alerts.items[0].t_s, want = 2.5 + seconds[i];
        CHECK_MSG(isnan(want) ? isnan(t_s) : fabs(t_s - want) < 1e-5, "%s: %f", zones[i], t_s);
        plab_alerts_free(&alerts);
    }
}

/* What Falco wrote (shape: its documentation), beside what it says on standard error: times are
 * UTC, names of fields have dots, and the canaries were processes of the run. */
static const char falco_says[] =
    "Sat Nov 28 07:16:09 2026: Opening 'syscall' source with modern BPF probe.\n"
    "{\"hostname\":\"lab\",\"output\":\"07:16:14.500000000: Warning a pool by its scheme (pid=11 "
    "name=powlab line=powlab mine)\",\"output_fields\":{\"evt.time\":1795850174500000000,"
    "\"proc.cmdline\":\"powlab mine\",\"proc.name\":\"powlab\",\"proc.pid\":11},\"priority\":"
    "\"Warning\",\"rule\":\"powlab miner pool scheme\",\"source\":\"syscall\",\"tags\":["
    "\"mitre_impact\"],\"time\":\"2026-11-28T07:16:14.500000000Z\"}\n"
    "{\"output\":\"x\",\"output_fields\":{\"proc.pid\":4711},\"source\":\"syscall\",\"time\":\"\"}"
    "\n"
    "{\"output\":\"drops\",\"output_fields\":{\"proc.pid\":12},\"source\":\"internal\"}\n"
    "{\"output\":\"c\",\"output_fields\":{\"proc.pid\":%d},\"source\":\"syscall\",\"time\":"
    "\"2026-11-28T07:16:13Z\"}\n";

static void make_watched_run(char *folder, int caught) {
    char path[128], text[2048];
    make_run(folder);
    snprintf(path, sizeof path, "%s/truth.jsonl", folder);
    put(path,
        "{\"t_ns\":1000000000,\"t_s\":0,\"event\":\"run_start\",\"wall_ns\":1795850170250000000}\n"
        "{\"t_s\":2,\"event\":\"process_start\",\"process\":\"w\",\"role\":\"worker\",\"pid\":11}\n"
        "{\"t_s\":2,\"event\":\"process_start\",\"process\":\"v\",\"role\":\"worker\",\"pid\":12}\n"
        "{\"t_s\":3,\"event\":\"process_start\",\"process\":\"canary-falco-fire\",\"role\":"
        "\"canary\",\"pid\":21}\n"
        "{\"t_s\":3,\"event\":\"process_start\",\"process\":\"canary-falco-quiet\",\"role\":"
        "\"canary\",\"pid\":22}\n");
    snprintf(path, sizeof path, "%s/raw/live", folder);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/raw/live/falco.out", folder);
    snprintf(text, sizeof text, falco_says, caught);
    put(path, text);
}

TEST(detect, a_watcher_of_the_whole_run) {
    static const struct {
        int caught; /* process id of the last alert */
        enum plab_detect_state state;
    } rows[] = {
        {21, PLAB_DETECT_RAN}, {22, PLAB_DETECT_NOT_RUNNING}, {12, PLAB_DETECT_NOT_RUNNING}};
    const struct plab_detector_file *falco = named(load_shipped(), "falco");
    for (size_t i = 0; i < PLAB_ARRAY_LEN(rows); i++) {
        char folder[] = "/tmp/powlab-detect.XXXXXX";
        struct plab_evidence evidence;
        struct plab_detection detection;
        struct plab_error err = {.text = ""};
        make_watched_run(folder, rows[i].caught);
        CHECK_MSG(plab_evidence_load(&evidence, folder, &err) == PLAB_OK, "%s", err.text);
        plab_detect_one(&detection, falco, &evidence);
        CHECK_MSG(detection.state == rows[i].state, "%zu: %s", i, detection.reason);
        if (i == 0) {
            CHECK(detection.tp == 1 && detection.fn == 1 && detection.unjudged_alerts == 0);
            CHECK_STR(detection.alerts.items[0].key, "w#0");
            CHECK_MSG(fabs(detection.alerts.items[0].t_s - 4.25) < 1e-5, "%.9f",
                      detection.alerts.items[0].t_s);
            CHECK(fabs(detection.time_to_detect_s - 2.25) < 1e-5);
        }
        plab_detection_free(&detection);
        plab_evidence_free(&evidence);
        remove_run(folder);
    }
}

TEST(tool, output_error_and_end) {
    struct plab_tool_result result;
    struct plab_error err = {.text = ""};
    char *talk[] = {W("sh"), W("-c"), W("printf out; echo one >&2; echo two >&2; exit 3"), NULL};
    CHECK_MSG(plab_tool_run(&result, talk, "/", 5000, &err) == PLAB_OK, "%s", err.text);
    CHECK_STR(result.output, "out");
    CHECK_STR(result.error, "two");
    CHECK_U64(result.exit_code, 3);
    plab_tool_free(&result);
    char *missing[] = {W("powlab-no-such-program"), NULL};
    CHECK(plab_tool_run(&result, missing, "/", 5000, &err) == PLAB_E_UNSUPPORTED);
    char *slow[] = {W("sleep"), W("60"), NULL};
    CHECK(plab_tool_run(&result, slow, "/", 100, &err) == PLAB_E_FAILED);
    CHECK(strstr(err.text, "longer than") != NULL);
    char *killed[] = {W("sh"), W("-c"), W("kill -9 $$"), NULL};
    CHECK(plab_tool_run(&result, killed, "/", 5000, &err) == PLAB_OK);
    CHECK_U64(result.exit_code, 137);
    plab_tool_free(&result);
}

/* The frames are right: an independent reader finds no bad checksum and the whole payload. */
TEST(canary, a_capture_that_tshark_reads) {
    char path[] = "/tmp/powlab-canary.XXXXXX";
    struct plab_error err = {.text = ""};
    struct plab_tool_result result;
    close(mkstemp(path));
    char payload[3001];
    memset(payload, 'a', 3000);
    payload[3000] = '\0';
    CHECK(plab_canary_capture(path, payload, &err) == PLAB_OK);
    char *argv[] = {W("tshark"), W("-n"),
                    W("-r"),     path,
                    W("-o"),     W("tcp.check_checksum:TRUE"),
                    W("-o"),     W("ip.check_checksum:TRUE"),
                    W("-T"),     W("fields"),
                    W("-e"),     W("tcp.len"),
                    W("-e"),     W("tcp.checksum.status"),
                    W("-e"),     W("ip.checksum.status"),
                    NULL};
    enum plab_status status = plab_tool_run(&result, argv, "/tmp", 20000, &err);
    unlink(path);
    CHECK_MSG(status == PLAB_OK && result.exit_code == 0, "%s", err.text);
    unsigned packets = 0, bytes = 0, len, tcp, ip;
    for (const char *at = result.output; sscanf(at, "%u %u %u", &len, &tcp, &ip) == 3;
         at = strchr(at, '\n') + 1) {
        packets++;
        bytes += len;
        CHECK(tcp == 1 && ip == 1); /* good */
    }
    CHECK_U64(packets, 3 + 2 * 3 + 3);
    CHECK_U64(bytes, 3000);
    plab_tool_free(&result);
}

TEST(detector, bad_files) {
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"name: x\n", "title"},
        {"name: x\ntitle: t\nlayer: air\nunit: flow\ninput: capture\ncommand: [a]\nread: {match: "
         "b}\n"
         "canary: {fire: a, quiet: b}\n",
         "layer: \"air\""},
        {"name: x\ntitle: t\nlayer: host\nunit: flow\ninput: samples\nnative: nothing\n"
         "canary: {fire: a, quiet: b}\n",
         "native: \"nothing\""},
        {"name: x\ntitle: t\nlayer: host\nunit: flow\ninput: capture\ncommand: [a]\n"
         "canary: {fire: a, quiet: b}\n",
         "read.match"},
        {"name: x\ntitle: t\nlayer: host\nunit: flow\ninput: capture\ncommand: [a]\nread: {match: "
         "b}\n"
         "rules: nowhere\ncanary: {fire: a, quiet: b}\n",
         "rules: \"nowhere\" isn't there"},
        {"name: x\nodd: 1\n", "odd"},
    };
    char path[] = "/tmp/powlab-detector.XXXXXX";
    close(mkstemp(path));
    for (size_t i = 0; i < PLAB_ARRAY_LEN(rows); i++) {
        struct plab_detector_file file;
        struct plab_error err = {.text = ""};
        put(path, rows[i].text);
        CHECK_MSG(plab_detector_load(&file, path, &err) == PLAB_E_INPUT, "%zu", i);
        CHECK_MSG(strstr(err.text, rows[i].says) != NULL, "%zu: %s", i, err.text);
    }
    unlink(path);
}

TEST(detect, what_is_expected) {
    struct plab_detector detector = {.name = (char[]){"d"}};
    const struct plab_detector_file file = {.detector = &detector};
    struct plab_scenario_expect expect = {
        .detector_count = 1, .detectors = {{.detector = "d", .verdict = PLAB_EXPECT_FIRE}}};
    struct plab_detection detection = {.file = &file, .state = PLAB_DETECT_RAN, .tp = 1};
    struct plab_error err = {.text = ""};
    CHECK(plab_detect_expect(&detection, 1, &expect, &err) == PLAB_OK);
    detection.tp = 0;
    CHECK(plab_detect_expect(&detection, 1, &expect, &err) == PLAB_E_FAILED);
    CHECK_STR(err.text, "detector d was quiet, expected to fire");
    expect.detectors[0].verdict = PLAB_EXPECT_QUIET;
    CHECK(plab_detect_expect(&detection, 1, &expect, &err) == PLAB_OK);
    detection.state = PLAB_DETECT_NOT_INSTALLED;
    CHECK(plab_detect_expect(&detection, 1, &expect, &err) == PLAB_E_FAILED);
    expect.detectors[0].verdict = PLAB_EXPECT_NA;
    CHECK(plab_detect_expect(&detection, 1, &expect, &err) == PLAB_OK);
    CHECK(plab_detect_expect(&detection, 0, &expect, &err) == PLAB_E_FAILED);
    CHECK(strstr(err.text, "no detector \"d\"") != NULL);
}
