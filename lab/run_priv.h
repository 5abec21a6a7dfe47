/* SPDX-License-Identifier: BSD-3-Clause */
/* A run while it goes on: what its state machine, its recorder and its files share. */
#ifndef PLAB_LAB_RUN_PRIV_H
#define PLAB_LAB_RUN_PRIV_H

#include <uv.h>

#include "lab/cable.h"
#include "lab/child_priv.h"
#include "lab/follow.h"
#include "lab/hold_sensor.h"
#include "lab/load.h"
#include "lab/netns.h"
#include "lab/procstat.h"
#include "lab/procwatch.h"
#include "lab/recorders.h"
#include "lab/run.h"
#include "lab/timeline.h"
#include "lab/truth.h"

#define PLAB_RUN_POOL_SLOT 0
#define PLAB_RUN_SLOTS_MAX (2 + PLAB_SCENARIO_CONTROLS_MAX + PLAB_SCENARIO_PROCESSES_MAX)
#define PLAB_RUN_NO_PHASE SIZE_MAX
#define PLAB_RUN_LOGIN_LEN (PLAB_SCENARIO_NAME_MAX + PLAB_RUN_ID_LEN + 16)
#define PLAB_RUN_WATCHES_MAX 4
#define PLAB_RUN_SOCKETS_TOLD 128

/* A place for one process, started several times in a run perhaps. */
struct plab_run_slot {
    struct plab_run *run;
    char name[PLAB_RUN_NAME_LEN];
    enum plab_run_role role;
    const struct plab_scenario_worker *group;    /* of a worker, else NULL */
    const struct plab_scenario_control *control; /* of a control, else NULL */
    size_t index, group_member; /* of group or control in the scenario; of a pool: 1 the second */
    struct plab_child child;
    unsigned wanted_duty, running_duty;       /* percent; 0: shall not run */
    unsigned wanted_threads, running_threads; /* of a worker; 0: as it likes */
    bool wanted_rest, running_rest;           /* keeps its connection, hashes nothing */
    bool broken;                              /* ended by itself: not started again */
    unsigned instances;
    size_t process; /* of the latest instance, in the record */

    struct plab_follow follow;
    struct plab_worker_sample last;  /* of this instance */
    struct plab_worker_sample ended; /* sums of earlier instances */
    bool has_rate;
    double rate_hps;

    bool has_cpu;
    struct plab_process_cpu cpu;
    uint64_t cpu_t_ns;
    struct plab_procwatch *watch; /* of the running instance; NULL: isn't watched */
    uint64_t sampled_ns;          /* when its latest sample was begun */
    size_t live_next;     /* next detector for living processes to run on this instance ... */
    unsigned live_rounds; /* ... and how often all of them have looked */
    uint64_t sockets_told[PLAB_RUN_SOCKETS_TOLD]; /* inodes of a control's connections */
    size_t sockets_next;
};

/* A mean over time, of the seconds in which there was a value. */
struct plab_run_mean {
    double sum, seconds;
};

/* A network of the run's own, when the scenario has namespaces. */
struct plab_run_network {
    bool open, has_udp;
    struct plab_netns netns;
    char pool_path[PLAB_NETNS_PATH_LEN], client_path[PLAB_NETNS_PATH_LEN];
    char cable_path[PLAB_NETNS_PATH_LEN];
    struct plab_cable *cable; /* NULL: packets are neither delayed nor lost */
    char etc[PATH_MAX];       /* folder: what clients find in /etc */
    uv_udp_t udp;             /* the resolver's */
    uint8_t query[2048];
};

/* A detector that watches everything that happens during the run, with its canaries: two processes
 * that do nothing, one of which has the words that must make it fire. */
struct plab_run_watch {
    struct plab_run *run;
    const struct plab_detector_file *file;
    struct plab_child child, fire, quiet;
    unsigned rounds; /* how often the canaries were started */
    uint64_t round_ns;
};

struct plab_run {
    const struct plab_run_config *config;
    const struct plab_scenario *scenario;
    struct plab_run_record *record;
    enum plab_status status; /* first failure of the laboratory itself */
    struct plab_error err;
    bool stopping;

    uv_loop_t loop;
    uv_timer_t phase_timer, step_timer, tick_timer, limit_timer, port_timer;
    uv_signal_t signals[3];

    size_t slot_count, first_worker; /* the pool, perhaps a second one, controls, workers */
    size_t awaited_pool;             /* slot of the pool that hasn't told its port yet */
    struct plab_run_slot slots[PLAB_RUN_SLOTS_MAX];
    size_t phase; /* current, or PLAB_RUN_NO_PHASE */
    uint64_t phases_start_ns;
    size_t step, step_count; /* of the phase's load */
    struct plab_load_step steps[PLAB_LOAD_STEPS_MAX];
    struct plab_hold_sensor hold_sensors[PLAB_HOLD_TEMPERATURE + 1]; /* those that phases need */
    struct plab_hold_state hold;                                     /* of a phase that holds */
    uint64_t hold_ns;                                                /* of its last reading */

