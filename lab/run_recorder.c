/* SPDX-License-Identifier: BSD-3-Clause */
/* Once a second: CPU, memory and hash rate into the timeline, and into the means of the phases. */
#include <math.h>
#include <unistd.h>

#include "base/clock.h"
#include "lab/run_priv.h"

/* A worker that hasn't told its count for so long has no known rate. */
#define RATE_MAX_AGE_NS UINT64_C(3500000000)

enum plab_status plab_run_recorder_open(struct plab_run *run, struct plab_error *err) {
    const char *names[PLAB_RUN_SLOTS_MAX];
    char path[PATH_MAX];
    for (size_t i = 0; i < run->slot_count; i++) {
        names[i] = run->slots[i].name;
    }
    run->last_tick_ns = run->record->start_ns;
    run->has_host = plab_procstat_host(run->config->proc_root, &run->host, NULL) == PLAB_OK;
    run->has_self =
        plab_procstat_process(run->config->proc_root, (int)getpid(), &run->self, NULL) == PLAB_OK;
    enum plab_status status =
        plab_timeline_open(&run->timeline, plab_run_path(run->record, path, "timeline.csv"), names,
                           run->slot_count, run->first_worker, err);
    if (status != PLAB_OK) {
        return status;
    }
    const struct plab_recorders_config config = {.folder = run->record->folder,
                                                 .sys_root = run->config->sys_root,
                                                 .proc_root = run->config->proc_root,
                                                 .start_ns = run->record->start_ns};
    status = plab_recorders_open(&run->recorders, &config, err);
    if (status == PLAB_OK) {
        run->record->sensor_count = plab_recorders_sensor_count(run->recorders);
    }
    return status;
}

void plab_run_recorder_tell_absent(struct plab_run *run) {
    size_t count;
    const struct plab_absence *absent = plab_recorders_absent(run->recorders, &count);
    for (; run->absent_told < count; run->absent_told++) {
        plab_run_tell_absent(run, absent[run->absent_told].family, absent[run->absent_told].reason);
    }
}

void plab_run_recorder_watch(struct plab_run_slot *slot) {
    slot->watch = plab_recorders_watch(slot->run->recorders, slot->child.pid);
    plab_run_recorder_tell_absent(slot->run);
}

/* Shares hashes out to the phases that the time between two samples lies in, in proportion. */
static void credit(struct plab_run *run, uint64_t from_ns, uint64_t to_ns, uint64_t hashes) {
    for (size_t i = 0; i < run->scenario->phase_count; i++) {
        struct plab_run_phase *phase = &run->record->phases[i];
        if (phase->start_ns == 0) {
            break;
        }
        uint64_t end = phase->end_ns != 0 ? phase->end_ns : UINT64_MAX;
        uint64_t begin = from_ns > phase->start_ns ? from_ns : phase->start_ns;
        end = to_ns < end ? to_ns : end;
        if (begin < end) {
            double part = (double)(end - begin) / (double)(to_ns - from_ns);
            phase->hashes = (isnan(phase->hashes) ? 0 : phase->hashes) + part * (double)hashes;
        }
    }
}

void plab_run_recorder_follow(struct plab_run_slot *slot) {
    struct plab_worker_sample sample;
    if (slot->group == NULL || slot->instances == 0) {
        return;
    }
    while (plab_follow_next(&slot->follow, &sample)) {
        if (sample.t_ns <= slot->last.t_ns || sample.hashes < slot->last.hashes) {
            continue;
        }
        uint64_t hashes = sample.hashes - slot->last.hashes;
        uint64_t elapsed_ns = sample.t_ns - slot->last.t_ns;
        slot->rate_hps = (double)hashes / ((double)elapsed_ns * 1e-9);
        slot->has_rate = true;
        credit(slot->run, slot->last.t_ns, sample.t_ns, hashes);
        slot->last = sample;
    }
}

