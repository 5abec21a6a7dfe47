/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A run's own network: two namespaces with a cable between them, and a resolver on the pool's side
 * of it. Made before the pool starts; whatever ends the run, what was made ends with it.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/netguard.h"
#include "lab/dns.h"
#include "lab/netplan.h"
#include "lab/run_priv.h"
#include "lab/tool.h"

#define COMMAND_MS 10000

/* ---- who is where ---- */

bool plab_run_network_has(const struct plab_run *run) {
    return run->scenario->network.namespaces;
}

const char *plab_run_network_pool_host(const struct plab_run *run) {
    const struct plab_scenario_network *network = &run->scenario->network;
    for (size_t i = 0; i < network->host_count; i++) {
        if (strcmp(network->hosts[i].address, network->pool) == 0) {
            return network->hosts[i].name;
        }
    }
    return network->pool;
}

bool plab_run_network_encloses(const struct plab_run_slot *slot) {
    return plab_run_network_has(slot->run) &&
           (slot->role == PLAB_RUN_CONTROL ||
            (slot->group != NULL && slot->group->command_count > 0));
}

void plab_run_network_place(const struct plab_run_slot *slot, char folder[PATH_MAX],
                            struct plab_enclosure *enclosure) {
    struct plab_run_network *network = &slot->run->network;
    *enclosure = (struct plab_enclosure){.netns = NULL};
    if (!plab_run_network_has(slot->run)) {
        return;
    }
    if (slot->role == PLAB_RUN_POOL) {
        enclosure->netns = network->pool_path;
        return;
    }
    enclosure->netns = network->client_path;
    enclosure->etc = network->etc;
    if (plab_run_network_encloses(slot)) {
        mkdir(plab_run_path(slot->run->record, folder, "raw/%s", slot->name), 0777);
        enclosure->writable = folder;
    }
}

/* ---- commands ---- */

/* iproute2 isn't in the search path of everybody. */
static const char *program_of(const char *name, char out[32]) {
    static const char *const folders[] = {"/usr/sbin", "/sbin"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(folders); i++) {
        snprintf(out, 32, "%s/%s", folders[i], name);
        if (access(out, X_OK) == 0) {
            return out;
        }
    }
    snprintf(out, 32, "%s", name);
    return out;
}

static const char *path_of(const struct plab_run *run, enum plab_netplan_place place) {
    const char *const paths[] = {[PLAB_NETPLAN_POOL] = run->network.pool_path,
                                 [PLAB_NETPLAN_CLIENT] = run->network.client_path,
                                 [PLAB_NETPLAN_CABLE] = run->network.cable_path};
    return paths[place];
}

/* `powlab lab exec` takes a command into a namespace. */
static void add_words(struct plab_argv *argv, const struct plab_run *run,
                      const struct plab_netplan_command *command) {
    char text[sizeof command->text], program[32];
    char *rest = text;
    snprintf(text, sizeof text, "%s", command->text);
    plab_argv_add(argv, "%s", run->config->guard);
    plab_argv_add(argv, "lab");
    plab_argv_add(argv, "exec");
    plab_argv_add(argv, "--parent=%d", (int)getpid());
    plab_argv_add(argv, "--netns=%s", path_of(run, command->place));
    plab_argv_add(argv, "--");
    plab_argv_add(argv, "%s", program_of(strsep(&rest, " "), program));
    for (const char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
        plab_argv_add(argv, "%s", word);
    }
}

static enum plab_status command_failed(const struct plab_netplan_command *command, const char *said,
                                       struct plab_error *err) {
    return plab_fail(err, PLAB_E_RESOURCE, "the run's network can't be made: %.80s: %s",
                     command->text, said);
}

static enum plab_status run_command(const struct plab_run *run,
                                    const struct plab_netplan_command *command,
                                    struct plab_error *err) {
    struct plab_argv argv = {.count = 0};
    struct plab_tool_result result;
    struct plab_error why = {.text = ""};
    add_words(&argv, run, command);
    enum plab_status status = plab_tool_run(&result, argv.items, ".", COMMAND_MS, &why);
    plab_argv_free(&argv);
    if (status != PLAB_OK) {
        return command_failed(command, why.text, err);
    }
    if (result.exit_code != 0) {
        status = command_failed(command, result.error, err);
    }
    plab_tool_free(&result);
    return status;
}

static enum plab_status run_commands(const struct plab_run *run, struct plab_error *err) {
    struct plab_netplan_command commands[PLAB_NETPLAN_MAX];
    size_t count = plab_netplan_make(&run->scenario->network, run->network.client_path,
                                     run->network.cable_path,
                                     access("/proc/net/if_inet6", F_OK) == 0, commands);
    enum plab_status status = PLAB_OK;
    for (size_t i = 0; status == PLAB_OK && i < count; i++) {
        status = run_command(run, &commands[i], err);
    }
    return status;
}

