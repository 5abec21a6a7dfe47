/* SPDX-License-Identifier: BSD-3-Clause */
/* Sensors of machines of several shapes (tests/vectors/sensors/README.md), processes, tables. */
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "lab/csv.h"
#include "lab/probe.h"
#include "lab/procwatch.h"
#include "lab/recorders.h"
#include "lab/sensors.h"
#include "tests/harness.h"

#define TREES "tests/vectors/sensors/"
#define SECOND UINT64_C(1000000000)

static void find(struct plab_sensors *sensors, const char *machine) {
    char sys[64], proc[64];
    struct plab_error err = {.text = ""};
    snprintf(sys, sizeof sys, TREES "%s/sys", machine);
    snprintf(proc, sizeof proc, TREES "%s/proc", machine);
    CHECK_MSG(plab_sensors_find(sensors, sys, proc, &err) == PLAB_OK, "%s", err.text);
}

/* Value of a sensor by name; -1e9 when there is no such sensor. */
static double value_of(struct plab_sensors *sensors, const char *name, uint64_t now_ns) {
    double values[PLAB_SENSORS_MAX], found = -1e9;
    plab_sensors_read(sensors, now_ns, values);
    for (size_t i = 0; i < sensors->count; i++) {
        found = strcmp(sensors->items[i].name, name) == 0 ? values[i] : found;
    }
    return found;
}

static const char *why_absent(const struct plab_sensors *sensors, const char *family) {
    for (size_t i = 0; i < sensors->absent_count; i++) {
        if (strcmp(sensors->absent[i].family, family) == 0) {
            return sensors->absent[i].reason;
        }
    }
    return "";
}

TEST(sensors, a_laptop) {
    static const struct {
        const char *name;
        double value;
    } expected[] = {
        {"cpu0_mhz", 2900.123},
        {"cpu1_mhz", 800},
        {"cpu10_mhz", 1700.5},
        {"thermal_zone0_acpitz_celsius", 27.8},
        {"thermal_zone1_x86_pkg_temp_celsius", 61},
        {"hwmon3_coretemp_temp1_package_id_0_celsius", 62},
        {"hwmon3_coretemp_temp2_core_0_celsius", -1.5},
        {"hwmon4_thinkpad_fan1_rpm", 3412},
        {"memory_available_bytes", 8000000.0 * 1024},
        {"transparent_huge_bytes", 2131968.0 * 1024},
        {"huge_pages_free", 12},
        {"load_1min", 1.75},
    };
    struct plab_sensors sensors;
    find(&sensors, "laptop");
    CHECK_U64(sensors.absent_count, 0);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(expected); i++) {
        double got = value_of(&sensors, expected[i].name, SECOND);
        CHECK_MSG(fabs(got - expected[i].value) < 1e-6, "%s: %f", expected[i].name, got);
    }
    /* By number, not by letter: cpu10 comes behind cpu1. */
    CHECK_STR(sensors.items[0].name, "cpu0_mhz");
    CHECK_STR(sensors.items[2].name, "cpu10_mhz");
    plab_sensors_free(&sensors);
}

TEST(sensors, counters_become_rates) {
    struct plab_sensors sensors;
    find(&sensors, "laptop");
    double first[PLAB_SENSORS_MAX], second[PLAB_SENSORS_MAX];
    plab_sensors_read(&sensors, 5 * SECOND, first);
    plab_sensors_read(&sensors, 6 * SECOND, second);
    size_t counters = 0;
    for (size_t i = 0; i < sensors.count; i++) {
        counters += sensors.items[i].probe.counter;
        CHECK(isnan(first[i]) == sensors.items[i].probe.counter);
        CHECK(!sensors.items[i].probe.counter || second[i] == 0); /* the tree stands still */
    }
    CHECK_U64(counters, 6 + 3 + 5 + 4); /* throttling, RAPL, PSI, kernel */
    plab_sensors_free(&sensors);
}

TEST(sensors, an_arm_board_has_no_power_and_says_so) {
    struct plab_sensors sensors;
    find(&sensors, "board");
    CHECK(fabs(value_of(&sensors, "thermal_zone0_cpu_thermal_celsius", SECOND) - 48.312) < 1e-9);
    CHECK(fabs(value_of(&sensors, "cpu3_mhz", SECOND) - 1416) < 1e-9);
    CHECK(strstr(why_absent(&sensors, "power"), "RAPL") != NULL);
    CHECK(strstr(why_absent(&sensors, "throttling"), "throttle") != NULL);
    CHECK(strstr(why_absent(&sensors, "pressure"), "PSI") != NULL);
    CHECK_STR(why_absent(&sensors, "temperature"), "");
    plab_sensors_free(&sensors);
}

