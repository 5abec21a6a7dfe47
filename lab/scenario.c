/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/scenario.h"

#include <ctype.h>
#include <math.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/netguard.h"
#include "lab/scenario_priv.h"
#include "pow/algo.h"
#include "yaml/load.h"

#define FILE_MAX_BYTES (64 * 1024)
#define KEY_MAX 96

/* Keys are built once per element: "workers[3].threads". */
static const char *key_of(char out[KEY_MAX], const char *list, size_t index, const char *field) {
    snprintf(out, KEY_MAX, "%s[%zu].%s", list, index, field);
    return out;
}

enum plab_status plab_scenario_number(const struct plab_yaml_source *reader, const char *key,
                                      const int64_t *raw, uint64_t fallback, int64_t min,
                                      int64_t max, uint64_t *out) {
    *out = fallback;
    if (raw == NULL) {
        return PLAB_OK;
    }
    if (*raw < min || *raw > max) {
        return plab_yaml_bad(reader, PLAB_E_INPUT, key, "%lld is not between %lld and %lld",
                             (long long)*raw, (long long)min, (long long)max);
    }
    *out = (uint64_t)*raw;
    return PLAB_OK;
}

static enum plab_status get_unsigned(const struct plab_yaml_source *reader, const char *key,
                                     const int64_t *raw, unsigned fallback, int64_t min,
                                     int64_t max, unsigned *out) {
    uint64_t value = 0;
    enum plab_status status = plab_scenario_number(reader, key, raw, fallback, min, max, &value);
    *out = (unsigned)value;
    return status;
}

static enum plab_status get_duration(const struct plab_yaml_source *reader, const char *key,
                                     const char *raw, uint64_t fallback, uint64_t min_ms,
                                     uint64_t *out) {
    const uint64_t max_ms = UINT64_C(1000) * PLAB_SCENARIO_SECONDS_MAX;
    *out = fallback;
    if (raw == NULL) {
        return PLAB_OK;
    }
    if (!plab_yaml_duration(raw, out)) {
        return plab_yaml_bad(reader, PLAB_E_INPUT, key,
                             "\"%s\" is no duration; give a number with ms, s, m or h, such as 45s",
                             raw);
    }
    if (*out < min_ms || *out > max_ms) {
        return plab_yaml_bad(reader, PLAB_E_INPUT, key, "%s is not between %llu ms and 24 h", raw,
                             (unsigned long long)min_ms);
    }
    return PLAB_OK;
}

/* Names become file names and logins, so they are kept plain. */
static enum plab_status get_name(const struct plab_yaml_source *reader, const char *key,
                                 const char *raw, char out[PLAB_SCENARIO_NAME_MAX + 1]) {
    size_t len = strlen(raw);
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    if (len == 0 || len > PLAB_SCENARIO_NAME_MAX || strspn(raw, plain) != len || raw[0] == '-') {
        return plab_yaml_bad(reader, PLAB_E_INPUT, key,
                             "a name is 1 to %d letters, digits, - or _, and doesn't begin with -",
                             PLAB_SCENARIO_NAME_MAX);
    }
    memcpy(out, raw, len + 1);
    return PLAB_OK;
}

static enum plab_status get_text(const struct plab_yaml_source *reader, const char *key,
                                 const char *raw, char out[PLAB_SCENARIO_TEXT_MAX + 1]) {
    out[0] = '\0';
    if (raw == NULL) {
        return PLAB_OK;
    }
    size_t len = strlen(raw);
    for (size_t i = 0; i < len; i++) {
        if (iscntrl((unsigned char)raw[i])) {
            return plab_yaml_bad(reader, PLAB_E_INPUT, key, "control characters are not allowed");
        }
    }
    if (len > PLAB_SCENARIO_TEXT_MAX) {
        return plab_yaml_bad(reader, PLAB_E_INPUT, key, "longer than %d bytes",
                             PLAB_SCENARIO_TEXT_MAX);
    }
    memcpy(out, raw, len + 1);
    return PLAB_OK;
}