void plab_run_network_print(const struct plab_run_config *config) {
    struct plab_netplan_command commands[PLAB_NETPLAN_MAX];
    if (!config->scenario->network.namespaces) {
        return;
    }
    size_t count =
        plab_netplan_make(&config->scenario->network, "CLIENTS", "CABLE", true, commands);
    printf("network namespaces:\n");
    for (size_t i = 0; i < count; i++) {
        const char *place = plab_netplan_place_name(commands[i].place);
        printf("  %s:%*s %s\n", place, 7 - (int)strlen(place), "", commands[i].text);
    }
}

/* ---- names ---- */

/* One process beyond the cable: then it was the one that asked. */
static const struct plab_run_slot *only_client(const struct plab_run *run) {
    const struct plab_run_slot *found = NULL;
    for (size_t i = PLAB_RUN_POOL_SLOT + 1; i < run->slot_count; i++) {
        if (run->slots[i].child.running) {
            if (found != NULL) {
                return NULL;
            }
            found = &run->slots[i];
        }
    }
    return found;
}

static void tell_query(struct plab_run *run, const struct plab_dns_question *question,
                       enum plab_dns_verdict verdict, const char *peer) {
    const struct plab_run_slot *asker = only_client(run);
    uint64_t now_ns = plab_clock_ns();
    json_t *fields = json_pack("{s:s, s:s, s:i, s:s}", "peer", peer, "name", question->name, "type",
                               (int)question->type, "answer", plab_dns_verdict_name(verdict));
    if (fields != NULL && verdict == PLAB_DNS_ANSWERED) {
        json_object_set_new(fields, "address", json_string(question->host->address));
    }
    if (fields != NULL && asker != NULL) {
        json_object_set_new(fields, "process", json_string(asker->name));
    }
    /* Asking for a name isn't mining, whoever asks: only who never mines is benign in this too. */
    if (asker != NULL && asker->role == PLAB_RUN_CONTROL) {
        plab_run_add_event(run, now_ns, "socket",
                           json_pack("{s:s, s:s}", "process", asker->name, "local", peer));
    }
    plab_run_add_event(run, now_ns, "dns_query", fields);
}

static void give_buffer(uv_handle_t *handle, size_t wish, uv_buf_t *buf) {
    struct plab_run *run = handle->data;
    (void)wish;
    *buf = uv_buf_init((char *)run->network.query, sizeof run->network.query);
}

static void on_query(uv_udp_t *udp, ssize_t len, const uv_buf_t *buf, const struct sockaddr *peer,
                     unsigned flags) {
    struct plab_run *run = udp->data;
    struct plab_dns_question question;
    uint8_t answer[PLAB_DNS_MESSAGE_MAX];
    char from[PLAB_NETGUARD_NAME_LEN];
    size_t answer_len;
    (void)flags;
    if (len <= 0 || peer == NULL || !plab_netguard_is_lab(peer)) {
        return;
    }
    enum plab_dns_verdict verdict =
        plab_dns_answer(&run->scenario->network, (const uint8_t *)buf->base, (size_t)len, &question,
                        answer, &answer_len);
    if (answer_len > 0) {
        uv_buf_t out = uv_buf_init((char *)answer, (unsigned)answer_len);
        (void)uv_udp_try_send(udp, &out, 1, peer); /* lost like any other packet: it asks again */
        tell_query(run, &question, verdict, plab_netguard_name(peer, from));
    }
}

static enum plab_status start_resolver(struct plab_run *run, struct plab_error *err) {
    struct plab_run_network *network = &run->network;
    int fd;
    enum plab_status status = plab_netns_udp(network->netns.pool, run->scenario->network.resolver,
                                             PLAB_DNS_PORT, &fd, err);
    if (status != PLAB_OK) {
        return status;
    }
    int code = uv_udp_init(&run->loop, &network->udp);
    network->has_udp = code == 0;
    network->udp.data = run;
    if (code == 0) {
        code = uv_udp_open(&network->udp, fd);
    }
    if (code != 0) {
        close(fd);
    } else {
        code = uv_udp_recv_start(&network->udp, give_buffer, on_query);
    }
    return code == 0 ? PLAB_OK
                     : plab_fail(err, PLAB_E_RESOURCE, "the lab's resolver can't be started: %s",
                                 uv_strerror(code));
}

