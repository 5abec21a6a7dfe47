/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs with children that only pretend (fake_powlab.sh): what is recorded, and every kind of end.
 */
#include <arpa/inet.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "lab/detect.h"
#include "lab/run.h"
#include "tests/harness.h"

struct outcome {
    enum plab_status status;
    struct plab_error err;
    struct plab_run_record record;
    double seconds;
    char folder[64];
};

static const char two_phases[] = "name: fake\n"
                                 "label: a test\n"
                                 "pool: {difficulty: 7}\n"
                                 "workers: [{name: w, duty_percent: 80}, {name: v, count: 2}]\n"
                                 "phases:\n"
                                 "  - {name: one, duration: 1500ms}\n"
                                 "  - {name: two, duration: 1s, load_percent: 50, workers: [w]}\n"
                                 "  - {name: idle, duration: 1s, load_percent: 0}\n";

/* The fake only has /proc/uptime, which runs on while the machine sleeps. */
static void tell_skew(void) {
    struct timespec boot, monotonic;
    char text[24];
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    snprintf(text, sizeof text, "%ld",
             (long)((boot.tv_sec - monotonic.tv_sec) * 100 +
                    (boot.tv_nsec - monotonic.tv_nsec) / 10000000));
    setenv("FAKE_SKEW_CS", text, 1);
}

static void remove_folder(const char *folder) {
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
}

/* Detectors that live beside or look into the run; most runs have none. */
static const struct plab_detector_file *detectors;
static size_t detector_count;

/* The fake, when processes are sampled. */
static const char *guard;

static void run(const char *text, const char *pool, const char *mine, struct outcome *out) {
    struct plab_scenario scenario;
    memset(out, 0, sizeof *out);
    CHECK_MSG(plab_scenario_parse(&scenario, text, strlen(text), "t.yaml", &out->err) == PLAB_OK,
              "%s", out->err.text);
    setenv("FAKE_POOL", pool, 1);
    setenv("FAKE_MINE", mine, 1);
    tell_skew();
    strcpy(out->folder, "/tmp/powlab-run.XXXXXX");
    CHECK(mkdtemp(out->folder) != NULL);
    struct plab_run_config config = {
        .scenario = &scenario,
        .scale = 1,
        .program = "tests/unit/fake_powlab.sh",
        .guard = guard,
        .out = out->folder,
        .proc_root = "/proc",
        .sys_root = "tests/vectors/sensors/laptop/sys",
        .detectors = detectors,
        .detector_count = detector_count,
        .version = "0",
        .commit = "0",
    };
    uint64_t start_ns = plab_clock_ns();
    out->status = plab_run_scenario(&config, &out->record, &out->err);
    out->seconds = (double)(plab_clock_ns() - start_ns) * 1e-9;
    for (size_t i = 0; i < out->record.process_count; i++) {
        int pid = out->record.processes[i].pid;
        CHECK_MSG(pid == 0 || kill(pid, 0) != 0, "process %d is left", pid);
    }
}

static void done(struct outcome *out) {
    remove_folder(out->folder);
    plab_run_record_free(&out->record);
}

static const char *path_in(const struct outcome *out, const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", out->folder, name);
    return path;
}

static size_t count_lines(const struct outcome *out, const char *name, const char *with) {
    char line[4096];
    size_t count = 0;
    FILE *file = fopen(path_in(out, name), "r");
    CHECK_MSG(file != NULL, "no %s", name);
    while (fgets(line, sizeof line, file) != NULL) {
        count += strstr(line, with) != NULL;
    }
    fclose(file);
    return count;
}

static json_t *report(const struct outcome *out) {
    json_t *root = json_load_file(path_in(out, "report.json"), 0, NULL);
    CHECK_MSG(json_is_object(root), "no report in %s", out->folder);
    CHECK_STR(json_string_value(json_object_get(root, "schema")), "powlab-run/1");
    return root;
}

static void check_end(const struct outcome *out, enum plab_status status, enum plab_run_end end) {
    CHECK_MSG(out->status == status, "status %d (%s), want %d", (int)out->status, out->err.text,
              (int)status);
    CHECK_MSG(out->record.end == end, "end %s, want %s", plab_run_end_name(out->record.end),
              plab_run_end_name(end));
    json_t *root = report(out);
    CHECK_STR(json_string_value(json_object_get(root, "end")), plab_run_end_name(end));
    CHECK(json_is_true(json_object_get(root, "complete")) == (end == PLAB_RUN_COMPLETED));
    CHECK_U64(json_integer_value(json_object_get(root, "exit_code")),
              (uint64_t)plab_status_exit_code(status));
    json_decref(root);
}

