/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets of a run: captured from when the pool listens until everybody is gone, then made into
 * flows and labels. Where they can't be captured the run goes on without, and says so. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "lab/capture.h"
#include "lab/flow_frame.h"
#include "lab/run_priv.h"

/* Ports of the pools that listen by now, and those that controls send from. */
static enum plab_status make_filter(const struct plab_run *run,
                                    char filter[PLAB_CAPTURE_FILTER_MAX], struct plab_error *err) {
    const struct plab_run_record *record = run->record;
    const char *const pools[] = {record->pool_address, record->second_address};
    char address[PLAB_ENDPOINT_TEXT_LEN] = "";
    uint16_t ports[2 + PLAB_SCENARIO_CONTROLS_MAX];
    uint32_t count = 0;
    if (plab_run_network_has(run)) { /* all that is on the run's own cable is the run's */
        filter[0] = '\0';
        return PLAB_OK;
    }
    for (size_t i = 0; i < PLAB_ARRAY_LEN(pools); i++) {
        struct plab_endpoint pool;
        if (plab_endpoint_parse(pools[i], &pool)) { /* both have the same address */
            ports[count++] = pool.port;
            plab_endpoint_address(&pool, address);
        }
    }
    for (size_t i = 0; i < run->scenario->control_count; i++) {
        if (run->scenario->controls[i].port != 0) {
            ports[count++] = run->scenario->controls[i].port;
        }
    }
    return plab_capture_filter(filter, address, ports, count, err);
}

static void tell_start(struct plab_run *run, const struct plab_capture_config *config) {
    json_t *interfaces = json_array();
    for (uint32_t i = 0; i < config->interface_count; i++) {
        json_array_append_new(interfaces, json_string(config->interfaces[i].name));
    }
    plab_run_add_event(run, plab_clock_ns(), "capture_start",
                       json_pack("{s:s, s:o, s:s, s:I, s:I}", "file", "run.pcapng", "interfaces",
                                 interfaces, "filter", config->filter, "anchor_ns",
                                 (json_int_t)config->anchor_ns, "anchor_wall_ns",
                                 (json_int_t)config->anchor_wall_ns));
}

void plab_run_capture_start(struct plab_run *run, const struct plab_capture_interface *interfaces,
                            uint32_t interface_count) {
    const struct plab_run_record *record = run->record;
    struct plab_error why;
    char path[PATH_MAX], comment[320];
    struct plab_capture_config config = {
        .path = plab_run_path(record, path, "run.pcapng"),
        .comment = comment,
        .interface_count = interface_count,
        .anchor_ns = record->start_ns,
        .anchor_wall_ns = record->start_wall_ns,
    };
    memcpy(config.interfaces, interfaces, interface_count * sizeof *interfaces);
    snprintf(comment, sizeof comment,
             "powlab run %s, scenario %s. Times are the run's clock: t_ns of truth.jsonl "
             "(CLOCK_MONOTONIC) %llu is %llu ns since 1970 here.",
             record->id, run->scenario->name, (unsigned long long)record->start_ns,
             (unsigned long long)record->start_wall_ns);
    enum plab_status status = make_filter(run, config.filter, &why);
    if (status == PLAB_OK) {
        status = plab_capture_start(&run->capture, &config, &why);
    }
    if (status == PLAB_OK) {
        tell_start(run, &config);
    } else {
        plab_run_tell_absent(run, "packets", why.text);
    }
}

void plab_run_capture_widen(struct plab_run *run) {
    struct plab_error why;
    char filter[PLAB_CAPTURE_FILTER_MAX];
    if (run->capture == NULL || plab_run_network_has(run)) {
        return;
    }
    enum plab_status status = make_filter(run, filter, &why);
    if (status == PLAB_OK) {
        status = plab_capture_widen(run->capture, filter, &why);
    }
    if (status == PLAB_OK) {
        plab_run_add_event(run, plab_clock_ns(), "capture_filter",
                           json_pack("{s:s}", "filter", filter));
    } else {
        plab_run_tell_absent(run, "packets of the first pool", why.text);
    }
}

void plab_run_capture_stop(struct plab_run *run) {
    struct plab_run_packets *packets = &run->record->packets;
    if (run->capture == NULL) {
        return;
    }
    plab_capture_stop(&run->capture, &packets->capture);
    packets->captured = true;
    const struct plab_capture_result *result = &packets->capture;
    json_t *fields =
        json_pack("{s:I, s:I, s:I, s:I}", "packets", (json_int_t)result->packets, "bytes",
                  (json_int_t)result->bytes, "received", (json_int_t)result->received, "dropped",
                  (json_int_t)result->dropped);
    if (fields != NULL && result->failure[0] != '\0') {
        json_object_set_new(fields, "failure", json_string(result->failure));
    }
    plab_run_add_event(run, result->end_ns, "capture_end", fields);
    if (result->failure[0] != '\0') {
        char reason[240];
        snprintf(reason, sizeof reason, "from %.3f s on: %s",
                 (double)(result->end_ns - run->record->start_ns) * 1e-9, result->failure);
        plab_run_tell_absent(run, "packets", reason);
    }
}

enum plab_status plab_run_capture_files(struct plab_run *run, struct plab_error *err) {
    struct plab_run_packets *packets = &run->record->packets;
    const struct plab_capture_files_config config = {.folder = run->record->folder};
    enum plab_status status = PLAB_OK;
    if (packets->captured) {
        status = plab_capture_files_embed_keys(config.folder, &packets->key_bytes, err);
    }
    if (status == PLAB_OK) {
        status = plab_capture_files_make(&config, &packets->files, err);
    }
    packets->has_files = status == PLAB_OK;
    return status;
}