    struct plab_run_network network;
    struct plab_truth *truth;
    struct plab_timeline *timeline;
    struct plab_recorders *recorders;
    size_t absent_told;           /* of what the recorders lack */
    struct plab_capture *capture; /* NULL: none is going on */
    struct plab_child sampler;    /* or a detector at a living process */
    size_t watch_count;
    struct plab_run_watch watches[PLAB_RUN_WATCHES_MAX];
    uint64_t ticks, last_tick_ns;
    double rate_hps, accepted, host_busy_percent; /* of the last tick, NAN: unknown */
    bool has_host;
    struct plab_host_cpu host;
    bool has_self;
    struct plab_process_cpu self;
    struct plab_run_mean self_mean;
    long observed_at;      /* raw/observed.jsonl was read up to here for what samples cost ... */
    double sampling_cpu_s; /* ... which is this since the last tick */
    struct plab_run_mean host_means[PLAB_SCENARIO_PHASES_MAX];
    struct plab_run_mean worker_means[PLAB_SCENARIO_PHASES_MAX];
};

/* Path of a file in the run's folder; `fmt` is relative to it. Returns `out` (PATH_MAX bytes). */
const char *plab_run_path(const struct plab_run_record *record, char *out, const char *fmt, ...)
    PLAB_PRINTF(3, 4);

/* Patience with children that were asked to end in the ordinary way. */
#define PLAB_RUN_GRACE_MS 5000

/* ---- run.c ---- */

/* Appends an event to the truth; takes the reference to `fields`. */
void plab_run_add_event(struct plab_run *run, uint64_t t_ns, const char *event,
                        struct json_t *fields);

/* Writes down that something can't be recorded, and why: in the truth and in the report. */
void plab_run_tell_absent(struct plab_run *run, const char *family, const char *reason);

/* Ends the run because the laboratory itself failed. The first failure counts. */
void plab_run_give_up(struct plab_run *run, enum plab_status status, const struct plab_error *why);

/* Begins to end the run; the first reason counts. */
void plab_run_stop(struct plab_run *run, enum plab_run_end end);

/* Goes on with that when a process has ended. */
void plab_run_go_on_stopping(struct plab_run *run);

/* True when one of the processes beside the pools `is` so. */
bool plab_run_any(const struct plab_run *run, bool (*is)(const struct plab_run_slot *slot));

/* ---- run_process.c ---- */

void plab_run_start_slot(struct plab_run_slot *slot);

/* Makes a process be what it is wanted to be. */
void plab_run_reconcile(struct plab_run_slot *slot, uint64_t grace_ms);

/* What a child's exit code says, as a status of ours: its reason is the run's. */
enum plab_status plab_run_status_of_exit(int exit_code, int signal);

/* ---- run_phases.c ---- */

void plab_run_begin_phase(struct plab_run *run, size_t index);
void plab_run_end_phase(struct plab_run *run);

/* Lets everybody do what the present step or what is held says. */
void plab_run_apply_load(struct plab_run *run);

/* Records a row now; plans the next. */
void plab_run_tick(struct plab_run *run);
void plab_run_arm_tick(struct plab_run *run);

/* ---- run_plan.c: what is started ---- */

/* Fills the slots from the scenario. */
void plab_run_plan_slots(struct plab_run *run);

/* The command line of the next instance of a slot. `left_ms`: the run's time left, which bounds it.
 */
void plab_run_plan_argv(const struct plab_run_slot *slot, uint64_t left_ms, struct plab_argv *argv);

/* The login of a worker, "lab-<run>-<user>[-<n>]". Returns `out`. */
const char *plab_run_plan_login(const struct plab_run_slot *slot, char out[PLAB_RUN_LOGIN_LEN]);

/* Adds the variables of its environment beside the laboratory's own. */
void plab_run_plan_env(const struct plab_run_slot *slot, struct plab_argv *env);

/* Sets what is wanted of a slot in a phase at that load. */
void plab_run_plan_want(struct plab_run_slot *slot, const struct plab_scenario_phase *phase,
                        unsigned load_percent);

/* ---- run_folder.c: its files ---- */

/* Makes the folder, its subfolders and the scenario's copy; sets record->folder. */
PLAB_NODISCARD enum plab_status plab_run_folder_make(const struct plab_run_config *config,
                                                     struct plab_run_record *record,
                                                     struct plab_error *err);

/* The last line of a process's log, for messages; "" when there is none. Returns `out`. */
const char *plab_run_folder_log_tail(const struct plab_run_record *record, const char *name,
                                     char *out, size_t out_cap);

/* Reads the workers' result files into the record. */
void plab_run_folder_results(struct plab_run_record *record);

/* Merges the truth and counts by phase what the pool's ledger says. */
PLAB_NODISCARD enum plab_status plab_run_folder_truth(struct plab_run *run, struct plab_error *err);

/* ---- run_recorder.c: once a second ---- */

/* Opens the timeline and the other tables. */
PLAB_NODISCARD enum plab_status plab_run_recorder_open(struct plab_run *run,
                                                       struct plab_error *err);