static enum plab_status get_algo(const struct plab_yaml_source *reader, const char *key,
                                 const char *raw, const char *fallback, const char **out) {
    const struct plab_algo *algo;
    struct plab_error why = {.text = ""};
    enum plab_status status = plab_algo_find(raw != NULL ? raw : fallback, &algo, &why);
    if (status == PLAB_OK) {
        status = plab_algo_check_pool(algo, &why);
    }
    if (status != PLAB_OK) {
        return plab_yaml_bad(reader, PLAB_E_INPUT, key, "%s", why.text);
    }
    *out = algo->name;
    return PLAB_OK;
}

static enum plab_status get_mode(const struct plab_yaml_source *reader, const char *key,
                                 const char *raw, const char **out) {
    static const char *const modes[] = {"auto", "fast", "light"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(modes); i++) {
        if (strcmp(raw != NULL ? raw : "auto", modes[i]) == 0) {
            *out = modes[i];
            return PLAB_OK;
        }
    }
    return plab_yaml_bad(reader, PLAB_E_INPUT, key, "\"%s\" is none of auto, fast, light", raw);
}

/* "1GiB": what `powlab mine --dataset-mem` takes. */
static enum plab_status get_dataset_mem(const struct plab_yaml_source *reader, const char *key,
                                        const struct plab_raw_worker *raw, char out[24]) {
    static const char *const units[] = {"", "KiB", "MiB", "GiB"};
    out[0] = '\0';
    if (raw->dataset_mem == NULL) {
        return PLAB_OK;
    }
    if (raw->randomx_mode != NULL) {
        return plab_yaml_bad(reader, PLAB_E_INPUT, key,
                             "goes without randomx_mode: it is a mode of its own");
    }
    size_t digits = strspn(raw->dataset_mem, "0123456789");
    for (size_t i = 0; i < PLAB_ARRAY_LEN(units); i++) {
        if (digits > 0 && digits <= 10 && strcmp(raw->dataset_mem + digits, units[i]) == 0) {
            snprintf(out, 24, "%s", raw->dataset_mem);
            return PLAB_OK;
        }
    }
    return plab_yaml_bad(reader, PLAB_E_INPUT, key, "\"%s\" is not a size such as 512MiB or 1GiB",
                         raw->dataset_mem);
}

/* "127.0.0.1:0", "[::1]:3333": numeric, so that the lab-only rule can be asked here already. The
 * pool asks again when it binds. */
static enum plab_status get_listen(const struct plab_yaml_source *reader, const char *raw,
                                   const struct plab_scenario_network *network, char out[64]) {
    const char *key = "pool.listen";
    char host[64], fallback[64] = "127.0.0.1:0";
    if (network->namespaces) { /* where every port is free */
        snprintf(fallback, sizeof fallback, "%s:3333", network->pool);
    }
    raw = raw != NULL ? raw : fallback;
    const char *colon = strrchr(raw, ':');
    size_t host_len = colon != NULL ? (size_t)(colon - raw) : 0;
    if (host_len == 0 || strlen(raw) >= sizeof host) {
        return plab_yaml_bad(reader, PLAB_E_INPUT, key,
                             "\"%s\" is not ADDRESS:PORT, such as 127.0.0.1:0", raw);
    }
    bool bracketed = raw[0] == '[' && raw[host_len - 1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(host_len - 2 * bracketed), raw + bracketed);
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    struct plab_error why = {.text = ""};
    if (strspn(colon + 1, "0123456789") != strlen(colon + 1) || atoi(colon + 1) > 65535 ||
        getaddrinfo(host, colon + 1, &hints, &list) != 0) {
        return plab_yaml_bad(reader, PLAB_E_INPUT, key,
                             "\"%s\" is no numeric address with a port up to 65535", raw);
    }
    enum plab_status status = plab_netguard_check(list->ai_addr, &why);
    freeaddrinfo(list);
    if (status != PLAB_OK) {
        return plab_yaml_bad(reader, status, key, "%s", why.text);
    }
    if (network->namespaces && strcmp(host, network->pool) != 0) {
        return plab_yaml_bad(reader, PLAB_E_INPUT, key,
                             "the pool is at %s (network.pool); give %s:PORT, or leave it out",
                             network->pool, network->pool);
    }
    snprintf(out, 64, "%s", raw);
    return PLAB_OK;
}

#define RETURN_IF_BAD(call)                \
    do {                                   \
        enum plab_status status_ = (call); \
        if (status_ != PLAB_OK) {          \
            return status_;                \
        }                                  \
    } while (0)

