/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/label.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/label_priv.h"

/* A capture's times and a process's aren't taken at the same place: this much may be between. */
#define SLACK_S 1.0

/* A process that doesn't mine is told as such, or by a label that says so. */
static bool is_benign(const char *label) {
    return strncmp(label, "benign", 6) == 0;
}

/* ---- reading events ---- */

static const char *text_of(const json_t *event, const char *key) {
    const char *text = json_string_value(json_object_get(event, key));
    return text != NULL ? text : "";
}

static void copy_text(char *out, size_t cap, const json_t *event, const char *key) {
    snprintf(out, cap, "%s", text_of(event, key));
}
#define COPY(out, event, key) copy_text((out), sizeof(out), (event), (key))

/* The array with a zeroed item more at its end. NULL without memory: then there is none any more.
 */
static void *grown(void *array, size_t *count, size_t item_size) {
    if ((*count & (*count - 1)) == 0) { /* a power of two, or none: it is full */
        void *larger = realloc(array, (*count > 0 ? 2 * *count : 1) * item_size);
        if (larger == NULL) {
            free(array);
            *count = 0;
            return NULL;
        }
        array = larger;
    }
    memset((char *)array + *count * item_size, 0, item_size);
    (*count)++;
    return array;
}
#define GROW(items, count) ((items) = grown((items), &(count), sizeof *(items)))

static bool take_run_start(struct plab_labels *labels, const json_t *event, double t_s) {
    (void)t_s;
    COPY(labels->run, event, "run");
    COPY(labels->scenario, event, "scenario");
    COPY(labels->label, event, "label");
    json_int_t wall = json_integer_value(json_object_get(event, "wall_ns"));
    labels->start_wall_ns = wall > 0 ? (uint64_t)wall : 0;
    labels->started = true;
    return true;
}

static bool take_pool(struct plab_labels *labels, const json_t *event, double t_s) {
    (void)t_s;
    COPY(labels->pool, event, "address");
    return true;
}

static bool take_second_pool(struct plab_labels *labels, const json_t *event, double t_s) {
    (void)t_s;
    COPY(labels->second_pool, event, "address");
    return true;
}

static bool take_phase_start(struct plab_labels *labels, const json_t *event, double t_s) {
    if (GROW(labels->phases, labels->phase_count) == NULL) {
        return false;
    }
    struct plab_label_phase *phase = &labels->phases[labels->phase_count - 1];
    COPY(phase->name, event, "phase");
    phase->load_percent = (int)json_integer_value(json_object_get(event, "load_percent"));
    phase->start_s = t_s;
    phase->end_s = INFINITY;
    return true;
}

static bool take_phase_end(struct plab_labels *labels, const json_t *event, double t_s) {
    (void)event;
    if (labels->phase_count > 0) {
        labels->phases[labels->phase_count - 1].end_s = t_s;
    }
    return true;
}

/* What a command line tells of an option: "--user=x", or "-u x". NULL: nothing. */
static const char *option_of(const json_t *argv, const char *with_value, const char *alone) {
    size_t len = strlen(with_value);
    for (size_t i = 0; i < json_array_size(argv); i++) {
        const char *word = json_string_value(json_array_get(argv, i));
        if (word != NULL && strncmp(word, with_value, len) == 0) {
            return word + len;
        }
        if (word != NULL && strcmp(word, alone) == 0) {
            return json_string_value(json_array_get(argv, i + 1));
        }
    }
    return NULL;
}

static void read_argv(struct plab_label_process *process, const json_t *argv) {
    const char *user = option_of(argv, "--user=", "-u");
    const char *dialect = option_of(argv, "--dialect=", "--dialect");
    snprintf(process->user, sizeof process->user, "%s", user != NULL ? user : "");
    snprintf(process->dialect, sizeof process->dialect, "%s", dialect != NULL ? dialect : "");
}

static bool take_process_start(struct plab_labels *labels, const json_t *event, double t_s) {
    if (GROW(labels->processes, labels->process_count) == NULL) {
        return false;
    }
    struct plab_label_process *process = &labels->processes[labels->process_count - 1];
    COPY(process->name, event, "process");
    COPY(process->label, event, "label");
    process->worker = strcmp(text_of(event, "role"), "worker") == 0;
    process->start_s = t_s;
    process->end_s = INFINITY;
    read_argv(process, json_object_get(event, "argv"));
    if (text_of(event, "login")[0] != '\0') { /* of a program whose words aren't ours */
        COPY(process->user, event, "login");
    }
    process->benign = json_is_false(json_object_get(event, "mining")) || is_benign(process->label);
    labels->has_benign |= process->benign;
    return true;
}

static bool take_process_exit(struct plab_labels *labels, const json_t *event, double t_s) {
    const char *name = text_of(event, "process");
    for (size_t i = labels->process_count; i-- > 0;) {
        struct plab_label_process *process = &labels->processes[i];
        if (strcmp(process->name, name) == 0 && isinf(process->end_s)) {
            process->end_s = t_s;
        }
    }
    return true;
}