TEST(run, completes_and_records) {
    struct outcome out;
    run(two_phases, "", "", &out);
    check_end(&out, PLAB_OK, PLAB_RUN_COMPLETED);
    CHECK_MSG(out.seconds > 3.4 && out.seconds < 7, "%f s", out.seconds);
    /* pool; w, told to hash 40 % instead of 80; v twice */
    CHECK_U64(out.record.process_count, 4);
    CHECK_U64(out.record.unexpected_exits, 0);
    for (size_t i = 0; i < out.record.process_count; i++) {
        const struct plab_run_process *process = &out.record.processes[i];
        CHECK(process->asked && !process->killed && process->exit_code == 143);
        CHECK(process->role != PLAB_RUN_WORKER || (process->has_result && process->accepted == 3));
        CHECK(process->has_dataset == (process->role == PLAB_RUN_WORKER));
        CHECK(process->role != PLAB_RUN_WORKER ||
              (process->dataset_bytes == 1040 && process->dataset_full_bytes == 2080));
    }
    const struct plab_run_phase *phases = out.record.phases;
    CHECK_MSG(phases[0].hashes > 100 && phases[1].hashes > 30, "%f %f", phases[0].hashes,
              phases[1].hashes);
    CHECK(phases[0].hashes > 1.5 * phases[1].hashes); /* one worker of three in the second */
    CHECK(phases[0].host_busy_percent >= 0);
    CHECK(out.record.counts.accepted >= 10);
    CHECK_U64(out.record.counts.stale, 1);
    CHECK_U64(out.record.counts.rejected, 0);
    CHECK_U64(out.record.counts.blocks, 1);
    CHECK_U64(out.record.counts.seed_changes, 1);
    CHECK(phases[0].counts.accepted + phases[1].counts.accepted + phases[2].counts.accepted <=
          out.record.counts.accepted);
    done(&out);
}

TEST(run, truth_and_timeline) {
    struct outcome out;
    run(two_phases, "", "", &out);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"event\":\"run_start\""), 1);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"event\":\"run_end\""), 1);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"event\":\"phase_start\""), 3);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"event\":\"phase_end\""), 3);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"event\":\"process_start\""), 4);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"event\":\"process_exit\""), 4);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"source\":\"pool\",\"event\":\"share\""),
              out.record.counts.accepted + out.record.counts.stale);
    CHECK_U64(count_lines(&out, "truth.jsonl", "--duty=80"), 1);
    CHECK_U64(count_lines(&out, "logs/worker-w.log", "told: duty 40"), 1);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"127.0.0.1:4711\""), 1);
    CHECK_U64(count_lines(&out, "timeline.csv", ",one,100,"), 2);
    CHECK_U64(count_lines(&out, "timeline.csv", ",two,50,"), 1);
    CHECK_U64(count_lines(&out, "timeline.csv", ",idle,0,0,0.00,"), 1);
    char login[64];
    snprintf(login, sizeof login, "hello from lab-%s-v-1", out.record.id);
    CHECK_U64(count_lines(&out, "logs/worker-v-1.log", login), 1);
    done(&out);
}

/* The samplers' own time, too: 2 s each of the pool's and the worker's, if there was time for both.
 */
TEST(run, what_recording_costs) {
    struct outcome out;
    guard = "tests/unit/fake_powlab.sh";
    run("name: sampled\npool: {difficulty: 7}\nworkers: [{name: w}]\n"
        "phases: [{name: one, duration: 3300ms}]\n",
        "", "", &out);
    guard = NULL;
    check_end(&out, PLAB_OK, PLAB_RUN_COMPLETED);
    size_t samples = count_lines(&out, "raw/observed.jsonl", "\"cpu_s\":2.0");
    double said = 200.0 * (double)samples / 3.3, told = out.record.lab_cpu_percent_of_one;
    CHECK(samples == 1 || samples == 2);
    CHECK_MSG(told > 0.7 * said && told < said + 60, "%f %% of one", told);
    done(&out);
}