/* Words that become parts of a command line: one line each. */
static enum plab_status get_words(const struct plab_yaml_source *reader, const char *key,
                                  char *const *raw, unsigned count, struct plab_scenario_word *out,
                                  size_t *out_count) {
    for (unsigned i = 0; i < count; i++) {
        char item[KEY_MAX + 8];
        snprintf(item, sizeof item, "%s[%u]", key, i);
        RETURN_IF_BAD(get_text(reader, item, raw[i], out[i].text));
    }
    *out_count = count;
    return PLAB_OK;
}

/* A name that may be left out: "". */
static enum plab_status get_optional_name(const struct plab_yaml_source *reader, const char *key,
                                          const char *raw, char out[PLAB_SCENARIO_NAME_MAX + 1]) {
    out[0] = '\0';
    return raw != NULL ? get_name(reader, key, raw, out) : PLAB_OK;
}

static enum plab_status take_pool(const struct plab_yaml_source *r, const struct plab_raw_pool *raw,
                                  struct plab_scenario *scenario) {
    struct plab_scenario_pool *out = &scenario->pool;
    RETURN_IF_BAD(get_algo(r, "pool.algo", raw->algo, "rx/0", &out->algo));
    RETURN_IF_BAD(plab_scenario_number(r, "pool.difficulty", raw->difficulty, 1000, 1, INT64_MAX,
                                       &out->difficulty));
    RETURN_IF_BAD(get_duration(r, "pool.vardiff", raw->vardiff, 0, 100, &out->vardiff_target_ms));
    RETURN_IF_BAD(plab_scenario_number(r, "pool.network_difficulty", raw->network_difficulty,
                                       100000, 1, INT64_MAX, &out->network_difficulty));
    RETURN_IF_BAD(plab_scenario_number(r, "pool.epoch_blocks", raw->epoch_blocks, 2048, 1, 1000000,
                                       &out->epoch_blocks));
    RETURN_IF_BAD(
        get_duration(r, "pool.job_interval", raw->job_interval, 30000, 100, &out->job_interval_ms));
    RETURN_IF_BAD(get_optional_name(r, "pool.personality", raw->personality, out->personality));
    RETURN_IF_BAD(get_text(r, "pool.faults", raw->faults, out->faults));
    out->tls = raw->tls != NULL && *raw->tls;
    out->nicehash = raw->nicehash != NULL && *raw->nicehash;
    out->websocket = raw->websocket != NULL && *raw->websocket;
    return get_listen(r, raw->listen, &scenario->network, out->listen);
}

static enum plab_status take_second_pool(const struct plab_yaml_source *r,
                                         const struct plab_raw_second_pool *raw,
                                         struct plab_scenario *scenario) {
    struct plab_scenario_second_pool *out = &scenario->second_pool;
    if (raw == NULL) {
        return PLAB_OK;
    }
    out->present = true;
    out->upstream = strcmp(raw->serves, "pool") == 0;
    if (!out->upstream && strcmp(raw->serves, "workers") != 0) {
        return plab_yaml_bad(r, PLAB_E_INPUT, "second_pool.serves",
                             "\"%s\" is none of workers (when the first fails), pool (the first is "
                             "its proxy)",
                             raw->serves);
    }
    RETURN_IF_BAD(plab_scenario_number(r, "second_pool.difficulty", raw->difficulty,
                                       scenario->pool.difficulty, 1, INT64_MAX, &out->difficulty));
    return get_text(r, "second_pool.faults", raw->faults, out->faults);
}