static bool is_second(const json_t *event) {
    return strcmp(text_of(event, "source"), "pool-2") == 0;
}

/* The latest session of a pool's number: each pool counts its own. */
static struct plab_label_session *session_of(struct plab_labels *labels, const json_t *event) {
    json_int_t number = json_integer_value(json_object_get(event, "session"));
    for (size_t i = labels->session_count; number > 0 && i-- > 0;) {
        if (labels->sessions[i].number == (uint64_t)number &&
            labels->sessions[i].second == is_second(event)) {
            return &labels->sessions[i];
        }
    }
    return NULL;
}

static struct plab_label_session *new_session(struct plab_labels *labels, const json_t *event,
                                              const char *address, double t_s) {
    struct plab_endpoint peer;
    if (!plab_endpoint_parse(text_of(event, address), &peer)) {
        return NULL;
    }
    if (GROW(labels->sessions, labels->session_count) == NULL) {
        return NULL;
    }
    struct plab_label_session *session = &labels->sessions[labels->session_count - 1];
    session->peer = peer;
    session->start_s = t_s;
    session->end_s = INFINITY;
    session->number = (uint64_t)json_integer_value(json_object_get(event, "session"));
    session->second = is_second(event);
    return session;
}

static bool take_connect(struct plab_labels *labels, const json_t *event, double t_s) {
    (void)new_session(labels, event, "peer", t_s); /* one that can't be read labels nothing */
    return true;
}

/* The session is that process's. What the session itself told goes first. */
static void own(struct plab_label_session *session, const struct plab_label_process *process) {
    session->owned = true;
    session->benign = process->benign;
    memcpy(session->process, process->name, sizeof session->process);
    if (session->label[0] == '\0') {
        memcpy(session->label, process->label, sizeof session->label);
    }
    if (session->dialect[0] == '\0') {
        memcpy(session->dialect, process->dialect, sizeof session->dialect);
    }
}

static bool take_login(struct plab_labels *labels, const json_t *event, double t_s) {
    struct plab_label_session *session = session_of(labels, event);
    if (session == NULL) {
        session = new_session(labels, event, "peer", t_s);
    }
    if (session != NULL) {
        COPY(session->login, event, "login");
        COPY(session->agent, event, "agent");
        COPY(session->dialect, event, "dialect");
        for (size_t i = 0; i < labels->process_count; i++) {
            const struct plab_label_process *process = &labels->processes[i];
            if (process->user[0] != '\0' && strcmp(process->user, session->login) == 0) {
                own(session, process);
            }
        }
    }
    return true;
}

static bool take_disconnect(struct plab_labels *labels, const json_t *event, double t_s) {
    struct plab_label_session *session = session_of(labels, event);
    if (session != NULL) {
        session->end_s = t_s;
    }
    return true;
}

static bool take_socket(struct plab_labels *labels, const json_t *event, double t_s) {
    struct plab_label_session *session = new_session(labels, event, "local", t_s);
    if (session == NULL) {
        return true;
    }
    session->claimed = session->owned = true;
    COPY(session->process, event, "process");
    COPY(session->label, event, "label");
    COPY(session->dialect, event, "dialect");
    for (size_t i = 0; i < labels->process_count; i++) {
        if (strcmp(labels->processes[i].name, session->process) == 0) {
            own(session, &labels->processes[i]);
        }
    }
    session->benign |= is_benign(session->label);
    return true;
}

/* A proxy's shares at the pool behind it are its workers', counted once already. */
static bool take_share(struct plab_labels *labels, const json_t *event, double t_s) {
    const struct plab_label_session *session = session_of(labels, event);
    if (is_second(event) && session != NULL && !session->owned) {
        return true;
    }
    if (GROW(labels->shares, labels->share_count) == NULL) {
        return false;
    }
    struct plab_label_share *share = &labels->shares[labels->share_count - 1];
    share->t_s = t_s;
    share->accepted = strcmp(text_of(event, "verdict"), "accepted") == 0;
    return true;
}

static const struct {
    const char *event;
    bool (*take)(struct plab_labels *labels, const json_t *event, double t_s);
} takers[] = {
    {"run_start", take_run_start},
    {"pool_ready", take_pool},
    {"second_pool_ready", take_second_pool},
    {"phase_start", take_phase_start},
    {"phase_end", take_phase_end},
    {"process_start", take_process_start},
    {"process_exit", take_process_exit},
    {"connect", take_connect},
    {"login", take_login},
    {"disconnect", take_disconnect},
    {"socket", take_socket},
    {"share", take_share},
};

static bool take_event(struct plab_labels *labels, const json_t *event) {
    double t_s = json_number_value(json_object_get(event, "t_s"));
    const char *name = text_of(event, "event");
    labels->end_s = t_s > labels->end_s ? t_s : labels->end_s;
    for (size_t i = 0; i < sizeof takers / sizeof takers[0]; i++) {
        if (strcmp(takers[i].event, name) == 0) {
            return takers[i].take(labels, event, t_s);
        }
    }
    return true;
}

