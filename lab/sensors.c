/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/sensors.h"

#include <ctype.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"

/* What a search hands from place to place. */
struct search {
    struct plab_sensors *found;
    const char *sys, *proc;
    const char *family;
    size_t before;   /* sensors found before this family */
    bool unreadable; /* something was there, but not for us */
};

/* ---- names and files ---- */

/* Letters, digits and single underscores, so that a name is one word in a table. */
static void tidy(char *name) {
    char *to = name;
    for (const char *from = name; *from != '\0'; from++) {
        if (isalnum((unsigned char)*from)) {
            *to++ = (char)tolower((unsigned char)*from);
        } else if (to > name && to[-1] != '_') {
            *to++ = '_';
        }
    }
    *to = '\0';
}

/* The first line of a file, or `otherwise`. */
static const char *first_line(char *out, size_t cap, const char *otherwise, const char *fmt, ...)
    PLAB_PRINTF(4, 5);
static const char *first_line(char *out, size_t cap, const char *otherwise, const char *fmt, ...) {
    char path[PLAB_PROBE_PATH_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(path, sizeof path, fmt, args);
    va_end(args);
    FILE *file = fopen(path, "re");
    bool got = file != NULL && fgets(out, (int)cap, file) != NULL;
    if (file != NULL) {
        fclose(file);
    }
    if (!got) {
        snprintf(out, cap, "%s", otherwise);
    }
    out[strcspn(out, "\n")] = '\0';
    return out;
}

typedef void visit_fn(struct search *search, const char *folder, const char *name);

/* Visits the entries of a folder whose names begin with `prefix` and a digit, in the order of their
 * numbers. */
static void visit(struct search *search, const char *folder, const char *prefix, visit_fn *each) {
    struct dirent **list;
    int count = scandir(folder, &list, NULL, versionsort);
    for (int i = 0; i < count; i++) {
        const char *name = list[i]->d_name;
        size_t len = strlen(prefix);
        if (strncmp(name, prefix, len) == 0 && isdigit((unsigned char)name[len])) {
            each(search, folder, name);
        }
        free(list[i]);
    }
    if (count >= 0) {
        free(list);
    }
}

/* ---- one sensor ---- */

/* Adds it when it gives a number now. */
static void add(struct search *search, const struct plab_probe *probe, const char *fmt, ...)
    PLAB_PRINTF(3, 4);
static void add(struct search *search, const struct plab_probe *probe, const char *fmt, ...) {
    struct plab_sensors *found = search->found;
    double value;
    if (found->count == PLAB_SENSORS_MAX ||
        !plab_probe_number(probe->path, probe->line, probe->mark, &value)) {
        bool there = access(probe->path, F_OK) == 0 && access(probe->path, R_OK) != 0;
        search->unreadable = search->unreadable || there;
        return;
    }
    struct plab_sensor *sensor = &found->items[found->count++];
    va_list args;
    va_start(args, fmt);
    vsnprintf(sensor->name, sizeof sensor->name, fmt, args);
    va_end(args);
    tidy(sensor->name);
    sensor->family = search->family;
    sensor->probe = *probe;
}

static struct plab_probe gauge(double scale, const char *fmt, ...) PLAB_PRINTF(2, 3);
static struct plab_probe gauge(double scale, const char *fmt, ...) {
    struct plab_probe probe = {.scale = scale};
    va_list args;
    va_start(args, fmt);
    vsnprintf(probe.path, sizeof probe.path, fmt, args);
    va_end(args);
    return probe;
}

static struct plab_probe counter(struct plab_probe probe) {
    probe.counter = true;
    return probe;
}

/* ---- families ---- */

static void find_frequency(struct search *search, const char *folder, const char *name) {
    struct plab_probe probe = gauge(1e-3, "%s/%s/cpufreq/scaling_cur_freq", folder, name);
    add(search, &probe, "%s_mhz", name);
}

static void find_throttling(struct search *search, const char *folder, const char *name) {
    static const char *const kinds[] = {"core", "package"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(kinds); i++) {
        struct plab_probe probe =
            counter(gauge(1, "%s/%s/thermal_throttle/%s_throttle_count", folder, name, kinds[i]));
        add(search, &probe, "%s_%s_throttles_per_s", name, kinds[i]);
    }
}

static void find_zone(struct search *search, const char *folder, const char *name) {
    char type[40];
    first_line(type, sizeof type, "", "%s/%s/type", folder, name);
    struct plab_probe probe = gauge(1e-3, "%s/%s/temp", folder, name);
    add(search, &probe, "%s_%s_celsius", name, type);
}

/* hwmon numbers its inputs from 1, fans and voltages from 0 or 1, with gaps. */
static void find_chip_inputs(struct search *search, const char *folder, const char *name,
                             const char *kind, double scale, const char *unit) {
    char chip[24], label[32];
    first_line(chip, sizeof chip, "chip", "%s/%s/name", folder, name);
    for (int i = 0; i <= 64; i++) {
        struct plab_probe probe = gauge(scale, "%s/%s/%s%d_input", folder, name, kind, i);
        if (access(probe.path, F_OK) == 0) {
            first_line(label, sizeof label, "", "%s/%s/%s%d_label", folder, name, kind, i);
            add(search, &probe, "%s_%s_%s%d_%s_%s", name, chip, kind, i, label, unit);
        }
    }
}

static void find_chip(struct search *search, const char *folder, const char *name) {
    find_chip_inputs(search, folder, name, "temp", 1e-3, "celsius");
    find_chip_inputs(search, folder, name, "fan", 1, "rpm");
}

/* Energy in microjoules; its growth a second is a power. */
static void find_domain(struct search *search, const char *folder, const char *name) {
    char domain[32];
    char range[PLAB_PROBE_PATH_MAX + 80];
    first_line(domain, sizeof domain, "", "%s/%s/name", folder, name);
    struct plab_probe probe = counter(gauge(1e-6, "%s/%s/energy_uj", folder, name));
    snprintf(range, sizeof range, "%s/%s/max_energy_range_uj", folder, name);
    if (!plab_probe_number(range, NULL, NULL, &probe.wrap)) {
        probe.wrap = 0;
    }
    add(search, &probe, "%s_%s_watts", strchr(name, '-') + 1, domain);
}

/* Time in microseconds that somebody waited; of a second, in percent. */
static void find_pressure(struct search *search, const char *resource, const char *who) {
    struct plab_probe probe = counter(gauge(1e-4, "%s/pressure/%s", search->proc, resource));
    probe.line = who;
    probe.mark = "total=";
    add(search, &probe, "psi_%s_%s_percent", resource, who);
}

static void find_line(struct search *search, const char *file, const char *line, double scale,
                      bool counts, const char *name) {
    struct plab_probe probe = gauge(scale, "%s/%s", search->proc, file);
    probe.line = line;
    probe.counter = counts;
    add(search, &probe, "%s", name);
}

static void find_memory(struct search *search) {
    find_line(search, "meminfo", "MemAvailable:", 1024, false, "memory_available_bytes");
    find_line(search, "meminfo", "AnonHugePages:", 1024, false, "transparent_huge_bytes");
    find_line(search, "meminfo", "HugePages_Total:", 1, false, "huge_pages_total");
    find_line(search, "meminfo", "HugePages_Free:", 1, false, "huge_pages_free");
}

static void find_kernel(struct search *search) {
    find_line(search, "loadavg", NULL, 1, false, "load_1min");
    find_line(search, "stat", "ctxt ", 1, true, "context_switches_per_s");
    find_line(search, "stat", "processes ", 1, true, "forks_per_s");
    find_line(search, "vmstat", "pgfault ", 1, true, "page_faults_per_s");
    find_line(search, "vmstat", "pgmajfault ", 1, true, "major_faults_per_s");
}

/* ---- all of them ---- */

static void begin(struct search *search, const char *family) {
    search->family = family;
    search->before = search->found->count;
    search->unreadable = false;
}

/* Notes why a family is missing, if it is. */
static void end(struct search *search, const char *reason) {
    struct plab_sensors *found = search->found;
    if (found->count > search->before) {
        return;
    }
    struct plab_absence *absence = &found->absent[found->absent_count++];
    absence->family = search->family;
    snprintf(absence->reason, sizeof absence->reason, "%s",
             search->unreadable ? "it is there, but only root may read it" : reason);
}

static void find_hardware(struct search *search) {
    char cpus[PLAB_PROBE_PATH_MAX], zones[PLAB_PROBE_PATH_MAX], chips[PLAB_PROBE_PATH_MAX],
        power[PLAB_PROBE_PATH_MAX];
    snprintf(cpus, sizeof cpus, "%s/devices/system/cpu", search->sys);
    snprintf(zones, sizeof zones, "%s/class/thermal", search->sys);
    snprintf(chips, sizeof chips, "%s/class/hwmon", search->sys);
    snprintf(power, sizeof power, "%s/class/powercap", search->sys);
    begin(search, "frequency");
    visit(search, cpus, "cpu", find_frequency);
    end(search, "no CPU has cpufreq in sysfs (a virtual machine, or no frequency driver)");
    begin(search, "throttling");
    visit(search, cpus, "cpu", find_throttling);
    end(search, "no CPU has throttle counters in sysfs (a virtual machine, or no Intel CPU)");
    begin(search, "temperature");
    visit(search, zones, "thermal_zone", find_zone);
    visit(search, chips, "hwmon", find_chip);
    end(search, "neither thermal zones nor hwmon chips in sysfs (a virtual machine?)");
    begin(search, "power");
    visit(search, power, "intel-rapl:", find_domain);
    end(search, "no RAPL domain in sysfs (a virtual machine, or module intel_rapl is not loaded)");
}

static void find_system(struct search *search) {
    begin(search, "pressure");
    find_pressure(search, "cpu", "some");
    find_pressure(search, "memory", "some");
    find_pressure(search, "memory", "full");
    find_pressure(search, "io", "some");
    find_pressure(search, "io", "full");
    end(search, "no pressure stall information (kernel without PSI, or psi=0)");
    begin(search, "memory");
    find_memory(search);
    end(search, "no meminfo");
    begin(search, "kernel");
    find_kernel(search);
    end(search, "neither stat nor vmstat");
}

enum plab_status plab_sensors_find(struct plab_sensors *out, const char *sys_root,
                                   const char *proc_root, struct plab_error *err) {
    struct search search = {.found = out, .sys = sys_root, .proc = proc_root};
    memset(out, 0, sizeof *out);
    out->items = calloc(PLAB_SENSORS_MAX, sizeof *out->items);
    if (out->items == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for the sensors");
    }
    find_hardware(&search);
    find_system(&search);
    return PLAB_OK;
}

void plab_sensors_read(struct plab_sensors *sensors, uint64_t now_ns, double *values) {
    for (size_t i = 0; i < sensors->count; i++) {
        values[i] = plab_probe_read(&sensors->items[i].probe, now_ns);
    }
}

void plab_sensors_free(struct plab_sensors *sensors) {
    free(sensors->items);
    sensors->items = NULL;
    sensors->count = sensors->absent_count = 0;
}