TEST(sensors, a_virtual_machine_has_nothing_and_says_so) {
    struct plab_sensors sensors;
    find(&sensors, "vm");
    CHECK_U64(sensors.count, 1); /* load_1min */
    CHECK_U64(sensors.absent_count, 6);
    plab_sensors_free(&sensors);
}

/* ---- one number ---- */

static void put(const char *path, const char *text) {
    struct plab_error err = {.text = ""};
    CHECK_MSG(plab_file_write(path, text, strlen(text), &err) == PLAB_OK, "%s", err.text);
}

TEST(probe, a_counter_that_begins_anew) {
    char path[] = "/tmp/powlab-probe.XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    struct plab_probe probe = {.scale = 1e-6, .counter = true, .wrap = 1000000};
    snprintf(probe.path, sizeof probe.path, "%s", path);
    put(path, "900000\n");
    CHECK(isnan(plab_probe_read(&probe, SECOND)));
    put(path, "950000\n");
    CHECK(fabs(plab_probe_read(&probe, 2 * SECOND) - 0.05) < 1e-12);
    put(path, "100000\n"); /* over the end: 50000 and 100000 more */
    CHECK(fabs(plab_probe_read(&probe, 4 * SECOND) - 0.075) < 1e-12);
    probe.wrap = 0;
    put(path, "5\n");
    CHECK(isnan(plab_probe_read(&probe, 5 * SECOND)));
    put(path, "none\n");
    CHECK(isnan(plab_probe_read(&probe, 6 * SECOND)));
    put(path, "7\n"); /* after a gap the first reading is the first again */
    CHECK(isnan(plab_probe_read(&probe, 7 * SECOND)));
    close(fd);
    unlink(path);
}

TEST(probe, a_line_behind_long_ones) {
    double value;
    CHECK(plab_probe_number(TREES "laptop/proc/stat", "ctxt ", NULL, &value) && value == 5000);
    /* "123456" also stands within the long line, at no line's beginning. */
    CHECK(!plab_probe_number(TREES "laptop/proc/stat", "123456", NULL, &value));
    CHECK(plab_probe_number(TREES "laptop/proc/pressure/memory", "full", "total=", &value) &&
          value == 4);
    CHECK(!plab_probe_number(TREES "laptop/proc/pressure/memory", "full", "sum=", &value));
}

/* ---- one process ---- */

TEST(procwatch, rates_between_two_readings) {
    char root[] = "/tmp/powlab-proc.XXXXXX", command[256], why[160];
    struct plab_process_sample sample;
    CHECK(mkdtemp(root) != NULL);
    snprintf(command, sizeof command, "cp -r %sprocwatch/before/500 %s/", TREES, root);
    CHECK(system(command) == 0);
    struct plab_procwatch *watch = plab_procwatch_open(root, 500, why, sizeof why);
    CHECK(watch != NULL && plab_procwatch_read(watch, 10 * SECOND, &sample));
    CHECK(isnan(sample.cpu_percent_of_one) && isnan(sample.voluntary_switches_per_s));
    CHECK(isnan(sample.anon_huge_bytes));
    CHECK_U64(sample.thread_count, 3);
    snprintf(command, sizeof command, "rm -r %s/500 && cp -r %sprocwatch/after/500 %s/", root,
             TREES, root);
    CHECK(system(command) == 0);
    CHECK(plab_procwatch_read(watch, 14 * SECOND, &sample));
    double ticks = (double)sysconf(_SC_CLK_TCK);
    CHECK(fabs(sample.cpu_percent_of_one - 100 * 195 / ticks / 4) < 1e-9);
    CHECK(fabs(sample.minor_faults_per_s - 150) < 1e-9 && sample.major_faults_per_s == 0);
    /* 40 of 500 and 2 of 501; 502 is gone, 503 is new and counts from now on */
    CHECK(fabs(sample.voluntary_switches_per_s - 10.5) < 1e-9);
    CHECK(fabs(sample.involuntary_switches_per_s - 2.5) < 1e-9);
    CHECK(sample.anon_huge_bytes == 4096.0 * 1024 && sample.hugetlb_bytes == 8192.0 * 1024);
    CHECK_U64(sample.thread_count, 3);
    for (size_t i = 0; i < sample.thread_count; i++) {
        bool known = sample.threads[i].tid != 503;
        CHECK(isnan(sample.threads[i].cpu_percent_of_one) != known);
    }
    snprintf(command, sizeof command, "rm -r %s", root);
    CHECK(system(command) == 0);
    CHECK(!plab_procwatch_read(watch, 15 * SECOND, &sample));
    plab_procwatch_close(&watch);
}

