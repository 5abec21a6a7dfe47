/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The summary before a run, in the form that miners' users know. What it says was found or asked
 * for; what was really obtained (pages, dataset) is told when it is there.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "arch/cpu.h"
#include "base/clock.h"
#include "cli/jsonout.h"
#include "cli/mine_priv.h"
#include "cli/version.h"
#include "host/ident.h"

#define COLUMNS 79
#define LABEL_COLUMNS 15 /* " * LABEL       " */
#define WALLET_LENGTH 90 /* addresses of CryptoNote coins have 95 characters and more */

/* Length of the first line of `text` that fits a row: to the last blank, or to the edge. */
static size_t fitting(const char *text) {
    const size_t room = COLUMNS - LABEL_COLUMNS;
    size_t len = strlen(text);
    if (len <= room) {
        return len;
    }
    for (size_t i = room; i > 0; i--) {
        if (text[i] == ' ') {
            return i;
        }
    }
    return room;
}

/* One row, wrapped below itself; without a label it goes on with the one above. */
static void row(const struct plab_mine *mine, const char *label, const char *fmt, ...)
    PLAB_PRINTF(3, 4);
static void row(const struct plab_mine *mine, const char *label, const char *fmt, ...) {
    char text[900];
    const char *at = text;
    const bool paint = mine->cli.color_err;
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    do {
        int len = (int)fitting(at);
        bool first = at == text && label[0] != '\0';
        fprintf(stderr, " %s%s%s %s%-*s%s%.*s\n", first && paint ? "\033[32m" : "",
                first ? "*" : " ", first && paint ? "\033[0m" : "", paint ? "\033[1m" : "",
                LABEL_COLUMNS - 3, first ? label : "", paint ? "\033[0m" : "", len, at);
        at += len;
        at += strspn(at, " ");
    } while (*at != '\0');
}

static void tell_about(const struct plab_mine *mine) {
    char compiler[64];
    snprintf(compiler, sizeof compiler, "%s", plab_compiler);
    row(mine, "ABOUT", "powlab/%s (%s) %s libuv/%s; lab addresses only", plab_version, plab_commit,
        compiler, uv_version_string());
}

/* What a file of one number says; 0 without it. */
static unsigned long long number_of(const char *path) {
    unsigned long long value = 0;
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%llu", &value) != 1) {
            value = 0;
        }
        fclose(file);
    }
    return value;
}

static void tell_pages(const struct plab_mine *mine) {
    static const char folder[] = "/sys/kernel/mm/hugepages/hugepages-";
    static const char *const sizes[] = {"2048kB", "1048576kB"};
    unsigned long long free_pages[2];
    for (size_t i = 0; i < PLAB_ARRAY_LEN(sizes); i++) {
        char path[120];
        snprintf(path, sizeof path, "%s%s/free_hugepages", folder, sizes[i]);
        free_pages[i] = number_of(path);
    }
    row(mine, "HUGE PAGES", "asked for: %s; reserved and free: %llu of 2 MiB, %llu of 1 GiB",
        plab_page_policy_name(mine->config.workers.pages), free_pages[0], free_pages[1]);
}

static void tell_cpu(const struct plab_mine *mine) {
    const struct plab_mine_machine *machine = &mine->machine;
    struct plab_ident ident;
    plab_ident_read(&ident);
    row(mine, "CPU", "%s (%zu)%s%s", ident.brand[0] != '\0' ? ident.brand : "unknown processor",
        machine->packages, ident.hypervisor[0] != '\0' ? ", virtual: " : "", ident.hypervisor);
    row(mine, "", "L2 %.1f MiB, L3 %.1f MiB; %zu cores, %zu threads, NUMA nodes %zu",
        (double)machine->l2_bytes / 0x1p20, (double)machine->l3_bytes / 0x1p20, machine->cores,
        machine->pus, machine->nodes);
}

static void tell_memory(const struct plab_mine *mine) {
    double total = (double)uv_get_total_memory() / 0x1p30;
    double left = (double)plab_memory_available_bytes() / 0x1p30;
    row(mine, "MEMORY", "%.1f of %.1f GiB available; RandomX mode %s", left, total,
        plab_rx_mode_name(mine->config.workers.rx_mode));
}

static void tell_kernels(const struct plab_mine *mine) {
    char text[600];
    size_t at = 0;
    json_t *kernels = plab_json_kernels(&mine->cli.kernels, mine->config.algo);
    const char *name;
    json_t *isa;
    json_object_foreach(kernels, name, isa) {
        if (at < sizeof text) {
            at += (size_t)snprintf(text + at, sizeof text - at, " %s=%s", name,
                                   json_string_value(isa));
        }
    }
    json_decref(kernels);
    row(mine, "KERNELS", "%s:%s", mine->config.algo->name, text);
}

/* "pinned to CPUs 0,2" or "not pinned". */
static const char *pinning_text(const struct plab_pin_plan *plan, char *out, size_t cap) {
    size_t at = 0;
    for (unsigned i = 0; i < plan->threads && at < cap; i++) {
        if (plan->slots[i].cpu < 0) {
            snprintf(out, cap, "not pinned");
            return out;
        }
        at += (size_t)snprintf(out + at, cap - at, "%s%d", i == 0 ? "pinned to CPUs " : ",",
                               plan->slots[i].cpu);
    }
    return out;
}

static void tell_threads(const struct plab_mine *mine) {
    char text[400], duty[40] = "";
    const struct plab_pin_plan *plan = &mine->plan;
    const unsigned percent = mine->config.workers.duty_percent;
    if (percent < 100) {
        snprintf(duty, sizeof duty, "; hashing %u%% of the time", percent);
    }
    row(mine, "THREADS", "%u, %s: %s%s", plan->threads, pinning_text(plan, text, sizeof text),
        plan->reason, duty);
}

static void tell_pools(const struct plab_mine *mine) {
    char name[PLAB_URL_NAME_LEN], user[400];
    const char *login = mine->config.client.login.login;
    if (mine->config.solo != NULL) {
        row(mine, "DAEMON", "%s pays %.12s... for its blocks", mine->solo.url, mine->solo.wallet);
        return;
    }
    plab_log_escape(login, strlen(login), user, sizeof user);
    for (size_t i = 0; i < mine->config.client.pool_count; i++) {
        char label[32];
        snprintf(label, sizeof label, "POOL #%zu", i + 1);
        row(mine, label, "%s%s as %s", plab_url_name(&mine->config.client.pools[i], name),
            mine->config.client.pools[i].tls ? " (TLS)" : "", user);
    }
    if (strlen(login) >= WALLET_LENGTH) {
        plab_log_warn(&mine->cli.log, "the user looks like a wallet; in a lab any text will do");
    }
}

static void tell_end(const struct plab_mine *mine) {
    char when[32];
    struct tm tm;
    uint64_t duration_ms = mine->config.duration_ms;
    time_t end = (time_t)((plab_clock_wall_ns() / 1000000 + duration_ms) / 1000);
    localtime_r(&end, &tm);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
    row(mine, "ENDS", "%s, after %.0f s (--duration)", when, (double)duration_ms / 1000);
}

void plab_mine_tell_start(const struct plab_mine *mine, bool keys) {
    if (mine->cli.quiet) {
        return;
    }
    tell_about(mine);
    tell_cpu(mine);
    tell_memory(mine);
    tell_pages(mine);
    tell_kernels(mine);
    tell_threads(mine);
    tell_pools(mine);
    tell_end(mine);
    if (keys) {
        row(mine, "COMMANDS", "h hash rate, p pause, r resume, s results, c connection, q quit");
    }
}