static bool take_lines(struct plab_labels *labels, FILE *file) {
    char *line = NULL;
    size_t cap = 0;
    bool good = true;
    while (good && getline(&line, &cap, file) > 0) {
        json_t *event = json_loads(line, 0, NULL);
        good = !json_is_object(event) || take_event(labels, event);
        json_decref(event);
    }
    free(line);
    return good;
}

enum plab_status plab_labels_load(struct plab_labels **out, const char *path,
                                  struct plab_error *err) {
    struct plab_labels *labels = calloc(1, sizeof *labels);
    FILE *file = fopen(path, "re");
    enum plab_status status = PLAB_OK;
    *out = NULL;
    if (file == NULL) {
        status = plab_fail(err, PLAB_E_IO, "cannot read %s: %s", path, strerror(errno));
    } else if (labels == NULL || !take_lines(labels, file)) {
        status = plab_fail(err, PLAB_E_NOMEM, "not enough memory for %s", path);
    } else if (!labels->started) {
        status = plab_fail(err, PLAB_E_INPUT, "%s has no run_start: it is no run's truth", path);
    }
    if (file != NULL) {
        fclose(file);
    }
    if (status != PLAB_OK) {
        plab_labels_free(&labels);
    }
    *out = labels;
    return status;
}

void plab_labels_free(struct plab_labels **labels) {
    if (*labels != NULL) {
        free((*labels)->sessions);
        free((*labels)->processes);
        free((*labels)->phases);
        free((*labels)->shares);
        free(*labels);
        *labels = NULL;
    }
}

/* ---- asking ---- */

double plab_labels_seconds(const struct plab_labels *labels, uint64_t wall_ns) {
    return wall_ns >= labels->start_wall_ns ? (double)(wall_ns - labels->start_wall_ns) * 1e-9
                                            : -(double)(labels->start_wall_ns - wall_ns) * 1e-9;
}

const char *plab_labels_pool(const struct plab_labels *labels) {
    return labels->pool;
}

const char *plab_labels_second_pool(const struct plab_labels *labels) {
    return labels->second_pool;
}

const char *plab_labels_run(const struct plab_labels *labels) {
    return labels->run;
}

/* The session at an address in a time; the one that begins last, when ports were used again. One
 * that a process claims is believed before what the pool says. */
static const struct plab_label_session *session_at(const struct plab_labels *labels,
                                                   const struct plab_endpoint *client,
                                                   double start_s, double end_s) {
    const struct plab_label_session *found = NULL;
    for (size_t i = 0; i < labels->session_count; i++) {
        const struct plab_label_session *one = &labels->sessions[i];
        if (plab_endpoint_equal(&one->peer, client) && one->start_s <= end_s + SLACK_S &&
            one->end_s + SLACK_S >= start_s && (found == NULL || one->claimed || !found->claimed)) {
            found = one;
        }
    }
    return found;
}

const char *plab_labels_client(const struct plab_labels *labels, const struct plab_endpoint *client,
                               uint64_t wall_ns) {
    double t_s = plab_labels_seconds(labels, wall_ns);
    const struct plab_label_session *session = session_at(labels, client, t_s, t_s);
    return session != NULL ? session->process : "";
}

static void write_phases(const struct plab_labels *labels, double start_s, double end_s,
                         char out[256]) {
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < labels->phase_count; i++) {
        const struct plab_label_phase *phase = &labels->phases[i];
        size_t len = strlen(phase->name);
        if (phase->start_s <= end_s && phase->end_s > start_s && used + len + 2 < 256) {
            used +=
                (size_t)snprintf(out + used, 256 - used, "%s%s", used > 0 ? "+" : "", phase->name);
        }
    }
}

/* Who logs in without being a process of the run is a miner only where nothing else was started. */
static const char *truth_of(const struct plab_labels *labels,
                            const struct plab_label_session *session) {
    if (session->benign) {
        return "benign";
    }
    return session->owned || !labels->has_benign ? "positive" : "unknown";
}

void plab_labels_flow(const struct plab_labels *labels, const struct plab_flow *flow,
                      struct plab_flow_label *out) {
    double start_s = plab_labels_seconds(labels, flow->start_wall_ns);
    double end_s = plab_labels_seconds(labels, flow->end_wall_ns);
    const struct plab_label_session *session = session_at(labels, &flow->client, start_s, end_s);
    *out = (struct plab_flow_label){.truth = "unknown",
                                    .run = labels->run,
                                    .scenario = labels->scenario,
                                    .label = "",
                                    .worker = "",
                                    .login = "",
                                    .agent = "",
                                    .dialect = ""};
    write_phases(labels, start_s, end_s, out->phases);
    if (session != NULL) {
        out->label = session->label[0] != '\0' ? session->label : labels->label;
        out->worker = session->process;
        out->login = session->login;
        out->agent = session->agent;
        out->dialect = session->dialect;
        out->truth = truth_of(labels, session);
    }
}
