/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Documents in XMRig's shape: the order of keys is kept, what isn't known is null. Units as there:
 * uptime and avg_time in seconds, *_ms in milliseconds, memory in bytes, rates in H/s.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "arch/cpu.h"
#include "base/file.h"
#include "pool_client/api_priv.h"

#define HUGE_PAGE (2u * 1024 * 1024)

static json_t *number(uint64_t value) {
    return json_integer(value <= INT64_MAX ? (json_int_t)value : INT64_MAX);
}

/* Two decimals; a negative rate isn't known. */
static json_t *rate(double hps) {
    return hps >= 0 ? json_real(floor(hps * 100) / 100) : json_null();
}

static json_t *rates(const double hps[PLAB_MINER_WINDOWS]) {
    json_t *out = json_array();
    for (size_t i = 0; i < PLAB_MINER_WINDOWS; i++) {
        json_array_append_new(out, rate(hps[i]));
    }
    return out;
}

static json_t *algo_name(const struct plab_algo *algo) {
    return algo != NULL ? json_string(algo->name) : json_null();
}

static json_t *huge_pages(const struct plab_pages_report *pages) {
    return json_pack("[o, o]", number(pages->huge_bytes / HUGE_PAGE),
                     number((pages->asked_bytes + HUGE_PAGE - 1) / HUGE_PAGE));
}