void plab_run_recorder_instance_over(struct plab_run_slot *slot) {
    plab_run_recorder_follow(slot);
    slot->ended.hashes += slot->last.hashes;
    slot->ended.accepted += slot->last.accepted;
    slot->ended.rejected += slot->last.rejected;
    slot->last = (struct plab_worker_sample){.t_ns = 0};
    slot->has_rate = false;
    slot->has_cpu = false;
    plab_procwatch_close(&slot->watch);
    slot->live_next = slot->live_rounds = 0;
}

/* CPU and memory of one slot's process since the last tick. */
static void sample_process(struct plab_run_slot *slot, uint64_t now_ns,
                           struct plab_timeline_process *out) {
    struct plab_process_cpu cpu;
    *out = (struct plab_timeline_process){NAN, NAN, NAN};
    if (!slot->child.running || plab_procstat_process(slot->run->config->proc_root, slot->child.pid,
                                                      &cpu, NULL) != PLAB_OK) {
        slot->has_cpu = false;
        return;
    }
    if (slot->has_cpu) {
        out->cpu_percent_of_one = plab_procstat_process_percent(
            &slot->cpu, &cpu, now_ns - slot->cpu_t_ns, sysconf(_SC_CLK_TCK));
    }
    out->rss_bytes = (double)cpu.rss_bytes;
    slot->cpu = cpu;
    slot->cpu_t_ns = now_ns;
    slot->has_cpu = true;
}

static void add_to_mean(struct plab_run_mean *mean, double value, double seconds) {
    if (isfinite(value)) {
        mean->sum += value * seconds;
        mean->seconds += seconds;
    }
}

static double mean_of(const struct plab_run_mean *mean) {
    return mean->seconds > 0 ? mean->sum / mean->seconds : NAN;
}

static void sample_host(struct plab_run *run, struct plab_timeline_row *row) {
    struct plab_host_cpu host;
    row->host_busy_percent = row->host_steal_percent = NAN;
    bool got = plab_procstat_host(run->config->proc_root, &host, NULL) == PLAB_OK;
    if (got && run->has_host) {
        row->host_busy_percent = plab_procstat_busy_percent(&run->host, &host);
        row->host_steal_percent = plab_procstat_steal_percent(&run->host, &host);
    }
    run->has_host = got;
    run->host = host;
}

/* This process and the samples that ended since the last tick. */
static void sample_self(struct plab_run *run, uint64_t elapsed_ns, struct plab_timeline_row *row) {
    const double elapsed_s = (double)elapsed_ns * 1e-9;
    struct plab_process_cpu self;
    row->lab_cpu_percent_of_one = NAN;
    bool got = plab_procstat_process(run->config->proc_root, (int)getpid(), &self, NULL) == PLAB_OK;
    if (got && run->has_self) {
        row->lab_cpu_percent_of_one =
            plab_procstat_process_percent(&run->self, &self, elapsed_ns, sysconf(_SC_CLK_TCK)) +
            100 * run->sampling_cpu_s / elapsed_s;
        add_to_mean(&run->self_mean, row->lab_cpu_percent_of_one, elapsed_s);
        run->sampling_cpu_s = 0;
    }
    run->has_self = got;
    run->self = self;
}

/* What the workers tell together. A rate is known when each that runs has told one. */
static void sample_workers(struct plab_run *run, uint64_t now_ns,
                           struct plab_timeline_process *processes, struct plab_timeline_row *row,
                           double *cpu_percent) {
    bool all_told = true, any_count = false;
    struct plab_worker_sample sum = {.t_ns = 0};
    row->rate_hps = row->workers_running = 0;
    *cpu_percent = 0;
    for (size_t i = run->first_worker; i < run->slot_count; i++) {
        struct plab_run_slot *slot = &run->slots[i];
        plab_run_recorder_follow(slot);
        sum.hashes += slot->ended.hashes + slot->last.hashes;
        sum.accepted += slot->ended.accepted + slot->last.accepted;
        sum.rejected += slot->ended.rejected + slot->last.rejected;
        any_count |= slot->has_rate || slot->ended.hashes > 0;
        if (!slot->child.running) {
            continue;
        }
        row->workers_running++;
        *cpu_percent += processes[i].cpu_percent_of_one;
        bool fresh = slot->has_rate && now_ns < slot->last.t_ns + RATE_MAX_AGE_NS;
        processes[i].rate_hps = fresh ? slot->rate_hps : NAN;
        row->rate_hps += fresh ? slot->rate_hps : 0;
        all_told &= fresh;
    }
    row->rate_hps = all_told ? row->rate_hps : NAN;
    row->hashes_total = any_count ? (double)sum.hashes : NAN;
    row->accepted_total = any_count ? (double)sum.accepted : NAN;
    row->rejected_total = any_count ? (double)sum.rejected : NAN;
}

