/* SPDX-License-Identifier: BSD-3-Clause */
/* The cable of a run whose scenario has delay or loss: opened between the namespaces, what it loses
 * is told. */
#include <jansson.h>
#include <unistd.h>

#include "base/clock.h"
#include "lab/netplan.h"
#include "lab/run_priv.h"

#define NS_PER_MS UINT64_C(1000000)

static enum plab_status open_ends(const struct plab_netns *netns, int ends[PLAB_CABLE_WAYS],
                                  struct plab_error *err) {
    enum plab_status status = plab_netns_plain(netns->pool, PLAB_NETPLAN_POOL_PORT, err);
    ends[PLAB_CABLE_TO_POOL] = ends[PLAB_CABLE_TO_CLIENTS] = -1;
    if (status == PLAB_OK) {
        status = plab_netns_plain(netns->client, PLAB_NETPLAN_CLIENT_PORT, err);
    }
    if (status == PLAB_OK) {
        status = plab_netns_packets(netns->cable, PLAB_NETPLAN_CLIENT_FAR,
                                    &ends[PLAB_CABLE_TO_POOL], err);
    }
    if (status == PLAB_OK) {
        status = plab_netns_packets(netns->cable, PLAB_NETPLAN_POOL_FAR,
                                    &ends[PLAB_CABLE_TO_CLIENTS], err);
    }
    return status;
}

enum plab_status plab_run_cable_open(struct plab_run *run, struct plab_error *err) {
    const struct plab_scenario_network *network = &run->scenario->network;
    struct plab_cable_config config = {.delay_ns = network->delay_ms * NS_PER_MS,
                                       .jitter_ns = network->jitter_ms * NS_PER_MS,
                                       .loss_percent = network->loss_percent,
                                       .seed = run->scenario->seed};
    struct plab_error why = {.text = ""};
    if (!plab_netplan_has_cable(network)) {
        return PLAB_OK;
    }
    enum plab_status status = open_ends(&run->network.netns, config.ends, &why);
    if (status == PLAB_OK) {
        status = plab_cable_start(&run->network.cable, &config, &why);
    } else if (config.ends[PLAB_CABLE_TO_POOL] >= 0) {
        close(config.ends[PLAB_CABLE_TO_POOL]);
    }
    return status == PLAB_OK ? PLAB_OK
                             : plab_fail(err, status,
                                         "network.delay_ms and network.loss_percent: %.160s; or "
                                         "leave these keys out",
                                         why.text);
}

static void tell_loss(void *cookie, const struct plab_cable_loss *loss) {
    struct plab_run *run = cookie;
    char text[PLAB_ENDPOINT_TEXT_LEN];
    json_t *fields = json_pack("{s:s, s:s, s:I, s:I}", "way", plab_cable_way_name(loss->way),
                               "reason", plab_cable_reason_name(loss->reason), "number",
                               (json_int_t)loss->number, "bytes", (json_int_t)loss->bytes);
    if (fields != NULL && loss->protocol != 0) {
        json_object_set_new(fields, "protocol",
                            json_string(loss->protocol == PLAB_PROTOCOL_TCP ? "tcp" : "udp"));
        json_object_set_new(fields, "src", json_string(plab_endpoint_text(&loss->src, text)));
        json_object_set_new(fields, "dst", json_string(plab_endpoint_text(&loss->dst, text)));
    }
    plab_run_add_event(run, loss->t_ns, "packet_lost", fields);
}

void plab_run_cable_tick(struct plab_run *run) {
    if (run->network.cable != NULL) {
        plab_cable_losses(run->network.cable, tell_loss, run);
    }
}

static json_t *way_json(const struct plab_cable_totals *way) {
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "packets", (json_int_t)way->packets,
                     "forwarded", (json_int_t)way->forwarded, "lost", (json_int_t)way->lost,
                     "queue_drops", (json_int_t)way->queue_drops, "port_drops",
                     (json_int_t)way->port_drops, "missed", (json_int_t)way->missed);
}

static void tell_end(struct plab_run *run, const struct plab_cable_result *result) {
    json_t *fields = json_object();
    for (unsigned way = 0; way < PLAB_CABLE_WAYS; way++) {
        json_object_set_new(fields, plab_cable_way_name(way), way_json(&result->ways[way]));
    }
    if (result->failure[0] != '\0') {
        json_object_set_new(fields, "failure", json_string(result->failure));
        plab_log_warn(run->config->log, "the cable ended early: %s", result->failure);
    }
    plab_run_add_event(run, plab_clock_ns(), "cable_end", fields);
}

void plab_run_cable_close(struct plab_run *run) {
    struct plab_run_cable *cable = &run->record->cable;
    if (run->network.cable == NULL) {
        return;
    }
    plab_cable_stop(run->network.cable, &cable->result);
    cable->present = true;
    plab_run_cable_tick(run);
    tell_end(run, &cable->result);
    plab_cable_free(&run->network.cable);
}