/* A worker that is started anew counts from zero again; the run's sum doesn't. */
TEST(run, sums_never_fall) {
    struct outcome out;
    char line[4096];
    double last = 0, row[7];
    size_t rows = 0;
    run(two_phases, "", "", &out);
    FILE *file = fopen(path_in(&out, "timeline.csv"), "r");
    CHECK(file != NULL && fgets(line, sizeof line, file) != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        const char *field = line;
        for (size_t i = 0; i < PLAB_ARRAY_LEN(row); i++) {
            row[i] = *field != ',' ? strtod(field, NULL) : 0;
            field += strcspn(field, ",") + 1;
        }
        CHECK_MSG(row[6] >= last, "hashes_total falls to %.0f from %.0f", row[6], last);
        last = row[6];
        rows++;
    }
    fclose(file);
    CHECK(rows >= 4);
    double phases =
        out.record.phases[0].hashes + out.record.phases[1].hashes + out.record.phases[2].hashes;
    CHECK_MSG(fabs(last - phases) <= 0.1 * last, "%f in the timeline, %f in phases", last, phases);
    done(&out);
}

TEST(run, unmet_expectations) {
    struct outcome out;
    char text[1024];
    snprintf(text, sizeof text, "%sexpect: {min_accepted: 1000}\n", two_phases);
    run(text, "", "", &out);
    check_end(&out, PLAB_E_FAILED, PLAB_RUN_COMPLETED);
    CHECK(strstr(out.err.text, "expected at least 1000") != NULL);
    done(&out);
}

TEST(run, a_killed_pool_ends_it_orderly) {
    struct outcome out;
    run(two_phases, "die", "", &out);
    check_end(&out, PLAB_E_FAILED, PLAB_RUN_POOL_LOST);
    CHECK(out.seconds < 3);
    CHECK_U64(out.record.processes[0].signal, SIGKILL);
    CHECK(out.record.counts.accepted >= 3);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"end\":\"pool_lost\",\"complete\":false"), 1);
    done(&out);
}

TEST(run, a_pool_that_does_not_start) {
    struct outcome out;
    run(two_phases, "refuse", "", &out);
    check_end(&out, PLAB_E_NETWORK, PLAB_RUN_START_FAILED);
    CHECK_STR(out.err.text,
              "the pool ended before it listened (exit code 6): pool: address in use");
    CHECK(isnan(out.record.phases[0].hashes));
    CHECK(!out.record.has_counts);
    done(&out);
}

TEST(run, wrong_hashes_are_told) {
    struct outcome out;
    run(two_phases, "", "wrong", &out);
    check_end(&out, PLAB_E_MISMATCH, PLAB_RUN_WORKERS_LOST);
    CHECK_U64(out.record.unexpected_exits, 3);
    done(&out);
}

static void *interrupt_soon(void *parameter) {
    plab_clock_sleep_ns(1200000000);
    kill(getpid(), *(int *)parameter);
    return NULL;
}

/* Even children that don't listen are gone within two seconds. */
TEST(run, ctrl_c) {
    struct outcome out;
    int number = SIGINT;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, interrupt_soon, &number) == 0);
    run(two_phases, "deaf", "deaf", &out);
    pthread_join(thread, NULL);
    check_end(&out, PLAB_E_INTERRUPTED, PLAB_RUN_INTERRUPTED);
    CHECK_MSG(out.seconds < 1.2 + 2, "%f s", out.seconds);
    CHECK(out.record.processes[0].killed && out.record.processes[1].killed);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"end\":\"interrupted\""), 1);
    CHECK(count_lines(&out, "timeline.csv", ",one,") >= 1);
    done(&out);
}

TEST(run, termination) {
    struct outcome out;
    int number = SIGTERM;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, interrupt_soon, &number) == 0);
    run(two_phases, "", "", &out);
    pthread_join(thread, NULL);
    check_end(&out, PLAB_E_TERMINATED, PLAB_RUN_TERMINATED);
    CHECK(!out.record.processes[0].killed && out.record.processes[1].has_result);
    done(&out);
}

TEST(run, the_limit_ends_it) {
    struct outcome out;
    run("name: t\npool: {}\nworkers: [{name: w}]\nphases: [{name: p, duration: 2s}]\n"
        "limits: {max_seconds: 3}\n",
        "slow", "", &out);
    check_end(&out, PLAB_E_FAILED, PLAB_RUN_LIMIT);
    CHECK_STR(out.err.text, "stopped by the limit of 3 s");
    CHECK_MSG(out.seconds > 2.9 && out.seconds < 4.5, "%f s", out.seconds);
    CHECK(out.record.phases[0].start_ns != 0);
    done(&out);
}