/* What others see of a worker. */
static enum plab_status take_looks(const struct plab_yaml_source *r,
                                   const struct plab_raw_worker *raw, size_t index,
                                   struct plab_scenario_worker *worker) {
    static const char *const schemes[] = {"stratum+tcp", "stratum+ssl", "stratum+tls",
                                          "stratum2+tcp"};
    char key[KEY_MAX];
    bool known = raw->scheme == NULL;
#define KEY(field) key_of(key, "workers", index, field)
    RETURN_IF_BAD(get_optional_name(r, KEY("dialect"), raw->dialect, worker->dialect));
    RETURN_IF_BAD(get_text(r, KEY("agent"), raw->agent, worker->agent));
    for (size_t i = 0; i < PLAB_ARRAY_LEN(schemes) && !known; i++) {
        known = strcmp(raw->scheme, schemes[i]) == 0;
    }
    if (!known) {
        return plab_yaml_bad(r, PLAB_E_INPUT, KEY("scheme"),
                             "\"%s\" is none of stratum+tcp, stratum+ssl, stratum+tls",
                             raw->scheme);
    }
    snprintf(worker->scheme, sizeof worker->scheme, "%s", raw->scheme != NULL ? raw->scheme : "");
    RETURN_IF_BAD(
        get_words(r, KEY("args"), raw->args, raw->args_count, worker->args, &worker->arg_count));
    RETURN_IF_BAD(
        get_words(r, KEY("env"), raw->env, raw->env_count, worker->env, &worker->env_count));
    for (size_t i = 0; i < worker->env_count; i++) {
        if (strchr(worker->env[i].text, '=') == NULL || worker->env[i].text[0] == '=') {
            return plab_yaml_bad(r, PLAB_E_INPUT, KEY("env"), "\"%s\" is not NAME=value",
                                 worker->env[i].text);
        }
    }
#undef KEY
    return PLAB_OK;
}

static enum plab_status take_load_by(const struct plab_yaml_source *r,
                                     const struct plab_raw_worker *raw, const char *key,
                                     struct plab_scenario_worker *worker) {
    const char *by = raw->load_by != NULL ? raw->load_by : "duty";
    worker->load_by_threads = strcmp(by, "threads") == 0;
    if (!worker->load_by_threads && strcmp(by, "duty") != 0) {
        return plab_yaml_bad(r, PLAB_E_INPUT, key, "\"%s\" is none of duty, threads", by);
    }
    if (worker->load_by_threads && worker->threads == 0) {
        return plab_yaml_bad(r, PLAB_E_INPUT, key,
                             "threads can only be taken away from a known number; give threads");
    }
    return PLAB_OK;
}

/* WebSocket is what one dialect of ours speaks, and no other; it has schemes of its own. */
static enum plab_status take_transport(const struct plab_yaml_source *r, const char *key,
                                       const struct plab_scenario_pool *pool,
                                       struct plab_scenario_worker *worker) {
    bool browser = strcmp(worker->dialect, "ws-coinhive") == 0;
    if (browser != pool->websocket && worker->command_count == 0) {
        return plab_yaml_bad(r, PLAB_E_INPUT, key,
                             "\"%s\" doesn't suit the pool: ws-coinhive and pool.websocket need "
                             "each other",
                             worker->dialect);
    }
    if (browser) {
        snprintf(worker->scheme, sizeof worker->scheme, "%s", pool->tls ? "wss" : "ws");
    }
    return PLAB_OK;
}

static enum plab_status take_worker(const struct plab_yaml_source *r,
                                    const struct plab_raw_worker *raw, size_t index,
                                    struct plab_scenario *out) {
    struct plab_scenario_worker *worker = &out->workers[index];
    char key[KEY_MAX];
#define KEY(field) key_of(key, "workers", index, field)
    RETURN_IF_BAD(get_name(r, KEY("name"), raw->name, worker->name));
    RETURN_IF_BAD(
        get_name(r, KEY("user"), raw->user != NULL ? raw->user : raw->name, worker->user));
    RETURN_IF_BAD(get_algo(r, KEY("algo"), raw->algo, out->pool.algo, &worker->algo));
    if (strcmp(worker->algo, out->pool.algo) != 0) {
        return plab_yaml_bad(r, PLAB_E_INPUT, KEY("algo"),
                             "%s, but the pool only has work for %s; leave it out, or change "
                             "pool.algo",
                             worker->algo, out->pool.algo);
    }
    RETURN_IF_BAD(get_mode(r, KEY("randomx_mode"), raw->randomx_mode, &worker->randomx_mode));
    RETURN_IF_BAD(get_dataset_mem(r, KEY("dataset_mem"), raw, worker->dataset_mem));
    RETURN_IF_BAD(get_text(r, KEY("cpus"), raw->cpus, worker->cpus));
    RETURN_IF_BAD(get_unsigned(r, KEY("count"), raw->count, 1, 1, PLAB_SCENARIO_PROCESSES_MAX,
                               &worker->count));
    RETURN_IF_BAD(get_unsigned(r, KEY("threads"), raw->threads, 0, 1, 1024, &worker->threads));
    RETURN_IF_BAD(get_unsigned(r, KEY("duty_percent"), raw->duty_percent, 100, 1, 100,
                               &worker->duty_percent));
    RETURN_IF_BAD(get_unsigned(r, KEY("nice"), raw->nice, 0, 0, 19, &worker->nice));
    RETURN_IF_BAD(take_load_by(r, raw, KEY("load_by"), worker));
    RETURN_IF_BAD(take_looks(r, raw, index, worker));
    RETURN_IF_BAD(get_words(r, KEY("command"), raw->command, raw->command_count, worker->command,
                            &worker->command_count));
    RETURN_IF_BAD(plab_scenario_check_command(r, raw, index, out));
    RETURN_IF_BAD(take_transport(r, KEY("dialect"), &out->pool, worker));
    for (size_t i = 0; i < index; i++) {
        if (strcmp(out->workers[i].name, worker->name) == 0) {
            return plab_yaml_bad(r, PLAB_E_INPUT, KEY("name"),
                                 "\"%s\" is the name of workers[%zu] already", worker->name, i);
        }
    }
#undef KEY
    return PLAB_OK;
}