/* This process's own counters: either they count, or there is a reason. */
TEST(perfcount, counts_or_says_why_not) {
    struct plab_perfcount count;
    char why[160] = "";
    double before[PLAB_PERF_COUNT], after[PLAB_PERF_COUNT];
    bool any = plab_perfcount_open(&count, getpid(), why, sizeof why);
    CHECK(any == (why[0] == '\0'));
    plab_perfcount_read(&count, before);
    volatile unsigned sum = 0;
    for (unsigned i = 0; i < 1000000; i++) {
        sum += i;
    }
    plab_perfcount_read(&count, after);
    for (size_t i = 0; i < PLAB_PERF_COUNT; i++) {
        CHECK(count.fds[i] < 0 ? isnan(after[i]) : !(after[i] < before[i]));
    }
    CHECK(!any || isnan(after[PLAB_PERF_INSTRUCTIONS]) ||
          after[PLAB_PERF_INSTRUCTIONS] - before[PLAB_PERF_INSTRUCTIONS] > 1e6);
    plab_perfcount_close(&count);
}

/* ---- tables ---- */

static void read_back(const char *path, char *out, size_t cap) {
    size_t len;
    struct plab_error err = {.text = ""};
    CHECK_MSG(plab_file_read(path, out, cap - 1, &len, &err) == PLAB_OK, "%s", err.text);
    out[len] = '\0';
}

TEST(csv, fields) {
    char path[] = "/tmp/powlab-csv.XXXXXX", got[256];
    struct plab_csv *csv;
    struct plab_error err = {.text = ""};
    close(mkstemp(path));
    CHECK(plab_csv_open(&csv, path, &err) == PLAB_OK);
    plab_csv_text(csv, "");
    plab_csv_text(csv, "say \"hi\", twice");
    plab_csv_number(csv, NAN, 2);
    plab_csv_number(csv, 1.005, 1);
    plab_csv_integer(csv, UINT64_MAX);
    plab_csv_format(csv, "%s-%d", "w", 3);
    CHECK(plab_csv_end(csv, &err) == PLAB_OK);
    read_back(path, got, sizeof got);
    CHECK_STR(got, ",\"say \"\"hi\"\", twice\",,1.0,18446744073709551615,w-3\n");
    plab_csv_close(&csv);
    unlink(path);
    CHECK(plab_csv_open(&csv, "/dev/full", &err) == PLAB_OK);
    plab_csv_text(csv, "x");
    CHECK(plab_csv_end(csv, &err) == PLAB_E_IO);
    CHECK_STR(err.text, "cannot write /dev/full: No space left on device");
    plab_csv_close(&csv);
}

TEST(recorders, tables_of_a_machine) {
    char folder[] = "/tmp/powlab-rec.XXXXXX", path[64], got[4096], command[64];
    struct plab_recorders *recorders;
    struct plab_error err = {.text = ""};
    CHECK(mkdtemp(folder) != NULL);
    const struct plab_recorders_config config = {.folder = folder,
                                                 .sys_root = TREES "board/sys",
                                                 .proc_root = TREES "procwatch/before",
                                                 .start_ns = SECOND};
    CHECK_MSG(plab_recorders_open(&recorders, &config, &err) == PLAB_OK, "%s", err.text);
    struct plab_procwatch *watch = plab_recorders_watch(recorders, 500);
    CHECK(plab_recorders_host(recorders, 3 * SECOND, &err) == PLAB_OK);
    CHECK(plab_recorders_process(recorders, watch, "w", 2, 500, 3 * SECOND, &err) == PLAB_OK);
    plab_procwatch_close(&watch);
    CHECK_U64(plab_recorders_sensor_count(recorders), 5);
    plab_recorders_close(&recorders);
    snprintf(path, sizeof path, "%s/host.csv", folder);
    read_back(path, got, sizeof got);
    CHECK_STR(got,
              "t_ns,t_s,cpu0_mhz,cpu1_mhz,cpu2_mhz,cpu3_mhz,thermal_zone0_cpu_thermal_celsius\n"
              "3000000000,2.000,1416.00,1416.00,1416.00,1416.00,48.31\n");
    snprintf(path, sizeof path, "%s/processes.csv", folder);
    read_back(path, got, sizeof got);
    CHECK(strstr(got, "\n3000000000,2.000,w,2,500,,") != NULL);
    snprintf(path, sizeof path, "%s/threads.csv", folder);
    read_back(path, got, sizeof got);
    CHECK(strstr(got, "\n3000000000,2.000,w,2,501,\n") != NULL);
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
}