TEST(run, a_folder_in_use_is_not_touched) {
    struct plab_scenario scenario;
    struct plab_run_record record;
    struct plab_error err = {.text = ""};
    CHECK(plab_scenario_parse(&scenario, two_phases, strlen(two_phases), "t.yaml", &err) ==
          PLAB_OK);
    struct plab_run_config config = {.scenario = &scenario,
                                     .program = "tests/unit/fake_powlab.sh",
                                     .out = "tests/unit",
                                     .proc_root = "/proc",
                                     .sys_root = "/sys",
                                     .version = "0",
                                     .commit = "0"};
    CHECK(plab_run_scenario(&config, &record, &err) == PLAB_E_USAGE);
    CHECK_STR(err.text, "--out tests/unit is there and isn't an empty folder; name a new one");
    config.out = "/proc/powlab-run";
    CHECK(plab_run_scenario(&config, &record, &err) == PLAB_E_IO);
    config.out = "/nowhere/run";
    CHECK(plab_run_scenario(&config, &record, &err) == PLAB_E_IO);
    CHECK_STR(err.text, "cannot make the run folder /nowhere/run: No such file or directory");
    plab_run_record_free(&record);
}

/* Controls run in their phases, again when they end, and one that fails is left out and told. */
TEST(run, controls_and_rests) {
    struct outcome out;
    run("name: shapes\n"
        "pool: {difficulty: 7}\n"
        "workers: [{name: w}]\n"
        "controls:\n"
        "  - {name: again, command: [sh, -c, sleep 0.3]}\n"
        "  - {name: once, command: [\"true\"], repeat: false}\n"
        "  - {name: bad, command: [sh, -c, \"echo sorry; exit 9\"]}\n"
        "phases:\n"
        "  - {name: turns, duration: 2200ms, cycle: {on: 600ms, off: 500ms}}\n"
        "  - {name: benign, duration: 1s, load_percent: 0, controls: [again, once, bad]}\n",
        "", "", &out);
    check_end(&out, PLAB_OK, PLAB_RUN_COMPLETED);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"process\":\"worker-w\",\"role\":\"worker\""), 1);
    CHECK_U64(count_lines(&out, "logs/worker-w.log", "told: pause"), 2);
    CHECK_U64(count_lines(&out, "logs/worker-w.log", "told: resume"), 1);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"event\":\"load\""), 3);
    size_t again = count_lines(&out, "truth.jsonl", "\"process\":\"control-again\",\"role\"");
    CHECK_MSG(again >= 2 && again <= 4, "%zu", again);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"process\":\"control-once\",\"role\""), 1);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"process\":\"control-bad\",\"role\""), 1);
    CHECK_U64(count_lines(&out, "truth.jsonl", "it ended with exit code 9: sorry"), 1);
    CHECK_U64(out.record.unexpected_exits, 0);
    done(&out);
}

/* A watcher that only knows command lines, and only now and then: its canary is found as the miner
 * is; one that is deaf, or isn't there, is never taken for silent. */