/* Reads everything and writes a row. */
PLAB_NODISCARD enum plab_status plab_run_recorder_tick(struct plab_run *run,
                                                       struct plab_error *err);

/* Tells what the recorders lack and wasn't told yet. */
void plab_run_recorder_tell_absent(struct plab_run *run);

/* Begins to watch the instance that was just started. */
void plab_run_recorder_watch(struct plab_run_slot *slot);

/* Takes what a worker has written since; also called when it has ended. */
void plab_run_recorder_follow(struct plab_run_slot *slot);

/* Forgets the readings of an instance that has ended, keeping its sums. */
void plab_run_recorder_instance_over(struct plab_run_slot *slot);

/* Puts the means of the phases into the record and closes all tables. */
void plab_run_recorder_finish(struct plab_run *run);

/* ---- run_observe.c: now and then ---- */

/* Starts a sampler for the process whose turn it is, if any. */
PLAB_NODISCARD enum plab_status plab_run_observe_tick(struct plab_run *run, uint64_t now_ns,
                                                      struct plab_error *err);

/* Ends a sampler that is at work. */
void plab_run_observe_stop(struct plab_run *run);

/* ---- run_hold.c: a power or a temperature that is held ---- */

/* Finds the sensors that the scenario's phases need. PLAB_E_UNSUPPORTED names phase and reason. */
PLAB_NODISCARD enum plab_status plab_run_hold_open(struct plab_run *run, struct plab_error *err);
void plab_run_hold_close(struct plab_run *run);

/* At the start of a phase, and once a second. */
void plab_run_hold_begin(struct plab_run *run);
void plab_run_hold_tick(struct plab_run *run);

/* The load of a phase that holds, 0 after a cut-out, else `otherwise`. */
unsigned plab_run_hold_percent(const struct plab_run *run, unsigned otherwise);

/* ---- run_watch.c: detectors beside the run ---- */

/* Starts those that are installed; what can't be started is told. */
void plab_run_watch_start(struct plab_run *run);

/* Starts canaries whose time has come. */
void plab_run_watch_tick(struct plab_run *run, uint64_t now_ns);

/* Ends all that is left. False when nothing is. */
bool plab_run_watch_stop(struct plab_run *run, uint64_t grace_ms);

/* ---- run_sockets.c: connections of controls ---- */

/* Tells those that are new. */
void plab_run_sockets_tick(struct plab_run *run, uint64_t now_ns);

/* ---- run_capture.c: packets ---- */

/* Begins to capture there, what concerns the run, and tells so; when it can't, tells that. */
void plab_run_capture_start(struct plab_run *run, const struct plab_capture_interface *interfaces,
                            uint32_t interface_count);

/* Goes on with all pools that listen by now, and tells so; when no capture goes on, or it takes all
 * that is on a cable, nothing happens. */
void plab_run_capture_widen(struct plab_run *run);

/* Ends it and tells what came of it; when none goes on, nothing happens. */
void plab_run_capture_stop(struct plab_run *run);

/* Puts TLS keys into the capture; makes flows and labels of it and of the merged truth. */
PLAB_NODISCARD enum plab_status plab_run_capture_files(struct plab_run *run,
                                                       struct plab_error *err);

/* ---- run_network.c: namespaces ---- */

/* True when the scenario wants a network of its own. */
bool plab_run_network_has(const struct plab_run *run);

/* Makes it, with a resolver; without namespaces in the scenario nothing happens. Whatever came of
 * it, stop and close follow. */
PLAB_NODISCARD enum plab_status plab_run_network_open(struct plab_run *run, struct plab_error *err);

/* The resolver answers no more: its handle is being closed. */
void plab_run_network_stop(struct plab_run *run);

/* When all processes are gone: ends those that somebody left in there, and the network. */
void plab_run_network_close(struct plab_run *run);

/* Begins to capture, when the first of the run's pools listens: at the clients' end of the cable,
 * or on the loopback. */
void plab_run_network_capture(struct plab_run *run);

/* How workers are told to call the pool's host: by its name if it has one. */
const char *plab_run_network_pool_host(const struct plab_run *run);

/* True for a program that wasn't made for the laboratory, in a network of the run's own. */
bool plab_run_network_encloses(const struct plab_run_slot *slot);

/* Where a slot's process has to be. `folder` is room for a path in there. */
void plab_run_network_place(const struct plab_run_slot *slot, char folder[PATH_MAX],
                            struct plab_enclosure *enclosure);

/* Prints what would be made. */
void plab_run_network_print(const struct plab_run_config *config);

/* ---- run_cable.c: delay and loss ---- */

/* Begins to carry packets between the two hosts; nothing when they are joined directly.
 * PLAB_E_UNSUPPORTED, PLAB_E_RESOURCE name the keys that need it. */
PLAB_NODISCARD enum plab_status plab_run_cable_open(struct plab_run *run, struct plab_error *err);

/* Tells which packets were lost since. */
void plab_run_cable_tick(struct plab_run *run);

/* Ends it and tells what came of it. */
void plab_run_cable_close(struct plab_run *run);

#endif