static enum plab_status take_control(const struct plab_yaml_source *r,
                                     const struct plab_raw_control *raw, size_t index,
                                     struct plab_scenario *out) {
    struct plab_scenario_control *control = &out->controls[index];
    char key[KEY_MAX];
    unsigned port;
    RETURN_IF_BAD(get_name(r, key_of(key, "controls", index, "name"), raw->name, control->name));
    control->repeat = raw->repeat == NULL || *raw->repeat;
    RETURN_IF_BAD(get_unsigned(r, key_of(key, "controls", index, "port"), raw->port, 0, 1,
                               UINT16_MAX, &port));
    control->port = (uint16_t)port;
    return get_words(r, key_of(key, "controls", index, "command"), raw->command, raw->command_count,
                     control->words, &control->word_count);
}

/* Names of one of the scenario's lists. */
struct names {
    const char *field, *what;
    size_t count;
    const char *(*name_of)(const struct plab_scenario *scenario, size_t index);
};

static const char *worker_name(const struct plab_scenario *scenario, size_t index) {
    return scenario->workers[index].name;
}

static const char *control_name(const struct plab_scenario *scenario, size_t index) {
    return scenario->controls[index].name;
}

/* Those that a phase names, as bits. */
static enum plab_status take_names(const struct plab_yaml_source *r, char *const *raw,
                                   unsigned count, size_t phase,
                                   const struct plab_scenario *scenario, const struct names *names,
                                   uint32_t *out) {
    *out = 0;
    for (unsigned i = 0; i < count; i++) {
        size_t index = 0;
        while (index < names->count && strcmp(names->name_of(scenario, index), raw[i]) != 0) {
            index++;
        }
        if (index == names->count) {
            char key[KEY_MAX];
            snprintf(key, sizeof key, "phases[%zu].%s[%u]", phase, names->field, i);
            return plab_yaml_bad(r, PLAB_E_INPUT, key, "\"%s\" is no name of a %s", raw[i],
                                 names->what);
        }
        *out |= UINT32_C(1) << index;
    }
    return PLAB_OK;
}

static enum plab_status take_cycle(const struct plab_yaml_source *r,
                                   const struct plab_raw_phase *raw, size_t index,
                                   struct plab_scenario_phase *phase) {
    char key[KEY_MAX];
    if (raw->cycle == NULL) {
        return PLAB_OK;
    }
    if (raw->ramp_to_percent != NULL) {
        return plab_yaml_bad(r, PLAB_E_INPUT, key_of(key, "phases", index, "cycle"),
                             "goes without ramp_to_percent");
    }
    RETURN_IF_BAD(get_duration(r, key_of(key, "phases", index, "cycle.on"), raw->cycle->on, 0, 500,
                               &phase->cycle_on_ms));
    RETURN_IF_BAD(get_duration(r, key_of(key, "phases", index, "cycle.off"), raw->cycle->off, 0,
                               500, &phase->cycle_off_ms));
    return get_unsigned(r, key_of(key, "phases", index, "cycle.jitter_percent"),
                        raw->cycle->jitter_percent, 0, 0, 90, &phase->cycle_jitter_percent);
}