TEST(run, a_detector_that_watches_it) {
    char path[] = "/tmp/powlab-watch.XXXXXX";
    static const char yaml[] =
        "name: watch\ntitle: t\nlayer: host\nunit: process\ninput: events\n"
        "command: [sh, -c, \"while :; do grep -als stratum+tcp: /proc/[0-9]*/cmdline; sleep 0.2; "
        "done\"]\n"
        "read: {match: '^/proc/([0-9]+)/', pid: \"1\"}\n"
        "canary: {fire: \"stratum+tcp://canary\", quiet: \"http://canary\"}\n";
    struct plab_detector_file files[2];
    struct plab_evidence evidence;
    struct plab_detection detection;
    struct outcome out;
    struct plab_error err = {.text = ""};
    close(mkstemp(path));
    CHECK(plab_file_write(path, yaml, strlen(yaml), &err) == PLAB_OK);
    CHECK_MSG(plab_detector_load(&files[0], path, &err) == PLAB_OK, "%s", err.text);
    CHECK(plab_detector_load(&files[1], "configs/detectors/falco.yaml", &err) == PLAB_OK);
    files[1].detector->version[0][0] = '?'; /* surely not installed */
    unlink(path);
    detectors = files;
    detector_count = 2;
    run("name: watched\npool: {difficulty: 7}\n"
        "workers: [{name: loud, scheme: stratum+tcp}, {name: plain}]\n"
        "phases: [{name: one, duration: 3300ms}]\n",
        "", "", &out);
    detector_count = 0;
    check_end(&out, PLAB_OK, PLAB_RUN_COMPLETED);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"process\":\"canary-watch-fire\",\"role\""), 1);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"process\":\"canary-watch-quiet\",\"role\""), 1);
    CHECK_MSG(plab_evidence_load(&evidence, out.folder, &err) == PLAB_OK, "%s", err.text);
    plab_detect_one(&detection, &files[0], &evidence);
    CHECK_MSG(detection.state == PLAB_DETECT_RAN, "%s", detection.reason);
    CHECK(detection.canary_fired && detection.canary_quiet);
    CHECK(detection.tp == 1 && detection.fn == 1 && detection.unjudged_alerts == 0);
    plab_detection_free(&detection);
    plab_detect_one(&detection, &files[1], &evidence);
    CHECK(detection.state == PLAB_DETECT_NOT_INSTALLED);
    plab_detection_free(&detection);
    plab_evidence_free(&evidence);
    plab_detector_free(&files[0]);
    plab_detector_free(&files[1]);
    done(&out);
}

/* The laptop's tree shows 61 °C for ever. */
TEST(run, a_temperature_is_held) {
    struct outcome out;
    run("name: warm\npool: {difficulty: 7}\nworkers: [{name: w, duty_percent: 80}]\n"
        "phases: [{name: p, duration: 2200ms, hold: {temperature_c: 80}}]\n",
        "", "", &out);
    check_end(&out, PLAB_OK, PLAB_RUN_COMPLETED);
    size_t steps = count_lines(&out, "truth.jsonl", "\"reading\":61.0");
    CHECK_MSG(steps >= 1 && steps <= 3, "%zu", steps);
    CHECK_U64(count_lines(&out, "logs/worker-w.log", "told: duty 9"), 1); /* 11 % of 80 */
    json_t *root = report(&out);
    CHECK(json_is_null(json_object_get(root, "cut_out")));
    json_decref(root);
    done(&out);
}

/* At the cut-out the workers rest, also in later phases; none is started to do that. */
TEST(run, a_cut_out_pauses_and_marks) {
    struct outcome out;
    run("name: hot\npool: {difficulty: 7}\nworkers: [{name: w}, {name: late}]\n"
        "phases: [{name: p, duration: 1500ms, workers: [w], hold: {temperature_c: 50, cutout: "
        "61}},\n"
        "         {name: q, duration: 1s}]\n",
        "", "", &out);
    check_end(&out, PLAB_E_FAILED, PLAB_RUN_COMPLETED);
    CHECK_MSG(strstr(out.err.text, "phase \"p\" reached its cut-out of 61.0") != NULL, "%s",
              out.err.text);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"event\":\"cut_out\""), 1);
    CHECK_U64(count_lines(&out, "logs/worker-w.log", "told: pause"), 1);
    CHECK_U64(count_lines(&out, "logs/worker-w.log", "told: resume"), 0);
    CHECK_U64(out.record.process_count, 2);
    json_t *root = report(&out);
    json_t *cut = json_object_get(root, "cut_out");
    CHECK(json_number_value(json_object_get(cut, "limit")) == 61);
    CHECK(json_number_value(json_object_get(cut, "reading")) == 61);
    json_decref(root);
    done(&out);
}

TEST(run, nothing_starts_without_the_sensor) {
    static struct plab_scenario scenario;
    static struct plab_run_record record;
    struct plab_error err = {.text = ""};
    static const char text[] = "name: cold\npool: {}\nworkers: [{name: w}]\n"
                               "phases: [{name: p, duration: 1s, hold: {power_w: 9}}]\n";
    CHECK(plab_scenario_parse(&scenario, text, strlen(text), "t.yaml", &err) == PLAB_OK);
    const struct plab_run_config config = {.scenario = &scenario,
                                           .program = "tests/unit/fake_powlab.sh",
                                           .out = "/tmp/powlab-never-made",
                                           .proc_root = "tests/vectors/sensors/vm/proc",
                                           .sys_root = "tests/vectors/sensors/vm/sys",
                                           .version = "0",
                                           .commit = "0"};
    CHECK(plab_run_scenario(&config, &record, &err) == PLAB_E_UNSUPPORTED);
    CHECK_MSG(strstr(err.text, "phase \"p\": this machine shows no power to hold") != NULL, "%s",
              err.text);
    CHECK_U64(record.process_count, 0);
    CHECK(access("/tmp/powlab-never-made", F_OK) != 0);
    plab_run_record_free(&record);
}