/* What clients find in /etc. */
static enum plab_status write_etc(const struct plab_run *run, struct plab_error *err) {
    const struct plab_scenario_network *network = &run->scenario->network;
    char path[PATH_MAX], text[160];
    const char *const names[] = {"resolv.conf", "nsswitch.conf", "hosts"};
    const char *const texts[] = {text, "passwd: files\ngroup: files\nhosts: files dns\n",
                                 "127.0.0.1 localhost\n"};
    snprintf(text, sizeof text, "# the lab's resolver\nnameserver %s\noptions timeout:2\n",
             network->resolver);
    mkdir(run->network.etc, 0777);
    enum plab_status status = PLAB_OK;
    for (size_t i = 0; status == PLAB_OK && i < PLAB_ARRAY_LEN(names); i++) {
        status = plab_file_write(plab_run_path(run->record, path, "raw/etc/%s", names[i]), texts[i],
                                 strlen(texts[i]), err);
    }
    return status;
}

/* ---- beginning and end ---- */

/* Clients can't see /run, where daemons listen. */
static enum plab_status check_folder(const struct plab_run *run, struct plab_error *err) {
    char path[PATH_MAX];
    if (run->config->guard == NULL) {
        return plab_fail(err, PLAB_E_UNSUPPORTED,
                         "network namespaces need powlab's own program, which wasn't found");
    }
    if (realpath(run->record->folder, path) != NULL && strncmp(path, "/run/", 5) == 0) {
        return plab_fail(err, PLAB_E_USAGE,
                         "%s is below /run, which workers in a network namespace don't see; give "
                         "another folder with --out",
                         run->record->folder);
    }
    return PLAB_OK;
}

static void tell_network(struct plab_run *run) {
    const struct plab_scenario_network *network = &run->scenario->network;
    json_t *fields = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:f, s:b}", "mode", "namespaces", "client",
        network->client, "pool", network->pool, "pool_name", plab_run_network_pool_host(run),
        "resolver", network->resolver, "mtu", (int)network->mtu, "delay_ms", (int)network->delay_ms,
        "jitter_ms", (int)network->jitter_ms, "loss_percent", network->loss_percent,
        "user_namespace", (int)run->network.netns.user_namespace);
    plab_run_add_event(run, plab_clock_ns(), "network_ready", fields);
    plab_log_info(run->config->log, "clients at %s, pool at %s, joined by a cable; no way out",
                  network->client, network->pool);
}

enum plab_status plab_run_network_open(struct plab_run *run, struct plab_error *err) {
    struct plab_run_network *network = &run->network;
    if (!plab_run_network_has(run)) {
        return PLAB_OK;
    }
    enum plab_status status = check_folder(run, err);
    if (status == PLAB_OK) {
        network->open = true;
        status =
            plab_netns_open(&network->netns, plab_netplan_has_cable(&run->scenario->network), err);
    }
    if (status != PLAB_OK) {
        return status;
    }
    plab_netns_path(network->netns.pool, network->pool_path);
    plab_netns_path(network->netns.client, network->client_path);
    plab_netns_path(network->netns.cable, network->cable_path);
    plab_run_path(run->record, network->etc, "raw/etc");
    status = write_etc(run, err);
    if (status == PLAB_OK) {
        status = run_commands(run, err);
    }
    if (status == PLAB_OK) {
        status = plab_run_cable_open(run, err);
    }
    if (status == PLAB_OK) {
        status = start_resolver(run, err);
    }
    if (status == PLAB_OK) {
        tell_network(run);
    }
    return status;
}

void plab_run_network_stop(struct plab_run *run) {
    if (run->network.has_udp) {
        uv_close((uv_handle_t *)&run->network.udp, NULL);
        run->network.has_udp = false;
    }
}

void plab_run_network_close(struct plab_run *run) {
    plab_run_cable_close(run);
    if (run->network.open) {
        plab_netns_close(&run->network.netns);
        run->network.open = false;
    }
}

void plab_run_network_capture(struct plab_run *run) {
    /* Whoever talks to an address of the own machine does so through the loopback interface: all,
     * without a network of the run's own; within it a proxy and the pool behind it. */
    struct plab_capture_interface interfaces[2] = {{"lo", -1}};
    uint32_t count = 1;
    if (run->network.open) {
        interfaces[0] =
            (struct plab_capture_interface){PLAB_NETPLAN_CLIENT_PORT, run->network.netns.client};
    }
    if (run->network.open && run->scenario->second_pool.upstream) {
        interfaces[count++] = (struct plab_capture_interface){"lo", run->network.netns.pool};
    }
    plab_run_capture_start(run, interfaces, count);
}