/* Nobody can tell another miner how much to hash: it runs or it doesn't. */
static enum plab_status check_load(const struct plab_yaml_source *r, size_t index,
                                   const struct plab_scenario *scenario) {
    const struct plab_scenario_phase *phase = &scenario->phases[index];
    bool whole = phase->cycle_on_ms + phase->cycle_off_ms == 0 &&
                 phase->ramp_to_percent == phase->load_percent && phase->load_percent % 100 == 0 &&
                 phase->hold.kind == PLAB_HOLD_NONE;
    for (size_t i = 0; i < scenario->worker_count && !whole; i++) {
        if ((phase->workers >> i & 1) != 0 && scenario->workers[i].command_count > 0) {
            char key[KEY_MAX];
            return plab_yaml_bad(r, PLAB_E_INPUT, key_of(key, "phases", index, "load_percent"),
                                 "worker \"%s\" is another program, which can't be told a load; "
                                 "give it a phase with load_percent 0 or 100",
                                 scenario->workers[i].name);
        }
    }
    return PLAB_OK;
}

/* By default the cut-out is half as much again as the power, 15 degrees above the temperature. */
static enum plab_status take_hold(const struct plab_yaml_source *r,
                                  const struct plab_raw_phase *raw, size_t index,
                                  struct plab_scenario_phase *phase) {
    const struct plab_raw_hold *hold = raw->hold;
    char key[KEY_MAX];
    key_of(key, "phases", index, "hold");
    if (hold == NULL) {
        return PLAB_OK;
    }
    if ((hold->power_w == NULL) == (hold->temperature_c == NULL)) {
        return plab_yaml_bad(r, PLAB_E_INPUT, key, "give either power_w or temperature_c");
    }
    if (raw->cycle != NULL || raw->ramp_to_percent != NULL || phase->load_percent == 0) {
        return plab_yaml_bad(r, PLAB_E_INPUT, key,
                             "goes without cycle and ramp_to_percent, and with a load above 0");
    }
    bool power = hold->power_w != NULL;
    double target = power ? *hold->power_w : *hold->temperature_c, most = power ? 5000 : 110;
    double cutout = hold->cutout != NULL ? *hold->cutout : power ? target * 1.5 : target + 15;
    if (!(target >= 1 && target < cutout && cutout <= most)) {
        return plab_yaml_bad(r, PLAB_E_INPUT, key,
                             "%g %s with a cut-out at %g: it takes 1 <= target < cut-out <= %g",
                             target, power ? "W" : "°C", cutout, most);
    }
    phase->hold = (struct plab_hold){.kind = power ? PLAB_HOLD_POWER : PLAB_HOLD_TEMPERATURE,
                                     .target = target,
                                     .cutout = cutout};
    return PLAB_OK;
}

static enum plab_status take_phase(const struct plab_yaml_source *r,
                                   const struct plab_raw_phase *raw, size_t index,
                                   struct plab_scenario *out) {
    struct plab_scenario_phase *phase = &out->phases[index];
    const struct names workers = {"workers", "worker", out->worker_count, worker_name};
    const struct names controls = {"controls", "control", out->control_count, control_name};
    char key[KEY_MAX];
    RETURN_IF_BAD(get_name(r, key_of(key, "phases", index, "name"), raw->name, phase->name));
    RETURN_IF_BAD(get_duration(r, key_of(key, "phases", index, "duration"), raw->duration, 0, 1000,
                               &phase->duration_ms));
    RETURN_IF_BAD(get_unsigned(r, key_of(key, "phases", index, "load_percent"), raw->load_percent,
                               100, 0, 100, &phase->load_percent));
    RETURN_IF_BAD(get_unsigned(r, key_of(key, "phases", index, "ramp_to_percent"),
                               raw->ramp_to_percent, phase->load_percent, 1, 100,
                               &phase->ramp_to_percent));
    RETURN_IF_BAD(take_cycle(r, raw, index, phase));
    RETURN_IF_BAD(take_hold(r, raw, index, phase));
    RETURN_IF_BAD(
        take_names(r, raw->controls, raw->controls_count, index, out, &controls, &phase->controls));
    RETURN_IF_BAD(
        take_names(r, raw->workers, raw->workers_count, index, out, &workers, &phase->workers));
    if (raw->workers_count == 0) {
        phase->workers = (UINT32_C(1) << out->worker_count) - 1;
    }
    return check_load(r, index, out);
}