/* Whom a connection belongs to is told, once. */
TEST(run, connections_of_controls) {
    struct outcome out;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    socklen_t len = sizeof address;
    char text[512], remote[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 2) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    unsigned port = ntohs(address.sin_port);
    snprintf(text, sizeof text,
             "name: talk\npool: {difficulty: 7}\n"
             "controls: [{name: c, command: [perl, -MIO::Socket::INET, -e,\n"
             "  '$s = IO::Socket::INET->new(PeerAddr => \"127.0.0.1:%u\") or die; sleep 9']}]\n"
             "phases: [{name: p, duration: 2500ms, controls: [c]}]\n",
             port);
    run(text, "", "", &out);
    close(fd);
    check_end(&out, PLAB_OK, PLAB_RUN_COMPLETED);
    snprintf(remote, sizeof remote, "\"remote\":\"127.0.0.1:%u\"", port);
    CHECK_U64(count_lines(&out, "truth.jsonl", remote), 1);
    CHECK_U64(count_lines(&out, "truth.jsonl", "\"process\":\"control-c\",\"local\":\"127.0.0.1:"),
              1);
    done(&out);
}

/* A second pool starts first; workers are told both, or the first is told where to hand shares in.
 */
TEST(run, second_pools) {
    static const struct {
        const char *serves, *told;
    } rows[] = {{"workers", "--url=127.0.0.1:4711\",\"--url=127.0.0.1:4711"},
                {"pool", "\"--upstream=127.0.0.1:4711\""}};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(rows); i++) {
        struct outcome out;
        char text[256];
        snprintf(text, sizeof text,
                 "name: two\npool: {difficulty: 7}\nsecond_pool: {serves: %s, difficulty: 9}\n"
                 "workers: [{name: w}]\nphases: [{name: p, duration: 1s}]\n",
                 rows[i].serves);
        run(text, "", "", &out);
        check_end(&out, PLAB_OK, PLAB_RUN_COMPLETED);
        CHECK_U64(out.record.process_count, 3);
        CHECK_STR(out.record.processes[0].name, "pool-2");
        CHECK_STR(out.record.processes[1].name, "pool");
        CHECK_U64(count_lines(&out, "truth.jsonl", rows[i].told), 1);
        CHECK_U64(count_lines(&out, "truth.jsonl", "\"event\":\"second_pool_ready\""), 1);
        size_t first = count_lines(&out, "truth.jsonl", "\"source\":\"pool\",\"event\":\"share\"");
        size_t second =
            count_lines(&out, "truth.jsonl", "\"source\":\"pool-2\",\"event\":\"share\"");
        CHECK(first > 2 && second > 2);
        uint64_t counted = out.record.counts.accepted + out.record.counts.stale;
        CHECK_U64(counted, i == 0 ? first + second : first);
        done(&out);
    }
}

/* A second pool for workers is reached as the first; one behind a proxy in plain text. */
TEST(run, second_pools_within_tls) {
    static const char *const serves[] = {"workers", "pool"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(serves); i++) {
        struct outcome out;
        char text[256];
        snprintf(text, sizeof text,
                 "name: two\npool: {algo: cn/1, tls: true, websocket: true}\n"
                 "second_pool: {serves: %s}\nworkers: [{name: w, dialect: ws-coinhive}]\n"
                 "phases: [{name: p, duration: 1s}]\n",
                 serves[i]);
        run(text, "", "", &out);
        check_end(&out, PLAB_OK, PLAB_RUN_COMPLETED);
        CHECK_U64(count_lines(&out, "truth.jsonl", "\"--listen=wss://127.0.0.1:0\""), 2 - i);
        CHECK_U64(count_lines(&out, "truth.jsonl", "\"--listen=127.0.0.1:0\""), i);
        CHECK_U64(count_lines(&out, "truth.jsonl", "/raw/tls-keys.log\""), 2 - i);
        done(&out);
    }
}