static uint64_t resident_bytes(void) {
    char text[128];
    size_t len = 0;
    unsigned long long pages = 0;
    if (plab_file_read("/proc/self/statm", text, sizeof text - 1, &len, NULL) == PLAB_OK) {
        text[len] = '\0';
        const char *second = strchr(text, ' ');
        pages = second != NULL ? strtoull(second, NULL, 10) : 0;
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static json_t *resources(const struct plab_api_view *view) {
    struct sysinfo info = {0};
    double load[3] = {0};
    sysinfo(&info);
    (void)!getloadavg(load, 3);
    return json_pack("{s:{s:o, s:o, s:o}, s:[f, f, f], s:o}", "memory", "free",
                     number(plab_memory_available_bytes()), "total",
                     number((uint64_t)info.totalram * info.mem_unit), "resident_set_memory",
                     number(resident_bytes()), "load_average", load[0], load[1], load[2],
                     "hardware_concurrency", number(view->config->facts.pus));
}

/* Mean time between accepted shares, in ms. */
static uint64_t share_time_ms(const struct plab_miner_result *counts) {
    return counts->accepted > 0 ? (uint64_t)(counts->duration_s * 1e3 / (double)counts->accepted)
                                : 0;
}

static json_t *results(const struct plab_api_view *view, unsigned version) {
    const struct plab_miner_result *counts = &view->now.counts;
    const uint64_t avg_ms = share_time_ms(counts);
    json_t *best = json_array();
    for (size_t i = 0; i < PLAB_MINER_BEST; i++) {
        json_array_append_new(best, number(view->now.best.difficulty[i]));
    }
    json_t *out =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "diff_current",
                  number(view->now.difficulty), "shares_good", number(counts->accepted),
                  "shares_total", number(counts->accepted + counts->rejected + counts->stale),
                  "avg_time", number(avg_ms / 1000), "avg_time_ms", number(avg_ms), "hashes_total",
                  number(counts->accepted_difficulty), "best", best);
    if (version == 1) {
        json_object_set_new(out, "error_log", json_array());
    }
    return out;
}

static const char *pool_name(const struct plab_client_stats *client) {
    return client->pool < client->pool_count ? client->tally[client->pool].name : "";
}

static json_t *text_or_null(const char *text) {
    return text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *connection(const struct plab_api_view *view, unsigned version) {
    const struct plab_miner_result *counts = &view->now.counts;
    const struct plab_client_stats *client = &counts->client;
    const uint64_t avg_ms = share_time_ms(counts);
    char ip[PLAB_URL_NAME_LEN];
    snprintf(ip, sizeof ip, "%s", pool_name(client));
    char *colon = strrchr(ip, ':');
    if (colon != NULL) {
        *colon = '\0';
    }
    json_t *out = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "pool",
        pool_name(client), "ip", ip, "uptime", number((uint64_t)client->online_s), "uptime_ms",
        number((uint64_t)(client->online_s * 1e3)), "ping",
        number((uint64_t)counts->latency_mean_ms), "failures", number(client->failures), "tls",
        text_or_null(client->tls_version), "tls-fingerprint", text_or_null(client->tls_fingerprint),
        "algo", algo_name(view->now.algo), "diff", number(view->now.difficulty), "accepted",
        number(counts->accepted), "rejected", number(counts->rejected + counts->stale), "avg_time",
        number(avg_ms / 1000), "avg_time_ms", number(avg_ms), "hashes_total",
        number(counts->accepted_difficulty));
    if (version == 1) {
        json_object_set_new(out, "error_log", json_array());
    }
    return out;
}

static bool has_feature(const struct plab_api_view *view, const char *name) {
    for (unsigned bit = 0; bit < PLAB_CPU_BIT_COUNT; bit++) {
        if ((view->config->facts.features & (1u << bit)) != 0 &&
            strcmp(plab_cpu_bit_name(bit), name) == 0) {
            return true;
        }
    }
    return false;
}

static json_t *cpu_flags(const struct plab_api_view *view) {
    json_t *out = json_array();
    for (unsigned bit = 0; bit < PLAB_CPU_BIT_COUNT; bit++) {
        if ((view->config->facts.features & (1u << bit)) != 0) {
            json_array_append_new(out, json_string(plab_cpu_bit_name(bit)));
        }
    }
    return out;
}

static json_t *cpu(const struct plab_api_view *view) {
    const struct plab_api_facts *facts = &view->config->facts;
    const struct plab_ident *ident = view->ident;
#ifdef __x86_64__
    const bool x64 = true;
    const char *arch = "x86_64";
#else
    const bool x64 = false;
    const char *arch = "aarch64";
#endif
    return json_pack(
        "{s:s, s:i, s:i, s:i, s:i, s:b, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, "
        "s:s, s:s, s:o}",
        "brand", ident->brand, "family", ident->family, "model", ident->model, "stepping",
        ident->stepping, "proc_info", 0, "aes", (int)has_feature(view, "aes"), "avx2",
        (int)has_feature(view, "avx2"), "x64", (int)x64, "64_bit", 1, "l2", number(facts->l2_bytes),
        "l3", number(facts->l3_bytes), "cores", number(facts->cores), "threads", number(facts->pus),
        "packages", number(facts->packages), "nodes", number(facts->nodes), "backend", "hwloc",
        "msr", "none", "assembly", "none", "arch", arch, "flags", cpu_flags(view));
}

static json_t *algorithms(const struct plab_api_view *view) {
    const struct plab_stratum_login *login = &view->config->miner->client.login;
    json_t *out = json_array();
    for (size_t i = 0; i < login->algo_count; i++) {
        json_array_append_new(out, json_string(login->algo[i]));
    }
    return out;
}

static json_t *features(const struct plab_api_view *view) {
    json_t *out = json_pack("[s]", "api");
    if (has_feature(view, "jit")) {
        json_array_append_new(out, json_string("asm"));
    }
    json_array_append_new(out, json_string("http"));
    json_array_append_new(out, json_string("hwloc"));
    json_array_append_new(out, json_string("tls"));
    return out;
}

static json_t *hashrate(const struct plab_api_view *view, unsigned version) {
    json_t *out = json_pack("{s:o, s:o}", "total", rates(view->now.rate_hps), "highest",
                            rate(view->now.rate_max_hps));
    if (version == 1) {
        json_t *threads = json_array();
        for (unsigned i = 0; i < view->now.counts.workers.threads; i++) {
            double hps[PLAB_MINER_WINDOWS];
            plab_miner_thread_rates(view->miner, i, hps);
            json_array_append_new(threads, rates(hps));
        }
        json_object_set_new(out, "threads", threads);
    }
    return out;
}

json_t *plab_api_summary(const struct plab_api_view *view, unsigned version) {
    const struct plab_api_facts *facts = &view->config->facts;
    return json_pack(
        "{s:s, s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:o, s:i, s:b, s:o, s:o, "
        "s:o}",
        "id", view->id, "worker_id", facts->worker_id, "uptime",
        number((uint64_t)view->now.uptime_s), "restricted", 1, "resources", resources(view),
        "features", features(view), "results", results(view, version), "algo",
        algo_name(view->now.algo), "connection", connection(view, version), "version",
        facts->version, "kind", "miner", "ua", view->config->miner->client.login.agent, "cpu",
        cpu(view), "donate_level", 0, "paused", (int)view->now.paused, "algorithms",
        algorithms(view), "hashrate", hashrate(view, version), "hugepages",
        huge_pages(&view->now.counts.pages));
}

static json_t *thread_list(const struct plab_api_view *view) {
    const struct plab_workers_stats *workers = &view->now.counts.workers;
    const struct plab_pin_plan *plan = view->config->miner->workers.plan;
    const unsigned lanes = workers->tuned ? workers->tuning.choice.lanes : 1;
    json_t *out = json_array();
    for (unsigned i = 0; i < workers->threads; i++) {
        double hps[PLAB_MINER_WINDOWS];
        plab_miner_thread_rates(view->miner, i, hps);
        json_array_append_new(out, json_pack("{s:i, s:i, s:i, s:o}", "intensity", (int)lanes,
                                             "affinity", plan->slots[i].cpu, "av", (int)lanes,
                                             "hashrate", rates(hps)));
    }
    return out;
}

json_t *plab_api_backends(const struct plab_api_view *view) {
    const bool running = view->now.state == PLAB_WORKERS_HASHING;
    return json_pack("[{s:s, s:b, s:o, s:s, s:b, s:i, s:b, s:s, s:s, s:o, s:o, s:o, s:o}]", "type",
                     "cpu", "enabled", (int)running, "algo", algo_name(view->now.algo), "profile",
                     "powlab", "hw-aes", (int)has_feature(view, "aes"), "priority", -1, "msr", 0,
                     "asm", "none", "argon2-impl", "none", "hugepages",
                     huge_pages(&view->now.counts.pages), "memory",
                     number(view->now.counts.pages.asked_bytes), "hashrate",
                     rates(view->now.rate_hps), "threads", thread_list(view));
}