static enum plab_status take_verdicts(const struct plab_yaml_source *r,
                                      const struct plab_raw_expect *raw,
                                      struct plab_scenario_expect *out) {
    static const char *const words[] = {
        [PLAB_EXPECT_FIRE] = "fire", [PLAB_EXPECT_QUIET] = "quiet", [PLAB_EXPECT_NA] = "na"};
    char key[KEY_MAX];
    out->detector_count = raw->detectors_count;
    for (unsigned i = 0; i < raw->detectors_count; i++) {
        const struct plab_raw_verdict *one = &raw->detectors[i];
        size_t verdict = 0;
        RETURN_IF_BAD(get_name(r, key_of(key, "expect.detectors", i, "detector"), one->detector,
                               out->detectors[i].detector));
        while (verdict < PLAB_ARRAY_LEN(words) && strcmp(words[verdict], one->verdict) != 0) {
            verdict++;
        }
        if (verdict == PLAB_ARRAY_LEN(words)) {
            return plab_yaml_bad(r, PLAB_E_INPUT, key_of(key, "expect.detectors", i, "verdict"),
                                 "\"%s\" is none of fire, quiet, na", one->verdict);
        }
        out->detectors[i].verdict = (enum plab_scenario_verdict)verdict;
    }
    return PLAB_OK;
}

static enum plab_status take_expect(const struct plab_yaml_source *r,
                                    const struct plab_raw_expect *raw,
                                    struct plab_scenario_expect *out) {
    static const struct plab_raw_expect nothing;
    raw = raw != NULL ? raw : &nothing;
    RETURN_IF_BAD(take_verdicts(r, raw, out));
    RETURN_IF_BAD(plab_scenario_number(r, "expect.min_accepted", raw->min_accepted, 0, 0, INT64_MAX,
                                       &out->min_accepted));
    RETURN_IF_BAD(plab_scenario_number(r, "expect.max_rejected", raw->max_rejected, UINT64_MAX, 0,
                                       INT64_MAX, &out->max_rejected));
    RETURN_IF_BAD(plab_scenario_number(r, "expect.min_blocks", raw->min_blocks, 0, 0, INT64_MAX,
                                       &out->min_blocks));
    return plab_scenario_number(r, "expect.min_seed_changes", raw->min_seed_changes, 0, 0,
                                INT64_MAX, &out->min_seed_changes);
}

/* Without a limit of its own, a run may take a minute more than its phases. */
static enum plab_status take_limits(const struct plab_yaml_source *r,
                                    const struct plab_raw_scenario *raw,
                                    struct plab_scenario *out) {
    uint64_t phases_ms = plab_scenario_duration_ms(out), seconds;
    RETURN_IF_BAD(plab_scenario_number(
        r, "limits.max_seconds", raw->limits != NULL ? raw->limits->max_seconds : NULL,
        phases_ms / 1000 + 60, 1, PLAB_SCENARIO_SECONDS_MAX, &seconds));
    out->max_ms = seconds * 1000;
    if (phases_ms > out->max_ms) {
        return plab_yaml_bad(r, PLAB_E_INPUT, raw->limits != NULL ? "limits.max_seconds" : "phases",
                             "the phases take %llu s, more than the limit of %llu s",
                             (unsigned long long)(phases_ms / 1000), (unsigned long long)seconds);
    }
    return PLAB_OK;
}