/* The tables beside the timeline. */
static enum plab_status record_details(struct plab_run *run, uint64_t now_ns,
                                       struct plab_error *err) {
    plab_run_sockets_tick(run, now_ns);
    enum plab_status status = plab_recorders_host(run->recorders, now_ns, err);
    for (size_t i = 0; i < run->slot_count && status == PLAB_OK; i++) {
        struct plab_run_slot *slot = &run->slots[i];
        if (slot->watch != NULL && slot->child.running) {
            status = plab_recorders_process(run->recorders, slot->watch, slot->name,
                                            slot->instances - 1, slot->child.pid, now_ns, err);
        }
    }
    return status == PLAB_OK ? plab_run_observe_tick(run, now_ns, err) : status;
}

enum plab_status plab_run_recorder_tick(struct plab_run *run, struct plab_error *err) {
    struct plab_timeline_process processes[PLAB_RUN_SLOTS_MAX];
    uint64_t now_ns = plab_clock_ns(), elapsed_ns = now_ns - run->last_tick_ns;
    struct plab_timeline_row row = {
        .t_ns = now_ns,
        .t_s = (double)(now_ns - run->record->start_ns) * 1e-9,
        .phase = "",
        .load_percent = NAN,
        .processes = processes,
    };
    for (size_t i = 0; i < run->slot_count; i++) {
        sample_process(&run->slots[i], now_ns, &processes[i]);
    }
    double workers_cpu;
    sample_workers(run, now_ns, processes, &row, &workers_cpu);
    sample_host(run, &row);
    sample_self(run, elapsed_ns, &row);
    if (run->phase != PLAB_RUN_NO_PHASE) {
        const struct plab_scenario_phase *phase = &run->scenario->phases[run->phase];
        row.phase = phase->name;
        row.load_percent = plab_run_hold_percent(run, phase->load_percent);
        double seconds = (double)elapsed_ns * 1e-9;
        add_to_mean(&run->host_means[run->phase], row.host_busy_percent, seconds);
        add_to_mean(&run->worker_means[run->phase], workers_cpu, seconds);
    }
    run->last_tick_ns = now_ns;
    run->rate_hps = row.rate_hps;
    run->accepted = row.accepted_total;
    run->host_busy_percent = row.host_busy_percent;
    enum plab_status status = plab_timeline_add(run->timeline, &row, err);
    return status == PLAB_OK ? record_details(run, now_ns, err) : status;
}

void plab_run_recorder_finish(struct plab_run *run) {
    for (size_t i = 0; i < run->scenario->phase_count; i++) {
        run->record->phases[i].host_busy_percent = mean_of(&run->host_means[i]);
        run->record->phases[i].workers_cpu_percent_of_one = mean_of(&run->worker_means[i]);
    }
    run->self_mean.sum += 100 * run->sampling_cpu_s; /* of what ended after the last tick */
    run->record->lab_cpu_percent_of_one = mean_of(&run->self_mean);
    for (size_t i = 0; i < run->slot_count; i++) {
        plab_procwatch_close(&run->slots[i].watch);
    }
    plab_timeline_close(&run->timeline);
    plab_recorders_close(&run->recorders);
}