static enum plab_status take_all(const struct plab_yaml_source *r,
                                 const struct plab_raw_scenario *raw, struct plab_scenario *out) {
    RETURN_IF_BAD(get_name(r, "name", raw->name, out->name));
    RETURN_IF_BAD(get_text(r, "label", raw->label, out->label));
    RETURN_IF_BAD(plab_scenario_number(r, "seed", raw->seed, 1, 0, INT64_MAX, &out->seed));
    RETURN_IF_BAD(plab_scenario_take_network(r, raw->network, &out->network));
    RETURN_IF_BAD(take_pool(r, raw->pool, out));
    RETURN_IF_BAD(take_second_pool(r, raw->second_pool, out));
    out->worker_count = raw->workers_count;
    for (size_t i = 0; i < raw->workers_count; i++) {
        RETURN_IF_BAD(take_worker(r, &raw->workers[i], i, out));
    }
    if (plab_scenario_process_count(out) > PLAB_SCENARIO_PROCESSES_MAX) {
        return plab_yaml_bad(r, PLAB_E_INPUT, "workers",
                             "%zu processes together; at most %d are possible",
                             plab_scenario_process_count(out), PLAB_SCENARIO_PROCESSES_MAX);
    }
    out->control_count = raw->controls_count;
    for (size_t i = 0; i < raw->controls_count; i++) {
        RETURN_IF_BAD(take_control(r, &raw->controls[i], i, out));
    }
    if (out->worker_count + out->control_count == 0) {
        return plab_yaml_bad(r, PLAB_E_INPUT, "name", "a scenario needs workers or controls");
    }
    out->phase_count = raw->phases_count;
    for (size_t i = 0; i < raw->phases_count; i++) {
        RETURN_IF_BAD(take_phase(r, &raw->phases[i], i, out));
    }
    RETURN_IF_BAD(take_expect(r, raw->expect, &out->expect));
    return take_limits(r, raw, out);
}

enum plab_status plab_scenario_parse(struct plab_scenario *out, const char *text, size_t len,
                                     const char *path, struct plab_error *err) {
    const struct plab_yaml_source reader = {.text = text, .len = len, .path = path, .err = err};
    struct plab_raw_scenario *raw = NULL;
    memset(out, 0, sizeof *out);
    enum plab_status status = plab_raw_load(&raw, text, len, path, err);
    if (status == PLAB_OK) {
        status = take_all(&reader, raw, out);
        plab_raw_free(raw);
    }
    if (status != PLAB_OK) {
        memset(out, 0, sizeof *out);
    }
    return status;
}

enum plab_status plab_scenario_load(struct plab_scenario *out, const char *path,
                                    struct plab_error *err) {
    size_t len;
    memset(out, 0, sizeof *out);
    char *text = malloc(FILE_MAX_BYTES);
    if (text == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to read %s", path);
    }
    enum plab_status status = plab_file_read(path, text, FILE_MAX_BYTES, &len, err);
    if (status == PLAB_OK) {
        status = plab_scenario_parse(out, text, len, path, err);
    }
    free(text);
    return status;
}

enum plab_status plab_scenario_scale(struct plab_scenario *scenario, double factor,
                                     struct plab_error *err) {
    const double max_ms = 1000.0 * PLAB_SCENARIO_SECONDS_MAX;
    double total_ms = (double)plab_scenario_duration_ms(scenario) * factor;
    double limit_ms = ceil((double)scenario->max_ms * (factor > 1 ? factor : 1));
    for (size_t i = 0; i < scenario->phase_count; i++) {
        double ms = (double)scenario->phases[i].duration_ms * factor;
        if (!(ms >= 1000 && total_ms <= max_ms)) {
            return plab_fail(err, PLAB_E_USAGE,
                             "--scale %g makes phase \"%s\" last %g s; a phase takes at least a "
                             "second, a run at most a day",
                             factor, scenario->phases[i].name, ms / 1000);
        }
    }
    for (size_t i = 0; i < scenario->phase_count; i++) {
        scenario->phases[i].duration_ms =
            (uint64_t)llround((double)scenario->phases[i].duration_ms * factor);
    }
    struct plab_scenario_expect *expect = &scenario->expect;
    expect->min_accepted = (uint64_t)((double)expect->min_accepted * factor);
    expect->min_blocks = (uint64_t)((double)expect->min_blocks * factor);
    expect->min_seed_changes = (uint64_t)((double)expect->min_seed_changes * factor);
    scenario->max_ms = (uint64_t)fmin(limit_ms, max_ms);
    return PLAB_OK;
}

uint64_t plab_scenario_duration_ms(const struct plab_scenario *scenario) {
    uint64_t sum = 0;
    for (size_t i = 0; i < scenario->phase_count; i++) {
        sum += scenario->phases[i].duration_ms;
    }
    return sum;
}

size_t plab_scenario_process_count(const struct plab_scenario *scenario) {
    size_t sum = 0;
    for (size_t i = 0; i < scenario->worker_count; i++) {
        sum += scenario->workers[i].count;
    }
    return sum;
}
